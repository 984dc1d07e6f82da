import pytest
import torch


@pytest.fixture(autouse=True)
def same_draws():
    """Each test draws the same weights, whatever ran before."""
    torch.manual_seed(0)
