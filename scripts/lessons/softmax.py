# %% [markdown]
# # Softmax
# Any numbers become probabilities: they add up to 1, keep their order, and differ more than
# before.
#
# It is built by hand, compared with PyTorch's, and differentiated twice: by its formula, and by
# autograd.

# %%
import torch
from torch import Tensor

from course.pictures import label, panels, save
from course.printing import entries, in_short
from deltaflow.figures.looks import END, START

# %% [markdown]
# ## Three steps
# Exponentials make every number positive; their sum is the scale; divided by it they add up to 1.

# %%
logits = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
exponentials = logits.exp()
total = exponentials.sum()
p = exponentials / total
library = torch.softmax(logits, dim=0)
print(f"logits {logits.tolist()}")
print(f"exponentials {entries(exponentials)}, their sum {total:.4f}")
print(f"probabilities {entries(p)}, their sum {p.sum():.12f}")
print(f"largest difference from torch.softmax: {float((p - library).abs().max()):.0e}")

# %% [markdown]
# ## It keeps the order, and exaggerates differences
# The largest logit has the largest probability. Two probabilities have the ratio of e to the
# difference of their logits: a lead of 1 is a factor of 2.7, a lead of 5 one of 148. Adding the
# same number to all logits changes nothing; multiplying them sharpens.

# %%
kept_order = torch.equal(p.argsort(), logits.argsort())
ratio = (p[2] / p[1]).item()
shifted = float((torch.softmax(logits + 100, dim=0) - p).abs().max())
scales = (0.5, 1.0, 2.0, 5.0)
sharpened = {scale: torch.softmax(scale * logits, dim=0) for scale in scales}
print(f"order kept: {kept_order}; a lead of 1 is a factor of {ratio:.4f}, which is e")
print(f"100 added to every logit changes a probability by {shifted:.0e}")
for scale, probabilities in sharpened.items():
    print(f"logits × {scale:<4g} {entries(probabilities)}")

# %% [markdown]
# ## Where the definition fails
# e¹⁰⁰⁰ is infinite for a computer, and infinity over infinity is not a number. Since a common
# shift changes nothing, the largest logit is subtracted first; then no exponential exceeds 1.

# %%
large = torch.tensor([1000.0, 1001.0, 1002.0], dtype=torch.float64)
naive = large.exp() / large.exp().sum()
stable = (large - large.max()).exp() / (large - large.max()).exp().sum()
print(f"logits 1000, 1001, 1002: naively {naive.tolist()}, rightly {entries(stable)}")

# %% [markdown]
# ## The derivative
# Raising one logit raises its own probability and lowers all others: ∂pᵢ/∂zⱼ = pᵢ (δᵢⱼ − pⱼ), with
# δᵢⱼ = 1 for i = j, else 0. Each column adds up to 0, since probabilities always add up to 1.


# %%
def jacobian(z: Tensor) -> Tensor:
    """∂pᵢ/∂zⱼ by the formula, ``[n, n]``."""
    q = (z - z.max()).exp()
    q = q / q.sum()
    return torch.diag(q) - torch.outer(q, q)


by_formula = jacobian(logits)
by_autograd = torch.autograd.functional.jacobian(lambda z: torch.softmax(z, dim=0), logits)
jacobian_difference = float((by_formula - by_autograd).abs().max())
print("∂pᵢ/∂zⱼ:")
for row in by_formula.tolist():
    print("   " + "  ".join(f"{value:8.4f}" for value in row))
print(f"largest difference from autograd: {jacobian_difference:.0e}; "
      f"columns add up to {float(by_formula.sum(0).abs().max()):.0e}")  # fmt: skip

# %% [markdown]
# The entries are small: at most a quarter, and all of them near 0 once one probability is near 1.
# So a softmax passes little back, unless the loss behind it undoes it. Cross-entropy does.

# %%
flattest = {scale: float(jacobian(scale * logits).abs().max()) for scale in scales}
print(
    "largest entry: "
    + ", ".join(f"logits × {scale:g}: {value:.4f}" for scale, value in flattest.items())
)

# %%
in_short(
    f"a lead of 1 makes a class {ratio:.2f} times as probable, and no derivative is larger than "
    f"{max(flattest.values()):.3f}."
)

# %%
figure, columns = panels(
    "Softmax exaggerates differences between logits", len(scales), size=(13, 4.3), sharey=True
)
for axes, (scale, probabilities) in zip(columns, sharpened.items(), strict=True):
    share = (scale * logits / (scale * logits).sum()).tolist()
    places = torch.arange(3)
    axes.bar(places - 0.2, share, width=0.38, color="white", edgecolor=END, hatch="///", lw=1.2,
             label="share of the sum of logits")  # fmt: skip
    bars = axes.bar(places + 0.2, probabilities.tolist(), width=0.38, color=START, label="softmax")
    texts = ["< 0.01" if value < 0.005 else f"{value:.2f}" for value in probabilities.tolist()]
    axes.bar_label(bars, texts, fontsize=10, padding=2)
    axes.set_xticks(places.tolist(), [f"{value:g}" for value in (scale * logits).tolist()])
    axes.set_ylim(0, 1.22)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    label(axes, f"logits × {scale:g}", "logit z (no unit)", "share" if scale == scales[0] else "")
columns[0].legend(loc="upper left", fontsize=9, frameon=False)
save(figure, "softmax")
