"""From the tensors of measured steps to rows of the layers table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars
import torch

from deltaflow.flow.measurement import Quantities
from deltaflow.nn.activations import Traits
from deltaflow.records import LAYERS

Array = np.typing.NDArray[np.float64]
Mask = np.typing.NDArray[np.bool_]


@dataclass(frozen=True)
class MeasuredStep:
    """What was measured of one step of a stack, on the processor.

    Attributes:
        step: its number.
        names: columns of the layers table.
        values: ``[columns, L, R]``; NaN where not finite, or where it does not apply.
        missing: ``[columns, L]``, where a column does not apply to a layer.
        not_diverged: ``[R]``, which replicas have not diverged.
        has_rows: ``[R]``, which replicas get rows: those that had not ended before the step.
    """

    step: int
    names: tuple[str, ...]
    values: Array
    missing: Mask
    not_diverged: Mask
    has_rows: Mask

    @classmethod
    def of(
        cls, quantities: Quantities, step: int, not_diverged: Mask, has_rows: Mask | None = None
    ) -> "MeasuredStep":
        """The step from its quantities: per column, ``[R]`` for each layer or ``None``."""
        names = [name for name, values in quantities.items() if any(v is not None for v in values)]
        empty = torch.full_like(
            next(v for values in quantities.values() for v in values if v is not None), torch.nan
        )
        stacked = torch.stack(
            [torch.stack([empty if v is None else v for v in quantities[name]]) for name in names]
        )  # in one piece, so that an accelerator is waited for only once
        missing = [[value is None for value in quantities[name]] for name in names]
        return cls._complete(names, stacked.cpu().numpy(), missing, step, not_diverged, has_rows)

    @classmethod
    def of_one(
        cls, columns: Sequence[Sequence[float | None]], names: Sequence[str], step: int
    ) -> "MeasuredStep":
        """The step of a single network from its numbers: per column, one for each layer."""
        values = np.array(columns, dtype=np.float64)[:, :, np.newaxis]  # NaN for None
        missing = [[value is None for value in column] for column in columns]
        return cls._complete([*names], values, missing, step, np.array([True]), None)

    @classmethod
    def _complete(
        cls, names: list[str], values: Array, missing: list[list[bool]], step: int,
        not_diverged: Mask, has_rows: Mask | None,
    ) -> "MeasuredStep":  # fmt: skip
        """With what follows from the others, and NaN for what is not finite."""
        if "grad_signal" in names:
            trace, signal = (values[names.index(n)] for n in ("grad_noise_trace", "grad_signal"))
            names.append("noise_scale")
            values = np.concatenate([values, noise_scale(trace, signal)[np.newaxis]])
            missing.append(missing[names.index("grad_signal")])
        values = np.where(np.isfinite(values), values, np.nan)
        return cls(step, tuple(names), values, np.array(missing), not_diverged,
                   np.ones_like(not_diverged) if has_rows is None else has_rows)  # fmt: skip


def noise_scale(trace: Array, signal: Array) -> Array:
    """trΣ / |G|², the batch size from which a larger one helps little (arXiv:1812.06162).

    Args:
        trace: trΣ.
        signal: unbiased |G|², of the same shape.

    Returns:
        Samples; NaN where |G|² ≤ 0 and the noise hides the gradient.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(signal <= 0, np.nan, trace / signal)


def layer_rows(
    steps: Sequence[MeasuredStep],
    fans: Sequence[tuple[int, int]],
    seeds: Sequence[int],
    replicas: slice = slice(None),
    traits: Traits | None = None,
    folds: Sequence[int] | None = None,
) -> polars.DataFrame:
    """The rows of measured steps: one per step, replica and layer.

    Args:
        steps: of a stack.
        fans: inputs and units of each of its layers.
        seeds: of the replicas that are meant.
        replicas: which of the stack's these are.
        traits: of their φ, if not all of the stack have the same.
        folds: of the replicas; the first for all if ``None``.

    Returns:
        Rows of the layers table, those of each replica together: null where a quantity does not
        apply, NaN where it is not finite.
    """
    depth, n_replicas, n_steps = len(fans), len(seeds), len(steps)
    n_rows = n_steps * depth  # of each replica
    fan_in, fan_out = np.array(fans).T
    data: dict[str, object] = {
        "seed": np.repeat(np.array(seeds, dtype=np.int64), n_rows),
        "fold": np.repeat(np.array(folds or [0] * n_replicas), n_rows),
        "step": np.tile(np.repeat([step.step for step in steps], depth), n_replicas),
        "layer": np.tile(np.arange(1, depth + 1), n_replicas * n_steps),
        "fan_in": np.tile(fan_in, n_replicas * n_steps),
        "fan_out": np.tile(fan_out, n_replicas * n_steps),
    }
    for name in dict.fromkeys(name for step in steps for name in step.names):
        if not applies(name, traits):
            continue
        column, null = _column(steps, name, replicas)
        if name == "noise_scale":  # hidden by noise, and not a number that is not finite
            null = null | (_column(steps, "grad_signal", replicas)[0] <= 0)
        series = polars.Series(name, column)
        data[name] = series.set(polars.Series(null), None) if null.any() else series
    has_rows = np.repeat(
        np.stack([step.has_rows[replicas] for step in steps], axis=1).ravel(), depth
    )
    frame = LAYERS.frame(data)
    return frame if has_rows.all() else frame.filter(polars.Series(has_rows))


def _column(steps: Sequence[MeasuredStep], name: str, replicas: slice) -> tuple[Array, Mask]:
    """Values of a column, and where it does not apply, by replica, step and layer: flat."""
    values = np.full((len(steps), *steps[0].values[0][:, replicas].shape), np.nan)
    missing = np.ones(values.shape[:2], dtype=bool)
    for s, step in enumerate(steps):
        if name in step.names:
            at = step.names.index(name)
            values[s], missing[s] = step.values[at][:, replicas], step.missing[at]
    by_replica = values.transpose(2, 0, 1)
    return by_replica.ravel(), np.broadcast_to(missing, by_replica.shape).ravel()


def applies(name: str, traits: Traits | None) -> bool:
    """Whether a quantity is one of networks with such a φ.

    Args:
        name: a column of the layers table.
        traits: of φ; ``None`` if nothing is known of it.
    """
    if traits is None:
        return True
    if name == "saturated_fraction":
        return traits.saturates
    return traits.has_flat_part or name not in ("inactive_fraction", "dead_fraction")
