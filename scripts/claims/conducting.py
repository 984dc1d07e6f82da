"""Run a claim's preset."""

from collections.abc import Sequence
from pathlib import Path

from claims.claim import FOLDER
from deltaflow import run_sweep
from deltaflow.commands.api import LOG
from deltaflow.comparison.collection import CollectedRun, collect
from deltaflow.comparison.configuration import ENDED
from deltaflow.system.errors import UserError

_SILENT = ("logger=none", "~hydra.callbacks.ranking")  # no boards, and no page at the end


def conduct(name: str, overrides: Sequence[str], directory: Path) -> list[CollectedRun]:
    """Run a preset; what is finished there is kept.

    Args:
        name: of the preset.
        overrides: of it.
        directory: of the sweep.

    Returns:
        Its runs.

    Raises:
        ValueError: if one of them has not ended well.
        KeyboardInterrupt: if interrupted.
    """
    chosen = [f"experiment={FOLDER}/{name}", *overrides, *_SILENT]
    try:
        run_sweep(chosen, directory, resume=(directory / "multirun.yaml").exists())
        runs = collect([directory])
    except ValueError as error:
        raise UserError(f"A claim must make runs. Found none: {error}") from None
    broken = [run for run in runs if run.status not in ENDED]
    if broken:
        raise UserError(
            f"All runs of a claim must come to an end. Found {broken[0].directory.name} "
            f"{broken[0].status}: {broken[0].reason} {directory / LOG} has more. Run it again: "
            "finished runs are kept."
        )
    return runs
