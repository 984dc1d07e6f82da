# %% [markdown]
# # Binary cross-entropy, and where to decide
# One logit for two classes; why sigmoid and loss belong together; and a threshold other than a
# half.
#
# The joined form is the same number where both can be computed, and the only right one where they
# cannot.

# %%
import torch
from torch import nn

from course.pictures import DASHED, SOLID, label, names, panels, save
from course.printing import entries, in_short
from deltaflow.data.sources import breast_cancer
from deltaflow.nn.initializers import Torch
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import BinaryCrossEntropy
from deltaflow.nn.task import Classification

# %% [markdown]
# ## Sigmoid, then −[y log p + (1 − y) log(1 − p)]

# %%
logits = torch.tensor([[1.0], [2.0], [3.0], [4.0]], dtype=torch.float64)
target = torch.tensor([[0], [1], [0], [1]])
p = 1 / (1 + torch.exp(-logits))
by_definition = -(target * p.log() + (1 - target) * (1 - p).log())
joined = nn.BCEWithLogitsLoss(reduction="none")(logits, target.double())
in_two_parts = nn.BCELoss(reduction="none")(p, target.double())
objective = BinaryCrossEntropy(Classification(("0", "1")), threshold=0.5)
project = objective.sample_loss(logits[None], target.T)[0]
print(f"by definition    {entries(by_definition, 6)}")
print(f"joined           {entries(joined, 6)}, mean {joined.mean():.6f}")
print(f"the project      {entries(project, 6)}")

# %% [markdown]
# ## A common mistake: whole-number targets
# The classes 0 and 1 are written as integers, the loss is created, and never called. Called, it
# fails, since it computes with targets as numbers of the logits' type. The targets have to be
# floats; this project converts them to the type of the output by itself.

# %%
try:
    nn.BCEWithLogitsLoss()(logits.float(), target)
    failure = ""
except RuntimeError as error:
    failure = str(error)
with_floats = nn.BCEWithLogitsLoss()(logits.float(), target.float()).item()
print(f"integer targets: {failure}")
print(f"as floats: {with_floats:.6f}")

# %% [markdown]
# ## Why the joined form is stable
# At a logit of 100, σ is stored as exactly 1, so log(1 − σ) is −∞, and its gradient is not a
# number. PyTorch's `BCELoss` cuts logarithms off at −100, which happens to be right here, and at
# no other logit further out; and the gradient through the sigmoid is 0, so a network that is so
# wrong learns nothing. Joined, the loss is max(z, 0) − z·y + log(1 + e^−|z|): no exponential of a
# large number, and the gradient is σ(z) − y.

# %%
extreme: dict[float, dict[str, float]] = {}
for value in (-200.0, -100.0, 100.0, 200.0):
    wrong_class = torch.tensor([1.0 if value < 0 else 0.0])
    found = {}
    for name in ("naive", "clamped", "joined"):
        z = torch.tensor([value], requires_grad=True)
        if name == "naive":
            sigma = torch.sigmoid(z)
            loss = -(torch.where(wrong_class > 0, sigma, 1 - sigma)).log().sum()
        elif name == "clamped":
            loss = nn.BCELoss()(torch.sigmoid(z), wrong_class)
        else:
            loss = nn.BCEWithLogitsLoss()(z, wrong_class)
        loss.backward()
        assert z.grad is not None
        found[f"{name} loss"], found[f"{name} gradient"] = loss.item(), z.grad.item()
    extreme[value] = found
    print(
        f"logit {value:>5g}, wrong class: "
        f"definition {found['naive loss']:g} (gradient {found['naive gradient']:g}), "
        f"BCELoss {found['clamped loss']:g} ({found['clamped gradient']:g}), "
        f"joined {found['joined loss']:g} ({found['joined gradient']:g})"
    )

# %% [markdown]
# ## Where to decide
# The probability is the network's, the decision is yours. A half is the usual threshold; where one
# kind of mistake is worse than the other, another is better. Here are tumours, benign (1) or
# malignant (0), and one linear layer on two of the measurements. «Benign» only when the network is
# 90 % sure misses fewer malignant ones, and sends more healthy people to a second examination. In
# training that is `loss=bce loss.threshold=0.9`.

# %%
tumours = breast_cancer()
measured = tumours.features[:, :2]  # radius and texture alone: the classes overlap
standard = torch.from_numpy((measured - measured.mean(0)) / measured.std(0))[None]
benign = torch.from_numpy(tumours.targets)[None]
network = FullyConnected([2, 1], nn.Identity(), dtype=torch.float64)
network.initialize(Torch(), seeds=[0])
optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
trainer = BinaryCrossEntropy(tumours.task, threshold=0.5)
for _ in range(500):
    optimizer.zero_grad()
    trainer.sample_loss(network(standard), benign).mean().backward()
    optimizer.step()
output = network(standard).detach()


def mistakes(threshold: float) -> tuple[int, int]:
    """Malignant ones taken for benign, and benign ones for malignant."""
    said = BinaryCrossEntropy(tumours.task, threshold).predict(output)
    return int(((said == 1) & (benign == 0)).sum()), int(((said == 0) & (benign == 1)).sum())


by_threshold = {threshold: mistakes(threshold) for threshold in (0.1, 0.5, 0.9)}
n_malignant, n_benign = int((benign == 0).sum()), int((benign == 1).sum())
for threshold, (missed, alarms) in by_threshold.items():
    print(
        f"benign from p = {threshold}: {missed:>3} of {n_malignant} malignant missed, "
        f"{alarms:>3} of {n_benign} benign sent on"
    )

# %%
in_short(
    f"sure of «benign» only from p = 0.9 on, {by_threshold[0.9][0]} tumours are missed instead of "
    f"{by_threshold[0.5][0]}, for {by_threshold[0.9][1]} false alarms instead of "
    f"{by_threshold[0.5][1]}."
)

# %%
figure, (losses, decisions) = panels(
    "Binary cross-entropy: the joined form, and the decision", 2, size=(13, 4.9)
)
range_ = torch.linspace(-20, 140, 641)
zeros = torch.zeros_like(range_)
losses.plot(range_, nn.BCEWithLogitsLoss(reduction="none")(range_, zeros), label="joined", **SOLID)
losses.plot(range_, nn.BCELoss(reduction="none")(range_.sigmoid(), zeros),
            label="sigmoid, then BCELoss", **DASHED)  # fmt: skip
losses.annotate("from here float32\nstores σ(z) as 1", (17, 70), (27, 76), fontsize=10,
                arrowprops={"arrowstyle": "->"})  # fmt: skip
label(losses, "Class 0, float32", "logit z (no unit)", "loss (nats)")
names(losses, "upper left")
thresholds = [t / 100 for t in range(2, 99)]
counts = [mistakes(t) for t in thresholds]
decisions.plot(thresholds, [c[0] for c in counts], label="malignant, missed", **SOLID)
decisions.plot(thresholds, [c[1] for c in counts], label="benign, sent on", **DASHED)
for threshold in (0.5, 0.9):
    decisions.axvline(threshold, color="#8a8a8a", lw=1)
decisions.set_xlim(0, 1)
decisions.set_ylim(bottom=0)
label(decisions, "Two kinds of mistakes", "threshold on the probability of «benign»", "tumours")
names(decisions, "upper left")
save(figure, "binary_cross_entropy")
