"""The same training by JAX: vmap over networks, one compiled program for all steps.

A program of its own, so that any interpreter with JAX and NumPy can run it, whatever its version:
``python jax_vmap.py work.npz`` prints seconds, compilation apart, and keeps the parameters.
"""

import json
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def main(path: str) -> None:
    """Train what a file describes.

    Args:
        path: of an archive with ``x``, ``y``, ``orders`` ``[epochs, R, rows]``, ``batch_size``,
            which divides the rows, ``lr``, ``momentum`` and the start ``w0, b0, w1, …``,
            ``[R, fan_in, fan_out]`` and ``[R, fan_out]``; the end goes beside it, to
            ``<path>.end.npz``, by the same names.
    """
    work = np.load(path)
    jax.config.update("jax_enable_x64", bool(work["w0"].dtype == np.float64))
    n_layers = sum(name.startswith("w") for name in work.files)
    start = [(jnp.asarray(work[f"w{i}"]), jnp.asarray(work[f"b{i}"])) for i in range(n_layers)]
    x, y, orders = (jnp.asarray(work[name]) for name in ("x", "y", "orders"))
    lr, momentum = float(work["lr"]), float(work["momentum"])

    def loss(network: Any, rows: Any) -> Any:
        h = x[rows]
        for weight, bias in network[:-1]:
            h = jnp.tanh(h @ weight + bias)
        weight, bias = network[-1]
        chosen = jax.nn.log_softmax(h @ weight + bias)
        return -jnp.take_along_axis(chosen, y[rows][:, None], axis=1).mean()

    def step(state: Any, rows: Any) -> Any:
        network, velocity = state
        slope = jax.grad(loss)(network, rows)
        velocity = jax.tree_util.tree_map(lambda v, g: momentum * v + g, velocity, slope)
        network = jax.tree_util.tree_map(lambda p, v: p - lr * v, network, velocity)
        return (network, velocity), None

    def train(network: Any, order: Any) -> Any:
        velocity = jax.tree_util.tree_map(jnp.zeros_like, network)
        return jax.lax.scan(step, (network, velocity), order)[0][0]

    by_network = jnp.moveaxis(orders, 1, 0).reshape(orders.shape[1], -1, int(work["batch_size"]))
    began = time.perf_counter()
    program = jax.jit(jax.vmap(train)).lower(start, by_network).compile()
    compiled = time.perf_counter()
    jax.block_until_ready(program(start, by_network))  # the first call starts threads
    started = time.perf_counter()
    end = jax.block_until_ready(program(start, by_network))
    seconds = time.perf_counter() - started
    parameters: dict[str, Any] = {}
    for i, (weight, bias) in enumerate(end):
        parameters |= {f"w{i}": np.asarray(weight), f"b{i}": np.asarray(bias)}
    np.savez(f"{path}.end.npz", **parameters)
    print(json.dumps({"jax": jax.__version__, "seconds": seconds, "compiling": compiled - began}))


if __name__ == "__main__":
    main(sys.argv[1])
