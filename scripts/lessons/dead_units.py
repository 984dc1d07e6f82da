# %% [markdown]
# # Dead units
# A ReLU unit that is off for every sample learns no more until it is fed otherwise; a leaky one
# always can.
#
# ReLU against leaky ReLU in training with a step size that is far too large, then the exact
# meaning of dead, and what a badly chosen α does.

# %%
import numpy as np
import torch
from torch import Tensor, nn

from course.pictures import LOOKS, label, names, panels, save
from course.printing import in_short
from deltaflow.data.sources import iris, xor
from deltaflow.figures.looks import draw_seeds
from deltaflow.flow.dead_units import dead_fractions
from deltaflow.flow.tape import Tape
from deltaflow.nn.activations import derivative
from deltaflow.nn.initializers import LeCun, Torch
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import BinaryCrossEntropy, CrossEntropy
from deltaflow.theory import Moments, Theory

N_SEEDS, N_STEPS, WIDTH = 16, 200, 32
flowers = iris()
standard = (flowers.features - flowers.features.mean(0)) / flowers.features.std(0)
x = torch.from_numpy(standard).float().expand(N_SEEDS, -1, -1)
target = torch.from_numpy(flowers.targets).expand(N_SEEDS, -1)
objective = CrossEntropy(flowers.task)


def passing(network: FullyConnected) -> list[Tensor]:
    """Of each hidden layer, φ' at every sample and unit, ``[R, samples, units]``."""
    with Tape(network) as tape, torch.no_grad():
        network(x)
    return [
        derivative(phi, passed.u)
        for phi, passed in zip(network.activations, tape.layers, strict=False)
        if passed.u is not None
    ]


def untrained(phi: nn.Module) -> FullyConnected:
    """Two hidden layers, as PyTorch would start them."""
    network = FullyConnected([4, WIDTH, WIDTH, 3], phi, n_replicas=N_SEEDS)
    network.initialize(Torch(), seeds=range(N_SEEDS))
    return network


def train(network: FullyConnected, optimizer: torch.optim.Optimizer) -> tuple[Tensor, Tensor]:
    """Train on all samples at once.

    Returns:
        Which units were dead, ``[steps, layers, R, units]``, and accuracies, ``[steps, R]``.
    """
    dead, accuracy = [], []
    for step in range(N_STEPS + 1):
        dead.append(torch.stack([(slope == 0).all(1) for slope in passing(network)]))
        output = network(x)
        accuracy.append((objective.predict(output) == target).float().mean(1))
        if step < N_STEPS:
            optimizer.zero_grad()
            objective.sample_loss(output, target).mean(1).sum().backward()
            optimizer.step()
    return torch.stack(dead), torch.stack(accuracy)


# %% [markdown]
# ## Dying in training
# Adam moves every weight by about its step size, and 0.5 is far too much: an early step throws
# weights so far that a unit is off for every sample. Then its φ' is 0 everywhere, and so is the
# gradient of its weights. A leaky unit passes α back even where it is negative, so none can die.
# Most of the ReLU networks learn Iris with the units that are left; some have lost too many.

# %%
dead, accuracy, counted = {}, {}, {}
for name, phi in {"relu": nn.ReLU(), "leaky": nn.LeakyReLU(0.01)}.items():
    network = untrained(phi)
    dead[name], accuracy[name] = train(network, torch.optim.Adam(network.parameters(), lr=0.5))
    counted[name] = dead_fractions(network, x)[:2]  # the project's own count, layer by layer
    start, end = (dead[name][step].float().mean((1, 2)) for step in (0, -1))
    print(
        f"{name:<6} dead in layers 1 and 2: {start[0]:.0%} and {start[1]:.0%} at the start, "
        f"{end[0]:.0%} and {end[1]:.0%} after {N_STEPS} steps; "
        f"accuracy {accuracy[name][-1].mean():.3f}, at worst {accuracy[name][-1].min():.2f}"
    )

# %% [markdown]
# ## A common mistake: «off once, dead for ever»
# It is said that a ReLU unit whose input is once negative never activates again. At the start
# nearly every unit is off for some sample, and that is ordinary: half of all pre-activations are
# negative. Dead means off for every sample. Even that can end: a dead unit's own weights get no
# gradient, but the layer before it moves on, and what it is fed may turn it on again. Only the
# first layer's inputs never move, so under plain gradient descent its dead stay dead. The project
# counts dead units on the whole training set for this reason, never on a batch.

# %%
learner = untrained(nn.ReLU())
off_at_start = torch.stack([(slope == 0).any(1) for slope in passing(learner)])
gentle, accuracy_then = train(learner, torch.optim.SGD(learner.parameters(), lr=1.0))
was, now = gentle[:-1], gentle[1:]
revivals = (was & ~now).sum((0, 2, 3)).tolist()
share_off = off_at_start.float().mean().item()
share_dead = gentle[0].float().mean().item()
print(
    f"at the start {share_off:.1%} of units are off for some sample, "
    f"{share_dead:.1%} for every sample"
)
print(f"plain gradient descent, {N_STEPS} steps, {N_SEEDS} networks: units that came back to life: "
      f"{revivals[0]} in layer 1, {revivals[1]} in layer 2")  # fmt: skip

# %%
figure, (dying, scoring) = panels(
    f"A step size far too large: ReLU units die, leaky ones cannot ({N_SEEDS} seeds)",
    2,
    size=(13, 5),
)
steps = np.arange(N_STEPS + 1)
RELU = LOOKS["relu"] | {"ls": "-", "lw": 2.2, "ms": 7, "markevery": (0, 50)}
LEAKY = LOOKS["leaky"] | {"ls": "--", "lw": 2.2, "ms": 7, "markevery": (25, 50)}
lines = (
    (dying, "ReLU, layer 2", dead["relu"][:, 1].float().mean(-1), RELU),
    (
        dying,
        "ReLU, layer 1",
        dead["relu"][:, 0].float().mean(-1),
        RELU | {"mfc": "white", "lw": 1.3},
    ),
    (dying, "leaky ReLU, both layers", dead["leaky"].float().mean((1, 3)), LEAKY),
    (scoring, "ReLU", accuracy["relu"], RELU),
    (scoring, "leaky ReLU, α = 0.01", accuracy["leaky"], LEAKY),
)
for axes, text, value, look in lines:
    draw_seeds(axes, steps, value.T.numpy(), look | {"clip_on": False}, text)
for axes in (dying, scoring):
    axes.set_ylim(0, 1)
    axes.set_xlim(0, N_STEPS)
    axes.yaxis.set_major_formatter("{x:.0%}")
label(
    dying,
    "Dead units (bands: 95 % intervals of the mean)",
    "training step",
    "share of hidden units",
)
label(scoring, "Accuracy on the flowers trained on", "training step", "share of flowers")
names(dying, "center right")
names(scoring, "lower right")
save(figure, "dead_units")

# %% [markdown]
# ## A badly chosen α
# α = 1 is no activation at all: the network is linear, and XOR, which no linear model can learn,
# stays at chance. A small α learns it.

# %%
corners = xor(400, noise=0.05, seed=0)
points = torch.from_numpy(corners.features).float().expand(8, -1, -1)
signs = torch.from_numpy(corners.targets).expand(8, -1)
goal = BinaryCrossEntropy(corners.task, threshold=0.5)
xor_accuracy = {}
for alpha in (0.0, 0.01, 0.3, 1.0):
    network = FullyConnected([2, 16, 16, 1], nn.LeakyReLU(alpha), n_replicas=8)
    network.initialize(Torch(), seeds=range(8))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        goal.sample_loss(network(points), signs).mean(1).sum().backward()
        optimizer.step()
    right = goal.metrics(goal.predict(network(points).detach()), signs)["accuracy"]
    xor_accuracy[alpha] = float(right.mean())
    print(f"α = {alpha:<5g} accuracy on XOR {xor_accuracy[alpha]:.3f}")

# %% [markdown]
# α also sets the size of what comes out: the mean square of h is (1 + α²)/2 of that of z. With
# weights of variance 1/fan_in, a small α halves it at every layer, and after twenty layers hardly
# anything is left. He's initialisation makes up for it by weights larger by √(2/(1 + α²)).

# %%
kept = {}
for alpha in (0.01, 0.3, 1.0):
    theory = Theory([WIDTH] * 22, nn.LeakyReLU(alpha), LeCun())
    profile = theory.predict(np.ones(1)).preactivation_second_moment
    kept[alpha] = float(profile[20] / profile[0])
    moment = float(Moments(nn.LeakyReLU(alpha)).second_moment(np.ones(1))[0])
    print(
        f"α = {alpha:<5g} mean square × {moment:.3f} a layer, × {kept[alpha]:.1e} after 20 layers"
    )

# %%
in_short(
    f"after {N_STEPS} steps far too large {dead['relu'][-1].float().mean():.0%} of ReLU's units "
    f"are dead, and {dead['leaky'][-1].float().mean():.0%} of leaky ReLU's."
)
