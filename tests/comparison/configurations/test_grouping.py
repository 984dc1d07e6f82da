"""Which runs belong together, and what sets the others apart."""

import math

import pytest

from deltaflow.comparison.collection import collect, read_run
from deltaflow.comparison.command_lines import run_command, sweep_command
from deltaflow.comparison.configurations.configuration import Axis
from deltaflow.comparison.configurations.grouping import configurations, distinct, numbered
from written import write_run


def grouped(tmp_path):
    return configurations(numbered(distinct(collect([tmp_path]))))


def written(tmp_path, *overrides, **fields):
    """A run for each list of overrides, numbered from 0."""
    for number, some in enumerate(overrides):
        write_run(tmp_path / f"{number}_x", some.split(), **fields)
    return grouped(tmp_path)


def test_what_varies_are_the_axes_and_the_label(tmp_path):
    found, axes = written(
        tmp_path,
        "activation=tanh init=he network.depth=10",
        "activation=relu init=he network.depth=2",
        "activation=tanh init=he network.depth=2",
    )
    assert axes == [Axis("activation", ("tanh", "relu")), Axis("network.depth", (2, 10))]
    assert [one.label for one in found] == [
        "activation=tanh network.depth=10",
        "activation=relu network.depth=2",
        "activation=tanh network.depth=2",
    ]
    assert found[0].axes == {"activation": "tanh", "network.depth": 10}


def test_seeds_are_no_axis_but_belong_together(tmp_path):
    for number, (seed, activation) in enumerate(
        [(0, "relu"), (0, "tanh"), (2, "relu"), (2, "tanh")]
    ):
        overrides = [f"seed={seed}", "n_seeds=2", f"activation={activation}"]
        write_run(tmp_path / f"{number}_x", overrides, range(seed, seed + 2))
    found, axes = grouped(tmp_path)
    assert [axis.name for axis in axes] == ["activation"]
    assert [list(one.runs) for one in found] == [[0, 2], [1, 3]]
    assert list(found[1].values("test", "accuracy")) == [0, 1, 2, 3]


def test_where_a_run_writes_is_no_axis_and_makes_no_other_run(tmp_path):
    found, axes = written(tmp_path, "a=1 logger=csv", "a=1 logger=none", "a=2 logger=none")
    assert [axis.name for axis in axes] == ["a"]
    assert [one.label for one in found] == ["a=1", "a=2"]


def test_a_sweep_that_goes_on_elsewhere_compares_what_it_did_before(tmp_path):
    found, axes = written(
        tmp_path,
        "activation=relu",
        "activation=tanh accelerator=auto trainer.threads=1 diagnostics.flush_seconds=3",
    )
    assert [axis.name for axis in axes] == ["activation"]
    assert [one.label for one in found] == ["activation=relu", "activation=tanh"]


def test_places_can_be_compared_too(tmp_path):
    found, axes = written(tmp_path, "a=1 trainer.threads=1", "a=1 trainer.threads=2", "a=2")
    assert [axis.name for axis in axes] == ["a", "trainer.threads"]
    assert len(found) == 3


def test_what_every_run_was_told_alike_is_no_axis(tmp_path):
    for number, (sizes, width) in enumerate([("[4,3]", None), ("[2]", 2), ("null", 4)]):
        known = {"network.hidden_sizes": "[4, 4]" if sizes == "null" else sizes,
                 "network.width": width}  # fmt: skip
        typed = [f"network.hidden_sizes={sizes}", "network.width=4"]
        write_run(tmp_path / f"{number}_x", typed, hyperparameters=known)
    _, axes = grouped(tmp_path)
    assert axes == [Axis("network.hidden_sizes", ("[4,3]", "[2]", "null"))]


def test_a_run_that_does_not_say_what_it_is_makes_no_axis(tmp_path):
    write_run(tmp_path / "0_x", ["activation=relu", "n=1"])
    write_run(tmp_path / "1_x", ["activation=tanh", "n=1"])
    write_run(tmp_path / "2_x", ["activation=tanh", "n=1"])
    (tmp_path / "2_x" / "summary.json").write_text("{")
    _, axes = grouped(tmp_path)
    assert [axis.name for axis in axes] == ["activation"]


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ({"error": "no"}, {}, 1),
        ({}, {"error": "no"}, 0),
        ({"error": "no"}, {"error": "no", "started": "2026-02-01T00:00:00+00:00"}, 1),
        ({"status": "interrupted"}, {"diverged": dict.fromkeys(range(4), 3)}, 1),
    ],
)
def test_of_runs_that_are_the_same_the_one_that_has_ended_counts(tmp_path, first, second, kept):
    write_run(tmp_path / "0_a", ["a=1"], **first)
    write_run(tmp_path / "1_a", ["a=1"], **second)
    write_run(tmp_path / "2_a", ["a=2"])
    assert [run.directory.name[0] for run in distinct(collect([tmp_path]))] == [str(kept), "2"]


def test_without_the_text_of_a_configuration_its_settings_decide(tmp_path):
    for name, depth, seed in (("0_a", 2, 0), ("1_a", 2, 0), ("2_a", 2, 1), ("3_a", 5, 0)):
        known = {"network.depth": depth, "seed": seed, "n_seeds": 4}
        write_run(tmp_path / name, [f"network.depth={depth}", f"seed={seed}"],
                  range(seed, seed + 4), hyperparameters=known)  # fmt: skip
        (tmp_path / name / ".hydra" / "config.yaml").unlink()
    found, _ = grouped(tmp_path)
    assert [list(one.runs) for one in found] == [[0, 2], [3]]  # the second is the first again


def test_of_runs_with_nothing_known_each_is_its_own(tmp_path):
    for name in ("0_a", "1_a"):
        write_run(tmp_path / name)
        (tmp_path / name / ".hydra" / "config.yaml").unlink()
        (tmp_path / name / "summary.json").write_text("")
    found, axes = grouped(tmp_path)
    assert [one.label for one in found] == ["defaults [0_a]", "defaults [1_a]"]
    assert axes == []


def test_what_one_sweep_does_not_set_comes_from_the_hyperparameters(tmp_path):
    write_run(tmp_path / "a", ["activation=tanh"], hyperparameters={"network.depth": 2})
    write_run(tmp_path / "b", ["network.depth=5"], hyperparameters={"network.depth": 5})
    found, axes = grouped(tmp_path)
    assert axes == [Axis("activation", ("tanh", "relu")), Axis("network.depth", (2, 5))]
    assert found[1].axes == {"activation": "relu", "network.depth": 5}  # the option of the group


def test_what_is_not_known_is_left_out_of_the_label(tmp_path):
    found, axes = written(tmp_path, "a=1 b=1", "a=2")
    assert [one.label for one in found] == ["a=1 b=1", "a=2"]
    assert found[1].axes == {"a": 2, "b": None}
    assert axes[1] == Axis("b", (1,))


@pytest.mark.parametrize(
    ("typed", "value"),
    [("1e-09", 1e-9), ("-3", -3), ("'a b'", "a b"), ("null", "null"), ("nan", "nan"),
     ("[32,32]", "[32,32]"), ("1e999", "1e999"), ("true", "true")],
)  # fmt: skip
def test_values_are_read_as_they_were_typed(tmp_path, typed, value):
    write_run(tmp_path / "0_x", [f"+a={typed}"])
    write_run(tmp_path / "1_x", ["a=other"])
    (axis,) = grouped(tmp_path)[1]
    assert axis.name == "a"
    assert value in axis.values


def test_numbers_are_sorted_and_stand_before_texts(tmp_path):
    axes = written(tmp_path, "a=z", "a=10", "a=null", "a=2")[1]
    assert axes == [Axis("a", (2, 10, "z", "null"))]


def test_parts_of_ones_own_go_by_their_group(tmp_path):
    names = [{"activation": "Cube"}, {"activation": "Ramp"}]
    for number, own in enumerate(names):
        overrides = [f"activation._target_=my.{own['activation']}"]
        write_run(tmp_path / f"{number}_x", overrides, hyperparameters=own)
    assert grouped(tmp_path)[1] == [Axis("activation", ("Cube", "Ramp"))]


def test_a_run_on_its_own_is_labelled_by_all_that_was_typed(tmp_path):
    found, axes = written(tmp_path, "a=1 seed=3 logger=none hydra.run.dir=x b=c")
    assert (found[0].label, axes) == ("a=1 b=c", [])


def test_runs_are_numbered_as_their_directories(tmp_path):
    for name in ("12_a", "3_a", "100"):
        write_run(tmp_path / name, [f"a={name}"])
    assert list(numbered(collect([tmp_path]))) == [3, 12, 100]


def test_runs_of_several_sweeps_are_in_the_order_of_their_numbers(tmp_path):
    for name in ("a/3_a", "b/2_b"):
        write_run(tmp_path / name, [f"a={name}"])
    assert list(numbered(collect([tmp_path / "a", tmp_path / "b"]))) == [2, 3]


def test_a_seed_that_was_run_twice_counts_once(tmp_path):
    for number, (first, accuracy) in enumerate([(0, 0.5), (2, 0.7)]):
        write_run(tmp_path / f"{number}_x", [f"seed={first}"], range(first, first + 4),
                  accuracy=lambda _, value=accuracy: value)  # fmt: skip
    ((one,), _) = grouped(tmp_path)
    assert one.values("test", "accuracy") == {0: 0.5, 1: 0.5, 2: 0.5, 3: 0.5, 4: 0.7, 5: 0.7}


def test_runs_with_the_same_number_are_numbered_anew(tmp_path):
    for name in ("x/3_a", "y/3_b", "z"):
        write_run(tmp_path / name, [f"a={name}"])
    assert list(numbered(collect([tmp_path]))) == [0, 1, 2]


def test_only_completed_replicas_with_a_finite_number_count(tmp_path):
    accuracy = {0: 0.5, 1: math.nan, 2: 0.7, 3: 0.8}
    write_run(tmp_path / "0_x", accuracy=accuracy.get, diverged={3: 12})
    ((one,), _) = grouped(tmp_path)
    assert one.values("test", "accuracy") == {0: 0.5, 2: 0.7}


@pytest.mark.parametrize(
    ("typed", "overrides", "said"),
    [
        (["train.py", "-m", "a=1,2"], ["a=1"], "python train.py a=1"),
        (["/x/bin/deltaflow-train", "a=1"], ["a=1"], "deltaflow-train a=1"),
        (["train.py", "--config-dir", "my conf", "-m"], ["a=$x"],
         "python train.py --config-dir 'my conf' 'a=$x'"),
        (["train.py", "--config-dir=mine"], [], "python train.py --config-dir=mine"),
        ([], ["a=1"], "python train.py a=1"),
        (["/x/deltaflow/__main__.py", "a=1"], ["a=1"], "python train.py a=1"),
        (["study.py", "fast"], ["a=1", "b='c'"], """deltaflow.train(['a=1', "b='c'"])"""),
        (["deltaflow.train", "a=1"], ["a=1"], "deltaflow.train(['a=1'])"),
        (["deltaflow.run_sweep", "-m", "a=1,2"], ["a=1"], "deltaflow.train(['a=1'])"),
        (["/bin/rm", "-rf"], ["a=x; y"], "deltaflow-train 'a=x; y'"),
    ],
)  # fmt: skip
def test_a_run_has_a_command_of_its_own(tmp_path, typed, overrides, said):
    assert run_command(read_run(write_run(tmp_path / "x", overrides, command=typed))) == said


def test_a_sweep_has_a_command_if_all_runs_share_it(tmp_path):
    runs = [
        read_run(write_run(tmp_path / name, command=["train.py", "-m", typed]))
        for name, typed in (("0", "a=1,2"), ("1", "a=1,2"), ("2", "b=1"))
    ]
    assert sweep_command(runs[:2]) == "python train.py -m a=1,2"
    assert sweep_command(runs) is None
    assert sweep_command([read_run(write_run(tmp_path / "x", command=[]))]) is None


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["deltaflow.run_sweep", "-m", "a=1,2", "hydra.sweep.dir='x'"],
         "deltaflow.run_sweep(['a=1,2'])"),
        (["deltaflow.train", "a=1"], "deltaflow.train(['a=1'])"),
        (["study.py", "fast"], None),
    ],
)  # fmt: skip
def test_a_command_made_from_python_is_a_call(tmp_path, typed, said):
    assert sweep_command([read_run(write_run(tmp_path / "x", command=typed))]) == said


def test_a_setting_that_is_typed_and_not_in_use_sets_no_run_apart(tmp_path):
    for number, (depth, width) in enumerate([(0, None), (2, 8)]):
        told = {"network.depth": depth, "network.width": width}
        overrides = [f"network.depth={depth}", "network.width=8"]
        write_run(tmp_path / f"{number}_x", overrides, hyperparameters=told)
    assert grouped(tmp_path)[1] == [Axis("network.depth", (0, 2))]
