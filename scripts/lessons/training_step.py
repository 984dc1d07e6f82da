# %% [markdown]
# # The training step
# Forward, loss, backward, update: the steps of training, once by hand with every number, then
# often.
#
# The network has two inputs, two hidden units with a sigmoid, and one output. First it is computed
# by hand, with nothing but products and sums; then by this project's network, which must agree.

# %%
import torch
from torch import nn

from course.pictures import label, panels, save
from course.printing import entries, in_short
from deltaflow.data.sources import moons
from deltaflow.figures.looks import END, START
from deltaflow.flow.tape import Tape
from deltaflow.nn.initializers import Xavier
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import BinaryCrossEntropy, MeanSquaredError
from deltaflow.nn.task import Regression

# %%
x = torch.tensor([[1.0, 0.5]], dtype=torch.float64)  # one sample
target = torch.tensor([[1.0]], dtype=torch.float64)
w1 = torch.tensor([[0.4, -0.6], [0.3, 0.8]], dtype=torch.float64)  # (out, in)
b1 = torch.tensor([0.1, -0.2], dtype=torch.float64)
w2 = torch.tensor([[0.7, -0.5]], dtype=torch.float64)
b2 = torch.tensor([0.2], dtype=torch.float64)
rate = 0.5

# %% [markdown]
# ## 1 and 2. Forward: sums, and what bends them

# %%
z1 = x @ w1.T + b1
h1 = 1 / (1 + torch.exp(-z1))
z2 = h1 @ w2.T + b2
print(f"1. forward      z₁ = x W₁ᵀ + b₁ = {entries(z1)}")
print(f"2. activation   h₁ = σ(z₁) = {entries(h1)}, output z₂ = h₁ W₂ᵀ + b₂ = {entries(z2)}")

# %% [markdown]
# ## 3. The loss: how far off
# The squared error, as the loss of a single sample.

# %%
loss = float((z2 - target).square())
print(f"3. loss         (z₂ − target)² = {loss:.4f}")

# %% [markdown]
# ## 4. Backward: who is to blame
# δ is the derivative of the loss with respect to z. At the output it is 2 (z₂ − target). Going
# back, it passes through W₂ and is multiplied by σ'(z₁) = σ(z₁)(1 − σ(z₁)), which is at most a
# quarter. A weight's gradient is then δ times what the weight was fed.

# %%
delta2 = 2 * (z2 - target)
delta1 = (delta2 @ w2) * h1 * (1 - h1)
gradients = {"W₁": delta1.T @ x, "b₁": delta1[0], "W₂": delta2.T @ h1, "b₂": delta2[0]}
print(f"4. backward     δ₂ = {entries(delta2)}, δ₁ = (δ₂ W₂) · σ'(z₁) = {entries(delta1)}")
for name, gradient in gradients.items():
    print(f"                gradient of {name} = {entries(gradient)}")

# %% [markdown]
# ## 5. Update: a step against the gradient
# After it, the same sample has a smaller loss.

# %%
parameters = {"W₁": w1, "b₁": b1, "W₂": w2, "b₂": b2}
updated = {name: value - rate * gradients[name] for name, value in parameters.items()}
h_after = torch.sigmoid(x @ updated["W₁"].T + updated["b₁"])
loss_after = float((h_after @ updated["W₂"].T + updated["b₂"] - target).square())
for name, value in updated.items():
    print(f"{'5. update' if name == 'W₁' else '':<16}{name} = {entries(value)}")
print(f"                the loss falls from {loss:.4f} to {loss_after:.4f}")

# %% [markdown]
# ## The same, by the project
# Its networks have a leading axis of replicas, here one. A `Tape` listens to what passes through
# the layers, so that δ can be read off afterwards.

# %%
network = FullyConnected([2, 2, 1], nn.Sigmoid(), dtype=torch.float64)
with torch.no_grad():
    for linear, weight, bias in zip(network.layers, (w1, w2), (b1, b2), strict=True):
        linear.weight[0], linear.bias[0] = weight, bias
objective = MeanSquaredError(Regression(("y",), (1.0,)), target="onehot", threshold=0.5)
optimizer = torch.optim.SGD(network.parameters(), lr=rate)
with Tape(network) as tape:
    output = network(x[None])
objective.sample_loss(output, target[None]).mean().backward()
optimizer.step()
deltas = [passed.z.grad[0] for passed in tape.layers if passed.z.grad is not None]
theirs = [p[0].detach() for p in network.parameters()]
largest_difference = max(
    *(float((a - b).abs().max()) for a, b in zip(deltas, (delta1, delta2), strict=True)),
    *(float((a - b).abs().max()) for a, b in zip(theirs, updated.values(), strict=True)),
)
print(f"largest difference of any δ or weight from those by hand: {largest_difference:.0e}")

# %% [markdown]
# ## The same steps, five hundred times
# Two half circles, two hidden layers of 16 tanh units, all samples in each step. The line where
# the network says «one half» is the decision boundary. It begins where random weights put it, and
# bends as the classes ask.

# %%
samples = moons(300, noise=0.15, seed=0)
points = torch.from_numpy(samples.features).float()[None]
classes = torch.from_numpy(samples.targets)[None]
learner = FullyConnected([2, 16, 16, 1], nn.Tanh())
learner.initialize(Xavier(), seeds=[0])
goal = BinaryCrossEntropy(samples.task, threshold=0.5)
descent = torch.optim.SGD(learner.parameters(), lr=0.2, momentum=0.9)
side = torch.linspace(-1.6, 2.6, 141), torch.linspace(-1.15, 1.65, 101)
grid = torch.cartesian_prod(*side)[None]
moments = (0, 20, 100, 500)
losses, accuracies, surfaces = [], [], []
for step in range(moments[-1] + 1):
    logits = learner(points)
    value = goal.sample_loss(logits, classes).mean()
    if step in moments:
        losses.append(value.item())
        accuracies.append(float((goal.predict(logits) == classes).float().mean()))
        with torch.no_grad():
            surfaces.append(learner(grid).sigmoid()[0, :, 0].reshape(141, 101).T)
    descent.zero_grad()
    value.backward()
    descent.step()
for step, value_then, accuracy in zip(moments, losses, accuracies, strict=True):
    print(f"after {step:>3} steps: loss {value_then:.4f}, accuracy {accuracy:.3f}")

# %%
in_short(
    f"one step by hand takes the loss from {loss:.4f} to {loss_after:.4f}, and the project's step "
    f"differs from it by {largest_difference:.0e}."
)

# %%
figure, columns = panels("The decision boundary as it forms", 4, size=(14, 4.2), sharey=True)
for axes, step, value_then, accuracy, surface in zip(
    columns, moments, losses, accuracies, surfaces, strict=True
):
    shades = axes.contourf(*side, surface, levels=[0, 0.1, 0.3, 0.5, 0.7, 0.9, 1],
                           cmap="Greys", alpha=0.3)  # fmt: skip
    axes.contour(*side, surface, levels=[0.5], colors="black", linewidths=2.6)
    for number, (colour, mark, face) in enumerate(((START, "o", "white"), ("black", "^", END))):
        chosen = classes[0] == number
        axes.plot(*points[0][chosen].T, ls="", marker=mark, ms=4.5, mew=0.7, mec=colour, mfc=face,
                  label=f"class {number}")  # fmt: skip
    label(
        axes,
        f"{step} steps: loss {value_then:.2g}\naccuracy {accuracy:.0%}",
        "x₁ (no unit)",
        "x₂ (no unit)" if step == 0 else "",
    )
    axes.title.set_fontsize(11)
    axes.grid(False)
columns[0].legend(loc="upper right", fontsize=9, framealpha=0.9)
figure.colorbar(shades, ax=columns, label="probability of class 1", pad=0.01)
save(figure, "decision_boundary")
