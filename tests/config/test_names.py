import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from deltaflow.config.names import (
    axes,
    resume_override,
    slug,
    sweep_directory,
    unique_name,
    with_quoted_paths,
)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.text(max_size=100), max_size=4), st.lists(st.text(max_size=20), max_size=2))
def test_a_run_has_a_name_that_every_file_system_takes(overrides, varied):
    name = slug(varied, 12, overrides)
    assert name.startswith("12_") or name == "12"
    assert len(name.encode()) <= 80
    assert not set(name) & set('/\\:*?"<>| \n\t')
    assert name not in (".", "..")


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=3000))
def test_a_run_of_its_own_too(overrides):
    name = unique_name(overrides)
    assert len(name.encode()) <= 110
    assert not set(name) & set('/\\:*?"<>| \n\t')
    assert name.isascii()


def test_only_what_a_sweep_varies_stands_in_the_names_of_its_runs():
    typed = ["data.batch_size=32", "++network.depth=5", "sweep.resume=there", "init=he"]
    assert slug(["init", "network.depth"], 7, typed) == "7_depth=5,init=he"
    assert slug([], 7, typed) == "7_batch_size=32,depth=5,init=he"

    assert slug([], 7, ["seed=1", "data.seed=2"]) == "7_seed=1,data.seed=2"  # or who is which?


def test_a_run_says_what_it_is():
    assert "_activation=relu,depth=5_" in unique_name("activation=relu,network.depth=5")
    assert "__" not in unique_name("")


def test_a_sweep_says_what_it_varies_and_needs_no_quotes():
    typed = ["activation=relu,tanh", "network.hidden_sizes=[1,2],[3]", "seed=1", "init=he,torch"]
    name = sweep_directory(None, axes(typed, {"loss": "ce,mse", "init": "he,xavier"}))
    assert name.startswith("outputs/sweep_")
    assert "_loss+init+activation+network.hidden_sizes_" in name
    assert resume_override(name) == f"sweep.resume={name}"


def test_a_sweep_that_goes_on_keeps_its_directory():
    assert sweep_directory("some/where", ["activation"]) == "some/where"


@settings(derandomize=True, deadline=None)
@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="$"), min_size=1)
)
@example("FALSE")
@example("null")
@example("007")
@example("1e3")
@example("a\\")
@example('a\\"')
def test_what_to_type_to_go_on_is_understood_by_the_shell_and_by_hydra(directory):
    (typed,) = shlex.split(resume_override(directory))
    (override,) = OverridesParser.create().parse_overrides([typed])
    assert str(override.value()) == directory


def test_names_differ_even_within_one_process_and_second():
    assert len({unique_name() for _ in range(20)}) == 20


@pytest.mark.parametrize(
    "name", ["a=b,c", "(1) é.csv", 'say "so".csv', "it's.csv", "~", "{a: b}", "[a]", "two  spaces",
             "null", "2026", "a\\"]
)  # fmt: skip
def test_a_path_that_exists_is_one_text_as_it_stands(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    typed = [f"resume={name}", f"+sweep.resume=./{name}", f"data.path={tmp_path / name}"]
    assert with_quoted_paths(typed) == typed
    (tmp_path / name).touch()
    parsed = OverridesParser.create().parse_overrides(with_quoted_paths(typed))
    assert [one.value() for one in parsed] == [name, f"./{name}", str(tmp_path / name)]


def test_what_is_no_path_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "relu,tanh").touch()
    (tmp_path / "my.csv").touch()
    typed = ["activation=relu,tanh", "data.path=my.csv", "data.path='my.csv'", "-m", "resume="]
    assert with_quoted_paths(typed) == typed
