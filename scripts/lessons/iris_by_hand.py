# %% [markdown]
# # Iris with one linear layer
# Ten steps of gradient descent that can be followed number by number; and a loss that fools you.
#
# Five flowers, four lengths each, one linear layer, squared error on the class number, a step size
# of 0.001, all flowers at once. `python train.py experiment=iris_linear_mse` trains the same.

# %%
import warnings

import torch
from torch import nn

from course.pictures import DASHED, FAINT, SOLID, label, names, panels, save
from course.printing import in_short
from deltaflow.data.sources import iris
from deltaflow.nn.initializers import Torch
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import MeanSquaredError
from deltaflow.nn.task import Regression

# %% [markdown]
# ## The training
# The weights start as the project draws them for seed 0, so that every number below is the one
# that the preset records. The gradient of the mean squared error is 2/5 Σ (prediction − class)·x.

# %%
flowers = iris(n_samples=5)
x = torch.from_numpy(flowers.features).float()
target = torch.from_numpy(flowers.targets).float()
network = FullyConnected([4, 1], nn.Identity())
network.initialize(Torch(), seeds=[0])
layer = network.replica(0)[0]
assert isinstance(layer, nn.Linear)
w, b = layer.weight.detach().clone(), layer.bias.detach().clone()

rate, n_epochs = 0.001, 10
losses, weights, biases = [], [], []
print("epoch    loss   weights after the step               bias")
for epoch in range(n_epochs):
    error = (x @ w.T + b).squeeze(1) - target
    losses.append(float(error.square().mean()))
    w = w - rate * 2 * (error @ x)[None] / len(x)
    b = b - rate * 2 * error.mean()
    weights.append(w.flatten().tolist())
    biases.append(b.item())
    entries = "  ".join(f"{value:7.4f}" for value in weights[-1])
    print(f"{epoch + 1:>5}{losses[-1]:8.4f}   {entries}   {biases[-1]:7.4f}")

# %% [markdown]
# The same with `nn.Linear`, `nn.MSELoss` and `torch.optim.SGD`, which is what everyone writes.

# %%
optimizer, mse = torch.optim.SGD(layer.parameters(), lr=rate), nn.MSELoss()
library_losses = []
for _ in range(n_epochs):
    value = mse(layer(x), target[:, None])
    library_losses.append(value.item())
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
weight_difference = float((layer.weight.detach() - w).abs().max())
print(
    f"PyTorch's own layer, loss and optimizer end within {weight_difference:.0e} of these weights"
)

# %% [markdown]
# ## The loss falls, and nothing is learnt
# The first five rows of Iris are all of class 0. Predicting 0 whatever the flower is perfect, and
# that is where the weights are heading. A falling loss says that a network fits what it was shown,
# not that what it was shown is worth fitting.

# %%
classes_seen = sorted(set(flowers.targets.tolist()))
print(
    f"classes among the five rows: {classes_seen}; "
    f"the loss falls from {losses[0]:.3f} to {losses[-1]:.3f}"
)

# %% [markdown]
# ## A common mistake: (5, 1) against (5,)
# The layer gives (5, 1), the classes are (5,). Subtracted, they broadcast to (5, 5): every
# prediction against every class, 25 errors in place of 5. `nn.MSELoss` warns, and goes on; a plain
# subtraction says nothing. With five rows of one class the wrong number happens to be the right
# one, so nobody notices. On all 150 flowers it is another number, and its minimum is to predict
# the mean class for all.

# %%
prediction = x @ w.T + b
n_errors = (prediction - target).numel()
with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    wrong_on_five = mse(prediction, target).item()
right_on_five = mse(prediction, target[:, None]).item()
warning = str(heard[0].message)
print(f"(5, 1) − (5,) has {n_errors} entries; PyTorch only warns: {warning[:60]}…")
print(f"on five flowers of one class: {wrong_on_five:.6f} wrongly, {right_on_five:.6f} rightly")

everything = iris()
lengths = torch.from_numpy(everything.features)
all_x = (lengths - lengths.mean(0)) / lengths.std(0)
all_y = torch.from_numpy(everything.targets).double()
design = torch.cat([all_x, torch.ones(150, 1, dtype=torch.float64)], dim=1)


def fit(classes: torch.Tensor, n_steps: int = 4000) -> torch.Tensor:
    """Predictions for all flowers by gradient descent, errors in pairs or broadcast."""
    v = torch.zeros(5, 1, dtype=torch.float64)
    for _ in range(n_steps):
        errors = design @ v - classes  # (150, 1) minus (150, 1), or minus (150,)
        v = v - 0.2 * design.T @ errors.mean(1, keepdim=True) / len(design)
    return (design @ v).squeeze(1)


rightly, wrongly = fit(all_y[:, None]), fit(all_y)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    broadcast_loss = mse(wrongly[:, None], all_y).item()
right_error = float((rightly - all_y).square().mean())
wrong_spread = float(wrongly.std())
print(f"on all 150, trained rightly: mean squared error {right_error:.4f}")
print(
    f"on the broadcast loss: every prediction is {wrongly.mean():.3f}, the mean class, "
    f"and the loss stays at {broadcast_loss:.4f}, the variance of the classes"
)

# %% [markdown]
# This project refuses the pair: shapes must be equal, and nothing broadcasts in a loss.

# %%
objective = MeanSquaredError(Regression(("class",), (1.0,)), target="onehot", threshold=0.5)
try:
    objective.sample_loss(prediction.detach()[None], target[None])
    refusal = ""
except ValueError as error_raised:
    refusal = str(error_raised)
print(f"the project: {refusal}")

# %%
in_short(
    f"ten steps take the loss from {losses[0]:.3f} to {losses[-1]:.3f}; with shapes (n, 1) and "
    f"(n,) it stays at {broadcast_loss:.3f} instead of {right_error:.3f}, and nothing fails."
)

# %%
figure, (falling, fooled) = panels(
    "A falling loss can teach nothing, and a wrong shape can hide", 2, size=(12, 4.8)
)
falling.plot(range(1, n_epochs + 1), losses, marker="o", **SOLID)
falling.set_ylim(bottom=0)
label(falling, "Five flowers of one class", "epoch", "mean squared error (squared class number)")
rows = torch.arange(150)
fooled.plot(rows, all_y, label="class", **FAINT | {"lw": 5, "color": "#c9c9c9"})
fooled.plot(rows, rightly, label="prediction, errors in pairs", **SOLID | {"lw": 1.4})
fooled.plot(rows, wrongly, label="prediction, errors broadcast", **DASHED)
label(fooled, "All 150 flowers", "row of the table", "class number")
names(fooled, "upper left")
save(figure, "iris_by_hand")
