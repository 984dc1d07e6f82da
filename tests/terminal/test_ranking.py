"""What a sweep says in a terminal, in a wide and in a narrow one."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from deltaflow.comparison.collection import collect
from deltaflow.comparison.comparison import compare_runs
from deltaflow.comparison.configurations.grouped_runs import group_runs
from deltaflow.comparison.configurations.ranked_configuration import FLOW, SHARES
from deltaflow.records import Interval, summary_of
from deltaflow.terminal.ranking import MAX_ROWS, describe_run, print_ranking
from written import layers, metrics, write_run


@pytest.fixture
def sweep(tmp_path):
    """The best, one with a loss, one that diverged and one that failed."""
    folder = tmp_path / "sweep"
    lost, all_lost = {2: 7, 3: 5}, dict.fromkeys(range(4), 3)
    hidden = [{"kind": "hidden_vanishing", "words": "Gradients vanish."}]
    for number, (named, fields) in enumerate(
        {
            "relu he": {"accuracy": lambda s: 0.7 + 0.002 * s * s},
            "tanh he": {"accuracy": lambda s: 0.9 + 0.01 * s},
            "tanh lecun": {
                "accuracy": lambda s: 0.8 + 0.1 * s,
                "diverged": lost,
                "verdicts": hidden,
            },
            "relu lecun": {"diverged": all_lost},
            "elu he": {"error": "Found [-1]. " + 30 * "long " + "end"},
        }.items()
    ):
        activation, init = named.split()
        overrides = [f"activation={activation}", f"init={init}"]
        write_run(folder / f"{number}_x", overrides, **fields)
    return folder


def printed(folder, width=120, baseline=None):
    out = Console(file=io.StringIO(), width=width)
    grouped = group_runs(collect([folder]))
    print_ranking(out, compare_runs(grouped, "Sweep", folder, baseline))
    return out.file.getvalue()


def rows(text, heading):
    """Cells of a table, lines of one cell joined, by heading; a row begins with its first cell."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if heading in line)
    rules = [i for i, line in enumerate(lines) if i > start and line.startswith("+-")]
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    names = [
        " ".join(filter(None, cell)) for cell in zip(*split[rules[0] + 1 : rules[1]], strict=True)
    ]
    found: list[list[str]] = []
    for cells in split[rules[1] + 1 : rules[2]]:
        if cells[0]:
            found.append(cells)
        else:
            found[-1] = [f"{a} {b}".strip() for a, b in zip(found[-1], cells, strict=True)]
    return [dict(zip(names, cells, strict=True)) for cells in found]


def test_the_best_comes_first_with_all_that_was_found(sweep):
    first, second, third = rows(printed(sweep), "Ranking")
    assert [row["activation · init"] for row in (first, second, third)] == [
        "tanh · he", "relu · he", "tanh · lecun"
    ]  # fmt: skip
    assert [row[""] for row in (first, second, third)] == ["1", "2", "3"]
    assert first["test accuracy"] == "0.915 [0.850, 0.958]"
    assert first["vanishing index start → end"] == "0.6021 all alike → 0.568 all alike"
    assert first["decay rate and theory's"] == "0.5 all alike theory 0.5"
    assert first["dead or saturated"] == "dead 50 % all alike"
    assert first["time"] == "2.0 s"
    assert first["verdict"] == "healthy"
    assert third["verdict"] == "hidden vanishing; 2 of 4 diverged"


def test_runs_without_a_result_are_rows_with_their_reason(sweep):
    lost, failed = rows(printed(sweep), "Without a result")
    assert lost["activation · init"] == "relu · lecun"
    assert lost["why"] == "all 4 seeds diverged, the first at step 3"
    assert lost["vanishing index start → end"] == "0.6021 all alike → –"
    assert lost["decay rate and theory's"] == "0.5 all alike theory 0.5"
    assert failed["activation · init"] == "elu · he"
    assert failed["why"].startswith("failed: Found [-1]. long long")
    assert failed["why"].endswith("long end")


def test_a_completed_run_without_the_metric_has_its_flow_and_a_true_reason(sweep):
    tables = layers(range(4)), metrics(range(4), lambda _: None)
    write_run(sweep / "9_x", ["activation=silu", "init=he"], tables=tables, choices={"loss": "bce"})
    row, *_ = rows(printed(sweep), "Without test accuracy")
    assert row["activation · init"] == "silu · he"
    assert row["why"] == "no test accuracy, but test loss"
    assert row["decay rate and theory's"] == "0.5 all alike theory 0.5"


def test_seeds_without_a_decay_rate_are_counted(sweep):
    def lost(seed, _step, layer):
        return 0.0 if seed == 2 and layer == 1 else 0.5**-layer

    tables = layers(range(4), norm=lost), metrics(range(4), lambda _: 1.0)
    write_run(sweep / "9_x", ["activation=silu", "init=he"], tables=tables)
    row, *_ = rows(printed(sweep), "Ranking")
    assert row["decay rate and theory's"] == "0.5 all alike 3 of 4 seeds theory 0.5"


@pytest.mark.parametrize("width", [80, 120])
def test_it_fits_and_nothing_is_lost(sweep, width):
    text = printed(sweep, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    of_wide = ("dead 50 %", "theory 0.5") if width == 120 else ()
    for word in ("0.915 [0.850, 0.958]", "vanishing", "long end", *of_wide):
        assert word in re.sub(r"[ |]+", " ", text.replace("\n", " "))


def test_a_narrow_terminal_gets_a_line_for_each_configuration(sweep):
    text = printed(sweep, 80)
    wide = rows(printed(sweep), "Ranking")
    narrow = rows(text, "Ranking")
    assert [row["activation · init"] for row in narrow] == [r["activation · init"] for r in wide]
    assert [row[""] for row in narrow] == [row[""] for row in wide]
    _, best = (line for line in text.splitlines() if "0.915 [0.850, 0.958]" in line)
    assert "tanh · he" in best
    assert "healthy" in best


def test_the_answer_comes_first(sweep):
    first, *_ = printed(sweep).splitlines()
    assert first == (
        "Highest test accuracy: 0.915 [0.850, 0.958] over 4 seeds, by activation=tanh init=he."
    )


def test_a_mean_of_some_of_the_seeds_says_of_how_many(sweep):
    cells = [row["test accuracy"] for row in rows(printed(sweep), "Ranking")]
    assert cells[2].endswith(" 2 of 4 seeds")
    assert "seeds" not in cells[0] + cells[1]


def test_seeds_that_no_signal_reaches_are_counted(tmp_path):
    def norm(seed, step, layer):
        return 0.0 if seed < 3 and step and layer < 3 else 0.5

    tables = layers(range(4), norm=norm), metrics(range(4), lambda _: 0.5)
    write_run(tmp_path / "0_x", diverged={0: 5}, tables=tables)
    (row,) = rows(printed(tmp_path), "Ranking")
    assert row["vanishing index start → end"] == "0 all alike → 0 δ is 0 in 2 of 3"


def test_one_seed_has_neither_intervals_nor_tests(tmp_path):
    for number in range(2):
        write_run(tmp_path / f"{number}_x", [f"a={number}"], [0])
    text = printed(tmp_path)
    assert rows(text, "Ranking")[0]["test accuracy"] == "0.9"
    assert "cannot be told" not in text
    assert "Ranking (one seed: no intervals, and chance may decide; add n_seeds=16)" in text


def test_nothing_in_a_record_commands_the_terminal(tmp_path):
    write_run(tmp_path / "0_x", ["a=\x1b[2Jgone"])
    write_run(tmp_path / "1_x", ["a=1"], error="\x1b]0;title\x07 and\tmore")
    text = printed(tmp_path)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "�[2Jgone" in text
    assert "and more" in text


def test_a_long_ranking_shows_both_ends_and_where_the_rest_is(tmp_path):
    for number in range(MAX_ROWS + 10):
        write_run(tmp_path / f"{number}_x", [f"a={number}"], [0], lambda _, n=number: 1 - n / 100)
    text = printed(tmp_path)
    found = rows(text, "Ranking")
    ranks = [row[""] for row in found]
    assert ranks == [
        *map(str, range(1, MAX_ROWS - 4)),
        *map(str, range(MAX_ROWS + 6, MAX_ROWS + 11)),
    ]
    assert "… 10 more …" in text
    assert "All of them are in report.html and runs.csv." in text


def test_values_that_are_not_known_are_question_marks(tmp_path):
    write_run(tmp_path / "0_x", ["a=1", "b=2"])
    write_run(tmp_path / "1_x", ["a=2"])
    assert {row["a · b"] for row in rows(printed(tmp_path), "Ranking")} == {"1 · 2", "2 · ?"}


def test_runs_that_values_do_not_tell_apart_have_their_names(tmp_path):
    for name in ("0_x", "1_x"):
        write_run(tmp_path / name)
        (tmp_path / name / ".hydra" / "config.yaml").write_text(f"own: {name}\n")
    labels = {row["configuration"] for row in rows(printed(tmp_path), "Ranking")}
    assert labels == {"defaults [0_x]", "defaults [1_x]"}


def test_what_does_not_apply_is_a_dash(tmp_path):
    write_run(
        tmp_path / "0_x", tables=(layers(range(4), depth=0), metrics(range(4), lambda _: 0.5))
    )
    (row,) = rows(printed(tmp_path), "Ranking")
    assert row["vanishing index start → end"] == "–"
    assert row["decay rate and theory's"] == "–"
    assert row["dead or saturated"] == "–"


def interval(mean, half=None):
    """As a summary has it."""
    bounds = (None, None) if half is None else (mean - half, mean + half)
    return {"mean": mean, "low": bounds[0], "high": bounds[1], "n": 3}


def summary(status="completed", at=(None, None), **fields):
    replicas = [
        {"seed": seed, "status": "completed" if step is None else "diverged"}
        for seed, step in enumerate(at)
    ]
    return summary_of({"status": status, "replicas": replicas} | fields)


def test_a_run_of_a_sweep_in_one_line():
    flow, test = {"vanishing_index_start": interval(2.0, 0.5)}, {"accuracy": interval(0.9, 0.05)}
    done = summary(metrics={"test": test}, flow=flow)
    assert describe_run(done) == "completed, accuracy 0.900 ± 0.050, vanishing index 2.00 ± 0.50"
    assert describe_run(summary("failed", error="no such file")) == "failed: no such file"
    assert describe_run(summary("diverged", at=[3, 4])) == "diverged"
    assert describe_run(summary(at=[3, None])) == "completed, 1 of 2 seeds diverged"
    of_folds = summary(at=[3, None], folds=2)
    replicas = [replace(r, seed=0, fold=fold) for fold, r in enumerate(of_folds.replicas)]
    said = describe_run(replace(of_folds, replicas=replicas))
    assert said == "completed, 1 of 2 networks diverged"


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "failed", "error": "red \x1b[31m"},
        {"metrics": {"test": {"\x1b[31m": {"mean": 0.5, "low": None, "high": None, "n": 1}}}},
    ],
)
def test_a_line_on_a_run_commands_no_terminal(fields):
    said = describe_run(summary_of({"status": "completed"} | fields))
    assert "[31m" in said
    assert "\x1b" not in said


@pytest.mark.parametrize("width", [80, 110, 114, 120, 140])
def test_no_word_is_broken_and_the_least_important_columns_go_first(sweep, width):
    compared = compare_runs(group_runs(collect([sweep])), "Sweep", sweep, None)
    wide = {name: Interval(0.0021, 0.0001, 0.0766, 3) for name in SHARES | FLOW}
    ranking = [replace(one, numbers={**one.numbers, **wide}) for one in compared.ranking]
    out = Console(file=io.StringIO(), width=width)
    print_ranking(out, replace(compared, ranking=ranking))
    text = out.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    for word in ("verdict", "vanishing"):
        assert re.search(rf"\b{word}\b.*\|", text)
    assert ("time" in text) == (width == 140)
