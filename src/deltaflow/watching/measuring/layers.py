"""The layers of a model that are watched: linear maps, convolutions and their transposes."""

from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from deltaflow.system.errors import UserError
from deltaflow.watching.measuring.reductions import row_lengths

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_KINDS = (nn.Linear, *_CONVOLUTIONS, *_TRANSPOSED)


@dataclass(frozen=True, eq=False)
class WatchedLayer:
    """A layer of somebody's model.

    Attributes:
        name: its name in the model, as in ``model.named_modules()``.
        module: itself.
    """

    name: str
    module: nn.Module

    @property
    def weight(self) -> Tensor:
        """Its weight, as PyTorch shapes it."""
        return cast(Tensor, self.module.weight)

    @property
    def bias(self) -> Tensor | None:
        """Its bias, if it has one."""
        return cast(Tensor | None, self.module.bias)

    @property
    def fan_in(self) -> int:
        """Entries of the weight that one unit sums over."""
        return self.weight.numel() // self.fan_out

    @property
    def fan_out(self) -> int:
        """Units: outputs of a linear layer, channels of a convolution."""
        module = self.module
        return cast(int, getattr(module, "out_features", None) or module.out_channels)

    def by_unit(self, x: Tensor) -> Tensor:
        """What leaves the layer, ``[entries, units]``, over samples and positions."""
        axis = -1 if isinstance(self.module, nn.Linear) else 1
        return x.movedim(axis, -1).flatten(0, -2)

    def units(self, parameter: Tensor) -> Tensor:
        """The weight or its gradient, a row of ``fan_in`` entries for each unit."""
        if isinstance(self.module, _TRANSPOSED):
            groups = self.module.groups
            parts = parameter.reshape(groups, -1, *parameter.shape[1:])  # [groups, in, units, …]
            return parts.transpose(1, 2).flatten(0, 1).flatten(1)
        return parameter.flatten(1)

    def sample_gradients(self, fed: Tensor, delta: Tensor) -> Tensor | None:
        """‖g_b‖ of each sample, g_b the gradient of its loss alone by the weight.

        A sample meets the weight at T positions, so that g_b = Σ_t δ_bt h_btᵀ. Exact; by the
        product of Gram matrices where that is the smaller one (Li et al. 2022, arXiv:2110.05679,
        section 4).

        Args:
            fed: what the layer was fed, ``[B, …]``.
            delta: ∂(sample loss)/∂z, ``[B, …]``.

        Returns:
            ``[B]``, loss per unit of weight; ``None`` for a convolution of another kind than one
            group in one or two dimensions with zeros around.
        """
        positions = self._positions(fed, delta)
        if positions is None:
            return None
        h, d = positions
        if h.shape[1] == 1:
            return row_lengths(d) * row_lengths(h)
        if h.shape[1] ** 2 < h.shape[2] * d.shape[2]:
            return ((h @ h.mT) * (d @ d.mT)).sum((1, 2)).clamp(min=0).sqrt()
        return row_lengths(d.mT @ h)

    def _positions(self, fed: Tensor, delta: Tensor) -> tuple[Tensor, Tensor] | None:
        """What is multiplied with the weight, ``[B, T, fan_in]``, and δ, ``[B, T, fan_out]``."""
        module, n = self.module, len(delta)
        if isinstance(module, nn.Linear):
            return fed.reshape(n, -1, module.in_features), delta.reshape(n, -1, module.out_features)
        if not isinstance(module, nn.Conv1d | nn.Conv2d) or module.groups != 1:
            return None
        if module.padding_mode != "zeros" or isinstance(module.padding, str):
            return None
        if delta.dim() != module.weight.dim():  # one sample without its axis
            return None
        flat = isinstance(module, nn.Conv1d)
        pair = {
            name: (neutral, *getattr(module, name)) if flat else getattr(module, name)
            for name, neutral in (("kernel_size", 1), ("dilation", 1), ("padding", 0),
                                  ("stride", 1))
        }  # fmt: skip
        image = fed.unsqueeze(2) if flat else fed
        return nn.functional.unfold(image, **pair).mT, delta.flatten(2).mT


def watched_layers(model: nn.Module) -> list[WatchedLayer]:
    """The layers of a model that can be watched, each once, in the order of its definition.

    Raises:
        ValueError: if there is none, or the model is a compiled one.
    """
    if any(hasattr(module, "_orig_mod") for module in model.modules()):
        raise UserError(
            "A watched model must be one that PyTorch runs layer by layer. Found one that "
            "torch.compile has made into a whole. Hand over the model before it is compiled, and "
            "train that."
        )
    found = [
        WatchedLayer(name or type(module).__name__, module)
        for name, module in model.named_modules()
        if isinstance(module, _KINDS)
    ]
    if not found:
        raise UserError(
            "A watched model must have a linear layer or a convolution. Found none in "
            f"{type(model).__name__}. Hand over the model that has them."
        )
    return found


def by_sample(x: Tensor, n_samples: int) -> Tensor | None:
    """A tensor with its leading axis split by samples, ``[B, entries]``; ``None`` if it cannot be.

    Args:
        x: of B samples; its leading axis may hold several positions of each, one sample after the
            other.
        n_samples: B.
    """
    leading = x.shape[0] if x.dim() > 1 else 1
    return x.reshape(n_samples, -1) if leading % n_samples == 0 else None
