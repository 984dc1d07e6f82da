"""What the figures of the page show, and that nothing in them covers the data."""

import numpy as np
import pytest
from bokeh.models import Legend, LinearScale, LogScale

from deltaflow.live_page.figures.display import Display
from deltaflow.live_page.figures.looks import LAYER
from deltaflow.live_page.figures.training_figures import CurvesFigure
from deltaflow.live_page.forecast import SIGMA_B, SIGMA_W
from deltaflow.live_page.history import History
from deltaflow.records.schema import METRICS


def curves(losses, name="loss", rows=()):
    history = History(losses=list(losses))
    for row in rows:
        history.metrics.append(METRICS.frame({key: [value] for key, value in row.items()}))
    figure = CurvesFigure("Loss", 140)
    figure.show(history, name, epoch_steps=4)
    return figure


def place(figure, values):
    """How high values are drawn: 0 at the foot of the plot, 1 at its top."""
    to = np.log if isinstance(figure.figure.y_scale, LogScale) else np.asarray
    low, high = to(figure.figure.y_range.start), to(figure.figure.y_range.end)
    return (to(values) - low) / (high - low)


@pytest.fixture(scope="module")
def display():
    return Display(dark=False)


def test_a_loss_that_diverges_leaves_the_rest_readable():
    figure = curves([0.9, 0.03, 0.4, 1e12, 1e24, np.inf, np.nan])
    heights = place(figure, [0.9, 0.03, 0.4, 1e12, 1e24])
    assert all((heights > 0) & (heights < 1))
    assert np.abs(np.diff(heights)).min() > 0.03
    ticks = figure.figure.yaxis[0].ticker.ticks
    assert 2 <= len(ticks) <= 4
    assert set(ticks) == set(figure.figure.yaxis[0].major_label_overrides)


def test_a_loss_at_chance_looks_like_one():
    heights = place(curves([1.10, 1.13, 1.09, 1.16]), [1.09, 1.16])
    assert np.ptp(heights) < 0.1
    assert all((heights > 0.3) & (heights < 0.7))


@pytest.mark.parametrize("low", [1.0, 2.0, 3.3, 5.0, 7.9])
@pytest.mark.parametrize("span", [1.0, 3.0, 30.0, 80.0, 1e5, 1e30])
def test_every_loss_has_ticks_that_can_be_read(low, span):
    axis = curves([low, low * span]).figure.yaxis[0]
    assert 2 <= len(axis.ticker.ticks) <= 4


def test_a_loss_of_the_users_own_may_be_negative():
    figure = curves([0.5, 0.2])
    assert isinstance(figure.figure.y_scale, LogScale)
    history = History(losses=[0.5, -0.2, -3.0])
    figure.show(history, "loss", epoch_steps=4)
    assert isinstance(figure.figure.y_scale, LinearScale)
    assert figure.figure.yaxis[0].major_label_overrides == {}
    heights = place(figure, history.losses)
    assert all((heights > 0) & (heights < 1))


@pytest.mark.parametrize(("losses", "is_seen"), [([1.0], True), ([1.0, np.nan], True),
                                                 ([1.0, 0.9], False)])  # fmt: skip
def test_a_lone_loss_is_a_dot(losses, is_seen):
    assert curves(losses)._lone.visible == is_seen


def test_r2_of_a_network_that_diverges_does_not_set_the_axis():
    rows = [{"seed": 0, "epoch": epoch, "split": "train", "r2": value}
            for epoch, value in enumerate((0.1, 0.8, -1e30))]  # fmt: skip
    heights = place(curves([1.0], "r2", rows), [0.1, 0.8])
    assert np.diff(heights) > 0.2


def test_curves_say_which_line_is_dashed(display):
    for figure in (display.loss, display.score):
        lines = {"training": figure._train, "validation": figure._val}
        dashed = [name for name, line in lines.items() if line.glyph.line_dash]
        assert figure.figure.title.text.endswith(f"(dashed: {', '.join(dashed)})")


def test_no_legend_covers_data(display):
    for figure in display.figures:
        inside = [part for part in figure.figure.center if isinstance(part, Legend)]
        assert inside == []
    assert display.profile.figure.legend
    assert display.shares.figure.legend


def test_layers_and_steps_are_counted_in_whole_numbers(display):
    counted = [axis for figure in display.figures for axis in figure.figure.axis
               if axis.axis_label in (LAYER, "layer", "step")]  # fmt: skip
    assert len(counted) == 6
    assert all(axis.ticker.min_interval == 1 for axis in counted)


def test_the_phase_diagram_says_upright_what_its_colours_mean(display):
    phase = display.phase
    assert phase.bar.title is None
    assert phase.meaning in phase.figure.above
    assert "layers" in phase.meaning.text


def test_a_star_at_the_edge_of_the_phase_diagram_is_seen_whole(display):
    for axis, ends in (("x_range", SIGMA_W), ("y_range", SIGMA_B)):
        shown = getattr(display.phase.figure, axis)
        room = 0.03 * (shown.end - shown.start)
        assert shown.start < ends[0] - room
        assert shown.end > ends[-1] + room
