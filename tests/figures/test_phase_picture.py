"""The phase diagram's picture: what is named, what is where."""

import json

import numpy as np
import pytest
from torch import nn

from deltaflow.comparison.phase_points import PhasePoint, phase_points
from deltaflow.figures.label_placement import box_inside, box_near
from deltaflow.figures.phase_picture import phase_picture
from deltaflow.theory import Moments, edge_of_chaos, phase_diagram

HERE = (1.44, 0.04)


def picture(phi, widest=4.0, runs=()):
    moments = Moments(phi)
    diagram = phase_diagram(moments, np.linspace(0, widest, 61), np.linspace(0, 0.5, 41))
    return phase_picture(diagram, "it", HERE, edge_of_chaos(moments, 0.2), runs)


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def names(figure):
    return {text.get_text(): text for text in figure.axes[0].texts}


def test_axes_contours_edge_phases_and_the_configuration_are_named():
    figure = picture(nn.Tanh())
    (axes,) = figure.axes
    assert axes.get_xlabel().startswith(r"$\sigma_w^2$")
    assert axes.get_ylabel().startswith(r"$\sigma_b^2$")
    assert legend(figure) == [
        r"trainable depth $6\,\xi_c$: layers that signals get through",
        "edge of chaos",
        "this configuration",
    ]
    assert figure.get_suptitle() == "Phase diagram: it"
    assert {"ordered:\ngradients vanish", "chaotic:\ngradients explode"} <= names(figure).keys()
    assert {"10", "30", "100"} <= names(figure).keys()
    star = next(line for line in axes.lines if line.get_marker() == "*")
    assert (star.get_xdata(), star.get_ydata()) == ([HERE[0]], [HERE[1]])
    assert axes.get_xlim() == (0, 4)


def test_names_stand_in_their_phases():
    figure = picture(nn.Tanh())
    edge = next(line for line in figure.axes[0].lines if line.get_label() == "edge of chaos")
    (order,) = (text for name, text in names(figure).items() if name.startswith("ordered"))
    (chaos,) = (text for name, text in names(figure).items() if name.startswith("chaotic"))
    for text, side in ((order, -1), (chaos, 1)):
        x, y = text.get_position()
        border = np.interp(y * 0.5, edge.get_ydata(), edge.get_xdata())
        assert (4 * x - border) * side > 0


@pytest.mark.parametrize(
    ("phi", "label"),
    [(nn.ReLU(), "edge of chaos (q grows without bound)"), (nn.GELU(), "edge of chaos (repelling)"),
     (nn.Sigmoid(), "edge of chaos (saturated)")],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_with_an_edge_is_said(phi, label):
    assert label in legend(picture(phi, 160.0 if isinstance(phi, nn.Sigmoid) else 4.0))


def test_runs_of_the_same_variances_share_a_point_and_a_label():
    runs = [PhasePoint(1.0, 0.0, "depth 2: accuracy 1"), PhasePoint(2.0, 0.1, "depth 3: diverged")]
    runs += [PhasePoint(1.0, 0.0, f"depth {n}") for n in range(5)]
    figure = picture(nn.Tanh(), runs=runs)
    found = names(figure).keys()
    assert "depth 3: diverged" in found
    assert "depth 2: accuracy 1\ndepth 0\ndepth 1\ndepth 2\n… and 2 more" in found
    points = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert [tuple(line.get_xydata()[0]) for line in points] == [(1.0, 0.0), (2.0, 0.1)]
    assert legend(figure).count("runs") == 1


def test_labels_and_names_keep_clear_of_what_is_there():
    occupied = [(0.4, 0.4, 0.6, 0.6)]
    for point in [(0.5, 0.5), (0.0, 0.0), (1.0, 1.0), (0.3, 0.9)]:
        left, bottom, right, top = box_near(point, (0.3, 0.1), occupied)
        assert min(left, bottom) >= 0
        assert max(right, top) <= 1
        assert right <= 0.4 or left >= 0.6 or top <= 0.4 or bottom >= 0.6
    area = np.zeros((100, 100), dtype=bool)
    area[:, :30] = True
    assert box_inside(area, (0.4, 0.1), []) is None
    left, bottom, right, top = box_inside(area, (0.2, 0.1), [(0.0, 0.0, 0.3, 0.7)])
    assert left >= 0
    assert right <= 0.3
    assert bottom >= 0.69


@pytest.fixture
def sweep(tmp_path):
    """Summaries of four runs, as far as they matter here."""
    theory = {"activation": "Tanh()", "dropout": 0.0, "depth": 2, "weight_variance": 1.0,
              "bias_variance": 0.1}  # fmt: skip
    accuracy = {"test": {"accuracy": {"mean": 0.91666, "n": 4}}}
    for name, summary in {
        "0_a": {"status": "completed", "metrics": accuracy, "theory": theory},
        "1_b": {"status": "diverged", "metrics": {}, "theory": theory | {"depth": 9}},
        "2_c": {"status": "completed", "metrics": accuracy,
                "theory": theory | {"activation": "ReLU()"}},
        "3_d": {"status": "failed", "metrics": {}, "theory": None},
    }.items():  # fmt: skip
        (tmp_path / "sweep" / name).mkdir(parents=True)
        (tmp_path / "sweep" / name / "summary.json").write_text(json.dumps(summary))
    return tmp_path / "sweep"


def test_runs_are_placed_by_their_records(sweep):
    placed, others = phase_points([str(sweep), str(sweep / "0_a")], "Tanh()", 0.0)
    assert placed == [
        PhasePoint(1.0, 0.1, "depth 2: accuracy 0.917"), PhasePoint(1.0, 0.1, "depth 9: diverged"),
    ]  # fmt: skip
    assert others == 2
    assert phase_points([str(sweep)], "Tanh()", 0.2) == ([], 4)


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Found no summary\.json in .*nowhere"):
        phase_points([str(tmp_path / "nowhere")], "Tanh()", 0.0)


@pytest.mark.parametrize("variance", [None, -1.0, 1e37, 1e300])
def test_a_run_whose_place_is_nowhere_is_another(variance, sweep):
    path = sweep / "0_a" / "summary.json"
    summary = json.loads(path.read_text())
    summary["theory"]["bias_variance"] = variance
    path.write_text(json.dumps(summary))
    placed, others = phase_points([str(sweep)], "Tanh()", 0.0)
    assert [run.label for run in placed] == ["depth 9: diverged"]
    assert others == 3
