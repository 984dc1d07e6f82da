"""Others that do the same training: a stacked loop, scikit-learn; and the limit.

The limit is the rate at which this machine multiplies matrices that are large.
"""

import copy
import time
import warnings
from collections.abc import Sequence
from itertools import pairwise

import torch

from benchmark.clock import stopwatch
from benchmark.trainings import Work
from deltaflow import UserError
from deltaflow.data import Batch, TrainingBatches
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import CrossEntropy

_SIDE = 2048  # of the matrices that are multiplied


def train_by_stacked_loop(work: Work) -> tuple[float, FullyConnected]:
    """Seconds of all replicas as one tensor, our network in the shortest loop there is; its end."""
    network = copy.deepcopy(work.module.network).to(work.device)
    optimizer, objective = work.module.optimizer(network.parameters()), work.module.objective
    batches = TrainingBatches(folded(work), work.seeds, work.batch_size)
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

    lr, momentum = sgd(work, ["Tanh"])
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


def folded(work: Work) -> Batch:
    """The training rows as those of a single fold."""
    x, y = work.train
    return x[None], y[None]


def sgd(work: Work, activations: Sequence[str]) -> tuple[float, float]:
    """Step size and momentum.

    Args:
        work: to be done by others.
        activations: that they know, by PyTorch's names.

    Raises:
        ValueError: for work that others are not taught here.
    """
    module, network = work.module, work.module.network
    optimizer = module.optimizer(network.parameters())
    group = optimizer.param_groups[0]
    is_plain = isinstance(optimizer, torch.optim.SGD) and not any(
        group[name] for name in ("weight_decay", "dampening", "nesterov")
    )
    phi = type(network.activations[0]).__name__ if network.depth else None
    if not (is_plain and phi in activations and isinstance(module.objective, CrossEntropy)):
        raise UserError(
            "JAX and scikit-learn are compared on tanh, cross-entropy and plain SGD. Found "
            f"{phi}, {type(module.objective).__name__} and {type(optimizer).__name__}, "
            f"weight_decay={group['weight_decay']}. Leave `--scaling` without overrides of these."
        )
    return group["lr"], group["momentum"]
