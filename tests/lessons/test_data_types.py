from fractions import Fraction

import pytest
import torch


def test_every_type_of_this_pytorch_is_listed_once(lesson):
    listed = [name for names in lesson.kinds.values() for name in names]
    there = {str(v) for v in vars(torch).values() if isinstance(v, torch.dtype)}
    assert sorted(f"torch.{name}" for name in listed) == sorted(there)


def test_there_are_not_nine(lesson):
    usual = {"float16", "float32", "float64", "int8", "int16", "int32", "int64", "bool"}
    listed = {name for names in lesson.kinds.values() for name in names}
    assert usual < listed
    assert "float8" not in listed  # there are several kinds, and none of that name
    assert sum(name.startswith("float8_") for name in listed) >= 2
    assert {"bfloat16", "uint8", "complex64"} < listed
    assert len(listed) > 9


def test_memory_grows_with_the_bits(lesson):
    assert lesson.n_bytes == {
        "bfloat16": 2_000_000, "float16": 2_000_000, "float32": 4_000_000, "float64": 8_000_000
    }  # fmt: skip


def test_precision_grows_with_the_bits(lesson):
    assert [lesson.epsilon[n] for n in lesson.epsilon] == [2**-7, 2**-10, 2**-23, 2**-52]
    for name, error in lesson.third_error.items():
        assert 0 < error <= lesson.epsilon[name] / 2
    exact = abs(Fraction(1 / 3) * 3 - 1)
    assert lesson.third_error["float64"] == float(exact)
    errors = [lesson.product_error[name] for name in ("bfloat16", "float16", "float32")]
    assert errors == sorted(errors, reverse=True)
    assert errors[2] < 1e-5 < errors[1]


def test_whole_numbers_have_the_range_of_their_bits(lesson):
    for name, (n_bytes, low, high) in lesson.whole.items():
        bits = 8 * n_bytes
        assert name.endswith(f"int{bits}")
        assert high - low == 2**bits - 1
        assert low == (0 if name.startswith("u") else -(2 ** (bits - 1)))
    assert lesson.boolean_bytes == 1


def test_the_short_type_with_few_digits_has_the_range(lesson):
    assert lesson.largest["float16"] == 65504
    assert lesson.largest["bfloat16"] == pytest.approx(lesson.largest["float32"], rel=0.01)


def test_ends_of_a_range(lesson):
    assert lesson.wrapped.item() == -128
    assert lesson.overflow.item() == float("inf")
    assert lesson.stuck.item() == 2**24


def test_time_is_measured_for_each(lesson):
    assert set(lesson.seconds) == set(lesson.n_bytes)
    assert min(lesson.seconds.values()) > 0
