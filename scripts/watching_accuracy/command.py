"""``python scripts/watching_accuracy.py``: what is said of each model, and what that costs.

Other instruments are held beside if they are installed: torchmortem, and of the cost Cockpit
(cockpit-for-pytorch, which needs setuptools below 80).
"""

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from types import ModuleType

import torch
from torch import nn

from deltaflow import watch
from watching_accuracy import models, third, unseen
from watching_accuracy.architectures import chain, xor
from watching_accuracy.models import BATCH_SIZE, Model, sgd, train

_PEER = "torchmortem"
_SETS = {"first": models, "second": unseen, "third": third}
_N_TIMED, _ROUNDS = 2000, 3
_FEWER = 20  # times fewer steps of what takes so long, and its time times as much
_TIMED = {
    "4 × 32": Model(lambda: chain([2, *[32] * 4, 2], nn.ReLU), xor, sgd(0.01)),
    "4 × 256": Model(lambda: chain([2, *[256] * 4, 2], nn.ReLU), xor, sgd(0.01)),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table of verdicts, or one of times."""
    parser = argparse.ArgumentParser("watching_accuracy.py", description=__doc__)
    parser.add_argument(
        "--cost", action="store_true",
        help=f"CPU time of {_N_TIMED} steps of two perceptrons, {BATCH_SIZE} rows, on one thread",
    )  # fmt: skip
    parser.add_argument(
        "--set", choices=_SETS, default="first", help="of 24 models each; first if left out"
    )
    typed = parser.parse_args(arguments)
    if typed.cost:
        _print_cost()
    else:
        _print_verdicts(_SETS[typed.set])


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
        right += of.is_named_by(ours)
        row = [name, of.fault or "–", ", ".join(ours) or "–"]
        if has_peer:
            theirs = _said_by_peer(of)
            more = f" and {len(theirs) - 1} more" if len(theirs) > 1 else ""
            row.append(theirs[0] + more if theirs else "–")
        print(f"| {' | '.join(row)} |", flush=True)
    print(f"\nRight: {right} of {len(known)}.")


def _print_cost() -> None:
    torch.set_num_threads(1)
    ways: dict[str, Callable[[Model], float]] = {
        "watched": _watched,
        "every tenth step": partial(_watched, every_n_steps=10),
    }
    peers = {_PEER: _by_torchmortem, "cockpit": _by_cockpit}
    ways |= {name: way for name, way in peers.items() if importlib.util.find_spec(name)}
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
    began = time.process_time()
    train(model, of, lambda loss: None, _N_TIMED)
    return time.process_time() - began


def _watched(of: Model, every_n_steps: int | None = None) -> float:
    """The steps alone; the run's end, with its picture, is paid once."""
    model = of.make()
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder, "run")
        with watch(model, where, every_n_steps=every_n_steps, n_steps=_N_TIMED) as flow:
            began = time.process_time()
            train(model, of, flow.step, _N_TIMED)
            return time.process_time() - began


def _by_torchmortem(of: Model) -> float:
    from torchmortem import Autopsy

    model = of.make()
    with Autopsy(model) as autopsy:
        began = time.process_time()
        train(model, of, lambda loss: autopsy.step(loss=loss.item()), _N_TIMED // _FEWER)
        return (time.process_time() - began) * _FEWER


def _by_cockpit(of: Model) -> float:
    """Its full set of instruments at its own default, each step."""
    from backpack import extend  # type: ignore[import-not-found]
    from cockpit import Cockpit  # type: ignore[import-not-found]
    from cockpit.utils.configuration import configuration  # type: ignore[import-not-found]

    model, mean = extend(of.make()), extend(nn.CrossEntropyLoss())
    each, optimizer = nn.CrossEntropyLoss(reduction="none"), of.optimizer(model)
    instrument, (x, y) = Cockpit(model.parameters(), quantities=configuration("full")), of.data()
    began = time.process_time()
    for step in range(_N_TIMED // _FEWER):
        rows = torch.randint(0, len(x), (BATCH_SIZE,))
        out = model(x[rows])
        loss = mean(out, y[rows])
        known = {"batch_size": BATCH_SIZE, "individual_losses": each(out, y[rows]), "loss": loss,
                 "optimizer": optimizer}  # fmt: skip
        optimizer.zero_grad()
        with instrument(step, info=known):
            loss.backward(create_graph=instrument.create_graph(step))
        optimizer.step()
    return (time.process_time() - began) * _FEWER
