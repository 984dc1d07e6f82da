# %% [markdown]
# # The cross-entropy loss
# It takes logits, for softmax is inside it; a second softmax in front of it stifles the gradient.
#
# From its definition to PyTorch's and this project's, then two common mistakes.

# %%
import torch
from torch import Tensor, nn
from torch.nn import functional

from course.pictures import DASHED, SOLID, label, names, panels, save
from course.printing import entries, in_short
from deltaflow.data import Samples
from deltaflow.nn.objectives import CrossEntropy
from deltaflow.nn.task import Classification

# %% [markdown]
# ## From the definition
# −log of the softmax probability of the true class. PyTorch computes it as log-softmax and then
# the negative log-likelihood, without ever forming the probability, which may be too small to
# store.

# %%
logits = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
classes = torch.tensor([1, 0])
probabilities = logits.exp() / logits.exp().sum(1, keepdim=True)
by_definition = -torch.stack([row[k].log() for row, k in zip(probabilities, classes, strict=True)])
in_two_parts = functional.nll_loss(functional.log_softmax(logits, dim=1), classes, reduction="none")
library = nn.CrossEntropyLoss()(logits, classes).item()
objective = CrossEntropy(Classification(("0", "1")))
project = objective.sample_loss(logits[None], classes[None])[0]
print(f"by definition        {by_definition.tolist()}")
print(f"log-softmax and NLL  {in_two_parts.tolist()}")
print(f"the project          {project.tolist()}")
print(f"nn.CrossEntropyLoss  {library:.6f}, their mean")

# %% [markdown]
# The two samples differ only in their class: their logits have the same lead of 1. Rightly led,
# the loss is log(1 + e⁻¹) = 0.313; wrongly, log(1 + e) = 1.313.
#
# ## The gradient is p − y
# Softmax's small slopes and the logarithm's large ones cancel: δ at the output is just the
# probability minus the truth, up to 1 when the network is surely wrong.

# %%
z = logits.clone().requires_grad_()
functional.cross_entropy(z, classes, reduction="sum").backward()
delta = z.grad
assert delta is not None
one_hot = functional.one_hot(classes, 2)
gradient_difference = float((delta - (probabilities - one_hot)).abs().max())
print(f"δ = {entries(delta)}, from p − y by at most {gradient_difference:.0e}")

# %% [markdown]
# ## A common mistake: a class that has no logit
# Two logits are for the classes 0 and 1. A target of 2 is out of range, and PyTorch raises an
# IndexError on the CPU. On a graphics card it fails late and obscurely, for the kernel is stopped
# by an assertion. This project counts the classes in the data, gives the network as many logits,
# and refuses labels beyond them before anything is trained.

# %%
try:
    nn.CrossEntropyLoss()(logits, torch.tensor([1, 2]))
    out_of_range = ""
except IndexError as error:
    out_of_range = str(error)
try:
    Samples.classes(logits.numpy(), [1, 2], ["0", "1"])
    refusal = ""
except ValueError as error:
    refusal = str(error)
print(f"PyTorch: {out_of_range}")
print(f"the project: {refusal}")

# %% [markdown]
# ## A common mistake: softmax twice
# With a softmax on the output layer, the loss takes probabilities for logits. They lie between 0
# and 1, so even the surest right answer has a loss of log(1 + (k − 1)/e), which is 0.55 for three
# classes, and not 0. Worse is the gradient where it is needed most: a network that is surely wrong
# gets almost none.


# %%
def gradient_at(lead: float, twice: bool, n_classes: int = 3) -> float:
    """Size of δ of the true class when its logit leads all others by so much."""
    point = torch.zeros(1, n_classes, dtype=torch.float64)
    point[0, 0] = lead
    point.requires_grad_()
    fed: Tensor = point.softmax(1) if twice else point
    functional.cross_entropy(fed, torch.zeros(1, dtype=torch.long)).backward()
    assert point.grad is not None
    return abs(point.grad[0, 0].item())


sure = torch.tensor([[1000.0, 0.0, 0.0]], dtype=torch.float64)
floor = functional.cross_entropy(sure.softmax(1), torch.zeros(1, dtype=torch.long)).item()
leads = [x / 5 for x in range(-50, 51)]
once = [gradient_at(lead, twice=False) for lead in leads]
twice = [gradient_at(lead, twice=True) for lead in leads]
at_wrong = {
    lead: (gradient_at(lead, False), gradient_at(lead, True)) for lead in (0.0, -5.0, -10.0)
}
print(f"lowest loss with softmax twice: {floor:.4f}, which is log(1 + 2/e); once: 0")
for lead, (single, double) in at_wrong.items():
    print(
        f"true class at {lead:>4g}: δ once {single:.4f}, twice {double:.1e}, "
        f"{single / double:,.0f} times less"
    )
print("`network.output_activation=softmax` shows it in training, and the project warns of it")

# %%
in_short(
    f"behind a softmax δ is p − y, to {gradient_difference:.0e}; with two of them the loss never "
    f"falls below {floor:.3f}."
)

# %%
figure, (axes,) = panels(
    "A second softmax stifles the gradient where the network is wrong", size=(9.5, 5)
)
axes.semilogy(leads, once, label="softmax once, inside the loss", **SOLID)
axes.semilogy(leads, twice, label="softmax twice", **DASHED)
axes.axvspan(-10, 0, color="#efefef", zorder=0)
axes.text(-9.7, 2.2, "network is wrong", fontsize=11, va="center")
axes.text(9.7, 2.2, "network is right", fontsize=11, va="center", ha="right")
axes.set_ylim(1e-5, 5)
axes.set_xlim(-10, 10)
label(
    axes,
    "",
    "lead of the true class's logit over the two others",
    "size of δ at the true class's logit",
)
names(axes, "lower center")
save(figure, "double_softmax")
