"""Programs of their own that do the same training: JAX, and a bare Lightning script."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmark.rivals import folded, sgd, train_by_stacked_loop
from benchmark.trainings import Work
from deltaflow import UserError
from deltaflow.data import TrainingBatches
from deltaflow.nn.network import FullyConnected

Parameters = dict[str, Tensor]
_ACTIVATIONS = "Identity", "ReLU", "Sigmoid", "Tanh"  # which need no settings


def train_by_jax(work: Work, python: str) -> tuple[str, float, Parameters]:
    """All replicas by JAX's vmap.

    Args:
        work: to be done.
        python: an interpreter that has JAX.

    Returns:
        Its version, seconds, and the end, named as :func:`parameters` does.

    Raises:
        ValueError: if it has none, or for work that it is not taught here.
    """
    n_rows = len(work.train[0])
    if n_rows % work.batch_size:
        raise UserError(
            f"JAX needs batches of one size: `data.batch_size` must divide the {n_rows} rows of "
            f"training. Found {work.batch_size}. Use {np.gcd(n_rows, work.batch_size)}."
        )
    try:
        said, _, reached = _run(work, python, "jax_vmap.py", *sgd(work, ["Tanh"]))
    except (OSError, subprocess.CalledProcessError) as error:
        lines = getattr(error, "stderr", "").strip().splitlines() or [str(error)]
        raise UserError(
            "`--jax` must name an interpreter that has JAX. Found "
            f"{python}, which says: {lines[-1]}. Make an environment of its own: "
            "`python -m venv jax && jax/bin/pip install jax`."
        ) from error
    found = json.loads(said)
    return found["jax"], found["seconds"], reached


def train_by_script(work: Work) -> tuple[float, Parameters]:
    """Seconds of a Lightning script for the first replica, from its start to its end; its end.

    Raises:
        ValueError: for work that it is not taught here.
    """
    known = sgd(work, _ACTIVATIONS)
    if work.device.type != "cpu":
        raise UserError(f"The script trains on the processor. Found {work.device.type}.")
    _, seconds, reached = _run(work, sys.executable, "lightning_script.py", *known)
    return seconds, reached


def parameters(network: FullyConnected) -> Parameters:
    """Those of layer i as ``w<i>``, ``[R, fan_in, fan_out]``, and ``b<i>``, ``[R, fan_out]``."""
    found: Parameters = {}
    for i, layer in enumerate(network.layers):
        found |= {f"w{i}": layer.weight.detach().mT, f"b{i}": layer.bias.detach()}
    return found


def apart(work: Work, reached: Mapping[str, Tensor]) -> float:
    """How far parameters are from those of our network in a loop, relative to the largest.

    Args:
        work: that both did.
        reached: by another, of as many replicas as it has trained.
    """
    ours = parameters(train_by_stacked_loop(work)[1].cpu())
    differences = [(own[: len(reached[name])] - reached[name]) for name, own in ours.items()]
    largest = max(own.abs().max() for own in ours.values())
    return float(torch.stack([one.abs().max() for one in differences]).max() / largest)


def _run(
    work: Work, python: str, program: str, lr: float, momentum: float
) -> tuple[str, float, Parameters]:
    """What a program says, its seconds, and the parameters that it reaches."""
    order, orders = TrainingBatches(folded(work), work.seeds, work.batch_size).sampler, []
    for epoch in range(work.epochs):
        order.set_epoch(epoch)
        orders.append(order.permutation())
    tensors = parameters(work.module.network)
    tensors |= {"x": work.train[0], "y": work.train[1], "orders": torch.stack(orders)}
    if work.validation is not None:
        tensors |= {"validation_x": work.validation[0], "validation_y": work.validation[1]}
    settings = {
        "lr": lr, "momentum": momentum, "batch_size": work.batch_size,
        "activation": type(work.module.network.activations[0]).__name__,
    }  # fmt: skip
    arrays = {name: tensor.cpu().numpy() for name, tensor in tensors.items()}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "work.npz"
        np.savez(path, **settings, **arrays)  # type: ignore[arg-type]
        command = [python, str(Path(__file__).with_name(program)), str(path)]
        started = time.perf_counter()
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - started
        end = np.load(f"{path}.end.npz")
        return ended.stdout, seconds, {name: torch.from_numpy(end[name]) for name in end.files}
