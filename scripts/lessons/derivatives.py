# %% [markdown]
# # Derivatives
# PyTorch remembers how a number was computed, and walks back along it to every derivative.
#
# That walk is back-propagation. Here it is on a scale where every step can be checked by hand, and
# against the definition of the derivative.

# %%
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from course.pictures import DASHED, SOLID, label, names, panels, save
from course.printing import entries, in_short

# %% [markdown]
# ## A mean of squares
# loss = (x₁² + x₂² + x₃²) / 3, so ∂loss/∂xᵢ = 2xᵢ / 3.

# %%
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = x**2
loss = y.mean()
loss.backward()
gradient = x.grad
assert gradient is not None
print(f"x = {x.tolist()}, loss = {loss.item():.4f}")
print(f"gradient {entries(gradient)}, by hand [2/3, 4/3, 2]")

# %% [markdown]
# ## A product: each factor's gradient is the other
# u and v are leaves of the graph: nothing computed them. z and the total are computed, so each has
# a `grad_fn` that says how. Gradients stay only with leaves, unless `retain_grad` asks for more;
# this project asks for it at every layer's z, and that gradient is δ.

# %%
u = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
v = torch.tensor([4.0, 5.0, 6.0], requires_grad=True)
z = u * v
z.retain_grad()
total = z.sum()
total.backward()
for name, node in {"u": u, "v": v, "z": z, "total": total}.items():
    made_by = type(node.grad_fn).__name__ if node.grad_fn is not None else "nothing: a leaf"
    kept = node.grad if node.is_leaf or node.retains_grad else "not kept"
    print(f"{name:<6}made by {made_by:<16} gradient {kept}")
print("∂total/∂u is v, and ∂total/∂v is u")

# %% [markdown]
# ## Gradients add up
# A second backward pass adds to what is there. That is why training sets gradients to zero before
# each step. And only floating numbers have derivatives: whole numbers cannot move a little.

# %%
(u * v).sum().backward()
doubled = u.grad
assert doubled is not None
print(f"after a second pass the gradient of u is {doubled.tolist()}, twice v")
try:
    torch.tensor([1, 2, 3], requires_grad=True)
    refusal = ""
except RuntimeError as error:
    refusal = str(error)
print(f"whole numbers: {refusal}")

# %% [markdown]
# ## Against the definition
# The derivative is the limit of a difference quotient. In double precision, with a step of 10⁻⁵ to
# either side, it agrees with back-propagation to nine digits or more.


# %%
def difference_quotient(f: Callable[[Tensor], Tensor], at: Tensor, step: float) -> Tensor:
    """(f(x + h) − f(x − h)) / 2h, one entry of x at a time."""
    moves = step * torch.eye(len(at), dtype=at.dtype)
    return torch.stack([(f(at + move) - f(at - move)) / (2 * step) for move in moves])


point = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
numerical = difference_quotient(lambda w: (w**2).mean(), point, 1e-5)
difference = float((numerical - 2 * point / 3).abs().max())
print(f"difference quotient {numerical.tolist()}")
print(f"largest difference from back-propagation: {difference:.0e}")

# %% [markdown]
# The step must be neither large, where the curve bends within it, nor small, where rounding takes
# over. Back-propagation has no step, and no such trouble.

# %%
steps = np.logspace(-13, 0, 53)
start = torch.tensor([0.7], dtype=torch.float64)
truth = start.exp()


def one_sided(f: Callable[[Tensor], Tensor], at: Tensor, step: float) -> Tensor:
    """(f(x + h) − f(x)) / h."""
    return (f(at + step) - f(at)) / step


errors = {
    "to one side": [float((one_sided(torch.exp, start, h) / truth - 1).abs()) for h in steps],
    "to both sides": [
        float((difference_quotient(lambda w: w.exp().sum(), start, h) / truth - 1).abs())
        for h in steps
    ],
}
best = {name: float(steps[int(np.argmin(values))]) for name, values in errors.items()}
print(", ".join(f"best step {name}: {h:.0e}" for name, h in best.items()))

# %%
in_short(
    f"back-propagation and the difference quotient agree to {difference:.0e}, and only the "
    f"quotient needs a step, best at {best['to both sides']:.0e}."
)

# %%
figure, (axes,) = panels(
    "A difference quotient has a best step; back-propagation needs none", size=(9, 5)
)
for (name, values), look in zip(errors.items(), (DASHED, SOLID), strict=True):
    axes.loglog(steps, np.maximum(values, 1e-17), label=f"difference {name}", **look)
axes.axhline(2.2e-16, color="black", ls=":", label="ε of float64: back-propagation is about here")
label(axes, "", "step h (unit of x)", "relative error of d eˣ/dx at x = 0.7")
axes.text(1e-12, 3e-7, "rounding", fontsize=11)
axes.text(2e-3, 1e-1, "the curve bends", fontsize=11, ha="right")
names(axes, "lower left")
save(figure, "derivatives")
