"""Claims on activations, losses and depth: each a sweep, a number with its interval, a verdict.

    python scripts/claims.py claims=A,F

It runs the presets of conf/experiment/claims, and writes claims.md and claims.json after each of
them. Settings, with their defaults:

    setting=quick    or full: all seeds, epochs and values of the presets
    claims=[]        letters or names of presets, such as A,F; all of them if none is given
    output=null      a folder for claims.md and claims.json: outputs/claims_quick, and for the full
                     setting docs/ if there is one, else outputs/claims_full. Claims that are there
                     and not among the chosen ones stay.
    runs=null        a folder for the runs: outputs/claims_<setting>/runs. Runs that are finished
                     there are kept; name another folder to measure anew.
"""

import hashlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from claims import document, ledger
from claims.catalogue import chosen
from claims.claim import FOLDER, Claim
from claims.conducting import conduct
from claims.evidence import Evidence
from claims.ruling import find
from deltaflow.config.composition import split_settings
from deltaflow.config.messages import command, explain, print_error
from deltaflow.config.options import config_directory
from deltaflow.system.errors import UserError
from deltaflow.terminal.screen import console


@dataclass(frozen=True)
class Settings:
    """The command's settings, as on the command line."""

    setting: str = "quick"
    claims: list[str] = field(default_factory=list)
    output: str | None = None
    runs: str | None = None


@command
def main(arguments: Sequence[str]) -> None:
    """Run, judge and write; the exit status is 0 only if every claim was measured."""
    settings = read_settings(arguments)
    if _run(settings, chosen(settings.claims)):
        raise SystemExit(1)


def read_settings(arguments: Sequence[str]) -> Settings:
    """What was typed, checked.

    Args:
        arguments: as typed; ``claims=A,F`` is ``claims=[A,F]``.

    Raises:
        ValueError: for what is no setting, or has no such value.

    >>> read_settings(["claims=A,F"]).claims
    ['A', 'F']
    """
    typed = [
        f"claims=[{value}]" if name == "claims" and not value.startswith("[") else argument
        for argument in arguments
        for name, _, value in [argument.partition("=")]
    ]
    settings, rest = split_settings(typed, Settings, "This command")
    if rest:
        raise UserError(
            f"This command takes setting, claims, output and runs. Found `{rest[0]}`. Leave it "
            "out: what is run stands in conf/experiment/claims."
        )
    if settings.setting not in ledger.SETTINGS:
        raise UserError(
            f"`setting` must be {' or '.join(ledger.SETTINGS)}. Found `{settings.setting}`. "
            "Use `setting=quick`."
        )
    for name in ("output", "runs"):
        folder = getattr(settings, name)
        if folder == "" or (folder is not None and Path(folder).is_file()):
            raise UserError(
                f"`{name}` must be a folder. Found {folder or 'nothing'}. Use "
                f"`{name}=outputs/claims`, or leave it out."
            )
    return settings


def measured(claim: Claim, setting: str, directory: Path) -> dict[str, Any]:
    """Run a claim's preset and judge it.

    Args:
        claim: which.
        setting: quick or full.
        directory: of its sweep; runs that are finished there are kept.

    Returns:
        Its entry in the ledger.

    Raises:
        ValueError: if a run has not come to an end.
    """
    runs = conduct(claim.name, claim.overrides(setting), directory)
    return ledger.entry(claim, setting, find(claim, Evidence.of_runs(runs)), runs)


def folder_of(claim: Claim, setting: str) -> str:
    """The folder of a claim's runs: another one whenever its preset is another.

    Args:
        claim: which.
        setting: quick or full.

    Returns:
        Its name, the same for the same runs.
    """
    preset = config_directory() / "experiment" / FOLDER / f"{claim.name}.yaml"
    what = [preset.read_text(encoding="utf-8"), *claim.overrides(setting)]
    return f"{claim.name}_{hashlib.sha256(chr(0).join(what).encode()).hexdigest()[:8]}"


def _run(settings: Settings, claims: Sequence[Claim]) -> list[Claim]:
    """Measure claims, one after another, and write after each; returns those that failed."""
    own = Path("outputs") / f"claims_{settings.setting}"
    output, runs = (
        Path(settings.output or _home(settings.setting, own)),
        Path(settings.runs or own / "runs"),
    )
    out, failed = console(), []
    results = ledger.read(output, settings.setting)
    with _progress() as progress:
        beside = progress.console if out.is_terminal and not progress.disable else out
        task = progress.add_task("", total=len(claims))
        for claim in claims:
            progress.update(task, description=f"{claim.letter} {claim.name}")
            began = time.monotonic()
            try:
                entry = measured(claim, settings.setting, runs / folder_of(claim, settings.setting))
            except Exception as error:  # the others must not be lost
                print_error(f"{claim.letter} {claim.name}: {explain(error)}")
                failed.append(claim)
            else:
                results = ledger.put(ledger.read(output, settings.setting), entry)
                ledger.write(results, output)
                document.write(results, output)
                took = f"({time.monotonic() - began:.0f} s)"
                said = f"{claim.letter} {claim.name}: {entry['verdict']} {took}"
                beside.print(Text(said), soft_wrap=True)
            progress.advance(task)
    if results["claims"]:
        out.print(Text(f"Claims       {(output / document.DOCUMENT).absolute()}"), soft_wrap=True)
    return failed


def _home(setting: str, own: Path) -> Path:
    docs = Path("docs")
    return docs if setting == "full" and docs.is_dir() else own


def _progress() -> Progress:
    """A bar on standard error, for a terminal, whatever a run does to the streams meanwhile."""
    shown = console(stderr=True)
    shown.file = sys.stderr
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=shown, transient=True, disable=not shown.is_terminal,
        redirect_stdout=False, redirect_stderr=False,
    )  # fmt: skip
