"""The columns of the tables: their names, types, units and meanings are defined only here.

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
        name: name in the file.
        unit: unit of the values; «–» for counts, names and ratios.
        meaning: what the column holds, in one line.
        dtype: polars type.
        nullable: whether a value may be null.
        default: value in tables that lack the column, such as those of an earlier version.
    """

    name: str
    unit: str
    meaning: str
    dtype: pl.DataType = field(default_factory=pl.Float64)
    nullable: bool = True
    default: int | None = None

    @property
    def absent(self) -> pl.Expr:
        """The column to add to a table that lacks it."""
        return pl.lit(self.default, self.dtype).alias(self.name)


@dataclass(frozen=True)
class Schema:
    """The columns of one table.

    Attributes:
        name: name of the table; its file is ``<name>.parquet``.
        key: columns whose values together identify a row; rows are sorted by them.
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
        """Names of the columns of type Float64, which are the measurements."""
        return tuple(c.name for c in self.columns if c.dtype == pl.Float64)

    def frame(self, data: Mapping[str, object]) -> pl.DataFrame:
        """Build a table of this schema; columns that ``data`` lacks get their default or null.

        Args:
            data: values by column name.

        Returns:
            The table, with all columns in order.

        Raises:
            ValueError: if a column is unknown, or a column that is not nullable has a null.
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
        """Check that a table has this schema.

        Returns:
            ``frame``, unchanged.

        Raises:
            ValueError: if names, order or types differ, or a column that is not nullable has a
                null.
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

    def is_in_order(self, frame: pl.DataFrame) -> bool:
        """Whether the rows are in the order of the key, each key once."""
        after: pl.Expr = pl.lit(False)
        for name in reversed(self.key):
            one, before = pl.col(name), pl.col(name).shift(1)
            after = (one > before) | ((one == before) & after)
        return bool(frame.select(after.slice(1).fill_null(False).all()).item())

    def sort(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows in the order of the key; the frame itself if they are, each row once.

        To sort a large table that is in order already would take its memory once more.
        """
        return frame if self.is_in_order(frame) else frame.sort(self.key)

    def markdown(self) -> str:
        """The schema as a Markdown table."""
        rows = [
            f"| `{c.name}` | {c.dtype} | {c.unit} | {c.meaning.replace('|', chr(92) + '|')} |"
            for c in self.columns
        ]
        return "\n".join(["| column | type | unit | meaning |", "|---|---|---|---|", *rows])


def index(name: str, meaning: str, default: int | None = None) -> Column:
    """A column of whole numbers without nulls."""
    return Column(name, "–", meaning, pl.Int64(), nullable=False, default=default)


_FOLD = index(
    "fold", "number of the replica's split of the rows: the fold of `data.folds`, or the position "
    "in `data.split_seeds`; with both, all folds of the first split seed come first; else 0",
    default=0
)  # fmt: skip


def number_replicas(frame: pl.DataFrame, n_folds: int) -> pl.DataFrame:
    """Replace ``seed`` by a number that identifies a replica: ``seed · n_folds + fold``.

    Args:
        frame: a table with the columns ``seed`` and ``fold``.
        n_folds: number of folds per seed.
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
        index("step", "number of updates made before; 0 is the first step"),
        index("layer", "1 (next to the input) to L (the output layer)"),
        index("fan_in", "inputs of the layer"),
        index("fan_out", "units of the layer"),
        Column("delta_rms", "loss/z", "RMS of δ over samples and units; under batch normalisation "
               "δ is the gradient of the whole batch's loss with respect to z"),
        Column("delta_norm", "loss/z", "√fan_out · delta_rms: RMS over samples of ‖δ‖₂"),
        Column("weight_grad_rms", "loss/W", "RMS of the batch gradient G, before clipping"),
        Column("weight_grad_norm", "loss/W", "‖G‖, Frobenius"),
        Column("bias_grad_rms", "loss/b", "RMS of the bias gradient, before clipping"),
        Column("sample_grad_rms", "loss/W", "RMS over entries and samples of the weight "
               "gradients g_b of single samples; this and the three below are null under batch "
               "normalisation, where samples have no separate gradients"),
        Column("grad_noise_trace", "(loss/W)²", "trΣ of g_b over samples; null for one sample"),
        Column("grad_signal", "(loss/W)²", "unbiased ‖G‖²; null for one sample"),
        Column("noise_scale", "samples", "trΣ / |G|²; null where |G|² ≤ 0"),
        Column("update_ratio", "–", "‖ΔW‖ / ‖W‖ of the update"),
        Column("weight_rms", "W", "RMS of the weights before the step"),
        Column("preactivation_mean", "z", "mean of z"),
        Column("preactivation_std", "z", "standard deviation of z over samples and units"),
        Column("preactivation_second_moment", "z²", "mean of z²: theory's q"),
        Column("activation_mean", "h", "mean of h = φ(z); null without φ"),
        Column("activation_std", "h", "standard deviation of h; null without φ"),
        Column("saturated_fraction", "–", "share of entries in a saturated range of φ, where "
               "|φ'(z)| < 0.05 max |φ'|; null unless φ saturates"),
        Column("inactive_fraction", "–", "share of entries with φ'(z) = 0; null unless φ has a "
               "flat part"),
        Column("dead_fraction", "–", "share of units with φ'(z) = 0 on the whole probe set; null "
               "unless φ has a flat part"),
        Column("effective_rank", "–", "exp of the entropy of the singular values of h, normalised "
               "to sum 1; null without φ, and unless diagnostics=full"),
        Column("predicted_preactivation_second_moment", "z²", "theory's q for the step's samples; "
               "this and the columns below are null after step 0"),
        Column("predicted_delta_norm", "loss/z", "theory's profile of delta_norm: the geometric "
               "mean over networks of this width, or the limit of infinite width under "
               "normalisation and for watched models; aligned at the last hidden layer; null for "
               "the output layer"),
        Column("predicted_delta_norm_spread", "–", "standard deviation over networks of this width "
               "of ln delta_norm, aligned in the same way; null for the output layer, under "
               "normalisation and for watched models"),
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
        Column("loss", "loss", "mean loss over the samples"),
        Column("accuracy", "–", "share of samples whose class is predicted; null for regression"),
        Column("macro_f1", "–", "F1 averaged over classes; null for regression"),
        Column("r2", "–", "share of variance explained, mean over targets; null for classes"),
        Column("rmse", "target", "root mean squared error in the units of the data; null for "
               "classes"),
    ),
)  # fmt: skip

MINIMIZED = ("loss", "rmse")
"""The metrics of which a smaller value is better."""
