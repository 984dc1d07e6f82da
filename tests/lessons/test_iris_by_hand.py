import pytest
import torch

from running import run


def test_lesson_and_preset_agree_in_numbers(lesson, tmp_path):
    preset = run(["experiment=iris_linear_mse", "logger=none"], tmp_path / "run")
    recorded = preset.metrics.filter(split="train").sort("epoch")["loss"].to_list()
    assert len(recorded) == 10
    assert lesson.losses == pytest.approx(recorded, rel=1e-5)
    trained = preset.network.layers[0]
    assert lesson.weights[-1] == pytest.approx(trained.weight.flatten().tolist(), abs=1e-6)
    assert lesson.biases[-1] == pytest.approx(trained.bias.item(), abs=1e-6)


def test_the_library_takes_the_same_steps(lesson):
    assert lesson.library_losses == pytest.approx(lesson.losses, rel=1e-5)
    assert lesson.weight_difference < 1e-6


def test_loss_weights_and_bias_are_printed_each_epoch(lesson):
    for epoch in range(10):
        row = f"{epoch + 1:>5}{lesson.losses[epoch]:8.4f}   {lesson.weights[epoch][0]:7.4f}"
        assert row in lesson.printed


def test_the_first_five_rows_are_of_one_class(lesson):
    assert lesson.classes_seen == [0]
    assert list(lesson.x.shape) == [5, 4]
    assert lesson.x[0].tolist() == pytest.approx([5.1, 3.5, 1.4, 0.2])
    assert lesson.losses == sorted(lesson.losses, reverse=True)


def test_a_pair_of_shapes_broadcasts_and_nobody_notices(lesson):
    assert lesson.n_errors == 25
    assert "target size (torch.Size([5])) that is different" in lesson.warning
    assert lesson.wrong_on_five == pytest.approx(lesson.right_on_five, rel=1e-6)


def test_on_all_flowers_it_is_another_loss(lesson):
    assert lesson.right_error == pytest.approx(0.0464, abs=1e-3)  # least squares on Iris
    assert torch.allclose(lesson.wrongly, torch.ones(150, dtype=torch.float64), atol=1e-6)
    assert lesson.broadcast_loss == pytest.approx(2 / 3, abs=1e-6)


def test_the_project_refuses_the_pair(lesson):
    assert lesson.refusal.startswith("Outputs must have the shape [1, 5] to match targets [1, 5].")
    assert "Found [1, 5, 1]." in lesson.refusal
