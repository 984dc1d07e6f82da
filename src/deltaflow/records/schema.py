"""The columns of the tables: names, types, units, meaning. The one place that says so.

>>> print(LAYERS.markdown().splitlines()[2])
| `seed` | Int64 | – | the replica's seed |
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from deltaflow.system.errors import UserError


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: as it stands in the file.
        unit: of its values; «–» for counts, names and ratios.
        meaning: in one line.
        dtype: its polars type.
        nullable: whether it may not apply to a row.
        default: its value in tables that lack it.
    """

    name: str
    unit: str
    meaning: str
    dtype: pl.DataType = field(default_factory=pl.Float64)
    nullable: bool = True
    default: int | None = None

    @property
    def absent(self) -> pl.Expr:
        """The column of a table that lacks it."""
        return pl.lit(self.default, self.dtype).alias(self.name)


@dataclass(frozen=True)
class Schema:
    """The columns of one table, and the columns that name a row.

    Attributes:
        name: of the table; its file is ``<name>.parquet``.
        key: columns that together are unique, and the order of the rows.
        columns: all columns, in the order of the file.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def types(self) -> dict[str, pl.DataType]:
        """Column names and polars types, in order."""
        return {column.name: column.dtype for column in self.columns}

    @property
    def quantities(self) -> tuple[str, ...]:
        """The columns that hold measurements."""
        return tuple(c.name for c in self.columns if c.dtype == pl.Float64)

    def frame(self, data: Mapping[str, object]) -> pl.DataFrame:
        """A table of this schema; columns that ``data`` lacks are null.

        Args:
            data: values by column name.

        Returns:
            The table, with all columns in order.

        Raises:
            ValueError: if a column is unknown, or is null where it must apply.
        """
        if unknown := set(data) - set(self.types):
            raise UserError(
                f"Columns of the table `{self.name}` are named in its schema. Found "
                f"{', '.join(sorted(unknown))}. Add them to the schema first."
            )
        frame = pl.DataFrame(data, schema_overrides={name: self.types[name] for name in data})
        absent = [column.absent for column in self.columns if column.name not in data]
        return self.check(frame.with_columns(absent).select(list(self.types)))

    def check(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The table itself, if it obeys the schema.

        Args:
            frame: a table.

        Returns:
            ``frame``.

        Raises:
            ValueError: if names, order or types differ, or a key is null.
        """
        if dict(frame.schema) != self.types or list(frame.columns) != list(self.types):
            raise UserError(
                f"The table `{self.name}` must have the columns {self.types}. Found "
                f"{dict(frame.schema)}. Build it with Schema.frame."
            )
        for column in self.columns:
            if not column.nullable and frame[column.name].null_count():
                raise UserError(
                    f"`{column.name}` of the table `{self.name}` applies to every row. Found "
                    f"{frame[column.name].null_count()} nulls. Give each row its {column.name}."
                )
        return frame

    def markdown(self) -> str:
        """The schema as a table for the documentation."""
        rows = [
            f"| `{c.name}` | {c.dtype} | {c.unit} | {c.meaning.replace('|', chr(92) + '|')} |"
            for c in self.columns
        ]
        return "\n".join(["| column | type | unit | meaning |", "|---|---|---|---|", *rows])


def index(name: str, meaning: str, default: int | None = None) -> Column:
    """A column of whole numbers that every row has."""
    return Column(name, "–", meaning, pl.Int64(), nullable=False, default=default)


_FOLD = index(
    "fold", "which division of the rows the replica has: of `data.folds` its number, of "
    "`data.split_seeds` its place; of both, first all folds of the first; else 0", default=0
)  # fmt: skip


def told_apart(frame: pl.DataFrame, n_folds: int) -> pl.DataFrame:
    """A table whose ``seed`` tells replicas apart: with several folds, ``seed · n_folds + fold``.

    Args:
        frame: with the columns ``seed`` and ``fold``.
        n_folds: of each seed.
    """
    if n_folds == 1:
        return frame
    return frame.with_columns(seed=pl.col("seed") * n_folds + pl.col("fold"))


LAYERS = Schema(
    "layers",
    key=("seed", "fold", "step", "layer"),
    columns=(
        index("seed", "the replica's seed"),
        _FOLD,
        index("step", "updates before this one; 0 is the first"),
        index("layer", "1 (next to the input) to L (the output layer)"),
        index("fan_in", "inputs of the layer"),
        index("fan_out", "units of the layer"),
        Column("delta_rms", "loss/z", "RMS of δ over samples and units; under batch normalisation "
               "δ is what the loss of the whole batch says of z"),
        Column("delta_norm", "loss/z", "√fan_out · delta_rms: RMS over samples of ‖δ‖₂"),
        Column("weight_grad_rms", "loss/W", "RMS of the batch gradient G, before clipping"),
        Column("weight_grad_norm", "loss/W", "‖G‖, Frobenius"),
        Column("bias_grad_rms", "loss/b", "RMS of the bias gradient, before clipping"),
        Column("sample_grad_rms", "loss/W", "RMS over entries and samples of the weight "
               "gradients g_b of single samples; this and the three below are null under batch "
               "normalisation, which knows no single samples"),
        Column("grad_noise_trace", "(loss/W)²", "trΣ of g_b over samples; null for one sample"),
        Column("grad_signal", "(loss/W)²", "unbiased ‖G‖²; null for one sample"),
        Column("noise_scale", "samples", "trΣ / |G|²; null where |G|² ≤ 0"),
        Column("update_ratio", "–", "‖ΔW‖ / ‖W‖ of the step taken"),
        Column("weight_rms", "W", "RMS of the weights before the step"),
        Column("preactivation_mean", "z", "mean of z"),
        Column("preactivation_std", "z", "standard deviation of z over samples and units"),
        Column("preactivation_second_moment", "z²", "mean of z²: theory's q"),
        Column("activation_mean", "h", "mean of h = φ(z); null without φ"),
        Column("activation_std", "h", "standard deviation of h; null without φ"),
        Column("saturated_fraction", "–", "share of entries far out, where |φ'(z)| < 0.05 max "
               "|φ'|; null unless φ saturates"),
        Column("inactive_fraction", "–", "share of entries with φ'(z) = 0; null unless φ has a "
               "flat part"),
        Column("dead_fraction", "–", "share of units with φ'(z) = 0 on the whole probe set; null "
               "unless φ has a flat part"),
        Column("effective_rank", "–", "exp of the entropy of the singular values of h, as shares; "
               "null without φ, and unless diagnostics=full"),
        Column("predicted_preactivation_second_moment", "z²", "theory's q for the step's samples; "
               "this and the columns below are of step 0"),
        Column("predicted_delta_norm", "loss/z", "theory's profile of delta_norm, where the "
               "logarithms of networks of this width have their mean, under normalisation and of "
               "watched models in the limit of wide ones; aligned at the last hidden layer; null "
               "for the output layer"),
        Column("predicted_delta_norm_spread", "–", "standard deviation of ln delta_norm, aligned "
               "alike, among networks of this width; null for the output layer, under "
               "normalisation and of watched models"),
        Column("predicted_sample_grad_rms", "loss/W", "theory's profile of sample_grad_rms, "
               "aligned at the last hidden layer; null for the output layer"),
    ),
)  # fmt: skip

METRICS = Schema(
    "metrics",
    key=("seed", "fold", "epoch", "split"),
    columns=(
        index("seed", "the replica's seed"),
        _FOLD,
        index("epoch", "0 is the first; the test split has the last one trained"),
        Column("split", "–", "train (during the epoch, as the weights move), validation (after "
               "it) or test (after training)", pl.String(), nullable=False),
        Column("loss", "loss", "mean over the samples"),
        Column("accuracy", "–", "share of samples predicted right; null for regression"),
        Column("macro_f1", "–", "F1 averaged over classes; null for regression"),
        Column("r2", "–", "share of variance explained, mean over targets; null for classes"),
        Column("rmse", "target", "root mean squared error in the data's own units; null for "
               "classes"),
    ),
)  # fmt: skip
