"""Theory's prediction for the first step of a model, from its inputs and its weights."""

import copy
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import polars as pl
import torch
from torch import Tensor, fx, nn

from deltaflow.comparison.flow_numbers import theory_fit
from deltaflow.records import TheorySummary
from deltaflow.theory import Array, Graph, NoTheoryError, propagate, read_graph, symbolic_trace
from deltaflow.watching.measuring.watched_layers import WatchedLayer


class ModelTheory:
    """Traces a model before its first step, and predicts the step when the model is first called.

    A copy that shares the weights is traced, so the model does not change.

    Attributes:
        nothing: why there is no prediction; ``None`` if there is one.
    """

    def __init__(self, model: nn.Module, layers: Sequence[WatchedLayer]) -> None:
        self.nothing: str | None = "The model was not called."
        self._modules = {layer.module: layer for layer in layers}
        self._core = _core(model, [layer.module for layer in layers])
        self._graph: Graph | None = None
        self._is_flat = False
        self._twin: nn.Module | None = None
        self._traced: fx.Graph | None = None
        self._hook: Any = None
        if _is_lightning_module(self._core):  # a copy would copy its Trainer
            self.nothing = (
                "Theory needs a module that holds all layers and nothing else. Found layers of the "
                "LightningModule itself. Put them into one of their own, as `self.model`."
            )
            return
        try:
            shared = {id(x): x for x in (*self._core.parameters(), *self._core.buffers())}
            with torch.random.fork_rng(devices=[]):
                self._twin = copy.deepcopy(self._core, shared)
                self._traced = symbolic_trace(self._twin)
        except NoTheoryError as error:
            self.nothing = str(error)
        except Exception as error:  # a model that cannot be copied may raise anything
            self.nothing = f"Theory needs a model that can be copied. Found: {error}"
        self._hook = self._core.register_forward_pre_hook(self._on_call, with_kwargs=True)

    def end(self) -> None:
        """Remove the hook."""
        if self._hook is not None:
            self._hook.remove()

    def _on_call(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        self._hook.remove()
        if self._twin is None or self._traced is None:
            return
        if kwargs or len(args) != 1 or not isinstance(args[0], Tensor):
            self.nothing = "Theory knows models of one tensor. Found one of other arguments."
            return
        if not args[0].numel():
            self.nothing = "Theory needs samples. Found none in the first batch."
            return
        with torch._C.DisableTorchFunction(), torch.random.fork_rng(devices=[]):
            try:
                self._graph = read_graph(self._traced, self._twin, args[0])
                self.nothing, self._is_flat = None, args[0].dim() == 2
            except Exception as error:  # a graph that theory does not know may raise anything
                self.nothing = str(error)
        self._twin = self._traced = None

    def record(self, table: pl.DataFrame) -> dict[str, Any]:
        """The field ``theory`` of the summary."""
        unknown: dict[str, Any] = {field.name: None for field in fields(TheorySummary)}
        return unknown | theory_fit(table) | {"nothing": self.nothing}

    def predict(
        self, layers: Sequence[WatchedLayer], measured: Sequence[Mapping[str, float]]
    ) -> list[dict[str, float]]:
        """The columns ``predicted_…``, scaled to the measurement at the last layer but one.

        Args:
            layers: the layers, in the order of the table.
            measured: the measured columns of each layer.

        Returns:
            The predicted columns of each layer; empty for a layer without a prediction.
        """
        predicted: list[dict[str, float]] = [{} for _ in layers]
        if self._graph is None:
            return predicted
        try:
            profile = propagate(self._graph)
        except NoTheoryError as error:
            self.nothing = str(error)
            return predicted
        names = dict(self._core.named_modules())
        if not all(names.get(name) in self._modules for name in profile.names):
            self.nothing = "Theory knows the layers that were there at first. Found others since."
            return predicted
        at = {self._modules[names[name]]: row for row, name in enumerate(profile.names)}
        for values, layer in zip(predicted, layers, strict=True):
            if layer in at:
                q = profile.preactivation_second_moment[at[layer]].mean()
                values["predicted_preactivation_second_moment"] = float(q)
        columns = {"delta_norm": profile.delta_norm}
        if self._is_flat:
            columns["sample_grad_rms"] = profile.sample_grad_rms
        rows = [at.get(layer) for layer in layers]
        for name, profiled in columns.items():
            scale = _scale(profiled, rows[-2:-1], [values.get(name) for values in measured[-2:-1]])
            for values, row in zip(predicted[:-1], rows[:-1], strict=True):
                if scale is not None and row is not None:
                    values[f"predicted_{name}"] = scale * float(profiled[row])
        return predicted


def _scale(
    profile: Array, rows: Sequence[int | None], measured: Sequence[float | None]
) -> float | None:
    """The ratio of measurement and prediction at one layer; ``None`` if either is not known."""
    for row, value in zip(rows, measured, strict=True):
        if row is not None and value is not None and profile[row] > 0:
            return value / float(profile[row])
    return None


def _core(model: nn.Module, watched: Sequence[nn.Module]) -> nn.Module:
    """The innermost module that contains all measured layers."""
    for child in model.children():
        inner = set(child.modules())
        if child not in watched and all(module in inner for module in watched):
            return _core(child, watched)
    return model


def _is_lightning_module(module: nn.Module) -> bool:
    lightning = sys.modules.get("lightning.pytorch")  # imported, if there is such a module
    return lightning is not None and isinstance(module, lightning.LightningModule)
