# %% [markdown]
# # Linear layers
# A layer is many neurons at once, z = x Wᵀ + b; and layers without an activation between are one.
#
# Shapes first, then three ways to build a network, and then why it needs something that bends.

# %%
import torch
from torch import Tensor, nn

from course.pictures import DASHED, SOLID, label, names, panels, save
from course.printing import in_short
from deltaflow.nn.initializers import He, Torch
from deltaflow.nn.network import FullyConnected

# %% [markdown]
# ## One neuron at a time, or all at once
# A row of W holds one neuron's weights, so W has the shape (out, in), b has (out,), a batch of
# inputs (batch, in), and z (batch, out).

# %%
generator = torch.Generator().manual_seed(0)
x = torch.randn(5, 2, generator=generator, dtype=torch.float64)
weight = torch.randn(3, 2, generator=generator, dtype=torch.float64)
bias = torch.randn(3, generator=generator, dtype=torch.float64)

one_by_one = torch.zeros(5, 3, dtype=torch.float64)
for sample in range(5):
    for neuron in range(3):
        total = bias[neuron]
        for feature in range(2):
            total = total + weight[neuron, feature] * x[sample, feature]
        one_by_one[sample, neuron] = total
at_once = x @ weight.T + bias
print(
    f"x {list(x.shape)} · Wᵀ {list(weight.T.shape)} + b {list(bias.shape)} "
    f"= z {list(at_once.shape)}"
)
loop_difference = float((one_by_one - at_once).abs().max())
print(f"largest difference between the loops and the matrix form: {loop_difference:.0e}")

# %% [markdown]
# ## Three ways to build a network
# A single layer; layers in a row; a class of one's own, which can do anything between them. Each
# weight counts, and each bias: (in + 1)·out numbers a layer, in·out without the bias.


# %%
class TwoLayers(nn.Module):
    """Two linear layers, with room for more between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 10)
        self.second = nn.Linear(10, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs ``[batch, 1]`` of inputs ``[batch, 2]``."""
        return self.second(self.first(x))


def count(module: nn.Module) -> int:
    """How many numbers there are to learn."""
    return sum(p.numel() for p in module.parameters())


single, unbiased = nn.Linear(2, 1), nn.Linear(2, 1, bias=False)
in_a_row, by_class = nn.Sequential(nn.Linear(2, 10), nn.Linear(10, 1)), TwoLayers()
in_a_row.load_state_dict(
    dict(zip(in_a_row.state_dict(), by_class.state_dict().values(), strict=True))
)
counts = {
    "nn.Linear(2, 1)": count(single),
    "nn.Linear(2, 1, bias=False)": count(unbiased),
    "nn.Sequential, 2 → 10 → 1": count(in_a_row),
    "a class, 2 → 10 → 1": count(by_class),
}
for name, number in counts.items():
    print(f"{name:<28}{number:>3} numbers to learn")
as_float = x.float()
agree = torch.equal(in_a_row(as_float), by_class(as_float))
print(f"with the same weights, Sequential and the class give the same: {agree}")

# %% [markdown]
# ## A common mistake: sizes that do not meet
# Where each layer states both of its sizes, two neighbours can contradict each other: here 10 → 1
# is followed by a layer that expects 10. PyTorch builds such a class, prints it, and fails only
# when the first batch comes through. In this project sizes are one list, `[2, 10, 1, 1]`, so each
# is said once, and two layers cannot disagree.


# %%
class Contradiction(nn.Module):
    """2 → 10 → 1, and then a layer that expects 10."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 10), nn.Linear(10, 1), nn.Linear(10, 1)])

    def forward(self, x: Tensor) -> Tensor:
        """Fails at the third layer."""
        for layer in self.layers:
            x = layer(x)
        return x


broken = Contradiction()  # no complaint yet
try:
    broken(as_float)
    failure = ""
except RuntimeError as error:
    failure = str(error)
print(f"built without a word, then on the first batch: {failure}")
stated_once = FullyConnected([2, 10, 1, 1], nn.ReLU())
shapes = [tuple(layer.weight.shape[1:]) for layer in stated_once.layers]
print(f"sizes as one list: weights {shapes} (out, in)")

# %% [markdown]
# ## A common mistake: layers without an activation
# Put x W₁ᵀ + b₁ into the next layer, and out comes x (W₂W₁)ᵀ + (W₂b₁ + b₂): one linear layer with
# other numbers. However many layers there are, they are one. The product of their matrices
# predicts the same; with tanh between them no matrix does.

# %%
sizes = [4, 16, 16, 16, 3]
network = FullyConnected(sizes, nn.Identity(), dtype=torch.float64)
network.initialize(Torch(), seeds=[0])
collapsed, shift = torch.eye(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
with torch.no_grad():
    for linear in network.layers:
        collapsed, shift = linear.weight[0] @ collapsed, linear.weight[0] @ shift + linear.bias[0]
batch = torch.randn(100, 4, generator=generator, dtype=torch.float64)
with torch.no_grad():
    deep, one_layer = network(batch[None])[0], batch @ collapsed.T + shift
    linear_difference = float((deep - one_layer).abs().max())

bent = FullyConnected(sizes, nn.Tanh(), dtype=torch.float64)
bent.load_state_dict(network.state_dict())
with torch.no_grad():
    curved = bent(batch[None])[0]
design = torch.cat([batch, torch.ones(100, 1, dtype=torch.float64)], dim=1)
fitted = design @ torch.linalg.lstsq(design, curved).solution
tanh_difference = float((curved - fitted).abs().max())
parameters = network.n_parameters
print(
    f"{len(sizes) - 1} linear layers of {parameters} numbers against one of "
    f"{collapsed.numel() + shift.numel()}: largest difference {linear_difference:.0e}"
)
print(f"with tanh between them, the best single layer is off by up to {tanh_difference:.2g}")

# %%
in_short(
    f"{len(sizes) - 1} linear layers in a row are one, to {linear_difference:.0e}; with tanh "
    f"between them the best single layer is off by {tanh_difference:.2g}."
)

# %%
figure, (axes,) = panels("Without an activation, ten layers draw a straight line", size=(9, 5))
line = torch.linspace(-3, 3, 301)
looks = {"no activation": (nn.Identity(), DASHED), "ReLU": (nn.ReLU(), SOLID)}
outputs = {}
for name, (activation, look) in looks.items():
    drawn = FullyConnected([1, *[64] * 9, 1], activation)
    drawn.initialize(He(), seeds=[3])
    for linear in drawn.layers:
        linear.bias.data += torch.linspace(-0.5, 0.5, linear.fan_out)  # kinks away from 0
    with torch.no_grad():
        values = drawn(line[None, :, None])[0, :, 0]
    outputs[name] = (values - values.mean()) / values.std()
    axes.plot(line, outputs[name], label=f"10 layers, {name}", **look)
label(axes, "The same random weights", "input x (no unit)", "output (standard deviations)")
names(axes)
save(figure, "linear_layers")
