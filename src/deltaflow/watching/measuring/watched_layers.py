"""The layers of a model that are measured: linear layers, convolutions and their transposes."""

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
    """A layer of a watched model.

    Attributes:
        name: name of the module, as in ``model.named_modules()``.
        module: the module.
    """

    name: str
    module: nn.Module

    @property
    def weight(self) -> Tensor:
        """The weight, in PyTorch's shape."""
        return cast(Tensor, self.module.weight)

    @property
    def bias(self) -> Tensor | None:
        """The bias; ``None`` if there is none."""
        return cast(Tensor | None, self.module.bias)

    @property
    def fan_in(self) -> int:
        """Number of weights of one unit."""
        return self.weight.numel() // self.fan_out

    @property
    def fan_out(self) -> int:
        """Number of units: the outputs of a linear layer, the channels of a convolution."""
        module = self.module
        return cast(int, getattr(module, "out_features", None) or module.out_channels)

    def by_unit(self, x: Tensor) -> Tensor:
        """The layer's output as ``[entries, units]``, where entries are samples and positions."""
        axis = -1 if isinstance(self.module, nn.Linear) else 1
        return x.movedim(axis, -1).flatten(0, -2)

    def units(self, parameter: Tensor) -> Tensor:
        """The weight or its gradient as ``[units, fan_in]``."""
        if isinstance(self.module, _TRANSPOSED):
            groups = self.module.groups
            parts = parameter.reshape(groups, -1, *parameter.shape[1:])  # [groups, in, units, …]
            return parts.transpose(1, 2).flatten(0, 1).flatten(1)
        return parameter.flatten(1)

    def sample_gradients(self, h: Tensor, delta: Tensor) -> Tensor | None:
        """‖g_b‖ of each sample, where g_b is the gradient of its loss with respect to the weight.

        The weight is applied at T positions of a sample, so g_b = Σ_t δ_bt h_btᵀ. The norm is
        exact; it is computed from Gram matrices if these are smaller (Li et al. 2022,
        arXiv:2110.05679, section 4).

        Args:
            h: input of the layer, ``[B, …]``.
            delta: ∂(sample loss)/∂z, ``[B, …]``.

        Returns:
            ``[B]``, loss per unit of weight; ``None`` unless the layer is linear or a convolution
            in one or two dimensions with one group and zero padding.
        """
        positions = self._positions(h, delta)
        if positions is None:
            return None
        h, d = positions
        if h.shape[1] == 1:
            return row_lengths(d) * row_lengths(h)
        if h.shape[1] ** 2 < h.shape[2] * d.shape[2]:
            return ((h @ h.mT) * (d @ d.mT)).sum((1, 2)).clamp(min=0).sqrt()
        return row_lengths(d.mT @ h)

    def _positions(self, h: Tensor, delta: Tensor) -> tuple[Tensor, Tensor] | None:
        """The inputs at each position, ``[B, T, fan_in]``, and δ there, ``[B, T, fan_out]``."""
        module, n = self.module, len(delta)
        if isinstance(module, nn.Linear):
            return h.reshape(n, -1, module.in_features), delta.reshape(n, -1, module.out_features)
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
        image = h.unsqueeze(2) if flat else h
        return nn.functional.unfold(image, **pair).mT, delta.flatten(2).mT


def watched_layers(model: nn.Module) -> list[WatchedLayer]:
    """The layers of a model that can be measured, each once, in the order of definition.

    Raises:
        ValueError: if there is none, or the model is compiled.
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
        if isinstance(module, _KINDS) and not module.weight.is_complex()
    ]
    if not found:
        raise UserError(
            "A watched model must have a linear layer or a convolution, of real numbers. Found "
            f"none in {type(model).__name__}. Hand over the model that has them."
        )
    return found


def by_sample(x: Tensor, n_samples: int) -> Tensor | None:
    """Reshape a tensor to ``[B, entries]``; ``None`` if its leading axis cannot be divided by B.

    Args:
        x: a tensor of B samples; its leading axis may hold several positions of each sample, one
            sample after the other.
        n_samples: number of samples, B.
    """
    leading = x.shape[0] if x.dim() > 1 else 1
    return x.reshape(n_samples, -1) if leading % n_samples == 0 else None
