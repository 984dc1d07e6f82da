"""A sweep that would not begin is refused before anything is made of it."""

import pytest
from hydra import initialize_config_dir

from deltaflow.sweep.size import MAX_RUNS, values_per_setting
from running import CONF, options

ALLOWED = [
    [],
    ["seed=range(0,10000)"],
    ["seed=range(0,100)", "network.depth=range(1,101)"],
    ["seed=range(0,5000,0.5)"],
    ["activation=relu,tanh", "network.depth=choice(1,2,3)", "+optimizer.nesterov=true"],
    ["seed=range(0,1000000)", "seed=1,2"],
    ["seed=range(3,1)"],
    ["optimizer.lr=interval(0,1)", "activation=glob(*)", "~callbacks"],
]
REFUSED = {
    "9,999,999": ["seed=range(1,10000000)"],
    "10,001": ["seed=range(10001)"],
    "20,000": ["seed=range(0,10000)", "activation=relu,tanh"],
    "10,100": ["seed=range(0,100)", "network.depth=range(1,102)"],
    "20,002": ["seed=range(0,5000.5,0.25)"],
    "endlessly many": ["optimizer.lr=range(0,1,0)"],
}


@pytest.mark.parametrize("overrides", ALLOWED, ids=str)
def test_what_can_be_begun_passes(overrides):
    values_per_setting(overrides, None)


@pytest.mark.parametrize(("found", "overrides"), REFUSED.items(), ids=str)
def test_what_cannot_is_counted(found, overrides):
    with pytest.raises(ValueError, match=rf"at most {MAX_RUNS:,} runs\. Found {found}, with "):
        values_per_setting(overrides, None)


def test_the_values_of_an_experiment_file_count():
    params = {"seed": "range(0,1000)", "activation": "relu,tanh"}
    values_per_setting([], params)
    with pytest.raises(ValueError, match=r"with 1,000 values of `seed`"):
        values_per_setting(["network.depth=range(0,10)"], params)
    values_per_setting(["network.depth=range(0,10)", "seed=3"], params)


def test_a_pattern_has_as_many_values_as_options_that_it_fits():
    with initialize_config_dir(str(CONF), version_base=None):
        assert values_per_setting(["activation=glob(*)"], None) == {
            "activation": len(options("activation"))
        }
        assert values_per_setting(["activation=glob([s*,t*],exclude=si*)"], None) == {
            "activation": 3
        }
        assert values_per_setting(["seed=glob(*)"], None) == {}  # which Hydra refuses
