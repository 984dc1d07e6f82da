"""Any error as one message: what was expected, what was found, what to do."""

import warnings

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from deltaflow.commands.analysis import report as reporting
from deltaflow.config.messages import (
    INTERRUPTED,
    entry_point,
    explain,
    in_one_message,
    print_warnings,
)
from deltaflow.system.errors import UserError
from running import composed


def refused(override, tmp_path) -> str:
    """The message for an override that cannot be composed."""
    with pytest.raises(Exception) as caught:  # noqa: PT011, any: that is the point
        composed([override], tmp_path)
    return explain(caught.value)


def test_a_misspelt_option_gets_all_options_and_the_nearest(tmp_path):
    message = refused("loss=mze", tmp_path)
    assert message == ("`loss` must be one of bce, ce, mse. Found `mze`. Did you mean `loss=mse`?")


def test_an_option_that_is_like_none_gets_all_options(tmp_path):
    message = refused("loss=hinge", tmp_path)
    assert message == "`loss` must be one of bce, ce, mse. Found `hinge`. See --help."


def test_the_option_of_a_nested_group_is_named_by_its_whole_group(tmp_path):
    message = refused("hydra/job_logging=loud", tmp_path)
    assert message.startswith("`hydra/job_logging` must be one of ")
    assert "Found `loud`" in message


def test_what_is_no_override_is_shown_how_one_reads(tmp_path):
    message = refused("relu", tmp_path)
    assert message.startswith("An override must read key=value. Found `relu`. Put values with ")


@pytest.mark.parametrize("value", ["null", "3"])
def test_a_group_without_one_of_its_options_is_sent_to_their_list(value, tmp_path):
    message = refused(f"logger={value}", tmp_path)
    assert message.startswith("A config group must be given one of its options. Found ")
    assert message.endswith("Use a name, such as `logger=none`; --help lists them.")


def test_a_second_option_of_a_group_is_told_to_replace_the_first(tmp_path):
    message = refused("+activation=tanh", tmp_path)
    assert "Found `+activation=…`. Use `activation=…`." in message


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("network.dept", "Did you mean `network.depth`?"),
        ("aktivation", "Did you mean `activation`?"),
        ("init.gain", "See all settings with --cfg job."),
        ("lr", "Did you mean `optimizer.lr`?"),
        ("epochs", "Did you mean `trainer.max_epochs`?"),
        ("optimizer.learning_rate", "Did you mean `optimizer.lr`?"),
        ("optimizer.weight_decay", "Did you mean `+optimizer.weight_decay`?"),
        ("trainer.n_seeds", "Did you mean `n_seeds`?"),
        ("hydra.sweep.folder", "`hydra.sweep` has dir, subdir."),
    ],
)
def test_an_unknown_setting_is_named_in_full(key, advice, tmp_path):
    assert refused(f"{key}=3", tmp_path) == (
        f"An override must name a setting that exists. Found `{key}`. {advice}"
    )


@pytest.mark.parametrize(("override", "rule"), [
    ("network.depth=deep", "`network.depth` must be a whole number. Found deep."),
    ("n_seeds=1.5", "`n_seeds` must be a whole number. Found 1.5."),
    ("seed=null", "`seed` must be a whole number. Found null."),
    ("trainer.gradient_clip_norm=x",
     "`trainer.gradient_clip_norm` must be a number or null. Found x."),
    ("sweep.fail_fast=maybe", "`sweep.fail_fast` must be true or false. Found maybe."),
    ("trainer.precision=[32]", "`trainer.precision` must be a word. Found [32]."),
    ("network.hidden_sizes=3", "`network.hidden_sizes` must be a list or null. Found 3."),
    ("network.hidden_sizes=[1.5]",
     "`network.hidden_sizes[0]` must be a whole number. Found 1.5."),
])  # fmt: skip
def test_a_value_of_the_wrong_type_is_told_the_right_one(override, rule, tmp_path):
    assert refused(override, tmp_path) == f"{rule} See --cfg job for the default."


def test_a_broken_reference_says_what_it_refers_to():
    with pytest.raises(OmegaConfBaseException) as caught:
        _ = OmegaConf.create({"a": "${nowhere}"}).a
    assert explain(caught.value) == (
        "A reference must lead to a value. Found in `a`: Interpolation key 'nowhere' not found. "
        "See names and values with --cfg job."
    )


def test_messages_of_our_own_stand_as_they_are():
    assert explain(UserError("Expected. Found. Do.")) == "Expected. Found. Do."


def test_a_file_that_cannot_be_used_is_named():
    message = explain(FileNotFoundError(2, "No such file", "table.csv"))
    assert message.startswith("A file must be one that can be used. Found ")
    assert "table.csv" in message
    assert message.endswith("Check its path, its permissions and the free space.")


def test_a_connection_is_no_file():
    message = explain(ConnectionRefusedError(111, "Connection refused"))
    assert message.startswith("What a run talks to must answer. Found no connection: [Errno 111]")
    assert "file" not in message


@pytest.mark.parametrize(("make", "said"), [
    (lambda: b"\xff".decode(), "A file must hold text in UTF-8. Found other bytes: "),
    (lambda: "\udcff".encode(), "Names and settings must be text that utf-8 has. Found '\\udcff'"),
])  # fmt: skip
def test_bytes_that_are_no_text_are_told_from_text_that_has_no_bytes(make, said):
    with pytest.raises(UnicodeError) as caught:
        make()
    assert explain(caught.value).startswith(said)


def test_hydras_words_from_elsewhere_are_not_hydras():
    with pytest.raises(TypeError) as caught:
        _ = "a" in 3
    assert "should not have come so far" in explain(caught.value)


def test_what_nobody_foresaw_says_its_kind_and_how_to_see_more():
    assert explain(RuntimeError("the lights went out")) == (
        "RuntimeError: the lights went out. This should not have come so far. "
        "HYDRA_FULL_ERROR=1 shows where it did."
    )


@pytest.mark.parametrize(("raised", "status", "said"), [
    (UserError("Expected. Found. Do."), 1, "Expected. Found. Do."),
    (KeyboardInterrupt(), INTERRUPTED, "interrupted."),
])  # fmt: skip
def test_a_command_ends_in_one_message(raised, status, said, capsys):
    with pytest.raises(SystemExit) as ended, in_one_message():
        raise raised
    assert ended.value.code == status
    assert capsys.readouterr().err == f"deltaflow: {said}\n"


def test_a_warning_within_a_command_is_a_message(capsys):
    with in_one_message():
        warnings.simplefilter("default")
        warnings.warn("It saturates.", stacklevel=1)
    assert capsys.readouterr().err == "deltaflow: warning: It saturates.\n"


def test_a_warning_is_shown_once_in_each_command(capsys):
    for _ in range(2):
        with in_one_message():
            warnings.simplefilter("default")
            for _ in range(3):
                print_warnings()  # as a worker does before each run of a sweep
                with warnings.catch_warnings():  # as around each run
                    warnings.warn("It saturates.", stacklevel=1)
            warnings.warn("It explodes.", stacklevel=1)
        said = capsys.readouterr().err
        assert said == "deltaflow: warning: It saturates.\ndeltaflow: warning: It explodes.\n"


def test_developers_can_see_where_an_error_comes_from(monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(LookupError), in_one_message():
        raise LookupError


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_the_help_of_a_command_is_its_modules_docstring(flag, capsys):
    reporting.main(["one", flag])
    assert capsys.readouterr().out == f"{reporting.__doc__}\n"


def test_a_command_takes_what_was_typed_unless_it_is_told(monkeypatch):
    ran = []

    @entry_point
    def own(arguments):
        ran.append(list(arguments))

    monkeypatch.setattr("sys.argv", ["program", "typed"])
    own()
    own(["told"])
    assert ran == [["typed"], ["told"]]


def test_a_file_in_place_of_a_directory_is_named(tmp_path):
    file = tmp_path / "a"
    file.touch()
    for make in (file.mkdir, lambda: (file / "b").mkdir(), lambda: (file / "b" / "c").open("w")):
        with pytest.raises(OSError) as caught:  # noqa: PT011
            make()
        message = explain(caught.value)
        assert message.startswith("A directory must be a folder, or not exist yet. Found ")
        assert f"Found {file}, which is a file." in message


def test_what_there_is_already_need_not_be_in_place_of_a_directory(tmp_path):
    (tmp_path / "made").mkdir()
    said = [explain(FileExistsError(17, "File exists", name)) for name in (str(tmp_path), "x", 7)]
    with pytest.raises(FileExistsError) as caught:
        (tmp_path / "made").mkdir()
    for message in (*said, explain(caught.value)):
        assert message.startswith("A file must be one that can be used. Found [Errno 17] ")
