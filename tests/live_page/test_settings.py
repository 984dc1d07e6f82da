"""A state of the page as a URL, as a command and as a configuration."""

import shlex
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from deltaflow.config.composition.runs import compose_run
from deltaflow.live_page.server import Pages
from deltaflow.live_page.settings import KEYS, PageSettings, options, parse
from deltaflow.system.errors import UserError

STATES = [
    {},
    {"activation": "leaky", "activation.negative_slope": 0.3, "init": "he", "seed": 7},
    {"init": "normal", "init.sigma_w": 1.7, "init.sigma_b": 0.1, "network.depth": 0},
    {"data": "sine", "loss": "mse", "optimizer": "adam", "optimizer.lr": 0.002, "n_seeds": 3},
    {"activation": "tanh", "init": "critical", "init.sigma_b": 0.4, "data.batch_size": None},
    {"network.normalization": "batch", "network.output_activation": "softmax",
     "network.width": 8, "trainer.max_epochs": 3},
    {"data": "table", "data.path": "my data/it's.csv", "data.target": "class, or so"},
]  # fmt: skip


@pytest.mark.parametrize("chosen", STATES)
def test_a_state_is_what_its_url_and_its_command_say(chosen):
    settings = PageSettings(chosen)
    program, script, *overrides = shlex.split(settings.command)
    assert (program, script) == ("python", "train.py")
    assert PageSettings().from_query(f"?{settings.query}").chosen == chosen
    composed, choices = compose_run(overrides, Path())
    config, chosen_options = settings.compose()
    assert OmegaConf.to_container(config) == OmegaConf.to_container(composed)
    assert chosen_options == choices


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("activation", "os.system"), ("data._target_", "os.system"), ("network.depth", "51"),
        ("network.depth", "2.5"), ("optimizer.lr", "nan"), ("optimizer.lr", "-1"),
        ("init.sigma_w", "${oc.env:HOME}"), ("network.normalization", "both"), ("n_seeds", ""),
    ],
)  # fmt: skip
def test_a_url_says_nothing_but_settings_of_the_page(key, text):
    with pytest.raises(UserError, match="Found"):
        parse(key, text)


def test_what_belonged_to_another_choice_is_forgotten():
    settings = PageSettings({"init": "normal", "init.sigma_w": 2.0, "optimizer.lr": 0.3})
    assert settings.with_value("init", "he").chosen == {"init": "he", "optimizer.lr": 0.3}
    assert settings.with_value("optimizer", "adam").chosen["optimizer"] == "adam"
    assert "optimizer.lr" not in settings.with_value("optimizer", "adam").chosen


def test_text_instead_of_a_list_is_refused():
    with pytest.raises(ValueError, match=r"must be given a list.*Found \['n_seeds=2'\]"):
        PageSettings.from_overrides("n_seeds=2")


def test_overrides_without_a_control_stay():
    settings = PageSettings.from_overrides(["activation=tanh", "network.dropout=0.1", "n_seeds=2"])
    assert settings.chosen == {"activation": "tanh", "n_seeds": 2}
    assert settings.others == ("network.dropout=0.1",)
    assert settings.compose()[0].network.dropout == 0.1


def test_a_setting_that_the_choice_has_not_is_refused():
    with pytest.raises(UserError, match=r"init.sigma_w.*init=he"):
        PageSettings({"init": "he", "init.sigma_w": 1.0}).compose()


def test_other_machines_are_shown_no_table_but_the_owners(monkeypatch):
    monkeypatch.setattr("panel.serve", lambda *_, **__: None)
    pages = Pages(PageSettings.from_overrides(["data=table", "data.path=own.csv", "data.target=y"]))
    pages.serve(0, show=False)
    asked = pages.settings.from_query("data=table&data.path=/etc/passwd&data.target=y")
    assert asked.compose()[0].data.path == "/etc/passwd"
    pages.serve(0, "0.0.0.0", show=False)
    assert pages.settings.compose()[0].data.path == "own.csv"
    asked = pages.settings.from_query("data=table&data.path=/etc/passwd&data.target=y")
    for other in (asked, pages.settings.with_value("data.path", "/etc/passwd")):
        with pytest.raises(UserError, match="no table but its owner's"):
            other.compose()


def test_where_it_cannot_listen_it_says_so(monkeypatch):
    def taken(*_, **__):
        raise OSError(98, "Address already in use")

    monkeypatch.setattr("panel.serve", taken)
    for port in (5006, 99_999, -1):
        with pytest.raises(UserError, match=rf"Found.*{port}"):
            Pages(PageSettings()).serve(port, show=False)


def test_every_choice_is_an_option():
    assert set(options("activation")) >= {"sigmoid", "tanh", "relu"}
    assert len(set(KEYS)) == len(KEYS)
