"""Encodes the columns of a table as inputs of a network."""

from collections.abc import Mapping, Sequence

import numpy as np

from deltaflow.data.columns import Array, Column, Kind
from deltaflow.data.files.delimited import Texts
from deltaflow.data.preprocessing import encode
from deltaflow.data.tables.contents import ReadColumn
from deltaflow.data.tables.parsing import value_text
from deltaflow.data.tables.problems import cell
from deltaflow.data.tables.selection import Selection
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import brief, listing, literal
from deltaflow.system.memory import require_memory


def complete_rows(
    read: Mapping[str, ReadColumn], selection: Selection, missing: str
) -> Array | None:
    """Indices of the rows to use; ``None`` for all.

    Rows with a gap in a target are left out, and rows with a gap in a feature unless it is filled.

    Raises:
        ValueError: if no row is left.
    """
    needed = [*selection.targets, *(selection.features if missing == "drop" else ())]
    n_gaps = {name: int(read[name].gaps.sum()) for name in needed}
    n_rows = len(read[needed[0]].content)
    with_gaps = [
        name
        for name, n in n_gaps.items()
        if n and (n < n_rows or name in selection.targets)  # an empty feature is not used
    ]
    if not with_gaps:
        return None
    incomplete = np.any([read[name].gaps for name in with_gaps], axis=0)
    if incomplete.all():
        worst = max(with_gaps, key=lambda name: n_gaps[name])
        raise UserError(
            "A row without a gap must be left. Found one in each of the "
            f"{n_rows} rows of {literal(selection.path)}, most of them in {cell(worst)} "
            f"({n_gaps[worst]} of {n_rows}). Use `data.missing=median`, or leave it out."
        )
    return np.flatnonzero(~incomplete)


def encode_inputs(
    read: dict[str, ReadColumn],
    selection: Selection,
    orders: Mapping[str, Sequence[str]],
    indicates: bool,
    n_rows: int,
) -> tuple[list[Column], Array]:
    """Encode the features.

    Args:
        read: the columns by name. They are removed as they are encoded, so that a large table is
            not in memory twice.
        selection: the selection of columns.
        orders: the categories of each ordered column.
        indicates: whether columns with gaps get an indicator input.
        n_rows: number of rows.

    Returns:
        The columns, and the features ``[n_rows, n_inputs]``.

    Raises:
        ValueError: if there is no input, or the features do not fit into memory.
    """
    path = literal(selection.path)
    columns = [
        _column(name, found, orders.get(name, ()), indicates) for name, found in read.items()
    ]
    n_inputs = sum(column.n_inputs for column in columns)
    if not n_inputs:
        raise UserError(
            f"A network needs a column to predict {listing(selection.targets)} from. Found none in "
            f"{path} that is in use and has two values. Give it more of `data.features`."
        )
    advice = "Leave columns of many categories out with `data.drop`."
    require_memory(8 * n_rows * n_inputs, "The table", f"{n_rows} rows of {path}", advice)
    contents = ((column, read.pop(column.name).content) for column in columns)
    return columns, encode(contents, n_rows, n_inputs)


def _column(name: str, found: ReadColumn, order: Sequence[str], indicates: bool) -> Column:
    """How a feature is encoded."""
    content, gone = found.content, found.gaps
    if gone.all():
        return Column(name, None, left_out="always missing")
    first = int((~gone).argmax())
    if isinstance(content, Texts):
        n_values = len(content.values)
        constant = content.values[content.codes[first]]
    else:
        n_values = 1 if (content[~gone] == content[first]).all() else 2
        value = content[first].item()
        constant = value_text(bool(value) if found.kind is Kind.BOOLEAN else value)
    has_indicator = indicates and bool(gone.any())
    if n_values == 1 and not has_indicator:
        return Column(name, found.kind, left_out=f"always {brief(constant)}")
    categories: Sequence[str] = order
    if not order and isinstance(content, Texts):
        categories = tuple(sorted(content.values))
    one_hot = found.kind is Kind.CATEGORY and n_values > 2
    n_inputs = (n_values if one_hot else 1) + has_indicator
    return Column(name, found.kind, n_inputs, "", categories, found.form, has_indicator)
