# %% [markdown]
# # Entropy, divergence, cross-entropy
# How uncertain a distribution is, how far another is from it, and why training needs only their
# sum.
#
# Three definitions, computed as they stand, and the one equation that ties them together.

# %%
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from course.pictures import DASHED, DOTTED, SOLID, label, names, panels, save
from course.printing import in_short

# %% [markdown]
# ## Definitions
# H(P) = −Σ p log p is the surprise that P holds on average. H(P, Q) = −Σ p log q is the surprise
# of somebody who believes Q while P holds. KL(P‖Q) = Σ p log(p/q) is what the wrong belief costs.
# Logarithms are natural, so the unit is the nat; what has p = 0 contributes nothing.


# %%
def entropy(p: Tensor) -> Tensor:
    """H(P), nats."""
    surprise: Tensor = torch.special.xlogy(-p, p)
    return surprise.sum()


def cross_entropy(p: Tensor, q: Tensor) -> Tensor:
    """H(P, Q), nats."""
    surprise: Tensor = torch.special.xlogy(-p, q)
    return surprise.sum()


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """KL(P‖Q), nats."""
    possible = p > 0
    return (p[possible] * (p[possible] / q[possible]).log()).sum()


p = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
q = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
h_p, h_pq, kl = entropy(p).item(), cross_entropy(p, q).item(), divergence(p, q).item()
library = functional.kl_div(q.log(), p, reduction="sum").item()
print(f"H(P) = {h_p:.4f}, H(P, Q) = {h_pq:.4f}, KL(P‖Q) = {kl:.4f} nats")
print(f"H(P, Q) − H(P) = {h_pq - h_p:.4f}: the divergence, to {abs(h_pq - h_p - kl):.0e}")
print(f"PyTorch's kl_div gives {library:.4f}; it takes log Q first, then P")

# %% [markdown]
# ## Never negative, and 0 only for equal distributions
# Ten thousand random pairs; then pairs that come closer and closer. It is no distance, though: the
# two directions differ.

# %%
generator = np.random.default_rng(0)
pairs = torch.from_numpy(generator.dirichlet(np.ones(4), size=(10_000, 2)))
all_divergences = torch.special.xlogy(pairs[:, 0], pairs[:, 0] / pairs[:, 1]).sum(1)
smallest = float(all_divergences.min())
nearer = {t: divergence(p, (1 - t) * p + t * q).item() for t in (1.0, 0.1, 0.01, 0.0)}
reverse = divergence(q, p).item()
print(f"smallest divergence of 10,000 random pairs: {smallest:.1e}, above 0")
print("Q moves towards P: " + ", ".join(f"{value:.1e}" for value in nearer.values()))
print(f"KL(P‖Q) = {kl:.4f}, KL(Q‖P) = {reverse:.4f}")

# %% [markdown]
# ## What training needs
# The data's distribution P does not depend on the network, so neither does H(P): to lower H(P, Q)
# is to lower KL(P‖Q), whose lowest value is at Q = P. For a sample whose class m is known, P is
# one-hot, H(P) = 0, and of the whole sum a single term is left: −log ŷₘ.

# %%
one_hot = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
known_entropy = entropy(one_hot).item()
single_term = -q[1].log().item()
whole_sum = cross_entropy(one_hot, q).item()
print(
    f"one-hot: H(P) = {known_entropy:g}, cross-entropy {whole_sum:.6f}, "
    f"and −log 0.5 = {single_term:.6f}"
)
prices = {probability: -float(np.log(probability)) for probability in (0.99, 0.5, 0.1, 0.01)}
print(
    "the price of the true class's probability: "
    + ", ".join(f"{k:g} → {v:.2f}" for k, v in prices.items())
)

# %%
in_short(
    f"what is believed wrongly costs {kl:.3f} nats on top of the {h_p:.3f} that nobody avoids; of "
    f"{len(pairs):,} random pairs none costs less than 0."
)

# %%
figure, (sums, single) = panels("Cross-entropy is entropy plus divergence", 2, size=(12, 4.8))
belief = torch.linspace(0.005, 0.995, 400, dtype=torch.float64)
truth = torch.tensor([0.3, 0.7], dtype=torch.float64)
believed = torch.stack([belief, 1 - belief], dim=1)
crossed = torch.stack([cross_entropy(truth, each) for each in believed])
apart = torch.stack([divergence(truth, each) for each in believed])
sums.plot(belief, crossed, label="cross-entropy H(P, Q)", **SOLID)
sums.plot(belief, apart, label="divergence KL(P‖Q)", **DASHED)
sums.axhline(entropy(truth).item(), label="entropy H(P)", **DOTTED)
sums.axvline(0.3, color="#8a8a8a", lw=1)
sums.set_ylim(0, 2.5)
label(
    sums,
    "Two outcomes, the first has p = 0.3: both are lowest at q = p",
    "believed probability q",
    "nats",
)
names(sums, "upper center")
single.plot(belief, -belief.log(), **SOLID)
single.set_ylim(0, 5)
label(
    single,
    "A known class: −log of its probability",
    "probability ŷ of the true class",
    "loss (nats)",
)
save(figure, "entropy")
