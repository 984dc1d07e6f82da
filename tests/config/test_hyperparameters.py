"""What counts as a hyperparameter, on configurations as the command line composes them."""

import pytest
from omegaconf import OmegaConf

from deltaflow.config.composition.runs import compose_run
from deltaflow.config.hyperparameters import hyperparameters, varied


def of(overrides, directory):
    return hyperparameters(*compose_run(overrides, directory))


def test_options_come_before_values_in_the_order_of_the_configuration(tmp_path):
    names = list(of([], tmp_path))
    options = ["network", "activation", "init", "loss", "data", "optimizer", "scheduler"]
    assert names[:8] == [*options, "experiment"]
    assert all("." in name or name in ("seed", "n_seeds") for name in names[8:])


def test_every_value_of_every_part_is_one(tmp_path):
    config, choices = compose_run(["scheduler=step", "init=normal", "loss=bce"], tmp_path)
    found = hyperparameters(config, choices)
    for group in ("activation", "init", "loss", "data", "optimizer", "scheduler"):
        leaves = OmegaConf.to_container(config[group])
        names = {f"{group}.{key}" for key in leaves if key != "_target_"}
        assert {name for name in found if name.startswith(f"{group}.")} == names
    assert found["init.sigma_w"] == config.init.sigma_w
    assert found["data.standardize"] == "true"


def test_what_only_watches_or_says_where_is_none(tmp_path):
    mine = ["+callbacks.mine._target_=my.Callback", "+callbacks.mine.x=1", "+data.path=/a/b.csv"]
    found = of([*mine, "trainer.threads=2"], tmp_path)
    parts = {part for name in found for part in name.split(".")}
    assert not parts & {"diagnostics", "logger", "callbacks", "accelerator", "threads", "path"}
    assert not [part for part in parts if part.startswith("_")]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["network.depth=3", "network.width=5"], (3, 5, "[5,5,5]")),
        (["network.hidden_sizes=[64,32]"], (2, None, "[64,32]")),
        (["network.hidden_sizes=[7]"], (1, 7, "[7]")),
        (["network=linear"], (0, None, "[]")),
    ],
)
def test_hidden_layers_are_told_as_they_are(overrides, expected, tmp_path):
    found = of(overrides, tmp_path)
    assert tuple(found[f"network.{key}"] for key in ("depth", "width", "hidden_sizes")) == expected


def test_what_a_sweep_varies():
    typed = ["train.py", "--multirun", "init=he", "seed=0,1", "optimizer.lr=choice(0.1,0.2)",
             "network.hidden_sizes=[8,8]", "--config-dir=/a,b/c=d"]  # fmt: skip
    own = ["init=he", "seed=1", "optimizer.lr=0.2", "network.hidden_sizes=[8,8]"]
    assert varied(own, typed) == {"seed", "optimizer.lr"}
    assert varied(own, ["train.py", *own]) == {"init", "seed", "optimizer.lr",
                                               "network.hidden_sizes"}  # fmt: skip
    assert varied([], ["train.py"]) == set()


def test_what_no_run_can_have_is_told_as_it_was_set(tmp_path):
    assert of(["network.depth=-1"], tmp_path)["network.depth"] == -1
    assert of(["network.width=0"], tmp_path)["network.width"] == 0


def test_a_network_of_many_layers_is_not_written_out(tmp_path):
    found = of(["network.depth=100000000"], tmp_path)
    assert found["network.depth"] == 100000000
    assert found["network.hidden_sizes"] is None


@pytest.mark.parametrize("setting", ["sweep.resume=somewhere", "sweep.fail_fast=true"])
def test_how_a_sweep_goes_on_is_none(setting, tmp_path):
    assert of([setting], tmp_path) == of([], tmp_path)
