"""What cannot fit is refused, and an error is told from one that lacked memory."""

import errno

import numpy as np
import pytest
import torch

from deltaflow.system.memory import in_words, installed_memory, is_out_of_memory, require_memory


def test_what_fits_passes():
    require_memory(1, "It", "`width=1`", "Smaller.")


def test_what_does_not_fit_is_told_in_words(monkeypatch):
    monkeypatch.setattr("deltaflow.system.memory.installed_memory", lambda: 8_000_000_000)
    with pytest.raises(ValueError, match=r"^It must fit into memory\. Found `width=9`, which needs "
                       r"at least 8 GB where this machine has 8 GB\. Smaller\.$"):  # fmt: skip
        require_memory(8_000_000_001, "It", "`width=9`", "Smaller.")


def test_a_machine_that_does_not_say_what_it_has_has_enough(monkeypatch):
    monkeypatch.delattr("os.sysconf")
    assert installed_memory() is None
    require_memory(10**30, "It", "", "")


@pytest.mark.parametrize(("n_bytes", "words"), [
    (999, "999 bytes"), (1_000, "1 kB"), (25_300_000_000, "25.3 GB"), (10**24, "1e+03 ZB"),
])  # fmt: skip
def test_sizes_in_words(n_bytes, words):
    assert in_words(n_bytes) == words


def _asked_of_numpy():
    np.empty(10**15)


def _asked_of_torch():
    torch.empty(10**15)


def _asked_for_overflow():
    torch.empty(2**62, 2**62)


@pytest.mark.parametrize("ask", [_asked_of_numpy, _asked_of_torch, _asked_for_overflow])
def test_what_libraries_say_without_memory(ask):
    with pytest.raises((MemoryError, OverflowError, RuntimeError)) as caught:
        ask()
    assert is_out_of_memory(caught.value)


def test_a_full_graphics_card():
    assert is_out_of_memory(
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
    )


def test_a_system_that_gives_no_more():
    assert is_out_of_memory(OSError(errno.ENOMEM, "Cannot allocate memory"))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("`network.width` must be at least 1."),
        ValueError("Maximum allowed size exceeded"),
        KeyError("out of memory"),
        OverflowError("Python int too large to convert to C long"),
        OSError(errno.ENOSPC, "not enough memory on the stick"),
    ],
)
def test_words_alone_are_no_lack_of_memory(error):
    assert not is_out_of_memory(error)
