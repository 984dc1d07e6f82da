"""Measure what is often claimed of activations, losses and depth.

It runs the presets of conf/experiment/claims, judges each claim by its numbers, and writes
claims.md and claims.json after each of them.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track

from claims import document, results
from claims.claim import Claim, all_claims
from claims.results import Result
from claims.runs import Runs
from claims.verdict import find
from deltaflow import UserError, run_sweep
from deltaflow.system.files import replace_file

_SILENT = ("logger=none", "~hydra.callbacks.ranking")  # no boards, and no page at the end


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, judge and write; the exit status is 0 only if every claim was measured."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    setting = "full" if chosen.full else "quick"
    folder = chosen.output or Path("docs" if chosen.full else "outputs/claims")
    claims = [one for one in all_claims().values() if not chosen.claims or one in chosen.claims]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        results.read(folder, setting)
    except (UserError, OSError) as error:
        parser.error(f"argument --output: {error}")
    shown = Console(file=sys.stderr)  # the one that is there now: a sweep takes its place
    failed = False
    for claim in track(
        claims, "Claims", console=shown, transient=True, disable=not shown.is_terminal
    ):
        began = time.monotonic()
        try:
            result = measure(claim, claim.quick if setting == "quick" else ())
        except Exception as error:  # the others must not be lost
            failed = True
            said = error if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            print(f"{parser.prog}: {claim.letter} {claim.name}: {said}", file=sys.stderr)
            continue
        known = results.read(folder, setting) | {claim.letter: result}
        replace_file(folder / results.FILE, results.as_json(known, setting).encode())
        replace_file(folder / document.FILE, document.markdown(known, setting).encode())
        took = time.monotonic() - began
        print(f"{claim.letter} {claim.name}: {result.verdict} ({took:.0f} s)")
    if (folder / document.FILE).exists():
        print(f"Claims       {(folder / document.FILE).absolute()}")
    if failed:
        raise SystemExit(1)


def measure(claim: Claim, overrides: Sequence[str]) -> Result:
    """Run a claim's preset and take its numbers.

    Raises:
        UserError: if a run has not come to an end.
    """
    with tempfile.TemporaryDirectory() as folder:
        runs = sweep(claim, overrides, Path(folder, "runs"))
        again = None
        if claim.repeats_in_float64:
            wider = [*overrides, "trainer.precision=64-true"]
            again = sweep(claim, wider, Path(folder, "float64"))
        records = [run.record for run in runs.runs]
        return Result(
            letter=claim.letter,
            findings=tuple(find(claim, runs, again)),
            n_runs=len(records),
            n_seeds=len(records[0].replicas),
            seconds=round(sum(one.wall_seconds or 0 for one in records), 1),
            started=max(one.started or "" for one in records),
            device=str(records[0].device),
            versions=records[0].versions,
        )


def sweep(claim: Claim, overrides: Sequence[str], folder: Path) -> Runs:
    """Run a claim's preset.

    Raises:
        UserError: if a run has not come to an end.
    """
    made = run_sweep([f"experiment=claims/{claim.name}", *overrides, *_SILENT], folder)
    broken = made.runs.filter(~made.runs["status"].is_in(["completed", "diverged"]))
    if len(broken):
        raise UserError(
            f"All runs of a claim must come to an end. Found {broken['directory'][0]} "
            f"{broken['status'][0]}: {broken['reason'][0]} Measure it again."
        )
    names = made.runs["directory"].unique(maintain_order=True)
    return Runs(tuple(map(made.load, names)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("claims.py", description=__doc__)
    parser.add_argument(
        "claims", nargs="*", type=_claim, metavar="CLAIM",
        help="letters or names of presets, such as A F; all claims if none is given",
    )  # fmt: skip
    parser.add_argument(
        "--full", action="store_true",
        help="all seeds, epochs and values of the presets, rather than a first look",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, metavar="DIR",
        help="folder of claims.md and claims.json (outputs/claims; docs with --full). Claims that "
        "are there and not among those given stay",
    )  # fmt: skip
    return parser


def _claim(name: str) -> Claim:
    known = all_claims()
    for claim in known.values():
        if name.lower() in (claim.letter.lower(), claim.name):
            return claim
    raise argparse.ArgumentTypeError(
        f"Claims are the letters {', '.join(known)}, or names of presets in "
        f"conf/experiment/claims. Found {name!r}."
    )
