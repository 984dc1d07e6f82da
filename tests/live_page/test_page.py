"""A visitor's page, without a browser."""

import math

import numpy as np
import pytest
from bokeh.document import Document

from deltaflow import UserError, live
from deltaflow.live_page.lessons import LESSONS
from deltaflow.live_page.settings import CHOICES, GROUPS, options

SMALL = ("n_seeds=4", "trainer.max_epochs=2", "network.width=8")


def settle(page):
    """Let the networks be made, take their first step and be shown."""
    page.restart()
    page.training.wait()
    page.frame()
    return page


def lines(page):
    return {name: source.data for name, source in page.display.profile.sources.items()}


def test_theory_answers_before_anything_is_trained(page):
    one = page(*SMALL, "activation=sigmoid", "network.depth=10")
    assert one.training is None
    line = lines(one)["theory"]["y"]
    assert line[0] / line[-1] == pytest.approx(0.139**9, rel=0.1)
    assert "too deep" in one.display.verdict.object
    one.change("init.sigma_w", 4.0)
    steeper = lines(one)["theory"]["y"]
    assert steeper[0] / steeper[-1] > 100 * line[0] / line[-1]
    assert one.training is None
    assert one.settings.chosen["init"] == "normal"
    assert one.display.phase.here.data["x"] == pytest.approx([4.0])


def test_what_is_drawn_is_what_was_measured(page):
    one = settle(page(*SMALL, "network.depth=3"))
    rows = one.training.history.layers.rows
    assert lines(one)["now"]["y"] == pytest.approx(
        [np.exp(np.log(rows.filter(layer=n)["delta_norm"].to_numpy()).mean()) for n in range(1, 5)]
    )
    assert lines(one)["theory"]["y"] == pytest.approx(
        [rows.filter(layer=n)["predicted_delta_norm"].mean() for n in range(1, 4)]
    )
    (grid,) = one.display.heat.source.data["image"]
    assert 10 ** grid[:, 0] == pytest.approx(lines(one)["now"]["y"])
    assert "Verdict" in one.display.verdict.object
    one.training.play()
    one.training.wait()
    one.frame()
    metrics = one.training.history.metrics.rows
    for split, name in (("train", "train"), ("validation", "val")):
        expected = [metrics.filter(split=split, epoch=e)["loss"].mean() for e in (0, 1)]
        assert list(one.display.loss.sources[name].data["y"]) == pytest.approx(expected)
    assert "at its end" in one.display.status.object


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("data.batch_size", 5000, "data.batch_size"),
        ("data", "table", "data.path"),
        ("loss", "mse", None),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(page, key, value, said):
    one = page(*SMALL)
    before = one.settings
    one.change(key, value)
    errors = {name: pane.object for name, pane in one.controls._errors.items() if pane.visible}
    if said is None:
        assert errors == {}
        assert one.settings.chosen[key] == value
    else:
        assert list(errors) == [key]
        assert said in errors[key]
        assert one.settings == before
        one.change("activation", "tanh")  # it stays wrong, and where it is
        assert one.settings == before


def test_a_field_refuses_what_is_no_value_of_it(page):
    one = page(*SMALL)
    one.controls.fields["optimizer.lr"].value = "fast"
    assert "optimizer.lr" in one.controls._errors["optimizer.lr"].object
    assert one.controls._errors["optimizer.lr"].visible
    one.controls.fields["optimizer.lr"].value = "0.5"
    assert one.config.optimizer.lr == 0.5
    assert not one.controls._errors["optimizer.lr"].visible


@pytest.mark.parametrize("group", [*GROUPS, *CHOICES])
@pytest.mark.slow
def test_every_option_can_be_trained_or_says_what_it_lacks(page, group):
    one = page(*SMALL, "data=moons")
    for option in options(group):
        one.change(group, option)
        said = [pane.object for pane in one.controls._errors.values() if pane.visible]
        if said:
            assert (group, option) in {("data", "table")}
            continue
        assert settle(one).training.error is None
        assert "Verdict" in one.display.verdict.object
        one.change("data", "moons")


@pytest.mark.parametrize("depth", [0, 50])
def test_networks_are_as_deep_as_the_slider_goes(page, depth):
    one = page(*SMALL, "activation=tanh")
    one.change("network.depth", depth)
    assert len(lines(one)["theory"]["y"]) == depth
    assert settle(one).training.error is None
    assert len(lines(one)["now"]["y"]) == depth + 1


def test_numbers_ask_for_their_loss_and_classes_for_theirs(page):
    one = page(*SMALL)
    one.change("data", "sine")
    assert one.settings.chosen["loss"] == "mse"
    assert type(settle(one).training.evaluation.predictions).__name__ == "FittedCurve"
    one.change("data", "moons")
    assert one.settings.chosen["loss"] == "ce"
    assert type(settle(one).training.evaluation.predictions).__name__ == "Decisions"


def test_a_table_is_read_as_a_run_reads_it(page, tmp_path):
    rows = "".join(f"{n % 7},{n % 5},{'ab'[n % 2]}\n" for n in range(60))
    (tmp_path / "my.csv").write_text("x,y,kind\n" + rows)
    one = page(*SMALL)
    one.change("data", "table")
    one.change("data.path", str(tmp_path / "my.csv"))
    one.change("data.target", "kind")
    assert one.config.data.target == "kind"
    assert settle(one).training.error is None


def test_one_seed_is_shown_when_asked_for(page):
    one = settle(page(*SMALL, "data=moons"))
    ensemble = one.training.evaluation.predictions.agreement
    one.replica.value = 2
    one.training.wait()
    assert (one.training.evaluation.predictions.agreement == 1).all()
    assert (ensemble < 1).any()


def test_only_what_changed_is_sent(page):
    one = settle(page(*SMALL, "network.depth=3", "activation=tanh"))
    document, told, counts = Document(), [], []
    document.add_root(one.view.get_root(document))
    document.on_change(told.append)
    document.models.recompute = lambda: counts.append(1)  # goes through every model of the page
    one.training.step()
    one.training.wait()
    one.frame()
    for sigma in (1.5, 2.0):
        told.clear()
        one.change("init.sigma_w", sigma)
        one._restart_at = math.inf
        one.frame()
    changed = {event.model.id for event in told if hasattr(event, "model")}
    assert one.display.profile.sources["theory"].id in changed
    assert one.display.phase.here.id in changed
    figures = one.display.heat, one.display.loss, one.display.predictions, one.display.shares
    assert not changed & {part.id for fig in figures for part in fig.figure.references()}
    assert one.display.phase.image.id not in changed
    assert counts == []


def test_another_training_begins_when_settings_change(page):
    one = settle(page(*SMALL))
    first = one.training
    one.change("activation", "tanh")
    one._restart_at = 0.0
    one.frame()
    assert one.training is not first
    assert first._closed


@pytest.mark.parametrize("act", ["toggle_playing", "step"])
def test_a_button_means_what_was_set_just_before(page, act):
    one = settle(page(*SMALL, "trainer.max_epochs=2000"))
    first = one.training
    one.change("activation", "tanh")
    if act == "toggle_playing":
        one.toggle_playing()
    else:
        one.step.clicks += 1
    assert one.training is not first
    assert one.training.config.activation == one.config.activation
    assert one.training.is_playing == (act == "toggle_playing")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_lesson_shows_what_it_says(page, lesson):
    one = settle(page(*(f"{key}={value}" for key, value in lesson.chosen.items()), lesson=lesson))
    assert one.settings.chosen == lesson.chosen
    expected = {
        "vanishing_sigmoid": "vanishing",
        "he_and_xavier": "hidden_vanishing",
        "flat_weight_gradient": "hidden_vanishing",
        "dead_units": "healthy",  # before it is trained
        "softmax_twice": "doubled",
        "edge_of_chaos": "chaotic",
    }
    assert one.training.evaluation.kinds[0] == expected[lesson.name]


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("deltaflow.live_page.find_spec", lambda _: None)
    with pytest.raises(UserError, match=r'pip install "deltaflow\[live\]"'):
        live(["activation=tanh"])
