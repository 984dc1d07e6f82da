# %% [markdown]
# # One neuron
# A neuron weighs its inputs, adds a bias, and bends the sum; trained alone, it is logistic
# regression.
#
# It is built by hand here, from plain numbers, then trained by hand, and compared with this
# project's network of the same size.

# %%
import math

import numpy as np
import torch
from torch import nn

from course.pictures import label, names, panels, save
from course.printing import entries, in_short
from deltaflow.data.sources import blobs
from deltaflow.figures.looks import END, START
from deltaflow.nn.initializers import Zeros
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import BinaryCrossEntropy

# %% [markdown]
# ## By hand
# z = w₁x₁ + w₂x₂ + w₃x₃ + b, then y = σ(z) = 1 / (1 + e⁻ᶻ), a number between 0 and 1.

# %%
inputs, weights, bias = [1.0, 2.0, 3.0], [0.5, -0.25, 0.1], 0.2
z = sum(w * x for w, x in zip(weights, inputs, strict=True)) + bias
y = 1 / (1 + math.exp(-z))
layer = nn.Linear(3, 1)
with torch.no_grad():
    layer.weight.copy_(torch.tensor([weights]))
    layer.bias.fill_(bias)
same = torch.sigmoid(layer(torch.tensor(inputs))).item()
print(f"z = 0.5·1 − 0.25·2 + 0.1·3 + 0.2 = {z:.4f}, y = σ(z) = {y:.4f}")
print(f"nn.Linear(3, 1) and a sigmoid give {same:.4f}")

# %% [markdown]
# ## Trained: logistic regression
# Two clouds of points, classes 0 and 1. The loss is binary cross-entropy, whose derivative with
# respect to z is simply σ(z) − class. So the gradient of a weight is the mean of (σ(z) − class)·x,
# and a step moves the weight against it. Nothing but these lines is needed.

# %%
samples = blobs(200, noise=1.5, seed=0, n_classes=2)
x = torch.from_numpy(samples.features)
target = torch.from_numpy(samples.targets)
rate, n_steps = 0.5, 800
w, b = torch.zeros(2, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
for _ in range(n_steps):
    error = torch.sigmoid(x @ w + b) - target
    w -= rate * (error[:, None] * x).mean(0)
    b -= rate * error.mean()
accuracy = float(((x @ w + b > 0) == target.bool()).double().mean())
print(f"after {n_steps} steps: w = {entries(w)}, b = {b.item():.4f}, accuracy {accuracy:.3f}")

# %% [markdown]
# ## The same, by the project
# A network without a hidden layer is one neuron. From the same start, with the same step size, its
# weights go the same way.

# %%
network = FullyConnected([2, 1], nn.Identity(), dtype=torch.float64)
network.initialize(Zeros(), seeds=[0])
objective = BinaryCrossEntropy(samples.task, threshold=0.5)
optimizer = torch.optim.SGD(network.parameters(), lr=rate)
for _ in range(n_steps):
    optimizer.zero_grad()
    objective.sample_loss(network(x[None]), target[None]).mean().backward()
    optimizer.step()
trained = network.layers[0].weight[0, 0].detach()
w_difference = float((trained - w).abs().max())
print(f"the project's network: w = {entries(trained)}")
print(f"largest difference of a weight: {w_difference:.0e}")

# %%
in_short(
    f"a neuron is a weighted sum and an activation, σ({z:.3f}) = {y:.3f}; {n_steps} steps teach it "
    f"to tell {accuracy:.1%} of the points apart."
)

# %%
figure, (axes,) = panels("One neuron draws one straight line", size=(8.5, 6))
limit = float(x.abs().max()) + 0.5
grid = torch.linspace(-limit, limit, 201, dtype=torch.float64)
points = torch.cartesian_prod(grid, grid)
probability = torch.sigmoid(points @ w + b).reshape(201, 201).T.numpy()
lines = axes.contour(grid, grid, probability, levels=[0.1, 0.5, 0.9], colors="black",
                     linestyles=[":", "-", "--"], linewidths=[1.4, 2.4, 1.4])  # fmt: skip
axes.clabel(lines, fmt=lambda p: f"p = {p:g}", fontsize=10)
for number, (colour, mark) in enumerate(((START, "o"), (END, "^"))):
    chosen = np.asarray(samples.targets) == number
    face = "none" if number == 0 else colour
    axes.plot(*samples.features[chosen].T, ls="", marker=mark, ms=6, mec=colour, mfc=face,
              label=f"class {number}")  # fmt: skip
axes.set_aspect("equal")
label(axes, "Lines of equal probability of class 1", "x₁ (no unit)", "x₂ (no unit)")
names(axes, "upper right")
save(figure, "neuron")
