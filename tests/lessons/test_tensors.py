import pytest
import torch


def test_the_number_of_axes_is_the_length_of_the_shape(lesson):
    shapes = [list(t.shape) for t in (lesson.scalar, lesson.vector, lesson.matrix, lesson.images)]
    assert shapes == [[], [3], [2, 2], [16, 28, 28]]
    assert lesson.scalar.item() == 5
    assert lesson.matrix.tolist() == [[1, 2], [3, 4]]


def test_whole_numbers_are_int64_and_numpys_type_is_kept(lesson):
    assert (lesson.table.dtype, list(lesson.table.shape)) == (torch.int64, [2, 3])
    assert lesson.decimals.dtype == torch.float32
    assert (lesson.from_numpy.dtype, list(lesson.from_numpy.shape)) == (torch.float64, [3, 5])
    assert lesson.converted.dtype == torch.float32


def test_a_copy_is_a_copy(lesson):
    assert (lesson.copied[0], lesson.shared[0]) == (0.0, 7.0)


def test_arange_stops_before_the_end_and_linspace_at_it(lesson):
    assert lesson.even.tolist() == [0, 2, 4, 6, 8]
    exact = [3 + 7 * i / 9 for i in range(10)]
    assert lesson.spaced.tolist() == pytest.approx(exact, rel=1e-6)
    wide = [3 + (10_000_000 - 3) * i / 9 for i in range(10)]
    assert lesson.wide.tolist() == pytest.approx(wide, rel=1e-6)


def test_scientific_notation_is_only_a_way_to_print(lesson):
    assert "1.1111e+06" in lesson.scientific
    assert "10000000.0000" in lesson.written_out
    assert "e+" not in lesson.written_out


def test_a_tensor_comes_back_from_the_device_as_it_was(lesson):
    assert lesson.moved.device.type == lesson.device.type
    assert torch.equal(lesson.back, lesson.matrix)
    assert ("no accelerator here" in lesson.printed) is not torch.accelerator.is_available()
