"""Exports the networks of a run to one file that does not need deltaflow.

The file includes the preprocessing as far as its format allows. An ONNX model takes the columns of
the table, with categories as texts. A TorchScript model takes numbers, with categories one-hot
encoded, and standardises them. A file of plain weights lists the preprocessing as numbers.
"""

import importlib.util
import io
import json
import logging
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deltaflow.data import Column, Kind, Texts, encode, folds_of
from deltaflow.experiment.prediction.ensemble import Ensemble
from deltaflow.system.errors import UserError


def export(ensemble: Ensemble, form: str) -> bytes:
    """Serialise the networks of an ensemble.

    ``onnx``: the input is ``features [rows, n]`` in double precision, with NaN for a gap that is
    filled. If a column is a category or has an indicator, each column ``[rows]`` is an input under
    its name instead; a category is a text, empty for a gap, and a date is the number of days since
    1970-01-01. The outputs are ``probability`` (of a regression ``value``) and ``spread``, the
    standard deviation over networks (0 for one network), both ``[rows, n]``, and ``class``
    ``[rows]``, the name of the class.

    ``torchscript``: the input is ``features [rows, n_inputs]``; the output is a tuple of
    probability or value, spread, and the class's index.

    ``state_dict``: for each network, a ``state_dict`` that a plain ``nn.Sequential`` loads.

    Args:
        ensemble: the networks.
        form: ``onnx``, ``torchscript`` or ``state_dict``.

    Raises:
        ValueError: if a package is missing, or the format cannot express the network.
    """
    return {"onnx": _onnx, "torchscript": _torchscript, "state_dict": _state_dict}[form](ensemble)


class _TupleOutput(nn.Module):
    """An ensemble that returns a tuple of tensors, as ONNX and TorchScript need it."""

    def __init__(self, ensemble: Ensemble) -> None:
        super().__init__()
        self.ensemble = ensemble
        self.eval()

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """Mean and standard deviation over networks; for classes also the index of the class."""
        values = self.ensemble(features)
        mean = values.mean(0)
        spread = values.std(0) if len(self.ensemble.networks) > 1 else torch.zeros_like(mean)
        if not self.ensemble.head.n_classes:
            return mean, spread
        return mean, spread, self.ensemble.head.choose(mean)


def _torchscript(ensemble: Ensemble) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated in favour of torch.export
        traced = torch.jit.trace(_TupleOutput(ensemble), _example(ensemble))
        torch.jit.save(
            traced, buffer, _extra_files={"deltaflow.json": json.dumps(_notes(ensemble))}
        )
    return buffer.getvalue()


def _state_dict(ensemble: Ensemble) -> bytes:
    buffer = io.BytesIO()
    networks = [network.state_dict() for network in ensemble.networks]
    torch.save({"networks": networks} | _notes(ensemble), buffer)
    return buffer.getvalue()


def _onnx(ensemble: Ensemble) -> bytes:
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"ONNX needs packages of its own. Found no {' and no '.join(missing)}. "
            'Use `pip install "deltaflow[onnx]"`.'
        )
    if len({tuple(one.fill) for one in ensemble.preprocessings}) > 1:
        raise UserError(
            "ONNX fills the gaps of a table in one way. Found folds whose training parts fill them "
            "in several. Use `--export torchscript`, or a run without `data.folds`."
        )
    is_regression = not ensemble.head.n_classes
    first = "value" if is_regression else "score" if ensemble.head.link is None else "probability"
    outputs = [first, "spread"] if is_regression else [first, "spread", "class"]
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # internal deprecations of PyTorch
            program = torch.onnx.export(
                _TupleOutput(ensemble),
                (_example(ensemble),),
                input_names=["features"],
                output_names=outputs,
                dynamic_shapes=({0: torch.export.Dim("rows")},),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:
        raise UserError(
            "ONNX must have all that the network computes. Found that PyTorch cannot export it: "
            f"{' '.join(str(error).split())[:200]}. Use `--export state_dict`, or another "
            "activation."
        ) from error
    finally:
        log.setLevel(level)
    assert program is not None
    return _with_columns(program.model_proto, ensemble)


def _with_columns(model: Any, ensemble: Ensemble) -> bytes:
    """Serialise an ONNX model after adding inputs by column, and the names of classes."""
    from onnx import TensorProto, checker, helper

    graph = model.graph
    columns = [column for column in ensemble.preprocessing.columns if column.n_inputs]
    if any(_is_text(column) or column.has_indicator for column in columns):
        before, fill, end = [], ensemble.preprocessing.fill, 0
        del graph.input[:]
        for k, column in enumerate(columns):
            kind = "STRING" if _is_text(column) else "DOUBLE"
            if column.kind is Kind.BOOLEAN and not fill:
                kind = "BOOL"
            graph.input.append(
                helper.make_tensor_value_info(column.name, getattr(TensorProto, kind), ["rows"])
            )
            before += _column_nodes(column, k, fill[end : end + column.n_values], helper)
            end += column.n_inputs
        encoded = [f"deltaflow_encoded_{k}" for k in range(len(columns))]
        before.append(helper.make_node("Concat", encoded, ["features"], axis=1))
        nodes = list(graph.node)
        del graph.node[:]
        graph.node.extend([*before, *nodes])
    if ensemble.head.n_classes:
        _name_classes(graph, list(ensemble.names), helper, TensorProto)
    if not any(opset.domain == "ai.onnx.ml" for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    helper.set_model_props(model, {"deltaflow": json.dumps(_notes(ensemble))})
    checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def _is_text(column: Column) -> bool:
    return column.kind in (Kind.CATEGORY, Kind.ORDER)


def _column_nodes(column: Column, k: int, fill: Sequence[float], helper: Any) -> list[Any]:
    """ONNX nodes that turn a column ``[rows]`` into inputs ``[rows, n]`` in double precision.

    A text is encoded one-hot over the categories and, if gaps are filled, the empty text. The
    product with a matrix that has the inputs of each category in a row gives the inputs.
    """
    from onnx import TensorProto, numpy_helper

    name, encoded = f"deltaflow_{k}", f"deltaflow_encoded_{k}"
    if _is_text(column):
        kept = encode([(column, Texts.of(column.categories))], len(column.categories),
                      column.n_inputs)  # fmt: skip
        if fill:
            kept = np.vstack([kept, [*fill, *([1.0] * column.has_indicator)]])
        matrix = numpy_helper.from_array(kept, f"{name}_matrix")
        return [
            helper.make_node(
                "OneHotEncoder", [column.name], [f"{name}_hot"], domain="ai.onnx.ml", zeros=0,
                cats_strings=[*column.categories, *([""] if fill else [])],
            ),
            helper.make_node("Cast", [f"{name}_hot"], [f"{name}_cast"], to=TensorProto.DOUBLE),
            helper.make_node("Constant", [], [f"{name}_matrix"], value=matrix),
            helper.make_node("MatMul", [f"{name}_cast", f"{name}_matrix"], [encoded]),
        ]  # fmt: skip
    value = encoded if not column.has_indicator else f"{name}_value"
    nodes = [
        helper.make_node("Constant", [], [f"{name}_axis"], value_ints=[1]),
        helper.make_node("Cast", [column.name], [f"{name}_cast"], to=TensorProto.DOUBLE),
        helper.make_node("Unsqueeze", [f"{name}_cast", f"{name}_axis"], [value]),
    ]
    if column.has_indicator:
        nodes += [
            helper.make_node("IsNaN", [value], [f"{name}_gap"]),
            helper.make_node("Cast", [f"{name}_gap"], [f"{name}_indicator"], to=TensorProto.DOUBLE),
            helper.make_node("Concat", [value, f"{name}_indicator"], [encoded], axis=1),
        ]
    return nodes


def _name_classes(graph: Any, names: list[str], helper: Any, types: Any) -> None:
    for node in graph.node:
        for place, output in enumerate(node.output):
            if output == "class":
                node.output[place] = "deltaflow_class"
    graph.node.append(
        helper.make_node(
            "LabelEncoder", ["deltaflow_class"], ["class"], domain="ai.onnx.ml",
            keys_int64s=list(range(len(names))), values_strings=names,
        )
    )  # fmt: skip
    kept = [output for output in graph.output if output.name != "class"]
    del graph.output[:]
    graph.output.extend([*kept, helper.make_tensor_value_info("class", types.STRING, ["rows"])])


def _example(ensemble: Ensemble) -> Tensor:
    return torch.zeros(2, len(ensemble.preprocessing.center), dtype=torch.float64)


def _notes(ensemble: Ensemble) -> dict[str, Any]:
    return {
        "preprocessing": ensemble.preprocessing.to_primitives(),
        "folds": folds_of(ensemble.preprocessings),
        "head": asdict(ensemble.head),
    }
