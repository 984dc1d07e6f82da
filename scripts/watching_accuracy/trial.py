"""``python scripts/watching_accuracy.py``: what is said of each model, and what that costs.

Another instrument, torchmortem, is held beside if it is installed.
"""

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from types import ModuleType

import torch
from torch import nn

from deltaflow import watch
from watching_accuracy import models, unseen
from watching_accuracy.architectures import chain, xor
from watching_accuracy.models import BATCH_SIZE, Model, sgd, train

_PEER = "torchmortem"
_N_TIMED, _ROUNDS = 400, 5
_TIMED = {
    "4 × 32": Model(lambda: chain([2, *[32] * 4, 2], nn.ReLU), xor, sgd(0.01)),
    "4 × 256": Model(lambda: chain([2, *[256] * 4, 2], nn.ReLU), xor, sgd(0.01)),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table of verdicts, or one of times.

    Args:
        arguments: of the command line; ``None`` for those that were typed.
    """
    parser = argparse.ArgumentParser("watching_accuracy.py", description=__doc__)
    parser.add_argument(
        "--cost", action="store_true",
        help=f"time {_N_TIMED} steps of two perceptrons with {BATCH_SIZE} rows, on one thread",
    )  # fmt: skip
    parser.add_argument(
        "--unseen", action="store_true", help="of 24 other models, on which no rule was settled"
    )
    typed = parser.parse_args(arguments)
    if typed.cost:
        _print_cost()
    else:
        _print_verdicts(unseen if typed.unseen else models)


def said_by_us(of: Model) -> list[str]:
    """The kinds of our findings on a model, most important first."""
    torch.manual_seed(0)
    model = of.make()
    with tempfile.TemporaryDirectory() as folder:
        with watch(model, Path(folder, "run")) as flow:
            train(model, of, flow.step)
        assert flow.run is not None
        kinds = [verdict.kind for verdict in flow.run.record.verdicts]
    return [kind for kind in kinds if kind != "healthy"]


def _said_by_peer(of: Model) -> list[str]:
    """The titles of the other instrument's findings, in its order."""
    from torchmortem import Autopsy  # type: ignore[import-not-found]

    torch.manual_seed(0)
    model = of.make()
    try:
        with Autopsy(model) as autopsy:
            train(model, of, lambda loss: autopsy.step(loss=loss.item()))
    except RuntimeError as error:
        return [f"raises: {str(error)[:60]}"]
    return [finding.title for finding in autopsy.get_report().findings]


def _print_verdicts(of_kind: ModuleType) -> None:
    has_peer = importlib.util.find_spec(_PEER) is not None
    print("| model | fault | deltaflow |" + f" {_PEER} |" * has_peer)
    print("|---|---|---|" + "---|" * has_peer)
    right = 0
    known: dict[str, Model] = of_kind.HEALTHY | of_kind.FAULTY
    for name, of in known.items():
        ours = said_by_us(of)
        right += ours[:1] == ([of.fault] if of.fault else [])
        row = [name, of.fault or "–", ", ".join(ours) or "–"]
        if has_peer:
            theirs = _said_by_peer(of)
            more = f" and {len(theirs) - 1} more" if len(theirs) > 1 else ""
            row.append(theirs[0] + more if theirs else "–")
        print(f"| {' | '.join(row)} |", flush=True)
    print(f"\nRight: {right} of {len(known)}.")


def _print_cost() -> None:
    torch.set_num_threads(1)
    ways: dict[str, Callable[[Model], float]] = {"watched": _watched}
    if importlib.util.find_spec(_PEER) is not None:
        ways[_PEER] = _by_peer
    print(f"| model | alone, s | {' | '.join(ways)} |\n|---|---|{'---|' * len(ways)}")
    for name, of in _TIMED.items():
        alone, others = [], {way: list[float]() for way in ways}
        for _ in range(_ROUNDS):  # in turn, so that other load meets all alike
            alone.append(_alone(of))
            for way, timed in ways.items():
                others[way].append(timed(of) / alone[-1])
        ratios = " | ".join(f"× {median(ratios):.2f}" for ratios in others.values())
        print(f"| {name} | {median(alone):.2f} | {ratios} |", flush=True)


def _alone(of: Model) -> float:
    model = of.make()
    began = time.perf_counter()
    train(model, of, lambda loss: None, _N_TIMED)
    return time.perf_counter() - began


def _watched(of: Model) -> float:
    """The steps alone; the run's end, with its picture, is paid once."""
    model = of.make()
    with tempfile.TemporaryDirectory() as folder, watch(model, Path(folder, "run")) as flow:
        began = time.perf_counter()
        train(model, of, flow.step, _N_TIMED)
        return time.perf_counter() - began


def _by_peer(of: Model) -> float:
    from torchmortem import Autopsy

    model = of.make()
    with Autopsy(model) as autopsy:
        began = time.perf_counter()
        train(model, of, lambda loss: autopsy.step(loss=loss.item()), _N_TIMED)
        return time.perf_counter() - began
