# %% [markdown]
# # On an accelerator
# The same training on a graphics card, where there is one: the same numbers, at another speed.
#
# Data and weights have to be on the same device. Lightning moves both; what a run is does not
# depend on it, since every random number is drawn on the CPU.

# %%
import tempfile
from pathlib import Path

import polars as pl
import torch

from course.pictures import DASHED, SOLID, label, names, panels, save
from course.printing import in_short
from deltaflow import Run, train

# %% [markdown]
# ## The same run, twice
# First on the CPU, then with `accelerator=auto`, which takes the accelerator if PyTorch finds one.
# Without one the second training is on the CPU too, and then the two agree exactly.

# %%
SETTINGS = ["activation=tanh", "n_seeds=4", "trainer.max_epochs=15", "logger=none"]
with tempfile.TemporaryDirectory() as folder:
    on_cpu = train([*SETTINGS, "accelerator=cpu"], Path(folder) / "cpu")
    on_auto = train([*SETTINGS, "accelerator=auto"], Path(folder) / "auto")
device = on_auto.summary["device"]
found = device != "cpu"
if found:
    print(f"accelerator found: {device}")
else:
    print("no accelerator found by PyTorch: the second training runs on the CPU as well")


# %%
def losses(run: Run) -> list[float]:
    """The mean training loss over seeds, epoch by epoch."""
    table = run.metrics.filter(split="train")
    means = table.group_by("epoch").agg(pl.col("loss").mean()).sort("epoch")
    return means["loss"].to_list()


cpu_losses, auto_losses = losses(on_cpu), losses(on_auto)
loss_difference = max(abs(a - b) for a, b in zip(cpu_losses, auto_losses, strict=True))
seconds = [run.summary["wall_seconds"] for run in (on_cpu, on_auto)]
print(
    f"loss on the CPU from {cpu_losses[0]:.4f} to {cpu_losses[-1]:.4f}; "
    f"largest difference from the other {loss_difference:.0e}"
)
print(f"seconds, all included: {seconds[0]:.1f} and {seconds[1]:.1f}")
print("so small a network gains nothing from an accelerator: try network.width=2048 n_seeds=32")

# %% [markdown]
# ## By hand
# `tensor.to(device)` copies data, `module.to(device)` moves a network's weights in place.

# %%
current = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
place = current or torch.device("cpu")
layer = torch.nn.Linear(4, 3)
batch = torch.ones(2, 4)
here = layer(batch)
there = layer.to(place)(batch.to(place)).cpu()
difference = float((here - there).detach().abs().max())
print(f"a layer and a batch on {place.type}: largest difference from the CPU {difference:.0e}")

# %%
in_short(f"the same training on {device} ends within {loss_difference:.0e} of the loss on the CPU.")

# %%
figure, (axes,) = panels("The same training, wherever it runs", size=(9, 4.8))
epochs = range(1, len(cpu_losses) + 1)
axes.plot(epochs, cpu_losses, label="cpu", **SOLID | {"lw": 5, "alpha": 0.35})
axes.plot(epochs, auto_losses, label=f"accelerator=auto: {device}", **DASHED)
axes.set_ylim(bottom=0)
label(axes, "Mean over 4 seeds, tanh on Iris", "epoch", "training loss (nats)")
names(axes, "upper right")
save(figure, "accelerator")
