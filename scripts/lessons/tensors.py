# %% [markdown]
# # Tensors
# An array of numbers has a shape, a type and a place; that is all a network ever sees.
#
# Scalars, vectors and matrices are the same thing with 0, 1 and 2 axes. This lesson makes them
# from numbers, lists, NumPy arrays and rules, and looks at what they are.

# %%
import numpy as np
import torch

from course.printing import in_short

# %% [markdown]
# ## From a number to a stack of images
# The number of axes is the length of the shape. A scalar has none, so its shape is empty.

# %%
scalar = torch.tensor(5)
vector = torch.tensor([1, 2, 3])
matrix = torch.tensor([[1, 2], [3, 4]])
images = torch.zeros(16, 28, 28)
for name, tensor in {
    "scalar": scalar,
    "vector": vector,
    "matrix": matrix,
    "images": images,
}.items():
    print(f"{name:<8}{tensor.ndim} axes, shape {list(tensor.shape)}, {tensor.dtype}")

# %% [markdown]
# ## Where the type comes from
# Whole numbers become int64 and others float32, unless they come from NumPy, whose type is kept:
# float64, as a rule. A network's weights are float32, so such a tensor has to be converted before
# the two can be multiplied.

# %%
table = torch.tensor([[1, 2, 3], [4, 5, 6]])
decimals = torch.tensor([0.5, 1.5])
from_numpy = torch.tensor(np.random.default_rng(0).standard_normal((3, 5)))
converted = from_numpy.to(torch.float32)
print(f"a list of whole numbers  {list(table.shape)} {table.dtype}")
print(f"a list of decimals       {list(decimals.shape)} {decimals.dtype}")
print(f"a NumPy array            {list(from_numpy.shape)} {from_numpy.dtype}: NumPy's type is kept")
print(f"the same, converted      {list(converted.shape)} {converted.dtype}")

# %% [markdown]
# `torch.tensor` copies. `torch.from_numpy` does not: both look at the same memory, so a change to
# one is a change to the other.

# %%
array = np.zeros(3)
copied, shared = torch.tensor(array), torch.from_numpy(array)
array[0] = 7.0
print(f"after array[0] = 7: the copy has {copied[0]:g}, the shared tensor {shared[0]:g}")

# %% [markdown]
# ## Evenly spaced numbers
# `arange` is given the step and stops before the end. `linspace` is given how many numbers there
# should be, and includes both ends.

# %%
even = torch.arange(0, 10, 2)
spaced = torch.linspace(3, 10, 10)
wide = torch.linspace(3, 10_000_000, 10)
print(f"arange(0, 10, 2)    {even.tolist()}: 10 itself is not in it")
print(
    f"linspace(3, 10, 10) from {spaced[0]:g} to {spaced[-1]:g} "
    f"in steps of {spaced[1] - spaced[0]:.4f}"
)

# %% [markdown]
# When numbers differ much in size, PyTorch prints them in scientific notation. That is only how
# they look; `sci_mode=False` writes them out, and changes no value.

# %%
torch.set_printoptions(sci_mode=True)
scientific = str(wide)
torch.set_printoptions(sci_mode=False)
written_out = str(wide)
torch.set_printoptions(profile="default")
print(f"linspace(3, 10000000, 10), in scientific notation:\n{scientific}")
print(f"and written out, the same numbers:\n{written_out}")

# %% [markdown]
# ## Where a tensor is
# A tensor is in the memory of one device, and two tensors can be added only on the same one. So
# code that is to run anywhere asks which device there is, and moves data and weights there.

# %%
accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
device = accelerator or torch.device("cpu")
moved = matrix.to(device)
if accelerator is None:
    print("no accelerator here: the matrix stays on the CPU")
else:
    print(f"the matrix has moved from {matrix.device} to {moved.device}")
back = moved.cpu()
print(f"its numbers are the same there: {torch.equal(back, matrix)}")

# %%
in_short(
    f"a tensor is numbers with a shape, from {list(scalar.shape)} to {list(images.shape)}, a type, "
    f"here {decimals.dtype}, and a place, here {device}."
)
