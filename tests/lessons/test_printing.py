import torch

from course.printing import entries


def test_entries_are_rounded_and_zero_has_no_sign():
    assert entries(torch.tensor([[-0.00001, 1.23456]])) == [0.0, 1.2346]
    assert str(entries(torch.tensor(-0.0))) == "[0.0]"
