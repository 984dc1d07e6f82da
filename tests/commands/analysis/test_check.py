"""A model is held to its first step from the command line."""

import json

import pytest

from deltaflow.commands.analysis import check
from running import exit_status

MODELS = """
import torch
from torch import nn

def deep():
    torch.manual_seed(0)
    layers = [m for _ in range(12) for m in (nn.Linear(8, 8), nn.Sigmoid())]
    return nn.Sequential(*layers, nn.Linear(8, 2)), batch(), nn.functional.cross_entropy

def fine():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))
    return model, batch(), nn.CrossEntropyLoss()

def batch():
    return torch.randn(16, 8), torch.randint(0, 2, (16,))

wrong = 3

def asking(model):
    return model

def misfit():
    return nn.Linear(3, 2), batch(), nn.CrossEntropyLoss()
"""


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """Output, message and status of the command in a folder with models."""
    (tmp_path / "models_to_check.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def command(*arguments):
        status = exit_status(check.main, arguments)
        return *capsys.readouterr(), status

    return command


def test_a_fault_fails(said):
    out, err, status = said("models_to_check:deep", "--fail-on", "vanishing")
    assert (status, "Gradients vanish" in out, "Found vanishing" in err) == (1, True, True)
    assert said("models_to_check:deep", "--fail-on", "exploding")[2] == 0
    assert said("models_to_check:deep", "--fail-on", "any")[2] == 1


def test_json_has_verdicts_and_layers(said):
    out, _, status = said("models_to_check:fine", "--json", "--fail-on", "any")
    found = json.loads(out)
    assert (status, [v["kind"] for v in found["verdicts"]]) == (0, ["healthy"])
    assert [layer["name"] for layer in found["layers"]] == ["0", "2"]
    assert found["layers"][0]["delta_norm"] > 0


def test_a_kind_that_no_finding_has_is_refused(said):
    out, err, status = said("models_to_check:fine", "--fail-on", "vanish")
    assert (out, status) == ("", 1)
    assert "must be a list of kinds: any, detached" in err
    assert "Found `vanish`" in err


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("models_to_check", "needs `module:function`"),
        ("models_to_check:nothing", "must be a function"),
        ("models_to_check:wrong", "Found int"),
        ("models_to_check:batch", "batch must be a pair"),
        ("models_to_miss:deep", "without arguments. Found ModuleNotFoundError: No module named"),
        ("models_to_check:asking", "without arguments. Found TypeError: asking() missing 1"),
        ("models_to_check:misfit", "must take its batch, and the loss both. Found RuntimeError"),
    ],
)
def test_what_is_no_example(argument, words, said):
    out, err, status = said(argument)
    assert (out, status) == ("", 1)
    assert words in err
    assert "should not have come so far" not in err
