"""One message, no traceback, exit status not 0; what was there stays there."""

import errno
import json
import threading

import pytest

from mistakes import MISTAKES
from prepared import prepared

# One of each class of error goes through the whole command, and all that is no override.
WHOLE = {
    "misspelt option", "unknown key", "no key at all", "wrong type", "values without a sweep",
    "reference to nowhere", "removed setting", "unknown class", "unknown argument",
    "batch beyond the data", "one network to judge", "coupling optimizer", "too wide",
    "folder that cannot be", "resumed without -m", "bytes that are no text", "flag in between",
    "plateau of nothing", "unknown accelerator",
}  # fmt: skip
WHOLE |= {name for name, (typed, *_) in MISTAKES.items() if typed[0].startswith("-")}


def marked(names):
    """A few of them in a minute; the rest with all that is slow."""
    return [
        pytest.param(name, id=name, marks=[] if n % 4 == 0 else pytest.mark.slow)
        for n, name in enumerate(sorted(names))
    ]


@pytest.mark.parametrize("name", marked(WHOLE))
def test_a_mistake_gets_one_message(name, deltaflow):
    typed, rule, found, advice = MISTAKES[name]
    outcome = deltaflow(*typed)

    assert outcome.status == 1
    assert len(outcome.out.splitlines()) <= 2  # what was to be trained, and its network
    message = outcome.err.strip()
    assert message.startswith("deltaflow: ")
    assert message.count("deltaflow: ") == 1
    assert "Traceback" not in message
    for part in (rule, found, advice):
        assert part in message


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", marked(set(MISTAKES) - WHOLE))
def test_a_mistake_is_found_before_a_training(name, tmp_path):
    typed, *parts = MISTAKES[name]
    message = prepared(typed, tmp_path)
    assert message is not None
    assert "should not have come so far" not in message
    for part in parts:
        assert part in message


def test_a_failed_run_says_so_in_its_summary(deltaflow):
    outcome = deltaflow("data.batch_size=1000")
    (path,) = outcome.summaries
    summary = json.loads(path.read_text())
    assert summary["status"] == "failed"
    assert "`data.batch_size` must be 1 to 90" in summary["error"]


def test_a_run_that_cannot_be_begins_nothing(deltaflow):
    assert deltaflow("network.depth=-1").summaries == []


def test_a_graphics_card_that_is_not_there_is_missed(deltaflow, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    outcome = deltaflow("accelerator=gpu")
    assert outcome.status == 1
    assert "`accelerator=gpu` needs a graphics card" in outcome.err
    assert "Use `accelerator=cpu`" in outcome.err


def test_a_graphics_card_without_doubles_says_so(deltaflow, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    outcome = deltaflow("accelerator=auto", "trainer.precision=64-true")
    assert outcome.status == 1
    assert "needs float64. Found MPS" in outcome.err


def test_the_traceback_is_shown_to_those_who_ask(deltaflow):
    with pytest.raises(ValueError, match="at least 0"):
        deltaflow("network.depth=-1", full_error="1")


@pytest.mark.filterwarnings("default")
def test_a_doubled_softmax_is_warned_of(deltaflow):
    settings = ["network.output_activation=softmax", "trainer.max_epochs=1", "logger=none"]
    outcome = deltaflow(*settings)
    assert outcome.status == 0
    assert outcome.err.startswith("deltaflow: warning: The loss has its softmax inside")
    assert outcome.err.count("\n") == 1


FILES = {  # of the user's own: what is in it, and what the message must name
    "broken": ("_target_: torch.nn.ReLU\n  slope: [1\n", "compose", 'own.yaml", line 2'),
    "tab": ("_target_: torch.nn.ReLU\n\tslope: 1\n", "compose", 'own.yaml", line 2'),
    "twice": ("_target_: a\n_target_: b\n", "compose", "duplicate key"),
    "list": ("- 1\n- 2\n", "compose", "activation/own.yaml"),
    "word": ("relu\n", "must name a class", "Found null"),
    "empty": ("", "must name a class", "Found null"),
    "reference": ("_target_: ${nope}\n", "lead to a value", "'nope'"),
    "no default": ("defaults: [nope]\n", "compose", "activation/nope"),
    "no group": ("defaults: [override /nope: relu]\n", "config group", "`nope`"),
    "itself": ("&a [*a]\n", "must end", "anchor"),
    "itself by name": ("&a {_target_: *a}\n", "must end", "anchor"),
    "itself as a default": ("defaults: [own]\n", "must end", "defaults list"),
    "deep list": (f"_target_: {'[' * 1000}{']' * 1000}\n", "must end", "brackets"),
    "missing default": ("defaults: ['???']\n", "compose", "activation/???"),
    "number of defaults": ("defaults: 3\n", "defaults list", "got int"),
    "number as a default": ("defaults: [3]\n", "compose", "int"),
    "names for defaults": ("defaults: {a: b}\n", "defaults list", "mapping"),
    "two in one line": ("defaults: [{a: 1, b: 2}]\n", "compose", "Too many keys"),
    "nothing as a default": ("defaults: [null]\n", "compose", "NoneType"),
    "twice itself": ("defaults: [_self_, _self_]\n", "compose", "Duplicate"),
    "number for an option": ("defaults: [{/init: 3}]\n", "compose", "int"),
    "half a package": ("# @package\n_target_: torch.nn.ReLU\n", "compose", "@package"),
    "zero byte": ("_target_: a\0b\n", "compose", "position 11"),
    "huge number": (f"x: {'9' * 5000}\n", "compose", "5000 digits"),
    "no name": ("null: 1\n", "compose", "NoneType"),
    "number for a name": ("3: 1\n", "activation.3", "incompatible"),
    "set": ("_target_: !!set {a}\n", "another value", "set"),
    "not UTF-8": ("# \xe9\n", "UTF-8", "0xe9"),
}


@pytest.mark.parametrize(("content", "rule", "found"), FILES.values(), ids=FILES)
def test_a_mistake_in_a_file_names_it(content, rule, found, deltaflow, tmp_path):
    (tmp_path / "own" / "activation").mkdir(parents=True)
    (tmp_path / "own" / "activation" / "own.yaml").write_bytes(content.encode("latin-1"))
    outcome = deltaflow("activation=own", "--config-dir", "own")
    assert outcome.status == 1
    message = outcome.err.strip()
    assert message.startswith("deltaflow: ")
    assert message.count("\n") == 0
    assert rule in message
    assert found in message


def test_a_sweep_over_nothing_is_no_success(deltaflow):
    outcome = deltaflow("-m", "network.depth=range(3,1)")
    assert outcome.status == 1
    assert "A sweep must make at least one run. Found none in " in outcome.err


def test_a_reference_to_another_group_reaches_it_in_a_part(deltaflow):
    settings = ["data=moons", "data.seed=${seed}", "scheduler=onecycle", "seed=3"]
    outcome = deltaflow(*settings, "trainer.max_epochs=1", "logger=none", "diagnostics=off")
    assert outcome.status == 0, outcome.err


def test_a_file_of_several_groups_that_does_not_say_so_is_told_how(deltaflow, tmp_path):
    for name, content in {
        "experiment/mine": "defaults:\n  - override /activation: tanh\n",
        "local/default": "trainer: {threads: 1}\n",
    }.items():
        file = tmp_path / "my_conf" / f"{name}.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(content)
        chosen = ["experiment=mine"] if name.startswith("experiment") else []
        outcome = deltaflow("--config-dir", "my_conf", *chosen)
        assert outcome.status == 1
        assert "# @package _global_" in outcome.err
        assert f"{name}.yaml" in outcome.err
        assert outcome.err.count("deltaflow: ") == 1
        file.unlink()


@pytest.mark.parametrize(("keeps", "said"), [(True, 0), (False, 1)])
def test_a_thread_that_hands_its_error_on_does_not_tell_it_too(keeps, said, deltaflow, capsys):
    deltaflow("network.depth=-1")

    def fill() -> None:
        full = OSError(errno.ENOSPC, "No space left on device")
        writer.exception = full if keeps else None
        raise full

    writer = threading.Thread(target=fill)
    writer.start()
    writer.join()
    assert capsys.readouterr().err.count("No space left on device") == said
