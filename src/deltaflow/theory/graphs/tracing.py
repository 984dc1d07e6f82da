"""Builds the graph of a module by torch.fx, with the measured variances of its weights."""

import math
import operator
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from deltaflow.nn.activations import traits
from deltaflow.system.errors import UserError
from deltaflow.theory.expectations.moments import Moments
from deltaflow.theory.graphs import operations
from deltaflow.theory.graphs.called_functions import CalledFunction, OutOfPlace, name_of
from deltaflow.theory.graphs.operations import Graph, NoTheoryError, Operation

_LAYER_NORMS = (nn.LayerNorm, nn.RMSNorm)
_ADDS = (operator.add, operator.iadd, torch.add, "add", "add_")
_TIMES = (operator.mul, operator.imul, torch.mul, "mul", "mul_")
_SAME = ("contiguous", "clone", "float", "double", "to")
_CHANCE = 6.0  # standard errors that the mean of weights may be away from 0
_MAX_SAMPLES = 64  # samples that represent a batch with batch normalisation


def trace(model: nn.Module, inputs: Tensor) -> Graph:
    """Build the graph of a module in its present mode.

    Args:
        model: a module whose ``forward`` takes one tensor.
        inputs: a batch, ``[n, …, features]``.

    Raises:
        NoTheoryError: if the module cannot be traced, or has an operation without theory.
    """
    return read_graph(symbolic_trace(model), model, inputs)


def symbolic_trace(model: nn.Module) -> fx.Graph:
    """Trace a module by torch.fx.

    Raises:
        NoTheoryError: if the module cannot be traced.
    """
    try:
        with torch.no_grad():
            return fx.Tracer().trace(model)
    except Exception as error:  # the model's code may raise anything for proxies
        raise NoTheoryError(
            "Theory needs a model that torch.fx can trace, which takes the same way whatever it is "
            f"fed. Found {type(model).__name__}, which raises: {str(error).splitlines()[0]}"
        ) from error


def read_graph(graph: fx.Graph, model: nn.Module, inputs: Tensor) -> Graph:
    """Convert a traced graph to operations, with the present variances of the weights.

    Args:
        graph: the traced graph of the model.
        model: the model.
        inputs: a batch, ``[n, …, features]``; positions count as samples.

    Raises:
        NoTheoryError: if the graph has an operation without theory.
    """
    return _Reader(model, inputs).read(graph)


class _Reader:
    """Converts a traced graph node by node; tensors before the first layer are computed."""

    def __init__(self, model: nn.Module, inputs: Tensor) -> None:
        self.modules = dict(model.named_modules())
        self.couples = any(isinstance(m, nn.BatchNorm1d) for m in self.modules.values())
        self.inputs = inputs.detach()
        self.operations: list[Operation] = []
        self.known: dict[fx.Node, Tensor] = {}
        self.numbers: dict[fx.Node, int] = {}
        self.seen = set[str]()
        self.moments: dict[str, Moments] = {}  # by representation of the function

    def read(self, graph: fx.Graph) -> Graph:
        for node in graph.nodes:
            if node.op == "placeholder":
                if self.known:
                    raise _nothing(f"a second input, `{node.target}`")
                self.known[node] = self.inputs
            elif node.op == "output":
                if not isinstance(node.args[0], fx.Node) or node.args[0] not in self.numbers:
                    raise _nothing("an output that is no tensor of the last layer")
                if self.numbers[node.args[0]] != len(self.operations) - 1:
                    self._give(node, operations.Sum((self.numbers[node.args[0]],), (1.0,)))
            elif node.op == "call_module":
                self._module(node, self.modules[str(node.target)])
            elif node.op in ("call_function", "call_method"):
                self._function(node)
            else:
                raise _nothing(f"the parameter `{node.target}`, outside any layer")
        return Graph(tuple(self.operations))

    def _module(self, node: fx.Node, module: nn.Module) -> None:
        given, name = node.args[0], str(node.target)
        assert isinstance(given, fx.Node)
        if any(x.is_complex() for x in module.parameters()):
            raise _nothing(f"complex weights of `{name}`")
        if any(True for _ in module.parameters()):
            if name in self.seen:
                raise _nothing(f"`{name}`, which is called twice")
            self.seen.add(name)
        if given in self.known and isinstance(module, nn.Embedding | nn.Flatten | nn.Identity):
            with torch.no_grad():
                self.known[node] = module.forward(self.known[given])
        elif isinstance(module, nn.Identity) or _drops_nothing(module):
            self.numbers[node] = self._number(given)
        elif isinstance(module, nn.Dropout):
            self._give(node, operations.Dropout(self._number(given), module.p))
        elif isinstance(module, nn.Linear):
            self._give(node, _linear(self._number(given), name, module))
        elif isinstance(module, _LAYER_NORMS) and len(module.normalized_shape) == 1:
            scale, is_centred = _scale(name, module), isinstance(module, nn.LayerNorm)
            eps = torch.finfo(self.inputs.dtype).eps if module.eps is None else module.eps
            self._give(node, operations.LayerNorm(self._number(given), eps, scale, is_centred))
        elif isinstance(module, nn.BatchNorm1d) and module.training and self.inputs.dim() == 2:
            scale = _scale(name, module)
            self._give(node, operations.BatchNorm(self._number(given), module.eps, scale))
        elif any(True for _ in module.parameters()):
            raise _nothing(f"`{name}`, a {type(module).__name__}")
        else:
            self._elementwise(node, given, module, f"`{name}`, a {type(module).__name__}")

    def _function(self, node: fx.Node) -> None:
        tensors = [x for x in node.args if isinstance(x, fx.Node)]
        if all(x in self.known for x in node.all_input_nodes):
            self.known[node] = self._computed(node)
        elif node.target in _ADDS and len(tensors) == 2 and not node.kwargs:
            self._give(node, operations.Sum([self._number(x) for x in tensors], (1.0, 1.0)))
        elif node.target in (operator.sub, torch.sub, "sub") and len(tensors) == 2:
            self._give(node, operations.Sum([self._number(x) for x in tensors], (1.0, -1.0)))
        elif len(tensors) != 1 or len(node.all_input_nodes) != 1:
            raise _nothing(f"`{name_of(node)}` of several tensors")
        elif node.target in _SAME:
            self.numbers[node] = self._number(tensors[0])
        elif (factor := _factor(node)) is not None:
            self._give(node, operations.Sum([self._number(tensors[0])], (factor,)))
        else:
            self._elementwise(node, tensors[0], CalledFunction(node), f"`{name_of(node)}`")

    def _elementwise(self, node: fx.Node, given: fx.Node, phi: nn.Module, name: str) -> None:
        key = f"{phi!r} {phi.training}" if not phi.state_dict() else node.name
        if key not in self.moments:
            quiet = phi if not getattr(phi, "inplace", False) else OutOfPlace(phi)
            try:
                traits(quiet)
            except Exception as error:  # any other function may raise anything
                raise _nothing(f"{name}, which is no function of one number") from error
            self.moments[key] = Moments(quiet)
        self._give(node, operations.Elementwise(self._number(given), self.moments[key]))

    def _computed(self, node: fx.Node) -> Tensor:
        args = fx.map_arg(node.args, lambda x: self.known[x])
        kwargs = fx.map_arg(node.kwargs, lambda x: self.known[x])
        with torch.no_grad():
            if isinstance(node.target, str):
                found = getattr(args[0], node.target)(*args[1:], **kwargs)
            else:
                found = node.target(*args, **kwargs)
        if not isinstance(found, Tensor):
            raise _nothing(f"`{name_of(node)}`, which gives no tensor")
        return found

    def _number(self, node: fx.Node) -> int:
        """The number of the operation that gives a node's output."""
        if node not in self.numbers:
            x = self.known[node].double().cpu().flatten(0, -2).numpy()
            if self.couples:
                x = x[:_MAX_SAMPLES]
            products = x @ x.T / x.shape[-1] if self.couples else np.square(x).mean(-1)
            self._give(node, operations.Source(products, x.mean(-1)))
        return self.numbers[node]

    def _give(self, node: fx.Node, operation: Operation) -> None:
        self.operations.append(operation)
        self.numbers[node] = len(self.operations) - 1


def _linear(operand: int, name: str, module: nn.Linear) -> operations.Linear:
    weight = module.weight.detach().double()
    error = float(weight.square().mean().sqrt()) / math.sqrt(weight.numel())
    if abs(float(weight.mean())) > _CHANCE * error:
        raise _nothing(f"weights of `{name}` that are not drawn around 0")
    bias = 0.0 if module.bias is None else float(module.bias.detach().double().square().mean())
    size = float(weight.square().mean()) * module.in_features
    return operations.Linear(operand, size, bias, module.out_features, name)


def _scale(name: str, module: Any) -> float:
    """γ, which must be the same for all units; β must be 0, as at the start."""
    if module.weight is None:
        return 1.0
    scale = float(module.weight.detach()[0])
    bias = getattr(module, "bias", None)
    if bool((module.weight != scale).any()) or (bias is not None and bool(bias.any())):
        raise _nothing(f"`{name}` with weights that have been trained")
    return scale


def _drops_nothing(module: nn.Module) -> bool:
    return isinstance(module, nn.Dropout) and not (module.training and module.p)


def _factor(node: fx.Node) -> float | None:
    """The factor of a product or quotient with a number; ``None`` for other calls."""
    numbers = [x for x in node.args if isinstance(x, int | float)]
    if len(numbers) != 1 or len(node.args) != 2:
        return None
    if node.target in _TIMES:
        return float(numbers[0])
    if node.target in (operator.truediv, torch.div, "div") and isinstance(node.args[0], fx.Node):
        return 1 / float(numbers[0])
    return None


def _nothing(found: str) -> UserError:
    return NoTheoryError(
        "Theory knows linear layers, functions of one number, sums, dropout, layer normalisation, "
        f"and batch normalisation of rows. Found {found}."
    )
