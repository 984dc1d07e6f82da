# %% [markdown]
# # Data types
# More bits hold more digits and a wider range; they cost memory, and often time.
#
# Which types there are depends on the PyTorch that is installed, so this lesson asks it, and then
# measures what they cost and what they get wrong.

# %%
import time
from fractions import Fraction

import torch

from course.pictures import label, panels, save
from course.printing import in_short
from deltaflow.figures.looks import END, START

# %% [markdown]
# ## Which types there are
# A common mistake is to count nine: floating numbers and integers of 8, 16, 32 and 64 bits each,
# and booleans. There are several kinds of floating numbers with 8 bits, two with 16 (`bfloat16`
# trades digits for range), integers without a sign, complex numbers, and types for packed or
# quantised weights. The list below is the one of your installation.

# %%
everything = {value for value in vars(torch).values() if isinstance(value, torch.dtype)}
kinds: dict[str, list[str]] = {
    "floating": [],
    "complex": [],
    "integer": [],
    "boolean": [],
    "packed": [],
}
for dtype in sorted(everything, key=str):
    name = str(dtype).removeprefix("torch.")
    if name.startswith(("q", "bits")) or "_x2" in name:
        kind = "packed"
    elif dtype.is_floating_point:
        kind = "floating"
    elif dtype.is_complex:
        kind = "complex"
    else:
        kind = "boolean" if name == "bool" else "integer"
    kinds[kind].append(name)
for kind, names in kinds.items():
    print(f"{kind:<10}{len(names):>3}: {', '.join(names)}")
print(f"in all {len(everything)}, not nine")

# %% [markdown]
# ## What a number costs, and how exact it is
# ε is the distance from 1 to the next number that can be stored: about the relative error of every
# single operation. A third cannot be stored exactly in any of them.

# %%
floating = [torch.bfloat16, torch.float16, torch.float32, torch.float64]
n_bytes, epsilon, largest, third_error = {}, {}, {}, {}
for dtype in floating:
    name = str(dtype).removeprefix("torch.")
    million = torch.zeros(1_000_000, dtype=dtype)
    n_bytes[name] = million.untyped_storage().nbytes()
    epsilon[name] = torch.finfo(dtype).eps
    largest[name] = torch.finfo(dtype).max
    third = Fraction(torch.tensor(1 / 3, dtype=dtype).item())  # exactly what is stored
    third_error[name] = float(abs(3 * third - 1))
    print(
        f"{name:<10}{n_bytes[name] / 1e6:>3.0f} MB a million, ε = {epsilon[name]:.1e}, "
        f"up to {largest[name]:.1e}, 1/3 wrong by {third_error[name]:.0e}"
    )

# %% [markdown]
# Whole numbers and booleans are exact within their range, which is all that their bits buy. A
# boolean takes a whole byte: memory has no smaller address.

# %%
whole = {}
for dtype in (torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64):
    name, bounds = str(dtype).removeprefix("torch."), torch.iinfo(dtype)
    whole[name] = (torch.zeros(1, dtype=dtype).element_size(), bounds.min, bounds.max)
    print(f"{name:<10}{whole[name][0]} bytes a number, from {bounds.min} to {bounds.max}")
boolean_bytes = torch.zeros(1, dtype=torch.bool).element_size()
print(f"bool      {boolean_bytes} byte a number, False or True")

# %% [markdown]
# ## What goes wrong at the ends of a range
# Integers wrap around, and say nothing. Floating numbers become infinite. And between two large
# floats there are whole numbers that cannot be stored: a counter in float32 stops at 2²⁴.

# %%
wrapped = torch.tensor(127, dtype=torch.int8) + torch.tensor(1, dtype=torch.int8)
overflow = torch.tensor(60_000, dtype=torch.float16) * 2
stuck = torch.tensor(2.0**24) + 1
print(f"int8:    127 + 1 = {wrapped.item()}")
print(f"float16: 60000 · 2 = {overflow.item()}")
print(f"float32: 2²⁴ + 1 = {stuck.item():.0f}, which is 2²⁴ again")

# %% [markdown]
# ## Precision against time, measured
# The same product of two matrices in each type, against float64. Fewer bits need not be faster: a
# processor without instructions for a type has to convert every number, while accelerators are
# built for the short ones. The seconds are those of this machine, at this moment.

# %%
generator = torch.Generator().manual_seed(0)
a, b = (torch.randn(256, 256, generator=generator, dtype=torch.float64) for _ in range(2))
exact = a @ b
product_error, seconds = {}, {}
for dtype in floating:
    name = str(dtype).removeprefix("torch.")
    x, y = a.to(dtype), b.to(dtype)
    product = x @ y
    times = []
    for _ in range(7):
        started = time.perf_counter()
        x @ y  # only its time is wanted
        times.append(time.perf_counter() - started)
    seconds[name] = sorted(times)[len(times) // 2]
    product_error[name] = float((product.double() - exact).norm() / exact.norm())
    print(f"{name:<10}{1e3 * seconds[name]:8.3f} ms, relative error {product_error[name]:.0e}")
print("digits grow with the bits; what they cost in time, the machine decides")

# %%
in_short(
    f"float64 is {epsilon['float32'] / epsilon['float64']:.0e} times finer than float32, for "
    f"{n_bytes['float64'] / n_bytes['float32']:g} times the memory."
)

# %%
figure, (precision, speed) = panels("What bits buy, and what they cost", 2)
labels = [f"{name}\n{n_bytes[name] // 1_000_000} bytes" for name in n_bytes]
bars = precision.bar(labels, list(epsilon.values()), color=START, width=0.6)
precision.bar_label(bars, [f"{value:.0e}" for value in epsilon.values()], fontsize=10)
precision.set_yscale("log")
precision.set_ylim(1e-17, 1)
label(precision, "Relative rounding error ε", "data type", "ε (no unit, logarithmic)")
bars = speed.bar(labels, [1e3 * value for value in seconds.values()], color=END, width=0.6)
speed.bar_label(bars, [f"{1e3 * value:.3g}" for value in seconds.values()], fontsize=10)
speed.set_yscale("log")
speed.set_ylim(min(seconds.values()) * 300, max(seconds.values()) * 4000)
label(
    speed,
    "Product of two 256 × 256 matrices, this machine",
    "data type",
    "time (ms, median of 7, logarithmic)",
)
save(figure, "data_types")
