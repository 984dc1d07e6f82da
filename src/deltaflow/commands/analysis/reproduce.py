"""Train a run again with its recorded settings, and compare the records.

    python scripts/reproduce.py outputs/RUN

If a default, an option or the table has changed since, it says so and trains nothing. The exit
status is 0 if both runs have the same rows and no value differs by more than the tolerance.
Settings:

    --tolerance SHARE  largest relative difference of a value; the default 0 means bit for bit
    --out DIRECTORY    directory of the second run; without it the run is deleted
    --trust            build classes of your own that the directory names
"""

import tempfile
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from deltaflow.commands.analysis.parser import Parser
from deltaflow.comparison.collection import named_run
from deltaflow.config.messages import entry_point
from deltaflow.config.names import named_classes
from deltaflow.records import LAYERS, METRICS, Summary, differences, read_table
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import literal
from deltaflow.terminal.screen import console, say


@entry_point
def main(arguments: Sequence[str]) -> None:
    """Train again and compare; the exit status is 0 only if the records agree."""
    parser = Parser("A reproduction takes a run directory, --tolerance, --out and --trust.")
    parser.add_argument("run", type=Path)
    parser.add_argument("--tolerance", type=float, default=0.0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--trust", action="store_true")
    settings = parser.parse_intermixed_args(arguments)
    recorded = _recorded(settings)
    with ExitStack() as stack:
        again = settings.out or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "run"
        made = _train(recorded, settings.run, again)
        _compare(settings, again, recorded, made, console())


def _recorded(settings: Namespace) -> Summary:
    """The summary of the run, if the run can be reproduced.

    Raises:
        ValueError: if the run has not ended, or it needs a class that is not trusted.
    """
    where = literal(str(settings.run))
    if not settings.tolerance >= 0:
        raise UserError(
            f"`--tolerance` is a share of a value. Found {settings.tolerance}. Use 0 or more, "
            "such as 1e-6."
        )
    found = named_run(settings.run)
    if found.status not in ("completed", "diverged"):
        raise UserError(
            f"A run that is reproduced has ended. Found {where}, which is {found.status}. Name "
            "one that completed or diverged."
        )
    if (named := named_classes(found.overrides)) and not settings.trust:
        raise UserError(
            "A class of your own is built only if you say so. Found "
            f"`{literal(named[0])}` in {where}. Look at it, then add `--trust`."
        )
    return found


def _train(recorded: Summary, original: Path, directory: Path) -> Summary:
    """Train the run again, with the same number of threads, on which rounding depends.

    Raises:
        ValueError: if the settings have another identity now.
    """
    from deltaflow.config.composition.runs import (
        compose_run,
    )  # Hydra, Lightning and torch are slow to import
    from deltaflow.experiment.checkpoints.archive import read_progress
    from deltaflow.experiment.planning.identity import identity
    from deltaflow.experiment.planning.plan import RunPlan
    from deltaflow.experiment.run import run_alone

    config, choices = compose_run(recorded.overrides, directory)
    if identity(config) != recorded.identity:
        versions = ", ".join(f"{name} {version}" for name, version in recorded.versions.items())
        raise UserError(
            f"The settings of {literal(str(original))} must give the same run. Found that they do "
            "not: a default, an option or the table has changed since, or the data were in memory. "
            "Start from the same folder, with the same files and the same version "
            f"({literal(versions)})."
        )
    kept = read_progress(original)
    if config.trainer.threads is None and kept is not None:
        config.trainer.threads = kept.threads
    plan = RunPlan(config, directory, choices, recorded.overrides, ["reproduce"])
    return run_alone(plan).record


def _compare(
    settings: Namespace, again: Path, recorded: Summary, made: Summary, out: Console
) -> None:
    """Print how far the records agree.

    Raises:
        ValueError: if they differ by more than the tolerance.
    """
    apart = []
    for schema in (LAYERS, METRICS):
        tables = [read_table(folder, schema) for folder in (settings.run, again)]
        found = differences(schema, *tables)
        said = f"{found.n_rows:,} rows, every value the same"
        if found.n_unmatched:
            said = f"{found.n_unmatched:,} that only one of the runs has"
        elif found.maximum:
            column = max(found.largest, key=lambda name: found.largest[name])
            said = (
                f"{found.n_rows:,} rows, different from {found.time} {found.first} on, by "
                f"{found.maximum:.1g} of a value at most ({column})"
            )
        say(out, schema.name.capitalize(), said)
        if found.maximum > settings.tolerance:
            apart.append(f"{schema.name}: {said}")
    reasons = [
        f"{name} was {then}, is {now}"
        for name, now in made.versions.items()
        if (then := recorded.versions.get(name)) != now
    ]
    if recorded.stack:
        reasons.append(f"it was trained in a stack of {len(recorded.stack)} runs, where sums round "
                       "otherwise")  # fmt: skip
    if recorded.device != made.device:
        reasons.append(f"it was trained on {recorded.device}, now on {made.device}")
    for reason in reasons:
        say(out, "Otherwise", literal(reason))
    if apart:
        raise UserError(
            f"A run must leave the same records again. Found {'; '.join(apart)}. "
            "If that is rounding, use `--tolerance 1e-5`."
        )
