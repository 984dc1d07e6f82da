"""Which function follows a layer, found by following its output through the forward pass.

Every function of PyTorch that is handed a tensor passes through a
:class:`torch.overrides.TorchFunctionMode`, whether a module calls it or the model's own code. What
is taken for φ is the first function of the layer's output alone that is not linear; normalisation
and pooling may stand in between. Its traits are found as those of any φ, by trying it.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from deltaflow.watching.measuring.functions import Given, Kind, Kinds, kind_of
from deltaflow.watching.measuring.layer_calls import Call
from deltaflow.watching.measuring.reductions import Values

_KEEPS = ("contiguous", "clone", "float", "to", "type_as", "requires_grad_")
_NORMALIZES = ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm")


@dataclass
class Followed:
    """What follows a layer.

    Attributes:
        kind: of φ.
        name: as Python names it.
        values: columns of the layers table.
        off: which units are off; ``None`` where φ has no flat part.
        is_used_twice: whether u went elsewhere too, so that φ is not all that follows.
    """

    kind: Kind
    name: str
    values: Values
    off: Tensor | None
    is_used_twice: bool = False


@dataclass(frozen=True)
class Heard:
    """What a function is about to be given.

    Attributes:
        x: the tensor itself.
        before: what is in it, also once the function has written over it.
        version: how often it has been written over.
        key: the function, and whatever else it is given.
        given: the same to be called again.
        name: of the function.
    """

    x: Tensor
    before: Tensor
    version: int
    key: Hashable
    given: Given
    name: str


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
        self.found: dict[Call, Followed] = {}
        self.mixes_samples = False
        self._on_the_way: dict[int, tuple[Call, Tensor]] = {}  # by id; kept, so that it
        self._is_deaf = 0  # is not given to another tensor

    def follow(self, call: Call, z: Tensor) -> None:
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

    def stop(self) -> None:
        """Hear nothing any more, and let go of what was followed."""
        self.pause()
        self._on_the_way.clear()

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
        if self._is_deaf or not self._on_the_way:
            return func(*args, **kwargs)
        given = [x for x in _flat((*args, *kwargs.values())) if isinstance(x, Tensor)]
        followed = [x for x in given if id(x) in self._on_the_way]
        name = getattr(func, "__name__", "")
        if not followed or name == "__get__":
            return func(*args, **kwargs)
        x = followed[0]
        if name in _NORMALIZES and x is given[0]:
            is_training = kwargs.get("training", kwargs.get("use_input_stats", False))
            self.mixes_samples |= name == "batch_norm" and bool(is_training or True in args[5:6])
            return self._pass_on(x, func(*args, **kwargs))
        if len(given) > 1:
            self._used_elsewhere(followed)
            return func(*args, **kwargs)
        if name in _KEEPS or "pool" in name:
            return self._pass_on(x, func(*args, **kwargs))
        one = _without(x, func, args, kwargs)
        if one is None:
            return func(*args, **kwargs)
        heard = self._about_to_call(x, (func, repr(one.args), repr(one.kwargs)), one, name)
        result = func(*args, **kwargs)
        with self.deaf():
            self._judge(heard, result)
        return result

    def of_module(self, module: nn.Module, x: Tensor) -> "Heard | None":
        """What to keep before a module without parameters is called; ``None`` if nothing."""
        if self._is_deaf or id(x) not in self._on_the_way or "Norm" in type(module).__name__:
            return None
        return self._about_to_call(x, module, Given(module.forward), type(module).__name__)

    def of_result(self, heard: "Heard", result: Any) -> None:
        """Look at what a module without parameters made of what is followed."""
        if "Pool" in heard.name:
            self._pass_on(heard.x, result)
        else:
            self._judge(heard, result)

    def _about_to_call(self, x: Tensor, key: Hashable, given: Given, name: str) -> "Heard":
        """What is kept before a function is called that may write over its argument."""
        before = x.detach()
        is_kept = key in self.kinds and not getattr(self.kinds[key], "overwrites", False)
        return Heard(x, before if is_kept else before.clone(), x._version, key, given, name)

    def _pass_on(self, x: Tensor, result: Any) -> Any:
        """Follow what became of it instead; pooling may give the places of maxima as well."""
        call, _ = self._on_the_way[id(x)]
        first = result[0] if isinstance(result, tuple) else result
        if isinstance(first, Tensor) and call not in self.found:
            self._on_the_way[id(first)] = (call, first)
        return result

    def _judge(self, heard: "Heard", result: Any) -> None:
        if not isinstance(result, Tensor) or result.shape != heard.before.shape:
            return
        call, _ = self._on_the_way[id(heard.x)]
        if call in self.found:
            self.found[call].is_used_twice = True
            return
        if heard.key not in self.kinds:
            self.kinds[heard.key] = kind_of(heard.given, result.device.type)
        if (kind := self.kinds[heard.key]) is None:
            return
        if kind.is_linear:
            self._pass_on(heard.x, result)
            return
        values, off = kind.measure(heard.before, result.detach(), call.layer)
        self.found[call] = Followed(kind, heard.name, values, off)
        if heard.x._version != heard.version:  # overwritten: from here on it is h
            del self._on_the_way[id(heard.x)]

    def _used_elsewhere(self, followed: list[Tensor]) -> None:
        for x in followed:
            call, _ = self._on_the_way[id(x)]
            if call in self.found:
                self.found[call].is_used_twice = True
            else:
                del self._on_the_way[id(x)]


def _without(x: Tensor, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Given | None:
    """The function for other tensors in the place of this one; ``None`` if it is in a list."""
    for at, value in enumerate(args):
        if value is x:
            return Given(func, (*args[:at], None, *args[at + 1 :]), kwargs, at)
    for name, value in kwargs.items():
        if value is x:
            return Given(func, args, {key: v for key, v in kwargs.items() if key != name}, name)
    return None


def _flat(values: tuple[Any, ...]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from value
        else:
            yield value
