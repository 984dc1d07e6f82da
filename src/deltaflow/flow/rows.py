"""Converts the tensors of measured steps to rows of the layers table."""

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
    """The quantities of one measured step of a stack, in the CPU's memory.

    Attributes:
        step: number of the step.
        names: the measured columns of the layers table.
        values: ``[columns, L, R]``; NaN where a value is not finite or does not apply.
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
        cls,
        parts: Sequence[Quantities],
        step: int,
        not_diverged: Mask,
        has_rows: Mask | None = None,
    ) -> "MeasuredStep":
        """Make a measured step from the quantities of the parts of a stack."""
        applies = {
            name: [any(part[name][layer] is not None for part in parts) for layer in range(len(of))]
            for name, of in parts[0].items()
        }
        names = [name for name, layers in applies.items() if any(layers)]
        # One transfer, so that there is only one wait for an accelerator
        values = torch.cat([_stacked(part, names) for part in parts], dim=-1).cpu().numpy()
        missing = [[not here for here in applies[name]] for name in names]
        return cls._with_noise_scale(names, values, missing, step, not_diverged, has_rows)

    @classmethod
    def of_one(
        cls, columns: Sequence[Sequence[float | None]], names: Sequence[str], step: int
    ) -> "MeasuredStep":
        """Make a measured step of one network from a number for each column and layer."""
        values = np.array(columns, dtype=np.float64)[:, :, np.newaxis]  # NaN for None
        missing = [[value is None for value in column] for column in columns]
        return cls._with_noise_scale([*names], values, missing, step, np.array([True]), None)

    @classmethod
    def _with_noise_scale(
        cls, names: list[str], values: Array, missing: list[list[bool]], step: int,
        not_diverged: Mask, has_rows: Mask | None,
    ) -> "MeasuredStep":  # fmt: skip
        """Add the noise scale, and replace values that are not finite by NaN."""
        if "grad_signal" in names:
            trace, signal = (values[names.index(n)] for n in ("grad_noise_trace", "grad_signal"))
            names.append("noise_scale")
            values = np.concatenate([values, noise_scale(trace, signal)[np.newaxis]])
            missing.append(missing[names.index("grad_signal")])
        values = np.where(np.isfinite(values), values, np.nan)
        return cls(step, tuple(names), values, np.array(missing), not_diverged,
                   np.ones_like(not_diverged) if has_rows is None else has_rows)  # fmt: skip


def _stacked(quantities: Quantities, names: Sequence[str]) -> torch.Tensor:
    """The named quantities as one tensor, ``[columns, L, R]``, NaN where one does not apply."""
    every = [value for name in names for value in quantities[name]]
    empty = torch.full_like(next(value for value in every if value is not None), torch.nan)
    stacked = torch.stack([empty if value is None else value for value in every])
    return stacked.view(len(names), -1, len(empty))


def noise_scale(trace: Array, signal: Array) -> Array:
    """trΣ / |G|², the batch size above which a larger batch helps little (arXiv:1812.06162).

    Args:
        trace: trΣ, the trace of the gradient's covariance over samples.
        signal: the unbiased estimate of |G|², in the same shape.

    Returns:
        The number of samples; NaN where |G|² ≤ 0, because the noise hides the gradient.
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
    """Make the rows of measured steps: one per step, replica and layer.

    Args:
        steps: measured steps of a stack.
        fans: inputs and units of each layer.
        seeds: the seed of each selected replica.
        replicas: the selected replicas, as a slice of the stack.
        traits: the traits of their φ; ``None`` to make all measured columns.
        folds: the fold of each selected replica; 0 for all if ``None``.

    Returns:
        Rows of the layers table, grouped by replica: null where a quantity does not
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
        if name == "noise_scale":  # null, not NaN, where the noise hides the gradient
            null = null | (_column(steps, "grad_signal", replicas)[0] <= 0)
        series = polars.Series(name, column)
        data[name] = series.set(polars.Series(null), None) if null.any() else series
    has_rows = np.repeat(
        np.stack([step.has_rows[replicas] for step in steps], axis=1).ravel(), depth
    )
    frame = LAYERS.frame(data)
    return frame if has_rows.all() else frame.filter(polars.Series(has_rows))


def _column(steps: Sequence[MeasuredStep], name: str, replicas: slice) -> tuple[Array, Mask]:
    """Values of a column and where it does not apply, flat, by replica, step and layer."""
    values = np.full((len(steps), *steps[0].values[0][:, replicas].shape), np.nan)
    missing = np.ones(values.shape[:2], dtype=bool)
    for s, step in enumerate(steps):
        if name in step.names:
            at = step.names.index(name)
            values[s], missing[s] = step.values[at][:, replicas], step.missing[at]
    by_replica = values.transpose(2, 0, 1)
    return by_replica.ravel(), np.broadcast_to(missing, by_replica.shape).ravel()


def applies(name: str, traits: Traits | None) -> bool:
    """Whether a quantity applies to networks with some φ.

    Args:
        name: a column of the layers table.
        traits: the traits of φ; ``None`` if unknown: every column applies.
    """
    if traits is None:
        return True
    if name == "saturated_fraction":
        return traits.saturates
    return traits.has_flat_part or name not in ("inactive_fraction", "dead_fraction")
