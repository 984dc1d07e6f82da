import pytest
import torch


def test_relu_units_die_and_leaky_ones_cannot(lesson):
    start, end = (lesson.dead["relu"][step].float().mean((1, 2)) for step in (0, -1))
    assert start[1] < 0.15
    assert end[1] > 0.5
    assert end[0] > start[0] + 0.05
    assert not lesson.dead["leaky"].any()


def test_the_leaky_networks_keep_learning(lesson):
    final = {name: values[-1] for name, values in lesson.accuracy.items()}
    assert final["leaky"].min() > 0.95  # so that none has diverged, either
    assert final["relu"].min() < 0.75
    assert final["relu"].mean() < final["leaky"].mean()


def test_the_project_counts_the_same(lesson):
    for layer, share in enumerate(lesson.counted["relu"]):
        assert torch.equal(lesson.dead["relu"][-1, layer].double().mean(-1), share)
    assert lesson.counted["leaky"] == [None, None]


def test_off_once_is_not_dead(lesson):
    assert lesson.share_off > 0.9
    assert lesson.share_dead < 0.1


def test_the_dead_come_back_while_other_layers_move(lesson):
    first, second = lesson.revivals
    assert first == 0  # whose inputs never move
    assert second > 10
    assert lesson.accuracy_then[-1].min() > 0.9  # of ordinary trainings


def test_alpha_1_is_no_activation(lesson):
    assert lesson.xor_accuracy[1.0] < 0.65
    assert min(lesson.xor_accuracy[alpha] for alpha in (0.0, 0.01, 0.3)) > 0.95


def test_alpha_sets_the_size_of_what_comes_out(lesson):
    for alpha, share in lesson.kept.items():
        assert share == pytest.approx(((1 + alpha**2) / 2) ** 20, rel=1e-6)


def test_the_figure_compares_them_over_training(lesson):
    relu, _, leaky = lesson.dying.lines
    assert len(relu.get_xdata()) == lesson.N_STEPS + 1
    assert relu.get_ydata()[-1] > 0.5
    assert max(leaky.get_ydata()) == 0
    assert relu.get_linestyle() != leaky.get_linestyle()
