"""What was measured, as tables to read or for a page."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table

from deltaflow.terminal.screen import console


def show(results: Mapping[str, Any], markdown: bool) -> None:
    """Print what was measured; Markdown is for a page."""
    frame = box.MARKDOWN if markdown else box.SIMPLE
    if "tables" in results:
        tables = [_plain(table, frame) for table in results["tables"]]
    else:
        tables = _split(results, frame) if "phases" in results else _clocks(results, frame)
    facts = {"rounds": results["settings"]["repeats"], **results["machine"]}
    out = console()
    out.width = 200 if markdown else out.width  # a wrapped cell would be no Markdown
    out.print(*tables, ", ".join(f"{k} {v}" for k, v in facts.items()))


def _plain(kept: Mapping[str, Any], frame: box.Box) -> Table:
    table = Table(*kept["columns"], title=kept["title"], title_justify="left", box=frame)
    for row in kept["rows"]:
        table.add_row(*row)
    return table


def _split(results: Mapping[str, Any], frame: box.Box) -> list[Table]:
    """The seconds of each phase of a sweep, and its share of the whole."""
    wholes = [sum(seconds) for seconds in zip(*results["phases"].values(), strict=True)]
    table = Table("phase", "seconds", "share", box=frame)
    for phase, values in {**results["phases"], "the whole sweep": wholes}.items():
        share = statistics.median(v / whole for v, whole in zip(values, wholes, strict=True))
        table.add_row(phase, f"{statistics.median(values):.1f}", f"{share:.0%}")
    return [table]


def _clocks(results: Mapping[str, Any], frame: box.Box) -> list[Table]:
    """Ratios with what is claimed of them, then seconds."""
    ratios = Table("compared", "median", "lowest to highest", "claimed", "holds", box=frame)
    for row in results["comparisons"]:
        limit, median, unit = row["limit"], row["median"], "" if row["reference"] else " s"
        claim = [] if limit is None else [f"≤ {limit}{unit}", "yes" if median <= limit else "no"]
        name = " / ".join(filter(None, (row["measured"], row["reference"])))
        span = f"{row['lowest']:.2f} to {row['highest']:.2f}"
        ratios.add_row(name, f"{median:.2f}{unit}", span, *claim)
    clocks = Table("seconds", "median", "lowest to highest", box=frame)
    for name, values in results["seconds"].items():
        median, lowest, highest = spread(values).values()
        clocks.add_row(name, f"{median:.3f}", f"{lowest:.3f} to {highest:.3f}")
    return [ratios, clocks]


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Median, lowest and highest."""
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}
