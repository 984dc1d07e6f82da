"""Others that do the same training: a stacked loop, scikit-learn, JAX; and the limit.

The limit is the rate at which this machine multiplies matrices that are large.
"""

import copy
import json
import subprocess
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmark.clock import stopwatch
from benchmark.trainings import Work
from deltaflow import UserError
from deltaflow.data import Batch, TrainingBatches
from deltaflow.nn.network import FullyConnected

_SIDE = 2048  # of the matrices that are multiplied


def train_by_stacked_loop(work: Work) -> tuple[float, FullyConnected]:
    """Seconds of all replicas as one tensor, our network in the shortest loop there is; its end."""
    network = copy.deepcopy(work.module.network).to(work.device)
    optimizer, objective = work.module.optimizer(network.parameters()), work.module.objective
    batches = TrainingBatches(_folded(work), work.seeds, work.batch_size)
    with stopwatch(work.device) as seconds:
        for epoch in range(work.epochs):
            batches.sampler.set_epoch(epoch)
            for x, target in batches:
                optimizer.zero_grad()
                objective.sample_loss(network(x), target).mean(1).sum().backward()
                optimizer.step()
    return seconds(), network


def train_by_sklearn(work: Work) -> float:
    """Seconds of scikit-learn's MLPClassifier for one network of the shape, with its own start.

    Raises:
        ValueError: for work that it cannot do: another φ, loss or optimizer.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    lr, momentum = _sgd(work)
    x, y = (tensor.cpu().numpy() for tensor in work.train)
    classifier = MLPClassifier(
        work.module.network.sizes[1:-1],
        activation="tanh",
        solver="sgd",
        learning_rate_init=lr,
        momentum=momentum,
        nesterovs_momentum=False,
        batch_size=work.batch_size,
        max_iter=work.epochs,
        n_iter_no_change=work.epochs,
        alpha=0.0,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        started = time.perf_counter()
        classifier.fit(x, y)
        return time.perf_counter() - started


def train_by_jax(work: Work, python: str) -> tuple[str, float, dict[str, Tensor]]:
    """All replicas by JAX's vmap, in another process.

    Args:
        work: to be done.
        python: an interpreter that has JAX.

    Returns:
        Its version, seconds, and the parameters that it ends with, named as :func:`parameters`
        does.

    Raises:
        ValueError: if it has none, or for work that it is not taught here.
    """
    lr, momentum = _sgd(work)
    batches, steps = TrainingBatches(_folded(work), work.seeds, work.batch_size), []
    for epoch in range(work.epochs):
        batches.sampler.set_epoch(epoch)
        steps += list(batches.sampler.permutation().split(work.batch_size, dim=1))
    whole = parameters(work.module.network)
    whole |= {"x": work.train[0], "y": work.train[1], "orders": torch.stack(steps)}
    arrays = {name: tensor.cpu().numpy() for name, tensor in whole.items()}
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "work.npz"
        np.savez(path, lr=lr, momentum=momentum, **arrays)  # type: ignore[arg-type]
        command = [python, str(Path(__file__).with_name("jax_vmap.py")), str(path)]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "").strip().splitlines() or [str(error)]
            raise UserError(
                "`--jax` must name an interpreter that has JAX. Found "
                f"{python}, which says: {said[-1]}. Make an environment of its own: "
                "`python -m venv jax && jax/bin/pip install jax`."
            ) from error
        found = json.loads(ended.stdout)
        end = np.load(f"{path}.end.npz")
        reached = {name: torch.from_numpy(end[name]) for name in end.files}
    return found["jax"], found["seconds"], reached


def parameters(network: FullyConnected) -> dict[str, Tensor]:
    """Those of layer i as ``w<i>``, ``[R, fan_in, fan_out]``, and ``b<i>``, ``[R, fan_out]``."""
    found: dict[str, Tensor] = {}
    for i, layer in enumerate(network.layers):
        found |= {f"w{i}": layer.weight.detach().mT, f"b{i}": layer.bias.detach()}
    return found


def apart(work: Work, reached: Mapping[str, Tensor]) -> float:
    """How far parameters are from those of our network in a loop, relative to the largest.

    Args:
        work: that both did.
        reached: by another, named as :func:`parameters` does.
    """
    ours = parameters(train_by_stacked_loop(work)[1].cpu())
    differences = torch.stack([(own - reached[name]).abs().max() for name, own in ours.items()])
    return float(differences.max() / max(own.abs().max() for own in ours.values()))


def product_rate() -> float:
    """Multiplications and additions a second, of the best of some products of large matrices."""
    a, b = torch.rand(2, _SIDE, _SIDE)
    seconds = []
    for _ in range(8):
        started = time.perf_counter()
        torch.mm(a, b)
        seconds.append(time.perf_counter() - started)
    return 2 * _SIDE**3 / min(seconds)


def operations(sizes: Sequence[int], batch_size: int, n_steps: int) -> int:
    """Multiplications and additions that training one network takes in its products.

    A layer has three: z, the gradient of its weight, and that of its input, which the first lacks.
    """
    weights = [fan_in * fan_out for fan_in, fan_out in pairwise(sizes)]
    return 2 * batch_size * n_steps * (3 * sum(weights) - weights[0])


def _folded(work: Work) -> Batch:
    """The training rows as those of a single fold."""
    x, y = work.train
    return x[None], y[None]


def _sgd(work: Work) -> tuple[float, float]:
    """Step size and momentum.

    Raises:
        ValueError: for work that others are not taught here.
    """
    network = work.module.network
    optimizer = work.module.optimizer(network.parameters())
    phi = network.activations[0] if network.depth else None
    if not isinstance(optimizer, torch.optim.SGD) or not isinstance(phi, torch.nn.Tanh):
        raise UserError(
            "JAX and scikit-learn are compared on tanh and plain SGD. Found "
            f"{type(phi).__name__} and {type(optimizer).__name__}. Leave `--scaling` without "
            "overrides of `activation` and `optimizer`."
        )
    group = optimizer.param_groups[0]
    return group["lr"], group["momentum"]
