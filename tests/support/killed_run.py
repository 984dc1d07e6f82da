"""A run, or a sweep, that is killed at random moments and goes on.

``python tests/support/killed_run.py 50`` kills a run fifty times, ``… 50 300 sweep`` the runs of a
stack, each process within three hundred changes of its files, and ``… 50 300 folds`` one with
folds and early stopping.
"""

import multiprocessing
import random
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from traps import at_change

SETTINGS = [
    "data=moons", "data.n_samples=100", "n_seeds=2", "network.width=8", "network.dropout=0.2",
    "network.normalization=batch", "optimizer=adam", "scheduler=cosine", "logger=none",
    "trainer.max_epochs=40", "trainer.checkpoint_every=0", "diagnostics.flush_seconds=0",
]  # fmt: skip


def train_run(directory: str, go_on: bool) -> None:
    """Train to the end, in this process."""
    from running import run

    run([*SETTINGS, *([f"resume='{directory}'"] if go_on else [])], Path(directory))


def train_folds(directory: str, go_on: bool) -> None:
    """The same, of a run whose replicas stop one by one."""
    from running import run

    own = ["data.folds=3", "trainer.early_stopping.patience=2", "scheduler=plateau"]
    there = [f"resume='{directory}'"] if go_on else []
    run([*SETTINGS, *own, *there], Path(directory))


def train_sweep(directory: str, go_on: bool) -> None:
    """The same, of three runs that are one stack."""
    from deltaflow.commands.train import run_command_line

    own = [setting for setting in SETTINGS if not setting.startswith("optimizer")]
    where = "sweep.resume" if go_on else "hydra.sweep.dir"
    run_command_line(["train.py", "-m", "optimizer=adam,sgd,rmsprop", *own, f"{where}={directory}"])


def kill_again_and_again(
    train: Callable[[str, bool], None], directory: Path, n_kills: int, seed: int, changes: int
) -> int:
    """Train in processes of which so many are killed; the number of kills that hit.

    Args:
        train: trains or goes on, in this process.
        directory: of the run or sweep.
        n_kills: at most.
        seed: of the moments.
        changes: of files, that a process may make at most before it is killed.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["running", "deltaflow.experiment.run"])
    draw, n_hit = random.Random(seed), 0
    for k in range(n_kills + 1):
        is_there = any(directory.glob("**/summary.json"))
        n = draw.randint(1, changes) if k < n_kills else None
        process = context.Process(target=_train_until, args=(n, train, str(directory), is_there))
        process.start()
        process.join()
        if process.exitcode == 0:
            return n_hit
        assert process.exitcode == -signal.SIGKILL
        n_hit += 1
    return n_hit


def _train_until(
    n: int | None, train: Callable[[str, bool], None], directory: str, go_on: bool
) -> None:
    """Train, and be killed before the n-th change of the directory."""
    if n is not None:
        at_change(n, directory)
    train(directory, go_on)


def differences(one: Path, other: Path) -> list[str]:
    """What of two runs is not the same, bit for bit."""
    import torch

    from deltaflow.records import LAYERS, METRICS, read_table

    if runs := sorted(path.name for path in one.glob("[0-9]*")):  # of a sweep
        return [f"{run}: {part}" for run in runs for part in differences(one / run, other / run)]
    found = [
        schema.name
        for schema in (LAYERS, METRICS)
        if not read_table(one, schema).equals(read_table(other, schema))
    ]
    states = [
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (one, other)
    ]
    for part in ("state_dict", "optimizer_states"):
        first, second = (flat(state[part]) for state in states)
        same = first.keys() == second.keys() and all(
            torch.equal(torch.as_tensor(first[key]), torch.as_tensor(second[key])) for key in first
        )
        found += [] if same else [part]
    return found


def flat(tree: object, prefix: str = "") -> dict[str, object]:
    """The numbers and tensors of nested lists and dictionaries, by their places."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found: dict[str, object] = {}
    for key, value in items:
        if isinstance(value, dict | list | tuple):
            found |= flat(value, f"{prefix}.{key}")
        elif value is not None:
            found[f"{prefix}.{key}"] = value
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        n_kills, changes, kind = [*sys.argv[1:], *("50", "300", "run")[len(sys.argv) - 1 :]]
        train = {"run": train_run, "folds": train_folds, "sweep": train_sweep}[kind]
        train(str(whole), go_on=False)
        n = kill_again_and_again(train, killed, int(n_kills), 0, int(changes))
        print(f"{n} kills; different: {differences(whole, killed) or 'nothing'}")  # noqa: T201
