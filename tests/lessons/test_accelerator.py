import torch


def test_it_says_where_it_trains(lesson):
    there = torch.cuda.is_available() or torch.backends.mps.is_available()
    assert lesson.found is there
    assert ("no accelerator found by PyTorch" in lesson.printed) is not there


def test_the_training_is_the_same(lesson):
    assert len(lesson.cpu_losses) == len(lesson.auto_losses) == 15
    assert lesson.cpu_losses[-1] < 0.3 * lesson.cpu_losses[0]
    assert lesson.loss_difference <= (1e-3 if lesson.found else 0)
    assert lesson.difference < 1e-5
