# %% [markdown]
# # Random numbers
# A seed decides every number that follows, so an experiment can be repeated exactly.
#
# Weights start at random and samples come in random order. With the same seed they are the same
# again: in this process, in the next one, and in a year.

# %%
import json
import subprocess
import sys

import numpy as np
import torch

from course.pictures import DASHED, SOLID, label, names, panels, save
from course.printing import in_short
from deltaflow.nn.random_streams import Stream, generator

# %% [markdown]
# ## A seed, and what comes after it
# `rand` is uniform on [0, 1), `randn` normal with mean 0 and standard deviation 1, and `normal`
# takes both of your choice.

# %%
torch.manual_seed(123)
seed = torch.initial_seed()
uniform = torch.rand(2, 3)
normal = torch.randn(2, 3)
chosen = torch.normal(2.0, 3.0, (1, 4))
print(f"seed {seed}")
print(f"rand(2, 3)             {uniform.tolist()}")
print(f"randn(2, 3)            {normal.tolist()}")
print(f"normal(2, 3, (1, 4))   {chosen.tolist()}")

# %% [markdown]
# ## The same again
# Setting the seed once more repeats the numbers; going on without it does not. A process of its
# own, started for the purpose, finds the same numbers as well.

# %%
further = torch.rand(2, 3)
torch.manual_seed(123)
again = torch.rand(2, 3)
print(f"with the seed set again: equal {torch.equal(uniform, again)}")
print(f"without:                 equal {torch.equal(uniform, further)}")

program = "import torch; torch.manual_seed(123); print(torch.rand(2, 3).tolist())"
printed = subprocess.run(
    [sys.executable, "-c", program], capture_output=True, text=True, check=True
)
elsewhere = torch.tensor(json.loads(printed.stdout))
print(f"in another process:      equal {torch.equal(uniform, elsewhere)}")

# %% [markdown]
# ## Standard deviation, not variance
# A common mistake is to call `normal(mean=2, std=3)` a distribution of variance 3. PyTorch takes
# what the argument's name says, the standard deviation, and the variance is its square: 9. In this
# project `init.sigma_w` and `init.sigma_b` are standard deviations, and every `…_variance` is a
# variance.

# %%
torch.manual_seed(0)
many = torch.normal(2.0, 3.0, (200_000,), dtype=torch.float64)
mean, deviation, variance = many.mean().item(), many.std().item(), many.var().item()
print(
    f"200,000 numbers: mean {mean:.3f}, standard deviation {deviation:.3f}, variance {variance:.3f}"
)

# %% [markdown]
# ## Streams: randomness that nothing can disturb
# One global generator has a weakness: an extra draw anywhere changes all that comes later. So in
# this project a draw is a function of the seed, of what it is for, and of an index, such as the
# layer. Whatever else was drawn, layer 3 of seed 7 starts the same.

# %%
first = generator(7, Stream.INIT, 3).standard_normal(3)
generator(7, Stream.INIT, 1).standard_normal(1000)  # others draw what they like
second = generator(7, Stream.INIT, 3).standard_normal(3)
print(f"layer 3 of seed 7: {first.round(3)}, and after other draws {second.round(3)}")

# %%
in_short(
    f"seed {seed} gives the same {uniform.numel()} numbers again, in any process; and a standard "
    f"deviation of 3 is a variance of {variance:.2f}."
)

# %%
figure, (axes,) = panels("normal(mean=2, std=3): the variance is 9", size=(9, 4.8))
axes.hist(many.numpy(), bins=120, density=True, color="#c9c9c9", label="200,000 draws")
x = np.linspace(-12, 16, 400)
for spread, look, text in ((3.0, SOLID, "standard deviation 3 (variance 9)"),
                           (3**0.5, DASHED, "variance 3, the common mistake")):  # fmt: skip
    density = np.exp(-((x - 2) ** 2) / (2 * spread**2)) / (spread * np.sqrt(2 * np.pi))
    axes.plot(x, density, label=text, **look)
axes.set_xlim(-12, 16)
label(axes, "", "value (no unit)", "probability density (1 per unit)")
names(axes, "upper left")
save(figure, "random_numbers")
