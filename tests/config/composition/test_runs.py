"""A run is composed as Hydra composes it, also where Hydra was asked before."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import OmegaConf

from deltaflow.config.composition import runs as composition
from deltaflow.config.composition.runs import compose_run
from deltaflow.config.options import config_directory

OPTION = "_target_: torch.nn.LeakyReLU\nnegative_slope: {}\n"


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["optimizer.lr=0.3", "seed=4", "loss=mse"],
        ["experiment=wine", "network.width=3", "optimizer.momentum=${seed}"],
        ["+data.tag=1", "~callbacks", "n_seeds=2", "hydra.job.name=mine"],
        ["network.hidden_sizes=[2,3]", "network.normalization=null"],
    ],
)
def test_it_is_what_hydra_composes(overrides, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(composition, "compose_by_choices", lambda given, ask, _: ask(given))
        expected, chosen = compose_run(overrides, tmp_path)
    for _ in range(2):
        config, choices = compose_run(overrides, tmp_path)
        assert OmegaConf.to_yaml(config) == OmegaConf.to_yaml(expected)
        assert choices == chosen
        config.seed = 77


def test_hydra_is_asked_once_for_each_choice(monkeypatch):
    asked = []

    def count(*arguments, **named):
        asked.append(arguments)
        return compose(*arguments, **named)

    monkeypatch.setattr(composition, "compose", count)
    composition._compose_once.cache_clear()
    for lr, name in [("1", "relu"), ("2", "relu"), ("3", "tanh"), ("4", "relu")]:
        config, _ = compose_run([f"optimizer.lr={lr}", f"activation={name}"], Path())
        assert config.optimizer.lr == float(lr)
    assert len(asked) == 2


@pytest.mark.parametrize("given", ["--config-dir", "hydra.searchpath"])
def test_a_file_that_has_been_changed_is_read_again(given, tmp_path):
    file = tmp_path / "own" / "activation" / "own.yaml"
    file.parent.mkdir(parents=True)
    for slope in (0.1, 0.25):
        file.write_text(OPTION.format(slope))
        if given == "--config-dir":
            config, _ = compose_run(["activation=own"], Path(), tmp_path / "own")
        else:
            path = f"hydra.searchpath=['file://{tmp_path / 'own'}']"
            config, _ = compose_run(["activation=own", path], Path())
        assert config.activation.negative_slope == slope


def test_an_option_that_is_registered_anew_is_used(monkeypatch):
    monkeypatch.setattr(ConfigStore.instance(), "repo", dict(ConfigStore.instance().repo))
    for slope in (0.1, 0.2):
        node = OmegaConf.create(OPTION.format(slope))
        ConfigStore.instance().store("registered", node, group="activation")
        config, _ = compose_run(["activation=registered"], Path())
        assert config.activation.negative_slope == slope


def test_a_mistake_is_told_as_hydra_tells_it():
    compose_run(["network.depth=1"], Path())
    with pytest.raises(HydraException) as ours:
        compose_run(["network.depth=deep"], Path())
    with (
        initialize_config_dir(str(config_directory()), version_base="1.3"),
        pytest.raises(HydraException) as theirs,
    ):
        compose("train", ["network.depth=deep"])
    assert str(ours.value) == str(theirs.value)
