from collections.abc import Sequence
from typing import Any, Literal

import pytest
import torch

from deltaflow.config.arguments import check_arguments


def target(
    whole: int,
    number: float = 1.0,
    flag: bool = False,
    word: str = "",
    maybe: int | None = None,
    sizes: Sequence[int] = (),
    maybe_sizes: Sequence[int] | None = None,
    one_of: Literal["a", "b"] = "a",
    anything: Any = None,
    module: torch.nn.Module | None = None,
    unannotated=None,
) -> None: ...


@pytest.mark.parametrize(
    "arguments",
    [
        {"whole": 3},
        {"number": 3},
        {"number": 3.5},
        {"number": float("inf")},
        {"flag": True},
        {"word": "a"},
        {"maybe": None},
        {"maybe": 3},
        {"sizes": [1, 2]},
        {"one_of": "z"},
        {"anything": [None]},
        {"unannotated": "whatever"},
    ],
    ids=str,
)
def test_what_fits_or_cannot_be_told_passes(arguments):
    check_arguments(target, arguments, "group")


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"whole": "ten"}, "`group.whole` must be a whole number. Found ten."),
        ({"whole": 4.5}, "`group.whole` must be a whole number. Found 4.5."),
        ({"whole": True}, "`group.whole` must be a whole number. Found true."),
        ({"whole": None}, "`group.whole` must be a whole number. Found null."),
        ({"number": "fast"}, "`group.number` must be a number. Found fast."),
        ({"flag": "maybe"}, "`group.flag` must be true or false. Found maybe."),
        ({"word": 3}, "`group.word` must be a word. Found 3."),
        ({"maybe": "x"}, "`group.maybe` must be a whole number or null. Found x."),
        ({"sizes": 3}, "`group.sizes` must be a list. Found 3."),
        ({"maybe_sizes": 3}, "`group.maybe_sizes` must be a list or null. Found 3."),
        ({"sizes": "12"}, "`group.sizes` must be a list. Found '12'."),
        ({"number": float("nan")}, "`group.number` must be a value that means something."),
        ({"number": "0.1"}, "`group.number` must be a number. Found '0.1'."),
        ({"numbr": 1}, r"`group` must get .* `target` takes: whole, number.*mean `group.number`?"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(arguments, wanted):
    with pytest.raises(ValueError, match=rf"^{wanted}"):
        check_arguments(target, arguments, "group")


def test_a_class_is_judged_by_how_it_is_made():
    with pytest.raises(ValueError, match=r"`activation.negative_slope` must be a number"):
        check_arguments(torch.nn.LeakyReLU, {"negative_slope": "steep"}, "activation")


def test_another_librarys_annotations_count_as_well():
    with pytest.raises(ValueError, match=r"`optimizer.momentum` must be a number. Found null"):
        check_arguments(torch.optim.SGD, {"lr": 0.1, "momentum": None}, "optimizer")


def test_a_list_fits_where_a_tuple_is_asked_for():
    def optimizer(betas: tuple[float, float], sizes: Sequence[int] | None = None) -> None: ...

    check_arguments(optimizer, {"betas": [0.9, 0.99], "sizes": [1]}, "optimizer")
    with pytest.raises(ValueError, match=r"`optimizer.betas` must be a list\. Found 0\.9"):
        check_arguments(optimizer, {"betas": 0.9}, "optimizer")
