"""Finds the function that follows a layer by tracking its output through the forward pass.

A :class:`torch.overrides.TorchFunctionMode` sees every call of a PyTorch function, whether a module
or the model's own code makes it. φ is the first nonlinear function whose only tensor is the layer's
output; normalisation and pooling may come before it. Its traits are found by calling it.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from deltaflow.watching.measuring.layer_calls import LayerCall
from deltaflow.watching.measuring.reductions import Values
from deltaflow.watching.measuring.scalar_functions import (
    BoundFunction,
    ScalarFunction,
    ScalarFunctions,
    scalar_function,
)

_KEEPS = ("contiguous", "clone", "float", "to", "type_as", "requires_grad_")
_NORMALIZES = ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm")


@dataclass
class FollowingFunction:
    """The function φ that follows a layer.

    Attributes:
        function: the properties of φ.
        name: the Python name of φ.
        values: columns of the layers table.
        off: whether each unit is off, ``[units]``; ``None`` if φ has no flat part.
        is_used_twice: whether other functions use the output as well.
    """

    function: ScalarFunction
    name: str
    values: Values
    off: Tensor | None
    is_used_twice: bool = False


@dataclass(frozen=True)
class PendingCall:
    """A call of a function that may overwrite its argument.

    Attributes:
        x: the argument.
        before: its values before the call.
        version: its version counter before the call, which grows when it is overwritten.
        key: identifies the function and its other arguments.
        given: the function with its other arguments.
        name: name of the function.
    """

    x: Tensor
    before: Tensor
    version: int
    key: Hashable
    given: BoundFunction
    name: str


class OutputTracker(TorchFunctionMode):
    """Tracks the outputs of layers while it is entered.

    Args:
        functions: functions that were examined before; new ones are added.

    Attributes:
        found: the function that follows each call of a layer, if one was found.
        mixes_samples: whether a batch was normalised by its own statistics.
    """

    def __init__(self, functions: ScalarFunctions) -> None:
        super().__init__()
        self.functions = functions
        self.found: dict[LayerCall, FollowingFunction] = {}
        self.mixes_samples = False
        self._n_pauses = 0
        # by id of the tensor, which is kept so that no other tensor gets the same id
        self._tracked: dict[int, tuple[LayerCall, Tensor]] = {}

    def track(self, call: LayerCall, z: Tensor) -> None:
        """Track the output ``z`` of a call of a layer."""
        self._tracked[id(z)] = (call, z)

    def begin(self) -> None:
        """Enter the mode."""
        self.__enter__()  # type: ignore[no-untyped-call]

    def end(self) -> None:
        """Leave the mode."""
        self.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    def pause(self) -> None:
        """Ignore calls until :meth:`resume` is called; pauses may be nested."""
        self._n_pauses += 1

    def resume(self) -> None:
        """End a pause."""
        self._n_pauses -= 1

    def stop(self) -> None:
        """Ignore all further calls, and release the tracked tensors."""
        self.pause()
        self._tracked.clear()

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """Ignore computations within the context, which are not part of the model."""
        with torch._C.DisableTorchFunction():
            yield

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call a function, and examine it if an argument is tracked."""
        kwargs = kwargs or {}
        if self._n_pauses or not self._tracked:
            return func(*args, **kwargs)
        given = [x for x in _flat((*args, *kwargs.values())) if isinstance(x, Tensor)]
        followed = [x for x in given if id(x) in self._tracked]
        name = getattr(func, "__name__", "")
        if not followed or name == "__get__":
            return func(*args, **kwargs)
        x = followed[0]
        if name in _NORMALIZES and x is given[0]:
            is_training = kwargs.get("training", kwargs.get("use_input_stats", False))
            self.mixes_samples |= name == "batch_norm" and bool(is_training or True in args[5:6])
            return self._track_instead(x, func(*args, **kwargs))
        if len(given) > 1:
            self._note_other_use(followed)
            return func(*args, **kwargs)
        if name in _KEEPS or "pool" in name:
            return self._track_instead(x, func(*args, **kwargs))
        one = _without(x, func, args, kwargs)
        if one is None:
            return func(*args, **kwargs)
        pending = self._pending_call(x, (func, repr(one.args), repr(one.kwargs)), one, name)
        result = func(*args, **kwargs)
        with self.disabled():
            self._examine(pending, result)
        return result

    def before_module(self, module: nn.Module, x: Tensor) -> "PendingCall | None":
        """Prepare the call of a module without parameters; ``None`` if its input is not tracked."""
        if self._n_pauses or id(x) not in self._tracked or "Norm" in type(module).__name__:
            return None
        return self._pending_call(x, module, BoundFunction(module.forward), type(module).__name__)

    def after_module(self, pending: "PendingCall", result: Any) -> None:
        """Examine the result of a module without parameters."""
        if "Pool" in pending.name:
            self._track_instead(pending.x, result)
        else:
            self._examine(pending, result)

    def _pending_call(
        self, x: Tensor, key: Hashable, given: BoundFunction, name: str
    ) -> "PendingCall":
        """Copy the argument of a function before the call, unless it is known not to overwrite."""
        before = x.detach()
        is_kept = key in self.functions and not getattr(self.functions[key], "overwrites", False)
        return PendingCall(x, before if is_kept else before.clone(), x._version, key, given, name)

    def _track_instead(self, x: Tensor, result: Any) -> Any:
        """Track the result instead of ``x``; pooling may return indices as well."""
        call, _ = self._tracked[id(x)]
        first = result[0] if isinstance(result, tuple) else result
        if isinstance(first, Tensor) and call not in self.found:
            self._tracked[id(first)] = (call, first)
        return result

    def _examine(self, pending: "PendingCall", result: Any) -> None:
        if not isinstance(result, Tensor) or result.shape != pending.before.shape:
            return
        call, _ = self._tracked[id(pending.x)]
        if call in self.found:
            self.found[call].is_used_twice = True
            return
        if pending.key not in self.functions:
            self.functions[pending.key] = scalar_function(pending.given, result.device.type)
        if (function := self.functions[pending.key]) is None:
            return
        if function.is_linear:
            self._track_instead(pending.x, result)
            return
        values, off = function.measure(pending.before, result.detach(), call.layer)
        self.found[call] = FollowingFunction(function, pending.name, values, off)
        if pending.x._version != pending.version:  # overwritten: x is φ(u) now
            del self._tracked[id(pending.x)]

    def _note_other_use(self, followed: list[Tensor]) -> None:
        for x in followed:
            call, _ = self._tracked[id(x)]
            if call in self.found:
                self.found[call].is_used_twice = True
            else:
                del self._tracked[id(x)]


def _without(
    x: Tensor, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> BoundFunction | None:
    """Bind all arguments but the tensor ``x``; ``None`` if it is in a list."""
    for at, value in enumerate(args):
        if value is x:
            return BoundFunction(func, (*args[:at], None, *args[at + 1 :]), kwargs, at)
    for name, value in kwargs.items():
        if value is x:
            return BoundFunction(
                func, args, {key: v for key, v in kwargs.items() if key != name}, name
            )
    return None


def _flat(values: tuple[Any, ...]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from value
        else:
            yield value
