"""What is said of a configuration before it trains."""

import pytest
from hydra import compose, initialize_config_dir

from deltaflow.config.composition import runs as composition  # noqa: F401
from deltaflow.config.description import describe, watch_note
from deltaflow.config.options import config_directory


def composed(*overrides):
    """A configuration with Hydra's own settings, and its choices."""
    with initialize_config_dir(str(config_directory()), version_base="1.3"):
        config = compose("train", overrides=list(overrides), return_hydra_config=True)
    return config, config.hydra.runtime.choices


@pytest.mark.parametrize(("overrides", "varied", "said"), [
    ([], {}, "iris · 2 × 32 relu, init torch · ce · sgd 0.05 · 100 epochs"),
    (["network.hidden_sizes=[64,16]", "n_seeds=4", "trainer.max_epochs=1"], {},
     "iris · 64 × 16 relu, init torch · ce · sgd 0.05 · 1 epoch · 4 seeds"),
    (["network=linear", "data=sine", "loss=mse", "optimizer=adam"], {},
     "sine · no hidden layer, relu, init torch · mse · adam 0.01 · 100 epochs"),
    (["data=table", "data.path=a/my.csv", "data.target=y"], {},
     "my.csv · 2 × 32 relu, init torch · ce · sgd 0.05 · 100 epochs"),
    ([], {"activation": 4, "optimizer.lr": 2}, "iris · 2 × 32, init torch · ce · sgd · 100 epochs"),
    ([], {"network.depth": 4, "data": 2, "init": 2, "trainer.max_epochs": 2, "n_seeds": 2},
     "relu · ce · sgd 0.05"),
    (["data.folds=5", "data.split_seeds=[0,1,2]", "n_seeds=2"], {},
     "iris · 2 × 32 relu, init torch · ce · sgd 0.05 · 100 epochs · 2 seeds · 5 folds · 3 splits"),
    (["data.folds=5"], {"data.folds": 2, "data": 2, "init": 2, "trainer.max_epochs": 2},
     "2 × 32 relu · ce · sgd 0.05"),
])  # fmt: skip
def test_a_line_says_what_is_trained_but_for_what_varies(overrides, varied, said):
    assert describe(*composed(*overrides), varied) == said


def test_an_experiment_says_what_to_watch():
    config, choices = composed("experiment=dead_relu")
    assert watch_note(config, choices) == ("Watch the dead share rise; compare activation=leaky.")
    assert watch_note(*composed()) is None
