"""A run of a sweep is composed as Hydra composes it, and Hydra is asked once for each choice."""

import pickle

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

from deltaflow.config.composition.sweeps import SweepComposer
from deltaflow.config.options import config_directory

# The runs of a sweep, and how many times Hydra composes for them.
SWEEPS = {
    "values": ([["loss=mse", f"optimizer.lr={lr}", f"seed={n}"] for n, lr in enumerate("123")], 1),
    "types": ([[f"optimizer.lr={lr}"] for lr in ("1", "0.5", "1e-3", "'0.1'", "null", "x")], 1),
    "choices": ([[f"activation={name}", "n_seeds=2"] for name in ("relu", "tanh", "relu")], 2),
    "options of two groups": (
        [[f"activation={a}", f"init={i}", f"n_seeds={n}"]
         for a in ("relu", "tanh", "leaky") for n, i in enumerate(("he", "torch", "critical"), 1)],
        6,  # the first run, four with one other option, and a first one put together
    ),
    "options that reach further": (
        [[f"experiment={e}", f"activation={a}"]
         for e in ("wine", "xor_tanh") for a in ("relu", "tanh")],
        4,
    ),
    "an option that there is not, and no group": (
        [["init=he", "resume=a"], ["init=torch", "resume=b"], ["init=zeros", "resume=null"]], 5
    ),
    "an option that brings another": (
        [["optimizer=sgd", "init=torch"], ["optimizer=adam", "init=he"]], 3
    ),
    "experiment": ([["experiment=wine", f"network.width={n}"] for n in (3, 4)], 1),
    "lists": ([[f"network.hidden_sizes={n}", "seed=1"] for n in ("[1]", "[2,3]", "[1]")], 2),
    "new": ([["+data.tag=1", "~callbacks", f"trainer.threads={n}"] for n in (1, 2)], 1),
    "new, swept": ([[f"+data.tag={n}"] for n in (1, 2)], 2),
    "hydra": ([["hydra.job.name=mine", f"seed={n}"] for n in (1, 2)], 1),
    "twice": ([["seed=5", f"seed={n}"] for n in (1, 2)], 1),
    "whole and part": ([[f"optimizer.lr={n}", "+optimizer={lr: 7}"] for n in (1, 2)], 2),
    "references": ([[f"optimizer.lr={lr}", "optimizer.momentum=${seed}"] for lr in (1, 2)], 1),
}  # fmt: skip


OPTIONS = [("sigmoid", "torch"), ("leaky", "he"), ("selu", "he")]
PRESETS = sorted(
    path.relative_to(config_directory() / "experiment").with_suffix("").as_posix()
    for path in (config_directory() / "experiment").rglob("*.yaml")
)


@pytest.fixture(scope="module")
def loader():
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        yield GlobalHydra.instance().hydra.config_loader


@pytest.fixture(scope="module")
def sweep(loader):
    return loader.load_configuration("train", ["seed=1,2"], RunMode.MULTIRUN)


@pytest.mark.parametrize("name", SWEEPS)
def test_runs_are_composed_as_hydra_composes_them(loader, sweep, name, monkeypatch):
    runs, n_loads = SWEEPS[name]
    expected = [OmegaConf.to_yaml(loader.load_sweep_config(sweep, run)) for run in runs]
    loads, load = [], loader.load_sweep_config
    monkeypatch.setattr(loader, "load_sweep_config", lambda *a: loads.append(a) or load(*a))
    composer = SweepComposer(loader, sweep)
    assert [OmegaConf.to_yaml(composer.compose(run)) for run in runs] == expected
    assert len(loads) == n_loads


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_options_put_together_are_what_hydra_composes(loader, sweep, preset):
    composer = SweepComposer(loader, sweep)
    for activation, init in OPTIONS:
        run = [f"activation={activation}", f"init={init}", f"experiment={preset}", "n_seeds=2"]
        found = composer.compose(run)
    assert composer._combines  # the last is the first that no load has shown whole
    expected = loader.load_sweep_config(sweep, run)
    assert OmegaConf.to_yaml(found) == OmegaConf.to_yaml(expected)
    assert found._metadata.flags == expected._metadata.flags
    assert found.activation._get_flag("struct") == expected.activation._get_flag("struct")


def test_options_that_depend_on_each_other_are_found_out(loader, sweep, monkeypatch):
    load = loader.load_sweep_config

    def coupled(master, overrides):
        config = load(master, overrides)
        if {"init=he", "activation=tanh"} <= set(overrides):
            config.trainer.max_epochs = 7
        return config

    monkeypatch.setattr(loader, "load_sweep_config", coupled)
    composer = SweepComposer(loader, sweep)
    for activation in ("relu", "tanh", "leaky"):
        for init in ("torch", "he", "zeros"):
            run = [f"activation={activation}", f"init={init}"]
            found = OmegaConf.to_yaml(composer.compose(run))
            assert found == OmegaConf.to_yaml(coupled(sweep, run))


def test_a_run_has_its_configuration_for_itself(loader, sweep):
    composer = SweepComposer(loader, sweep)
    for _ in range(3):
        config = composer.compose(["optimizer.lr=1"])
        assert config.seed == 0
        config.seed = 5


def test_a_mistake_is_told_as_hydra_tells_it(loader, sweep):
    composer = SweepComposer(loader, sweep)
    composer.compose(["network.depth=1"])
    with pytest.raises(HydraException) as ours:
        composer.compose(["network.depth=deep"])
    with pytest.raises(HydraException) as theirs:
        loader.load_sweep_config(sweep, ["network.depth=deep"])
    assert str(ours.value) == str(theirs.value)
    assert str(ours.value.__cause__) == str(theirs.value.__cause__)


def test_what_was_looked_at_is_not_composed_again(loader, sweep, monkeypatch):
    composer, run = SweepComposer(loader, sweep), ["seed=3", "optimizer.lr=0.5"]
    expected = OmegaConf.to_yaml(SweepComposer(loader, sweep).compose(run))
    looked = composer.look(run)
    assert OmegaConf.to_yaml(looked) == expected
    assert composer.compose(run) is looked
    looked.seed = 99
    assert OmegaConf.to_yaml(composer.compose(run)) == expected  # that one was the caller's
    composer.look(run)
    assert not pickle.loads(pickle.dumps(composer.__getstate__()["_waiting"]))
