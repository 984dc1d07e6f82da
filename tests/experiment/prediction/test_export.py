"""Exported networks against the predictions of the run, each format in its own runtime."""

import io
import json

import numpy as np
import onnxruntime
import polars as pl
import pytest
import torch
from torch import nn

from broken import Halving
from deltaflow.data import read_unseen
from deltaflow.experiment.prediction.ensemble import Ensemble
from deltaflow.experiment.prediction.export import export


def of_run(trained, frame):
    """The class, and the mean of what the networks say, ``[n_rows, n_values]``."""
    found = trained.predict(frame)
    names = [name for name in found.columns if name.startswith(("probability_", "progression"))]
    chosen = found["class"].to_list() if "class" in found.columns else None
    return chosen, found.select(n for n in names if not n.endswith("spread")).to_numpy()


def as_onnx(column, kind):
    """Texts with nothing for a gap, numbers with NaN, dates in days."""
    if kind == "tensor(string)":
        return column.fill_null("").to_numpy().astype(object)
    if column.dtype == pl.Date:
        column = column.cast(pl.Int32)
    return column.to_numpy() if kind == "tensor(bool)" else column.cast(pl.Float64).to_numpy()


@pytest.mark.slow  # PyTorch takes two seconds for each
def test_onnx_runtime_predicts_the_same(case):
    name, trained, frame, *_ = case
    content = export(trained.ensemble, "onnx")
    session = onnxruntime.InferenceSession(content)
    columns = [c.name for c in trained.kept.preprocessing.columns if c.n_inputs]
    if name in ("table", "gaps"):
        wanted = {one.name: as_onnx(frame[one.name], one.type) for one in session.get_inputs()}
        assert list(wanted) == columns
    else:
        wanted = {"features": frame.select(columns).to_numpy()}
    found = dict(
        zip([o.name for o in session.get_outputs()], session.run(None, wanted), strict=True)
    )
    chosen, values = of_run(trained, frame)
    np.testing.assert_allclose(found["value" if chosen is None else "probability"], values,
                               rtol=1e-6, atol=1e-6)  # fmt: skip
    if chosen is not None:
        assert found["class"].tolist() == chosen
    notes = json.loads(session.get_modelmeta().custom_metadata_map["deltaflow"])
    assert notes["preprocessing"] == trained.kept.preprocessing.to_primitives()


def test_torchscript_predicts_the_same(case):
    _, trained, frame, inputs, _ = case
    traced = torch.jit.load(io.BytesIO(export(trained.ensemble, "torchscript")))
    preprocessing = trained.kept.preprocessing
    features = torch.from_numpy(inputs * preprocessing.scale + preprocessing.center)
    mean, spread, *chosen = traced(features)
    if preprocessing.fill:  # gaps are filled inside
        as_read = torch.from_numpy(read_unseen(frame, preprocessing).features)
        assert as_read.isnan().any()
        torch.testing.assert_close(traced(as_read)[0], mean)
    names, values = of_run(trained, frame)
    np.testing.assert_allclose(mean, values, rtol=1e-6, atol=1e-6)
    assert spread.shape == mean.shape
    if names is not None:
        assert [preprocessing.classes[k] for k in chosen[0].tolist()] == names
    assert traced(features[:1])[0].shape == (1, mean.shape[1])


def test_plain_weights_are_those_of_plain_networks(case):
    _, trained, *_ = case
    found = torch.load(io.BytesIO(export(trained.ensemble, "state_dict")), weights_only=True)
    assert found["preprocessing"] == trained.kept.preprocessing.to_primitives()
    for r, state in enumerate(found["networks"]):
        plain = trained.network.replica(r)
        expected = {name: value.clone() for name, value in plain.state_dict().items()}
        for parameter in plain.parameters():
            nn.init.zeros_(parameter)
        plain.load_state_dict(state)
        assert all(torch.equal(plain.state_dict()[name], expected[name]) for name in expected)


@pytest.mark.parametrize("case", ["iris"], indirect=True)
def test_what_is_not_installed_is_named(case, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"Found no onnx and no onnxscript\. Use `pip install"):
        export(case[1].ensemble, "onnx")


@pytest.mark.slow
@pytest.mark.parametrize("case", ["iris"], indirect=True)
def test_what_onnx_has_not_is_refused(case):
    kept = case[1].kept
    broken = Ensemble(kept.network, kept.preprocessings, kept.head, [0])
    broken.networks[0][1] = Halving()
    with pytest.raises(ValueError, match=r"PyTorch cannot export it: .* Use `--export state_dict`"):
        export(broken, "onnx")
