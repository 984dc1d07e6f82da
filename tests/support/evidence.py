"""Runs to be judged, made by hand: sound ones, but for what a test says.

A column of the layers table is one value, or a function of seed, step and layer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache

import numpy as np
import polars as pl
from torch import nn

from deltaflow.comparison.flow_numbers import theory_fit
from deltaflow.nn.initializers import Initializer, Normal
from deltaflow.records import LAYERS, METRICS
from deltaflow.theory import Theory
from deltaflow.verdicts import Evidence, judge, words
from deltaflow.verdicts.evidence import Constants, RunSettings, TrainingData

STEPS = (0, 10, 199)
N_STEPS = 200
N_ROWS = 100
LIMIT = np.log10(np.e) * 3  # decades: ‖δ‖ by e³
BEST_CONSTANT = 1.0
TANH = nn.Tanh()
LEARNT = (0.9, 0.5, 0.2)  # losses after three epochs

_ALIKE: dict[tuple[type, str, str], nn.Module] = {}

Value = float | None | Callable[[int, int, int], float | None]

_SOUND: Mapping[str, Value] = {
    "delta_norm": 1.0,
    "delta_rms": 1.0,
    "sample_grad_rms": 1.0,
    "update_ratio": 1e-3,
    "weight_rms": 0.2,  # longer than 1/√32, which keeps the size of signals
}


def sizes(depth: int, width: int = 32) -> tuple[int, ...]:
    """Of a network whose first hidden layer has as many inputs as the others."""
    return (width, *[width] * depth, 3)


def losing(decades: float, depth: int) -> Value:
    """A profile of δ that loses so many on its way back, by the same factor in each layer."""

    def value(_seed: int, _step: int, layer: int) -> float:
        return 10 ** (-decades * max(depth - layer, 0) / (depth - 1))

    return value


def by_step(**values: float) -> Value:
    """``start`` at step 0, and ``end`` from then on."""
    return lambda _seed, step, _layer: values["end"] if step else values["start"]


def evidence(
    shape: Sequence[int] = sizes(6),
    phi: nn.Module = TANH,
    initializer: Initializer = Normal(1.0, 0.0),  # noqa: B008  # frozen
    *,
    dropout: float = 0.0,
    inputs: float | Sequence[float] = 1.0,
    n_seeds: int = 2,
    diverged_at: Mapping[int, int] | None = None,
    losses: Sequence[float] = LEARNT,
    others: Mapping[str, Sequence[float]] | None = None,
    recorded: bool = True,
    **but,
) -> Evidence:
    """A sound run of a tanh network on its edge of chaos.

    Args:
        shape: units of the input, of each hidden layer and of the output.
        phi: another activation.
        initializer: another one.
        dropout: share of hidden units dropped.
        inputs: mean(x²) of each sample.
        n_seeds: how many, from 0.
        diverged_at: the steps of seeds that did.
        losses: of the training, after each epoch, or of each seed its own.
        others: losses of the validation and the test part.
        recorded: whether there is a layers table.
        but: columns of the layers table, settings, and other fields that differ.
    """
    square = np.atleast_1d(np.asarray(inputs, dtype=np.float64))
    own = {name: value for name, value in vars(phi).items() if name[0] != "_"}
    phi = _ALIKE.setdefault((type(phi), repr(phi), str(own)), phi)  # its theory is found once
    theory, said, profile = _theory(tuple(shape), phi, initializer, dropout, tuple(square))
    columns = {name: but.pop(name) for name in LAYERS.types if name in but}
    applies = but.get("normalization") is None
    predicted = {
        "predicted_delta_norm": lambda _, step, layer: None if step else profile[layer - 1],
        "predicted_delta_norm_spread": lambda _, step, layer: None if step else 0.1,
    }
    columns = _SOUND | (predicted if applies else {}) | columns
    table = layers(shape, n_seeds if recorded else 0, columns)
    went = diverged_at or {}
    replicas = [
        {"seed": seed, "status": "diverged" if seed in went else "completed",
         "diverged_at_step": went.get(seed)}
        for seed in range(n_seeds)
    ]  # fmt: skip
    as_predicted = {"theory_error": 0.0}  # whatever profile a test makes up
    known = {
        "layers": table,
        "metrics": metrics({"train": losses} | (others or {}), n_seeds),
        "replicas": replicas,
        "theory": theory,
        "fields": said | theory_fit(table) | as_predicted if applies and said else None,
        "normalization": None,
        "copies": {},
        "constants": Constants(BEST_CONSTANT, delta=0.5, delta_alone=0.5, floor=np.nan),
        "n_steps": N_STEPS,
        "settings": RunSettings(**_of(RunSettings, but)),
        "data": TrainingData(square, **({"n_rows": N_ROWS} | _of(TrainingData, but))),
    }
    assert set(but) <= {field.name for field in fields(Evidence)}
    return Evidence(**known | but)


def _of(kind: type, but: dict) -> dict:
    """What differs of its fields, taken out of the others."""
    return {field.name: but.pop(field.name) for field in fields(kind) if field.name in but}


@cache
def _theory(shape, phi, initializer, dropout, inputs):
    """What there is to know of a network, its fields in the summary and its profile of δ."""
    theory, square = Theory(shape, phi, initializer, dropout), np.array(inputs)
    return theory, theory.summary_fields(square), [*theory.predict(square).delta_norm, None]


def layers(shape: Sequence[int], n_seeds: int, columns: Mapping[str, Value]) -> pl.DataFrame:
    """A layers table, rows in the order of its key."""
    keys = [
        (s, step, n + 1) for s in range(n_seeds) for step in STEPS for n in range(len(shape) - 1)
    ]
    values = {
        name: [value(*key) if callable(value) else value for key in keys]
        for name, value in columns.items()
    }
    index = {name: [key[i] for key in keys] for i, name in enumerate(("seed", "step", "layer"))}
    fans = {"fan_in": [shape[n - 1] for *_, n in keys], "fan_out": [shape[n] for *_, n in keys]}
    return LAYERS.frame(index | fans | values)


def metrics(losses: Mapping[str, Sequence[float] | Sequence[Sequence[float]]], n_seeds: int):
    """A metrics table of some parts: a loss after each epoch, or after each epoch of each seed."""
    rows = [
        {"seed": seed, "epoch": epoch, "split": split, "loss": loss}
        for split, some in losses.items()
        for seed in range(n_seeds)
        for epoch, loss in enumerate(some[seed] if np.ndim(some[0]) else some)
    ]
    return METRICS.frame({name: [row[name] for row in rows] for name in rows[0]})


def found(judged: Evidence) -> dict[str, str]:
    """The words on a run by kind, in their order; each kind comes once."""
    verdicts = judge(judged)
    by_kind = {verdict.kind: words(verdict) for verdict in verdicts}
    assert len(by_kind) == len(verdicts)
    return by_kind


def kinds(judged: Evidence) -> list[str]:
    return list(found(judged))
