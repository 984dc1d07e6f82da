# %% [markdown]
# # Vanishing gradients
# Each layer multiplies δ by a slope and by its weights; over many layers, small factors leave
# nothing.
#
# First the slopes alone, then whole networks, 32 seeds each, beside what theory says beforehand.

# %%
import numpy as np
import torch
from torch import nn

from course.pictures import DOTTED, FAINT, LOOKS, label, names, panels, save
from course.printing import in_short
from deltaflow.data.sources import iris
from deltaflow.figures.looks import draw_seeds
from deltaflow.flow.measurement import measure
from deltaflow.flow.profiles import decay_rate, vanishing_index
from deltaflow.flow.tape import Tape
from deltaflow.nn.activations import traits
from deltaflow.nn.initializers import He, Initializer, Xavier
from deltaflow.nn.network import FullyConnected
from deltaflow.nn.objectives import CrossEntropy
from deltaflow.theory import Moments, Theory

activations: dict[str, nn.Module] = {
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "relu": nn.ReLU(),
    "leaky": nn.LeakyReLU(0.01),
}

# %% [markdown]
# ## The product of slopes
# At best every unit stands where its slope is steepest. For sigmoid that is ¼ a layer: a millionth
# after ten. A more typical case has pre-activations spread as N(0, 1); then the root mean square
# of the slope counts. ReLU's is √½, since half of its units are off.

# %%
depths = np.arange(0, 21)
steepest = {name: traits(phi).steepest for name, phi in activations.items()}
typical = {
    name: float(Moments(phi).slope_second_moment(np.ones(1))[0]) ** 0.5
    for name, phi in activations.items()
}
for name in activations:
    print(
        f"{name:<8} a layer: at best {steepest[name]:.3f}, typically {typical[name]:.3f}; "
        f"ten layers: at best {steepest[name] ** 10:.1e}, typically {typical[name] ** 10:.1e}"
    )

# %%
figure, columns = panels("The product of slopes over depth", 2, size=(12, 5), sharey=True)
for axes, factors, title in zip(columns, (steepest, typical), (
    "At best: every unit where its slope is steepest",
    "Typical: pre-activations spread as N(0, 1)",
), strict=True):  # fmt: skip
    for number, (name, factor) in enumerate(factors.items()):
        look = LOOKS[name] | {"markevery": (number, 4), "ms": 6, "lw": 1.8}
        axes.plot(depths, factor**depths, label=f"{name}: {factor:.3g} a layer", **look)
    axes.set_yscale("log")
    axes.set_xticks(depths[::4])
    label(
        axes,
        title,
        "layers passed through",
        "product of φ' (no unit)" if axes is columns[0] else "",
    )
    names(axes, "lower left")
save(figure, "slope_product")

# %% [markdown]
# ## Whole networks
# Weights count too. Here are twenty hidden layers of 64 units with Xavier's initialisation, on
# Iris, before any training. The δ norm is how long one sample's error signal is in a layer. Theory
# knows of the network only its sizes, its activation and the variances of its weights.

# %%
N_SEEDS, DEPTH, WIDTH = 32, 20, 64
flowers = iris()
every_third = slice(None, None, 3)
standard = (flowers.features - flowers.features.mean(0)) / flowers.features.std(0)
standard = standard[every_third]
x = torch.from_numpy(standard).expand(N_SEEDS, -1, -1)
target = torch.from_numpy(flowers.targets[every_third]).expand(N_SEEDS, -1)
objective = CrossEntropy(flowers.task)
sizes = [4, *[WIDTH] * DEPTH, 3]
cases: dict[str, tuple[nn.Module, Initializer]] = {
    name: (phi, Xavier()) for name, phi in activations.items()
}
cases["relu, He"] = (nn.ReLU(), He())

profiles: dict[str, np.ndarray] = {}
predicted: dict[str, np.ndarray] = {}
rates: dict[str, tuple[float, float]] = {}
for name, (phi, initializer) in cases.items():
    network = FullyConnected(sizes, phi, n_replicas=N_SEEDS, dtype=torch.float64)
    network.initialize(initializer, seeds=range(N_SEEDS))
    with Tape(network) as tape:
        loss = objective.sample_loss(network(x), target).mean(1).sum()
    loss.backward()
    column = [value for value in measure(network, tape)["delta_norm"] if value is not None]
    profiles[name] = torch.stack(column[:DEPTH], dim=1).numpy()  # [seeds, hidden layers]
    theory = Theory(sizes, phi, initializer).predict(np.square(standard).mean(1)).delta_norm
    predicted[name] = theory * np.exp(np.log(profiles[name][:, -1]).mean())
    rates[name] = (float(decay_rate(profiles[name]).mean()), float(decay_rate(theory)))
    lost = float(vanishing_index(profiles[name]).mean())
    print(
        f"{name:<9} δ × {rates[name][0]:.3f} a layer going back, theory × {rates[name][1]:.3f}: "
        f"{lost:5.1f} decades lost over {DEPTH} layers"
    )
print("tanh loses less than sigmoid, not nothing; ReLU keeps δ only with weights as large as He's")

# %%
in_short(
    f"through {DEPTH} sigmoid layers δ shrinks × {rates['sigmoid'][0]:.3f} a layer, through ReLU "
    f"with He's weights × {rates['relu, He'][0]:.3f}."
)

# %%
figure, columns = panels(
    f"How δ decays on its way back: {N_SEEDS} seeds before training, Xavier's weights",
    4,
    size=(14, 4.6),
    sharey=True,
)
layers = np.arange(1, DEPTH + 1)
for axes, name in zip(columns, activations, strict=True):
    shown = [name, "relu, He"] if name == "relu" else [name]
    for case in shown:
        logs = np.log10(profiles[case])
        look = LOOKS[name] | {
            "ls": "-",
            "ms": 5,
            "lw": 1.2,
            "mfc": "white" if "He" in case else None,
        }
        text = "He's weights" if "He" in case else "measured"
        said = f"{text}: × {rates[case][0]:.2f} a layer"
        draw_seeds(axes, layers, logs, look, said, lambda logs: 10.0**logs)
        again = case != shown[0]
        axes.plot(layers, predicted[case], zorder=3, **DOTTED,
                  label=None if again else f"theory: × {rates[case][1]:.2f}")  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylim(1e-14, 1e2)
    axes.set_xticks([1, 5, 10, 15, 20])
    label(
        axes,
        name,
        "hidden layer (input → output)",
        "δ norm (loss per unit of z)" if name == "sigmoid" else "",
    )
    names(axes, "lower right")
figure.text(
    0.99,
    0.985,
    "bands: 95 % intervals of the mean",
    ha="right",
    va="top",
    fontsize=10,
    color=FAINT["color"],
)
save(figure, "delta_decay")
