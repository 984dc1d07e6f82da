"""Which function follows a layer, found by following its output through the forward pass.

Every function of PyTorch that is handed a tensor passes through a
:class:`torch.overrides.TorchFunctionMode`, whether a module calls it or the model's own code. What
is taken for φ is the first function of the layer's output alone that is not linear; normalisation
and pooling may stand in between. Its traits are found as those of any φ, by trying it.
"""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from deltaflow.nn.activations import Traits, derivative, traits

_KEEPS = ("contiguous", "clone", "float", "to", "type_as", "requires_grad_")
_NORMALIZES = ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm")
_POINTS = 200  # from −3 to 3, where a function of constant slope passes for linear


class Phi(nn.Module):
    """A function of one tensor, as an activation."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, z: Tensor) -> Tensor:
        """φ(z), whatever the function does to its argument."""
        return self.function(z.clone())


@dataclass
class Followed:
    """What follows a layer.

    Attributes:
        u: what φ was given.
        h: φ(u).
        phi: φ.
        traits: of φ.
        name: as Python names it.
        is_used_twice: whether u went elsewhere too, so that φ is not all that follows.
    """

    u: Tensor
    h: Tensor
    phi: Phi
    traits: Traits
    name: str
    is_used_twice: bool = False

    def slope(self) -> Tensor:
        """φ'(u), at least in single precision."""
        u = self.u if self.u.dtype == torch.float64 else self.u.float()
        with torch.autocast(u.device.type, enabled=False):
            return derivative(self.phi, u)


Kinds = dict[Hashable, tuple[Traits, bool] | None]
"""By function: its traits, and whether it is linear; ``None`` for no function of one number."""


class Follower(TorchFunctionMode):
    """Follows the outputs of layers while it is entered.

    Args:
        kinds: what was found of functions before, which is added to.

    Attributes:
        found: what follows each output for which something was found.
        mixes_samples: whether a batch was normalised by its own statistics.
    """

    def __init__(self, kinds: Kinds) -> None:
        super().__init__()
        self.kinds = kinds
        self.found: dict[Hashable, Followed] = {}
        self.mixes_samples = False
        self._on_the_way: dict[int, tuple[Hashable, Tensor]] = {}  # by id; kept, so that it
        self._is_deaf = 0  # is not given to another tensor

    def follow(self, call: Hashable, z: Tensor) -> None:
        """Begin to follow the output of a call of a layer."""
        self._on_the_way[id(z)] = (call, z)

    def begin(self) -> None:
        """Begin to follow."""
        self.__enter__()  # type: ignore[no-untyped-call]

    def end(self) -> None:
        """Follow no more."""
        self.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    def pause(self) -> None:
        """Hear nothing until :meth:`go_on` was called as often."""
        self._is_deaf += 1

    def go_on(self) -> None:
        """End a pause."""
        self._is_deaf -= 1

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Hear nothing meanwhile: what is computed here is no part of the model."""
        with torch._C.DisableTorchFunction():
            yield

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call the function, and look at it if it was given what is followed."""
        kwargs = kwargs or {}
        if self._is_deaf:
            return func(*args, **kwargs)
        given = [x for x in _flat((*args, *kwargs.values())) if isinstance(x, Tensor)]
        followed = [x for x in given if id(x) in self._on_the_way]
        name = getattr(func, "__name__", "")
        if not followed or name == "__get__":
            return func(*args, **kwargs)
        if name in _NORMALIZES and followed[0] is given[0]:
            is_training = kwargs.get("training", kwargs.get("use_input_stats", False))
            self.mixes_samples |= name == "batch_norm" and bool(is_training or True in args[5:6])
            return self._pass_on(followed[0], func(*args, **kwargs))
        if len(given) > 1:
            self._used_elsewhere(followed)
            return func(*args, **kwargs)

        def function(z: Tensor) -> Tensor:
            mine = [z if x is followed[0] else x for x in args]
            named = {key: z if x is followed[0] else x for key, x in kwargs.items()}
            result: Tensor = func(*mine, **named)
            return result

        if name in _KEEPS or "pool" in name:
            return self._pass_on(followed[0], func(*args, **kwargs))
        return self._listen(followed[0], function, func, args, kwargs)

    def of_module(self, module: nn.Module, x: Tensor) -> "Heard | None":
        """What to keep before a module without parameters is called; ``None`` if nothing."""
        if self._is_deaf or id(x) not in self._on_the_way or "Norm" in type(module).__name__:
            return None
        return Heard(x, x.detach().clone(), x._version)

    def of_result(self, module: nn.Module, heard: "Heard", result: Any) -> None:
        """Look at what a module without parameters made of what is followed."""
        if "Pool" in type(module).__name__:
            self._pass_on(heard.x, result)
        else:
            self._judge(heard, Phi(module.forward), type(module).__name__, module, result)

    def _listen(self, x: Tensor, function: Any, func: Any, args: Any, kwargs: Any) -> Any:
        heard = Heard(x, x.detach().clone(), x._version)
        result = func(*args, **kwargs)
        with self.deaf():
            rest = [("x" if x is heard.x else x) for x in (*args, *sum(kwargs.items(), ()))]
            key = (func, *map(repr, rest))
            self._judge(heard, Phi(function), getattr(func, "__name__", ""), key, result)
        return result

    def _pass_on(self, x: Tensor, result: Any) -> Any:
        """Follow what became of it instead; pooling may give the places of maxima as well."""
        call, _ = self._on_the_way[id(x)]
        first = result[0] if isinstance(result, tuple) else result
        if isinstance(first, Tensor) and call not in self.found:
            self._on_the_way[id(first)] = (call, first)
        return result

    def _judge(self, heard: "Heard", phi: Phi, name: str, key: Hashable, result: Any) -> None:
        if not isinstance(result, Tensor) or result.shape != heard.before.shape:
            return
        call, _ = self._on_the_way[id(heard.x)]
        if call in self.found:
            self.found[call].is_used_twice = True
            return
        if key not in self.kinds:
            self.kinds[key] = _kind(phi, result.device.type)
        if (kind := self.kinds[key]) is None:
            return
        own, is_linear = kind
        if is_linear:
            self._pass_on(heard.x, result)
            return
        self.found[call] = Followed(heard.before, result.detach(), phi, own, name)
        if heard.x._version != heard.version:  # overwritten: from here on it is h
            del self._on_the_way[id(heard.x)]

    def _used_elsewhere(self, followed: list[Tensor]) -> None:
        for x in followed:
            call, _ = self._on_the_way[id(x)]
            if call in self.found:
                self.found[call].is_used_twice = True
            else:
                del self._on_the_way[id(x)]


@dataclass(frozen=True)
class Heard:
    """What a function is about to be given.

    Attributes:
        x: the tensor itself.
        before: what is in it, which the function may overwrite.
        version: how often it has been overwritten.
    """

    x: Tensor
    before: Tensor
    version: int


def _flat(values: tuple[Any, ...]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from value
        else:
            yield value


def _kind(phi: Phi, device: str) -> tuple[Traits, bool] | None:
    try:
        with torch.autocast(device, enabled=False), _saving_as_ever():
            return traits(phi), _is_linear(phi)
    except Exception:  # no function of one number: whatever it makes of others, it may raise
        return None


def _saving_as_ever() -> torch.autograd.graph.saved_tensors_hooks:
    """What is saved for a backward pass of ours is none that activation checkpointing counts."""
    return torch.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x)


def _is_linear(phi: nn.Module) -> bool:
    slopes = derivative(phi, torch.linspace(-3, 3, _POINTS, dtype=torch.float64))
    return bool((slopes - slopes[0]).abs().max() <= 1e-12 * slopes[0].abs())
