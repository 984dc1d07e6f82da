"""What is drawn of hand-made tables, read back from the axes."""

import math

import numpy as np
import polars as pl
import pytest
from matplotlib import image
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from deltaflow.figures import looks
from deltaflow.figures.run.class_panels import ClassPredictions, Decisions
from deltaflow.figures.run.number_panels import NumberPredictions
from deltaflow.figures.run.picture import RunPicture
from deltaflow.records import LAYERS, METRICS

pytestmark = pytest.mark.usefixtures("real_pictures")

STEPS, SEEDS, N_LAYERS = (0, 10, 20, 25), (3, 4, 5), 4
OTHERS = ("weight_grad_norm", "update_ratio", "inactive_fraction", "dead_fraction")


def layers(norm, steps=STEPS, seeds=SEEDS, n_layers=N_LAYERS) -> pl.DataFrame:
    """A network of width 4; ``norm`` gives the δ norm by seed, step and layer."""
    index = [
        (seed, step, layer)
        for step in reversed(steps)
        for seed in seeds
        for layer in range(1, n_layers + 1)
    ]
    keys = dict(zip(("seed", "step", "layer"), zip(*index, strict=True), strict=True))
    norms = [norm(*key) for key in index]
    n = len(index)
    return LAYERS.frame(
        {**keys, "fan_in": [4] * n, "fan_out": [4] * n, "delta_norm": norms}
        | {"delta_rms": [value / 2 for value in norms], "sample_grad_rms": norms}
        | {name: [0.25] * n for name in OTHERS}
    )


def scattered(seed, step, layer) -> float:
    """Different for every seed, step and layer, and in no order."""
    return 10 ** math.sin(100 * seed + 7 * step + 3 * layer * layer)


def falling(seed, step, layer) -> float:
    """Halved from layer to layer going back at step 0, doubled at any other."""
    return seed * (2.0 if step == 0 else 0.5) ** layer


def geometric_mean(step, layer) -> float:
    return math.prod(scattered(seed, step, layer) for seed in SEEDS) ** (1 / len(SEEDS))


def panel(figure, title):
    (axes,) = (a for a in figure.axes if a.get_title(loc="left").startswith(title))
    return axes


def cell(axes, step, layer):
    """The value of the heatmap over this point of the axes."""
    (mesh,) = axes.collections
    corners = mesh.get_coordinates()
    column = np.searchsorted(corners[0, :, 0], step) - 1
    row = np.searchsorted(corners[:, 0, 1], layer) - 1
    return mesh.get_array()[row, column]


def profile(figure, moment, title="δ norm"):
    """A panel's line of the start or the end."""
    lines = panel(figure, title).lines
    (line,) = (line for line in lines if line.get_label().startswith(moment))
    return line


def drawn(figure) -> Figure:
    """The figure, all of it laid out: what axes show is settled only then."""
    figure.draw_without_rendering()
    return figure


def test_a_cell_of_the_heatmap_is_the_mean_logarithm_over_seeds():
    axes = panel(RunPicture(layers(scattered), "run").draw(), "Error signal δ")
    for step in STEPS:
        for layer in range(1, N_LAYERS + 1):
            expected = math.log10(geometric_mean(step, layer))
            assert cell(axes, step, layer) == pytest.approx(expected)


def test_the_first_layer_is_at_the_bottom_and_the_first_step_to_the_left():
    axes = panel(drawn(RunPicture(layers(scattered), "run").draw()), "Error signal δ")
    bottom, top = axes.get_ylim()
    left, right = axes.get_xlim()
    assert bottom < 1 < N_LAYERS < top
    assert left <= STEPS[0] < STEPS[-1] <= right


@pytest.mark.parametrize(("moment", "step"), [("start", 0), ("end", 25)])
def test_a_profile_is_the_geometric_mean_over_seeds(moment, step):
    line = profile(RunPicture(layers(scattered), "run").draw(), moment)
    assert f"step {step}" in line.get_label()
    assert line.get_xdata().tolist() == [1, 2, 3, 4]
    expected = [geometric_mean(step, layer) for layer in (1, 2, 3, 4)]
    assert line.get_ydata() == pytest.approx(expected)


def test_start_and_end_carry_their_own_decay_rate():
    figure = RunPicture(layers(falling), "run").draw()
    assert "×0.5 per layer" in profile(figure, "start").get_label()
    assert "×2 per layer" in profile(figure, "end").get_label()


@pytest.mark.parametrize(
    ("title", "quantity"),
    [("Weight gradient", "weight_grad_norm"), ("Update ratio", "update_ratio")],
)
def test_each_profile_is_of_its_own_quantity(title, quantity):
    scatter = layers(scattered)["delta_norm"].alias(quantity)
    figure = RunPicture(layers(lambda *_: 1.0).with_columns(scatter), "run").draw()
    for moment, step in (("start", 0), ("end", 25)):
        expected = [geometric_mean(step, layer) for layer in (1, 2, 3, 4)]
        assert profile(figure, moment, title).get_ydata() == pytest.approx(expected)


@pytest.mark.parametrize("quantity", ["saturated_fraction", "inactive_fraction", "dead_fraction"])
def test_shares_are_means_over_seeds(quantity):
    share = layers(lambda seed, step, layer: (seed + layer) / (10 + step))["delta_norm"]
    figure = RunPicture(layers(lambda *_: 1.0).with_columns(share.alias(quantity)), "run").draw()
    for moment, step in (("start", 0), ("end", 25)):
        line = profile(figure, f"{quantity.removesuffix('_fraction')}, {moment}", "Units")
        assert line.get_ydata() == pytest.approx([(4 + n) / (10 + step) for n in (1, 2, 3, 4)])


def test_the_band_is_the_interval_of_the_mean_logarithm():
    """That of five seeds a decade apart, by Student's t with four degrees of freedom: 2.776."""
    seeds = (1, 10, 100, 1000, 10000)
    figure = RunPicture(layers(lambda seed, *_: float(seed), (0,), seeds), "run").draw()
    (band,) = panel(figure, "δ norm").collections
    heights = np.log10(band.get_paths()[0].vertices[:, 1])
    half = 2.776 * np.sqrt(2.5) / np.sqrt(5)
    assert (heights.min(), heights.max()) == (
        pytest.approx(2 - half, abs=1e-3), pytest.approx(2 + half, abs=1e-3)
    )  # fmt: skip


def test_few_seeds_are_lines_of_their_own():
    figure = RunPicture(layers(scattered), "run").draw()
    axes = panel(figure, "δ norm")
    assert not axes.collections
    singles = [line for line in axes.lines if line.get_label() == "_seed"]
    heights = {tuple(np.round(line.get_ydata(), 9)) for line in singles}
    for seed in SEEDS:
        for step in (0, 25):
            own = tuple(round(scattered(seed, step, layer), 9) for layer in (1, 2, 3, 4))
            assert own in heights


def test_the_finding_stands_above_what_was_run():
    figure = RunPicture(layers(scattered), "relu · iris", "Gradients vanish.").draw()
    first, second = (text.get_text() for text in figure.texts[:2])
    assert (first, second) == ("Gradients vanish.", "relu · iris")


def test_the_loss_is_the_geometric_mean_over_seeds_after_each_epoch():
    index = [(seed, epoch, split) for seed in (0, 1) for epoch in (0, 1)
             for split in ("train", "validation")]  # fmt: skip
    loss = [10.0 ** -(seed + epoch) * (1 + (split == "train")) for seed, epoch, split in index]
    columns = dict(zip(("seed", "epoch", "split"), zip(*index, strict=True), strict=True))
    figure = RunPicture(
        layers(scattered), "run", metrics=METRICS.frame({**columns, "loss": loss})
    ).draw()
    lines = {line.get_label(): line for line in panel(figure, "Loss").lines}
    assert lines["training"].get_xdata().tolist() == [1, 2]
    assert lines["training"].get_ydata() == pytest.approx([2 * 10**-0.5, 2 * 10**-1.5])
    assert lines["validation"].get_ydata() == pytest.approx([10**-0.5, 10**-1.5])


def test_a_loss_below_zero_is_drawn_as_it_is():
    columns = {"seed": [0, 0], "epoch": [0, 1], "split": ["train"] * 2, "loss": [0.5, -2.0]}
    figure = RunPicture(layers(scattered), "run", metrics=METRICS.frame(columns)).draw()
    (line,) = panel(figure, "Loss").lines
    assert line.get_ydata().tolist() == [0.5, -2.0]
    assert line.axes.get_yscale() == "linear"


def test_a_confusion_matrix_has_the_shares_of_each_class():
    found = ClassPredictions("test", ["a", "b"], np.array([[3, 1], [0, 8]]))
    axes = panel(RunPicture(layers(scattered), "run", predictions=found).draw(), "Test rows")
    assert {text.get_text() for text in axes.texts} == {"75 %", "25 %", "100 %"}
    (matrix,) = axes.images
    assert np.asarray(matrix.get_array()).tolist() == [[0.75, 0.25], [0, 1]]


def test_cells_of_many_classes_have_room_for_their_numbers():
    counts = 990 * np.eye(10, dtype=int) + 1
    found = ClassPredictions("test", [*"abcdefghij"], counts)
    axes = panel(RunPicture(layers(scattered), "run", predictions=found).draw(), "Test rows")
    assert axes.get_title(loc="left") == "Test rows of each class, per cent"
    assert {text.get_text() for text in axes.texts} == {"99", "<1"}


def test_a_loss_that_is_never_finite_leaves_an_empty_panel_that_says_so():
    keys = {"seed": [3, 3], "epoch": [0, 1], "split": ["train"] * 2}
    lost = METRICS.frame(keys | {"loss": [math.nan, math.inf]})
    axes = panel(RunPicture(layers(scattered), "run", metrics=lost).draw(), "Loss")
    assert [text.get_text() for text in axes.texts] == ["not finite after any epoch"]
    assert not [*axes.get_xticks(), *axes.get_yticks()]


def test_epochs_are_whole():
    keys = {"seed": [3, 3], "epoch": [0, 1], "split": ["train"] * 2}
    two = METRICS.frame(keys | {"loss": [2.0, 1.0]})
    figure = drawn(RunPicture(layers(scattered), "run", metrics=two).draw())
    ticks = panel(figure, "Loss").get_xticks()
    assert [tick for tick in ticks if 1 <= tick <= 2] == [1, 2]


def test_the_legend_names_bands_and_lines_of_seeds_where_a_moment_has_either():
    def partly(seed, step, layer):  # at the end few seeds are left
        return math.nan if step and seed > 4 else scattered(seed, step, layer)

    figure = RunPicture(layers(partly, seeds=(3, 4, 5, 6)), "run").draw()
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said[-2:] == ["95 % interval of the mean", "each seed"]


def test_two_inputs_have_their_decisions_and_the_rows():
    decisions = Decisions(
        (0, 1, 0, 1), np.array([[0, 1], [0, 1]]), np.ones((2, 2)), np.eye(2), np.array([0, 1])
    )
    found = ClassPredictions("test", ["a", "b"], np.eye(2), decisions)
    axes = panel(RunPicture(layers(scattered), "run", predictions=found).draw(), "Decisions")
    assert np.asarray(axes.images[0].get_array()).tolist() == [[0, 1], [0, 1]]
    assert [c.get_offsets().tolist() for c in axes.collections] == [[[1, 0]], [[0, 1]]]


def test_numbers_have_what_is_predicted_over_what_was_measured():
    true, predicted = np.array([[0.0, 5], [1, 7]]), np.array([[0.5, 5], [1, 6]])
    found = NumberPredictions(
        "test", ["y", "z"], np.array([0.5, 0.75]), np.array([1, 2]), true, predicted
    )
    axes = panel(RunPicture(layers(scattered), "run", predictions=found).draw(), "Test rows")
    drawn = {c.get_label(): c.get_offsets().tolist() for c in axes.collections}
    assert drawn == {"y, R² 0.50": [[0, 0.5], [1, 1]], "z, R² 0.75": [[5, 5], [7, 6]]}
    (diagonal,) = axes.lines
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata()) == [0, 7]


def test_pictures_drawn_on_the_same_axes_are_as_if_each_had_its_own():
    """In one order and the other; alone each is drawn by Matplotlib's own canvas."""
    keys = {"seed": [3, 3], "epoch": [0, 1], "split": ["train"] * 2}
    losses = [
        METRICS.frame(keys | {"loss": loss}) for loss in ([2.0, 1e-3], [0.5, -2], [np.inf] * 2)
    ]
    plane = Decisions(
        (0, 1, 0, 1), np.array([[0, 1], [0, 1]]), np.ones((2, 2)), np.eye(2), np.array([0, 1])
    )
    matrix, large = np.array([[3, 1], [0, 8]]), np.eye(13, dtype=int)
    values = np.array([[0.0, 5], [1, 7]])
    predictions = [
        ClassPredictions("test", ["a", "b"], matrix),
        ClassPredictions("test", [*"abcdefghijklm"], large),
        ClassPredictions("training", ["a", "b"], matrix, plane),
        NumberPredictions("test", ["y"], np.array([0.5]), np.ones(1),
                          values[:, :1], values[::-1, :1]),
        NumberPredictions("test", ["y", "z"], np.ones(2), np.ones(2), 1e6 * values, values), None,
    ]  # fmt: skip
    tables = [
        layers(falling), layers(lambda *_: 0.0), layers(scattered, seeds=(3,), n_layers=31),
        layers(scattered, steps=(0,), seeds=range(5)), layers(lambda *_: math.nan), layers(falling),
    ]  # fmt: skip
    findings = ["Gradients vanish.", "", "Gradients vanish. " * 12]
    drawn = [
        (table, "relu · iris", findings[n % 3], losses[n % 3], predictions[n % 6])
        for n, table in enumerate(tables)
    ] + [(tables[0], "tanh", "", None, one) for one in predictions[1:3]]
    figures = [RunPicture(*one).draw() for one in drawn]
    alone = [looks.encoded(FigureCanvasAgg(figure).figure, "png") for figure in figures]
    for n in [*range(len(drawn)), *reversed(range(len(drawn)))]:
        assert RunPicture(*drawn[n]).png() == alone[n], n


def test_without_a_finding_the_title_says_what_was_run():
    figure = RunPicture(layers(scattered), "relu · iris").draw()
    assert figure.texts[0].get_text() == "relu · iris"


@pytest.mark.parametrize("n_layers", [1, 2, 4, 31])
def test_layers_are_whole_numbers(n_layers):
    figure = drawn(RunPicture(layers(scattered, n_layers=n_layers), "run").draw())
    for axis in (panel(figure, "Error signal δ").yaxis, panel(figure, "δ norm").xaxis):
        low, high = axis.get_view_interval()
        ticks = [tick for tick in axis.get_ticklocs() if low <= tick <= high]
        assert ticks
        assert all(tick == round(tick) and 1 <= tick <= n_layers for tick in ticks)


def test_where_delta_is_zero_or_not_finite_there_is_no_colour_and_the_title_says_so():
    values = {(0, 1): 0.0, (10, 2): math.nan}
    frame = layers(lambda seed, step, layer: values.get((step, layer), 1.0))
    axes = panel(RunPicture(frame, "run").draw(), "Error signal δ")
    for step in STEPS:
        for layer in range(1, N_LAYERS + 1):
            assert np.ma.is_masked(cell(axes, step, layer)) == ((step, layer) in values)
    assert "grey" in axes.get_title(loc="left")


def test_where_all_is_finite_nothing_is_grey():
    axes = panel(RunPicture(layers(scattered), "run").draw(), "Error signal δ")
    assert "grey" not in axes.get_title(loc="left")


def test_a_seed_without_a_finite_delta_is_left_out_of_the_mean():
    frame = layers(lambda seed, step, layer: math.nan if seed == 4 else 100.0)
    figure = RunPicture(frame, "run").draw()
    assert cell(panel(figure, "Error signal δ"), 10, 2) == pytest.approx(2)
    assert profile(figure, "end").get_ydata() == pytest.approx([100] * 4)


def test_one_step_has_a_start_and_no_end():
    figure = RunPicture(layers(scattered, steps=(0,)), "run").draw()
    assert profile(figure, "start").get_label().startswith("start (step 0)")
    assert "end" not in {line.get_label()[:3] for line in panel(figure, "δ norm").lines}


def test_one_seed_has_no_band():
    figure = RunPicture(layers(scattered, seeds=(3,)), "run").draw()
    assert not panel(figure, "δ norm").collections
    assert "interval" not in " ".join(t.get_text() for t in figure.legends[0].get_texts())


EXTREMES = {
    "zeros": layers(lambda *_: 0.0),
    "all NaN": layers(lambda *_: math.nan),
    "zeros at the start": layers(lambda seed, step, layer: float(step)),
    "NaN at the end": layers(lambda seed, step, layer: math.nan if step else 1.0),
    "one step": layers(scattered, steps=(0,)),
    "one seed": layers(scattered, seeds=(3,)),
    "one layer": layers(scattered, n_layers=1),
    "one of all": layers(scattered, (0,), (3,), 1),
    "nothing but zeros of one": layers(lambda *_: 0.0, (0,), (3,), 1),
    "all alike": layers(lambda *_: 1.0),
    "hardly anything": layers(lambda seed, step, layer: 1e-200 * layer),
    "very much": layers(lambda seed, step, layer: 1e200 * layer),
    "only delta": layers(scattered).with_columns(
        pl.lit(None, pl.Float64()).alias(name) for name in OTHERS
    ),
}  # fmt: skip


@pytest.mark.parametrize("frame", EXTREMES.values(), ids=EXTREMES)
def test_whatever_was_measured_is_drawn_without_a_warning(frame):
    drawn(RunPicture(frame, "run").draw())


def test_a_picture_is_written_whole(tmp_path):
    figure = RunPicture(layers(scattered), "run").draw()
    looks.save(figure, tmp_path / "flow.png")
    width, height = figure.get_size_inches() * figure.dpi
    assert image.imread(tmp_path / "flow.png").shape[:2] == (round(height), round(width))
    assert (tmp_path / "flow.png").read_bytes().endswith(b"IEND\xaeB`\x82")
    assert [path.name for path in tmp_path.iterdir()] == ["flow.png"]


def test_a_picture_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    (tmp_path / "flow.png").write_text("the one before")

    def half(self, file, **_):
        file.write(b"\x89PNG")
        raise OSError("no space left")

    monkeypatch.setattr(Figure, "savefig", half)
    with pytest.raises(OSError, match="no space"):
        looks.save(Figure(), tmp_path / "flow.png")
    assert [path.name for path in tmp_path.iterdir()] == ["flow.png"]
    assert (tmp_path / "flow.png").read_text() == "the one before"
