# %% [markdown]
# # Activations
# Four curves that bend a sum, and their derivatives, which decide what gets back through them.
#
# Sigmoid, tanh, ReLU and leaky ReLU. The derivative is what δ is multiplied by at each layer on
# its way back, so it matters as much as the curve.

# %%
import math

import numpy as np
import torch
from torch import nn

from course.pictures import LOOKS, label, names, panels, save
from course.printing import in_short
from deltaflow.nn.activations import derivative, traits
from deltaflow.theory import Moments

ALPHA = 0.01
activations: dict[str, nn.Module] = {
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "relu": nn.ReLU(),
    "leaky": nn.LeakyReLU(ALPHA),
}
z = torch.linspace(-6, 6, 1201, dtype=torch.float64)
curves = {name: phi(z) for name, phi in activations.items()}
slopes = {name: derivative(phi, z) for name, phi in activations.items()}

# %% [markdown]
# ## What is true of each
# The project asks no list for these facts. It looks at the curve, so that an activation of your
# own is treated alike.

# %%
facts = {name: traits(phi) for name, phi in activations.items()}
for name, fact in facts.items():
    print(
        f"{name:<8} steepest slope {fact.steepest:<5g} saturates: {fact.saturates!s:<6}"
        f"has a flat part: {fact.has_flat_part}"
    )

# %% [markdown]
# ## Against their formulas
# σ' = σ(1 − σ), tanh' = 1 − tanh², ReLU' is 1 above 0 and 0 below, leaky ReLU's is α below. At the
# kink itself PyTorch takes the value from the left.

# %%
formulas = {
    "sigmoid": curves["sigmoid"] * (1 - curves["sigmoid"]),
    "tanh": 1 - curves["tanh"] ** 2,
    "relu": (z > 0).double(),
    "leaky": (z > 0).double() + ALPHA * (z <= 0).double(),
}
slope_differences = {name: float((slopes[name] - formulas[name]).abs().max()) for name in formulas}
origin = torch.zeros(1, dtype=torch.float64)
at_origin = {name: derivative(phi, origin).item() for name, phi in activations.items()}
print(
    f"largest difference between autograd and the formulas: {max(slope_differences.values()):.0e}"
)
print(f"slopes at 0: {at_origin}")

# %% [markdown]
# ## A common mistake: sigmoid's range
# σ(x) is never 0 and never 1: its range is the open interval (0, 1). A computer rounds, and then
# both ends are reached. With float32 that is already so at x ≈ 17, where 1 − σ(x) is less than
# half the distance to the next number below 1. There the derivative σ(1 − σ) is exactly 0, and
# nothing at all comes back.


# %%
def rounding_point(dtype: torch.dtype) -> float:
    """The smallest x whose σ(x) is stored as 1, to six digits."""
    low, high = 0.0, 100.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        reached = torch.sigmoid(torch.tensor(middle, dtype=dtype)).item() == 1.0
        low, high = (low, middle) if reached else (middle, high)
    return high


rounds_to_one = {"float32": rounding_point(torch.float32), "float64": rounding_point(torch.float64)}
for type_name, at in rounds_to_one.items():
    print(
        f"{type_name}: σ(x) is stored as 1 from x = {at:.3f}, "
        f"where 1 − σ(x) = {1 / (1 + math.exp(at)):.1e}"
    )
left_end = torch.sigmoid(torch.tensor(-200.0)).item()
lost = derivative(nn.Sigmoid(), torch.tensor([20.0])).item()
print(f"float32: σ(−200) is stored as {left_end:g}; σ'(20) as {lost:g}")

# %% [markdown]
# ## A common mistake: tanh's derivative
# It is said to lie between 0 and 1. Its maximum is 1 and is attained, at 0: the range is (0, 1].
# Since tanh(x) = 2σ(2x) − 1, its slope at 0 is four times sigmoid's, though far out it is smaller.
# tanh is odd, so inputs balanced around 0 give outputs balanced around 0; sigmoid's are around a
# half.

# %%
steepest_at = {name: z[slopes[name].argmax()].item() for name in ("sigmoid", "tanh")}
ratio_at_zero = at_origin["tanh"] / at_origin["sigmoid"]
far = torch.tensor([4.0], dtype=torch.float64)
ratio_far = derivative(nn.Tanh(), far).item() / derivative(nn.Sigmoid(), far).item()
odd = float((torch.tanh(-z) + torch.tanh(z)).abs().max())
normal_inputs = torch.from_numpy(np.random.default_rng(0).standard_normal(100_000))
means = {name: float(phi(normal_inputs).mean()) for name, phi in activations.items()}
print(
    f"tanh' at 0 is {at_origin['tanh']:g}, {ratio_at_zero:g} times sigmoid's; "
    f"at 4 it is {ratio_far:.2f} times"
)
print(f"tanh(−z) + tanh(z) is at most {odd:.0e}: odd")
print(
    "mean output for inputs N(0, 1): " + ", ".join(f"{name} {m:.3f}" for name, m in means.items())
)

# %% [markdown]
# ## Sparsity
# ReLU gives exactly 0 for half of all such inputs: its activations are sparse. The others never
# do. Theory integrates the same share.

# %%
zeros = {
    name: float((phi(normal_inputs) == 0).double().mean()) for name, phi in activations.items()
}
expected = float(Moments(nn.ReLU()).flat_fraction(np.ones(1))[0])
print("share of zeros: " + ", ".join(f"{name} {share:.3f}" for name, share in zeros.items()))
print(f"theory, for ReLU: {expected:.3f}")

# %%
in_short(
    f"sigmoid's slope is {at_origin['sigmoid']:g} at most, tanh's {at_origin['tanh']:g}; from "
    f"z = {rounds_to_one['float32']:.1f} on float32 stores a sigmoid as 1, and nothing flows back."
)

# %%
titles = {
    "sigmoid": "Sigmoid: slope at most ¼",
    "tanh": "Tanh: slope at most 1, at 0",
    "relu": "ReLU: slope 0 or 1",
    "leaky": f"Leaky ReLU: slope α = {ALPHA} or 1",
}
figure, columns = panels("Activations and their derivatives", 4, size=(14, 4.3), sharey=True)
for axes, name in zip(columns, activations, strict=True):
    axes.axhline(0, color="#8a8a8a", lw=0.8)
    axes.axvline(0, color="#8a8a8a", lw=0.8)
    pieces = (z < 0, z > 0) if name in ("relu", "leaky") else (z <= 6,)  # a jump is no line
    axes.plot(z, curves[name], color=LOOKS[name]["color"], lw=5, alpha=0.5, label="φ(z)")
    for part in pieces:
        axes.plot(z[part], slopes[name][part], color="black", ls="--", lw=1.8,
                  label="φ'(z)" if part[-1] else None)  # fmt: skip
    axes.set_xlim(-5, 5)
    axes.set_ylim(-1.15, 2.15)
    label(
        axes, titles[name], "pre-activation z", "φ(z), φ'(z) (no unit)" if name == "sigmoid" else ""
    )
    names(axes, "upper left")
save(figure, "activations")
