"""The layers of R networks of one shape: the replica axis first, and never mixed.

A stacked layer maps ``[R, batch, features]`` to ``[R, batch, features]``, and gives the
plain layer of one replica.

>>> StackedLinear(fan_in=4, fan_out=3, n_replicas=5).replica(2)
Linear(in_features=4, out_features=3, bias=True)
"""

import torch
from torch import Tensor, nn


class StackedLinear(nn.Module):
    """R linear layers of one shape: z = h Wᵀ + b within each replica.

    The parameters hold no values until an initializer's are set.

    Args:
        fan_in: inputs of the layer.
        fan_out: units of the layer.
        n_replicas: R.
        dtype: of the parameters.
    """

    def __init__(
        self, fan_in: int, fan_out: int, n_replicas: int, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.fan_in = fan_in
        self.fan_out = fan_out
        self.weight = nn.Parameter(torch.zeros(n_replicas, fan_out, fan_in, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(n_replicas, fan_out, dtype=dtype))

    def forward(self, h: Tensor) -> Tensor:
        """Pre-activations ``[R, batch, fan_out]`` of inputs ``[R, batch, fan_in]``."""
        return torch.baddbmm(self.bias.unsqueeze(1), h, self.weight.transpose(1, 2))

    def replica(self, r: int) -> nn.Linear:
        """Replica ``r`` as a plain layer, with copies of its parameters."""
        weight = self.weight.detach()[r]
        plain: nn.Linear = nn.utils.skip_init(  # type: ignore[no-untyped-call]  # no draw from PyTorch's global generator
            nn.Linear, self.fan_in, self.fan_out, device=weight.device, dtype=weight.dtype
        )
        with torch.no_grad():
            plain.weight.copy_(weight)
            plain.bias.copy_(self.bias[r])
        return plain

    def extra_repr(self) -> str:
        """Shape of the layer, as ``nn.Linear`` prints it, and R."""
        return f"fan_in={self.fan_in}, fan_out={self.fan_out}, n_replicas={len(self.weight)}"
