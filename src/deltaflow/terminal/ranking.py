"""Shows the runs of a sweep: a line per run, and the ranking of all configurations."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Table
from rich.text import Text

from deltaflow.comparison.comparison import Comparison
from deltaflow.comparison.configurations.configuration import text
from deltaflow.comparison.configurations.ranked_configuration import RankedConfiguration
from deltaflow.comparison.results import main_metrics
from deltaflow.records import Summary
from deltaflow.system.escaping import printable
from deltaflow.system.wording import many, replica_word
from deltaflow.terminal.numbers import spread
from deltaflow.terminal.screen import needed, titled_table

VERDICT = "verdict"
MAX_ROWS = 50  # configurations that are listed
_LAST = 5  # number of these from the end of the ranking
_WHOLE_WORD = 12  # words of up to this length are not broken
_WIDE = 110  # smallest width of a terminal for all columns, in characters
_LEAST_FIRST = ("time", "dead or\nsaturated", "decay rate\nand theory's", "vanishing index")
_AT_START = ("vanishing_index_start", "decay_rate_start")
_Run = RankedConfiguration
_Columns = dict[str, Callable[[_Run], str]]


def describe_run(summary: Summary) -> str:
    """Describe a run of a sweep in one line, without control characters."""
    if summary.status == "failed":
        return printable(f"failed: {summary.error}")
    test, flow = main_metrics(summary), summary.flow.get("vanishing_index_start")
    said = [_status(summary), *(f"{n} {spread(value)}" for n, value in test.items())]
    if flow:
        said.append(f"vanishing index {spread(flow)}")
    return printable(", ".join(said))


def print_ranking(out: Console, comparison: Comparison) -> None:
    """Show the ranking of configurations; those without a result come last, with the reason.

    Args:
        out: the console; a narrow one gets fewer columns.
        comparison: the comparison of the runs.
    """
    name, moment = comparison.metric.name, comparison.metric.moment
    flow: _Columns = {
        "vanishing index\nstart → end": _vanishing,
        "decay rate\nand theory's": _decay,
    }
    shown: _Columns = {f"{moment}\n{name}": lambda run: _result(run, name)}
    if out.width >= _WIDE:
        shown |= flow | {"dead or\nsaturated": _units, "time": _seconds}
    else:  # one line per configuration
        shown = {f"{moment} {name}": lambda run: _brief_result(run, name)}
        shown["vanishing index"] = lambda run: _brief_result(run, "vanishing_index_start")
    for said in comparison.headline:
        out.print(Text(printable(said), style="bold", overflow="fold"))
    out.print(Text(printable(comparison.sentence), overflow="fold"))
    ranked = [run for run in comparison.ranking if _mean(run, name) is not None]
    if ranked:
        _print_table(out, _title(comparison), comparison, ranked, shown | {VERDICT: _verdict})
    if unranked := comparison.ranking[len(ranked) :]:
        measured = any(_mean(run, name) is not None for run in unranked for name in _AT_START)
        columns: _Columns = (flow if measured else {}) | {"why": _why}
        completed = any(run.status == "completed" for run in unranked)
        title = f"Without {moment} {name}" if completed else "Without a result"
        _print_table(out, title, comparison, unranked, columns)
    if len(ranked) > MAX_ROWS:
        out.print("All of them are in report.html and runs.csv.")


def _short(names: Sequence[str]) -> list[str]:
    """Names without their group, unless they would not be unique.

    >>> _short(["init", "network.depth"]), _short(["data.seed", "seed"])
    (['init', 'depth'], ['data.seed', 'seed'])
    """
    last = [name.rpartition(".")[2] for name in names]
    return [
        short if last.count(short) == 1 else name for short, name in zip(last, names, strict=True)
    ]


def _print_table(
    out: Console, title: str, comparison: Comparison, runs: Sequence[_Run], columns: _Columns
) -> None:
    table = _table(out, title, comparison, runs, columns)
    for least in _LEAST_FIRST:
        if needed(out, table).minimum <= out.width:
            break
        columns = {name: column for name, column in columns.items() if name != least}
        table = _table(out, title, comparison, runs, columns)
    out.print(table)


def _table(
    out: Console, title: str, comparison: Comparison, runs: Sequence[_Run], columns: _Columns
) -> Table:
    """The table, in which no number and no word of up to `_WHOLE_WORD` characters is broken."""
    table = titled_table(out, title)
    axes = [axis.name for axis in comparison.axes]
    has_rank = "why" not in columns
    if has_rank:
        table.add_column("", justify="right", no_wrap=True)
    heading = printable(" · ".join(_short(axes))) or "configuration"
    table.add_column(Text(heading), overflow="fold", min_width=_longest(heading.split()))
    n_first = len(runs) if len(runs) <= MAX_ROWS else MAX_ROWS - _LAST
    shown = list(enumerate(runs, start=1))
    shown = shown[:n_first] + shown[max(n_first, len(runs) - _LAST) :]
    texts = {name: [printable(say(run)) for _, run in shown] for name, say in columns.items()}
    for name, cells in texts.items():
        lines = "\n".join([name, *cells])
        if name in (VERDICT, "why"):
            table.add_column(Text(name), overflow="fold", min_width=_longest(lines.split()))
        else:
            width = max(map(len, lines.splitlines()))
            table.add_column(Text(name), justify="right", no_wrap=True, min_width=width)
    for (rank, run), *cells in zip(shown, *texts.values(), strict=True):
        named = [str(rank)] * has_rank + [printable(_named(run, axes))]
        table.add_row(*map(Text, [*named, *cells]))
        if rank == n_first < len(runs):
            gap = Text(f"… {len(runs) - MAX_ROWS} more …")
            table.add_row(*[""] * has_rank, gap, *("" for _ in columns))
    return table


def _longest(words: Sequence[str]) -> int:
    """The length of the longest word, at most `_WHOLE_WORD`."""
    return min(_WHOLE_WORD, max(map(len, words)))


def _title(comparison: Comparison) -> str:
    name = comparison.metric.name
    if any(run.numbers[name].n > 1 for run in comparison.ranking):
        return "Ranking (95 % intervals over seeds, unadjusted)"
    return "Ranking (one seed: no intervals, and chance may decide; add n_seeds=16)"


def _named(run: _Run, axes: Sequence[str]) -> str:
    """The name of a configuration: its values in the order of the axes, or its label."""
    known = [run.axes[axis] for axis in axes]
    told_apart = axes and " [" not in run.label
    return " · ".join("?" if v is None else text(v) for v in known) if told_apart else run.label


def _result(run: _Run, name: str) -> str:
    """A number, with its number of seeds if some seeds have none."""
    number, n = run.numbers[name], run.n_seeds
    some = f"\n{number.n} of {many(n, run.each)}" if 0 < number.n < n else ""
    return spread(number, join="\n") + some


def _brief_result(run: _Run, name: str) -> str:
    """The same in one line, without the remark that all seeds are alike."""
    number, n = run.numbers[name], run.n_seeds
    return spread(replace(number, alike=False)) + (f" ({number.n}/{n})" if number.n < n else "")


def _vanishing(run: _Run) -> str:
    start, end = (run.numbers[f"vanishing_index_{moment}"] for moment in ("start", "end"))
    lines = [spread(start, join="\n"), "→ " + spread(end, join="\n")]
    for moment, at in (("end", 2), ("start", 1)):
        if n := run.n_zero[moment]:
            counted = run.n_seeds - (run.n_diverged if moment == "end" else 0)
            lines.insert(at, f"δ is 0 in {n} of {counted}")
    known = start.mean is not None or end.mean is not None or any(run.n_zero.values())
    return "\n".join(lines) if known else "–"


def _decay(run: _Run) -> str:
    """The measured rate at the start, and the predicted one."""
    predicted = _mean(run, "predicted_decay_rate")
    theory = "" if predicted is None else f"\ntheory {predicted:.3g}"
    return _result(run, "decay_rate_start") + theory


def _units(run: _Run) -> str:
    """The shares of dead and saturated units in the worst hidden layer at the end, if known."""
    lines = []
    for word, name in (("dead", "dead_fraction_end"), ("sat.", "saturated_fraction_end")):
        share = run.numbers[name]
        if share.mean is not None:
            lines.append(f"{word} " + spread(share, 100, " %", join="\n"))
    return "\n".join(lines) or "–"


def _seconds(run: _Run) -> str:
    seconds = _mean(run, "wall_seconds")
    return "–" if seconds is None else f"{seconds:.1f} s"


def _why(run: _Run) -> str:
    """Why a configuration is not ranked."""
    return str(run.reason) if run.status == "completed" else _verdict(run)


def _verdict(run: _Run) -> str:
    """The first verdict with the number of diverged seeds, or the status with its reason."""
    if run.status != "completed":
        said = [] if run.status == "diverged" and run.reason else [run.status]
        return ": ".join([*said, *filter(None, [run.reason])])
    kind = run.findings[0].kind.replace("_", " ") if run.findings else "–"
    if not run.n_diverged:
        return f"{kind}; {run.reason}" if run.reason else kind
    lost = f"{run.n_diverged} of {run.n_seeds} diverged"
    return lost if kind == "divergence" else f"{kind}; {lost}"


def _status(summary: Summary) -> str:
    if summary.n_diverged and summary.status == "completed":
        of = many(len(summary.replicas), replica_word(summary.n_folds))
        return f"completed, {summary.n_diverged} of {of} diverged"
    return summary.status


def _mean(run: _Run, name: str) -> float | None:
    return run.numbers[name].mean
