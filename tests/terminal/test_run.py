"""What is printed of hand-made records, as a file or a pipe gets it."""

import io
import math
import re
from pathlib import Path

import pytest
from rich.console import Console

from deltaflow.figures.run.picture import RunPicture
from deltaflow.records import LAYERS, summary_of
from deltaflow.terminal.run import print_run

STEPS = (0, 5, 9)
SHARES = ("saturated_fraction", "inactive_fraction", "dead_fraction")


@pytest.fixture
def out() -> Console:
    return Console(file=io.StringIO(), width=160)


def said(out: Console) -> str:
    """All that was printed, in one line."""
    return " ".join(out.file.getvalue().split())


def rows(out: Console) -> list[list[str]]:
    """The cells of all tables printed, their headings among them."""
    lines = out.file.getvalue().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]


def table(out: Console, heading: str) -> list[dict[str, str]]:
    """The rows of the table with this heading, cells by heading."""
    found = rows(out)
    (at,) = (i for i, row in enumerate(found) if heading in row)
    body = [row for row in found[at + 1 :] if len(row) == len(found[at])]
    return [dict(zip(found[at], row, strict=True)) for row in body]


def column(out: Console, heading: str) -> list[str]:
    return [row[heading] for row in table(out, heading)]


def interval(mean, half=None, n=3):
    """As a summary has it."""
    if half is None:
        return {"mean": mean, "low": None, "high": None, "n": 1}
    return {"mean": mean, "low": mean - half, "high": mean + half, "n": n}


def summary(status="completed", at=(None, None), metrics=None, flow=None, **more):
    """Of a run whose seeds diverged at these steps, ``None`` for those that did not."""
    names = {True: "completed", False: "diverged"}
    replicas = [
        {"seed": seed, "status": names[step is None], "diverged_at_step": step}
        for seed, step in enumerate(at)
    ]
    fields = {"status": status, "replicas": replicas, "metrics": metrics, "flow": flow}
    return summary_of(fields | more)


def judged(accuracy, half=None):
    return {"test": {"accuracy": interval(accuracy, half)}}


def layers(values):
    """A network 4 → 8 → 3; ``values`` gives a column's value by seed, step and layer."""
    index = [(seed, step, layer) for step in reversed(STEPS) for seed in (0, 1) for layer in (2, 1)]
    keys = dict(zip(("seed", "step", "layer"), zip(*index, strict=True), strict=True))
    sizes = {"fan_in": [(4, 8)[key[2] - 1] for key in index],
             "fan_out": [(8, 3)[key[2] - 1] for key in index]}  # fmt: skip
    columns = {name: [value(*key) for key in index] for name, value in values.items()}
    return LAYERS.frame({**keys, **sizes, **columns})


def test_a_flow_cell_is_the_mean_over_seeds_at_the_start_and_at_the_end(out, tmp_path):
    values = {0: 1.0, 5: 100.0, 9: 7.0}
    frame = layers({"delta_norm": lambda seed, step, layer: values[step] * layer * (1 + 2 * seed)})
    print_run(out, tmp_path, summary(), frame)
    assert "step 0 → step 9, mean over 2 seeds" in said(out)
    assert column(out, "δ norm") == ["1.7e+00 → 1.2e+01", "3.5e+00 → 2.4e+01"]


@pytest.mark.usefixtures("real_pictures")
def test_zeros_are_counted_and_the_mean_is_that_of_the_picture(out, tmp_path):
    """The update ratio is 0 in one of two seeds, and in both in the second layer."""
    frame = layers(
        {
            "delta_norm": lambda *_: 1.0,
            "delta_rms": lambda *_: 1.0,
            "update_ratio": lambda seed, step, layer: 0.0 if seed or layer == 2 else 1e-4,
        }
    )
    print_run(out, tmp_path, summary(), frame)
    first, second = column(out, "update ratio")
    assert first == "1.0e-04 (0 in 1 of 2) → 1.0e-04 (0 in 1 of 2)"
    assert second == "0 → 0"
    panel = next(
        axes for axes in RunPicture(frame, "run").draw().axes if "Update" in axes.get_title("left")
    )
    assert panel.lines[0].get_ydata()[0] == pytest.approx(1e-4)
    (note,) = (text.get_text() for text in panel.texts if "left out" in text.get_text())
    assert note == "0 in 2 of 2 at the start,\n0 in 2 of 2 at the end: left out"


def test_layers_go_from_the_input_to_the_output(out, tmp_path):
    print_run(out, tmp_path, summary(), layers({"delta_norm": lambda *_: 1.0}))
    assert column(out, "layer") == ["1", "2"]
    assert column(out, "shape") == ["4 → 8", "8 → 3"]


def test_each_quantity_stands_under_its_heading(out, tmp_path):
    headings = {"delta_norm": "δ norm", "weight_grad_norm": "weight gradient",
                "update_ratio": "update ratio"}  # fmt: skip
    frame = layers({n: lambda *_, i=i: 10.0**i for i, n in enumerate(headings, start=1)})
    print_run(out, tmp_path, summary(), frame)
    for i, heading in enumerate(headings.values(), start=1):
        assert column(out, heading)[0] == f"1.0e+0{i} → 1.0e+0{i}"


@pytest.mark.parametrize("name", SHARES)
def test_shares_are_percentages(name, out, tmp_path):
    print_run(out, tmp_path, summary(), layers({name: lambda seed, step, _: step / 10 + seed / 50}))
    assert column(out, name.removesuffix("_fraction"))[0] == "1% → 91%"


def test_quantities_that_apply_to_no_layer_have_no_column(out, tmp_path):
    print_run(out, tmp_path, summary(), layers({"delta_norm": lambda *_: 1.0}))
    assert not {"saturated", "inactive", "dead"} & set(rows(out)[0])


def test_a_quantity_that_does_not_apply_to_the_output_layer_is_a_dash_there(out, tmp_path):
    frame = layers({"dead_fraction": lambda seed, step, layer: 0.5 if layer == 1 else None})
    print_run(out, tmp_path, summary(), frame)
    assert column(out, "dead") == ["50% → 50%", "–"]


def test_what_is_not_finite_is_left_out_of_the_mean(out, tmp_path):
    broken = {(1, 9): math.nan}
    frame = layers({"delta_norm": lambda seed, step, layer: broken.get((seed, step), 3.0)})
    print_run(out, tmp_path, summary(), frame)
    assert column(out, "δ norm")[0] == "3.0e+00 → 3.0e+00"


def test_a_mean_of_nothing_finite_is_a_dash(out, tmp_path):
    frame = layers({"delta_norm": lambda seed, step, layer: math.nan if step else 3.0})
    print_run(out, tmp_path, summary(), frame)
    assert column(out, "δ norm")[0] == "3.0e+00 → –"


def test_a_result_is_a_mean_and_half_the_width_of_its_interval(out, tmp_path):
    metrics = {
        "final": {"loss": interval(0.5, 0.25), "accuracy": interval(0.8, 0.02)},
        "best": {"loss": interval(0.25, 0.125), "accuracy": interval(0.9, 0.03)},
        "test": {"loss": interval(0.375, 0.0625), "accuracy": interval(0.85, 0.04)},
    }
    print_run(out, tmp_path, summary(metrics=metrics), LAYERS.frame({}))
    assert "mean and 95 % interval over 3 seeds" in said(out)
    assert [list(row.values()) for row in table(out, "accuracy")] == [
        ["validation, last", "0.50 ± 0.25", "0.800 ± 0.020"],
        ["validation, best", "0.25 ± 0.12", "0.900 ± 0.030"],
        ["test, last", "0.375 ± 0.062", "0.850 ± 0.040"],
    ]


def test_without_a_validation_part_the_result_is_that_of_training(out, tmp_path):
    metrics = {"final": {"loss": interval(0.5)}, "best": {}, "test": {}}
    print_run(out, tmp_path, summary(metrics=metrics), LAYERS.frame({}))
    assert [list(row.values()) for row in table(out, "loss")] == [["training, last", "0.5"]]


def test_one_seed_has_no_interval(out, tmp_path):
    print_run(out, tmp_path, summary(metrics=judged(0.9)), LAYERS.frame({}))
    assert "one seed: no interval" in said(out)
    assert column(out, "accuracy") == ["0.9"]


def test_diverged_seeds_are_named_with_their_step(out, tmp_path):
    print_run(out, tmp_path, summary(at=[None, 17, None, 4]), LAYERS.frame({}))
    assert "eed 1 diverged: its loss or weights were not finite at step 17." in said(out)
    assert "eed 3 diverged: its loss or weights were not finite at step 4." in said(out)
    assert "Means leave the 2 diverged of 4 out." in said(out)


def test_where_none_is_left_there_are_no_means_to_speak_of(out, tmp_path):
    print_run(out, tmp_path, summary("diverged", at=[3, 4]), LAYERS.frame({}))
    assert said(out).count("diverged: its loss") == 2
    assert "Means" not in said(out)


def test_where_none_has_diverged_nobody_speaks_of_it(out, tmp_path):
    print_run(out, tmp_path, summary(), LAYERS.frame({}))
    assert "diverged" not in said(out).replace(str(tmp_path), "")


def test_where_the_records_are_is_said_in_one_piece(out, tmp_path):
    print_run(out, tmp_path, summary(), layers({"delta_norm": lambda *_: 1.0}))
    assert f"Records {tmp_path} " in said(out)
    assert f"Picture {tmp_path / 'flow.png'}" in said(out)


@pytest.mark.parametrize(("run", "logs"), [
    ("outputs/one", "outputs"),  # of our own making: all runs are there
    ("one", "one"),
    ("my one", "'my one'"),
])  # fmt: skip
def test_the_command_for_tensorboard_can_be_copied(run, logs, out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(run, "tensorboard").mkdir(parents=True)
    print_run(out, Path(run), summary(), LAYERS.frame({}))
    assert said(out).endswith(f"TensorBoard tensorboard --logdir {logs}")


def test_without_its_logs_tensorboard_is_not_mentioned(out, tmp_path):
    print_run(out, tmp_path, summary(), LAYERS.frame({}))
    assert "TensorBoard" not in said(out)


def test_verdicts_are_printed_word_for_word_between_results_and_records(out, tmp_path):
    verdicts = [
        {"kind": "chaotic", "words": "Inputs part (theory: c* = 0.03). Try [init]:smile:"},
        {"kind": "violent", "words": "Updates are violent."},
    ]
    found = summary(metrics=judged(0.9), at=[None, 4], verdicts=verdicts)
    print_run(out, tmp_path, found, layers({"delta_norm": lambda *_: 1.0}))
    text = said(out)
    assert "Try [init]:smile: Updates are violent. Seed 1 diverged" in text
    assert text.index("accuracy") < text.index("Inputs part") < text.index("Records")


@pytest.mark.parametrize(("kind", "colour"), [("healthy", "32"), ("vanishing", "33")])
def test_a_sound_run_is_green_and_a_fault_is_yellow(kind, colour, tmp_path):
    out = Console(file=io.StringIO(), width=160, force_terminal=True, color_system="standard")
    verdicts = [{"kind": kind, "words": "In so many words."}]
    print_run(out, tmp_path, summary(verdicts=verdicts), LAYERS.frame({}))
    assert re.search(rf"\x1b\[[0-9;]*{colour}mIn so many words\.", out.file.getvalue())


def test_without_verdicts_there_are_no_words_of_them(out, tmp_path):
    print_run(out, tmp_path, summary(), LAYERS.frame({}))
    assert said(out) == f"Records {tmp_path}"


@pytest.mark.parametrize(("error", "place", "n", "of"), [
    (0.04, "within", 2, ""), (0.4, "beyond", 1, " in 1 of 2 networks"),
])  # fmt: skip
def test_theory_stands_beside_what_was_measured(error, place, n, of, out, tmp_path):
    fit = {"decay_rate": 0.237, "vanishing_index": 2.0, "theory_error": error, "band": 0.1}
    flow = {"decay_rate_start": interval(0.24, 0.01, n)}
    frame = layers({"delta_norm": lambda *_: 1.0, "predicted_delta_norm": lambda *_: 0.5})
    print_run(out, tmp_path, summary(flow=flow, theory=fit), frame)
    assert column(out, "theory") == ["5.0e-01", "5.0e-01"]
    assert f"×0.237 per layer going back, measured ×0.24{of};" in said(out)
    assert f"differ by {error:.2f} decades, {place} the 0.10" in said(out)


def test_without_a_rate_theory_is_not_spoken_of(out, tmp_path):
    for fit in (None, {"decay_rate": None, "theory_error": 0.0, "band": 0.0}):
        print_run(out, tmp_path, summary(theory=fit), layers({"delta_norm": lambda *_: 1.0}))
    assert "Theory" not in said(out)


def test_a_narrow_terminal_keeps_a_line_a_row(tmp_path):
    """Of the quantities the least important ones go; of the metrics the last ones."""
    out = Console(file=io.StringIO(), width=80, force_terminal=True)
    many = [name for name in LAYERS.quantities if name.startswith("predicted_delta")]
    many += ["delta_norm", "weight_grad_norm", "update_ratio", *SHARES]
    frame = layers({name: lambda *_: 0.5 for name in many})
    cell = {"mean": 0.98765, "low": 0.91234, "high": 0.99876, "n": 4, "alike": True}
    metrics = {"final": {"loss": interval(0.1, 0.01), "accuracy": cell, "macro_f1": cell}}
    print_run(out, tmp_path, summary(metrics=metrics), frame)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", out.file.getvalue()).splitlines()
    assert sum(" → " in line for line in lines) == 3  # the title and two layers
    (headings,) = (line.split() for line in lines if line.lstrip().startswith("layer"))
    assert headings == ["layer", "shape", "δ", "norm", "theory", "saturated", "dead"]
    (metric,) = (line for line in lines if line.lstrip().startswith("rows, epoch"))
    assert metric.split() == ["rows,", "epoch", "loss", "accuracy"]


def test_a_result_names_its_best_epochs_and_stands_beside_a_network_that_sees_nothing(
    out, tmp_path
):
    """Epochs are counted from 0 in the records, and from 1 for people."""
    replicas = [
        {"seed": seed, "status": "completed", "best_epoch": best}
        for seed, best in enumerate((16, 20, 11))
    ]
    metrics = {"best": {"accuracy": interval(0.9, 0.03), "r2": interval(0.5, 0.1)}}
    found = summary_of(
        {"status": "completed", "replicas": replicas, "metrics": metrics, "largest_class": 0.4}
    )
    print_run(out, tmp_path, found, LAYERS.frame({}))
    assert [list(row.values()) for row in table(out, "accuracy")] == [
        ["validation, best (12–21)", "0.900 ± 0.030", "0.50 ± 0.10"],
        ["the largest class, always", "0.4", "–"],
        ["the mean, always", "–", "0"],
    ]


def test_each_of_several_targets_has_a_row(out, tmp_path):
    targets = [{"name": "size", "r2": 0.5, "rmse": 2.25}, {"name": "[b]", "r2": None, "rmse": 1e9}]
    metrics = {"test": {"r2": interval(0.25, 0.1), "rmse": interval(2.0, 1)}}
    found = summary(fit={"part": "test", "targets": targets}, metrics=metrics)
    print_run(out, tmp_path, found, LAYERS.frame({}))
    assert [list(row.values()) for row in table(out, "rmse")] == [
        ["test, last", "0.25 ± 0.10", "2.0 ± 1.0"],
        ["test: size", "0.5", "2.25"],
        ["test: [b]", "–", "1e+09"],
        ["the mean, always", "0", "–"],
    ]
