import pytest

from deltaflow import load_run
from deltaflow.config.composition.runs import compose_run
from deltaflow.config.options import option_names
from running import run


def names(overrides, tmp_path):
    config, choices = compose_run(overrides, tmp_path)
    return option_names(config, choices)


def test_a_part_goes_by_the_name_of_its_option(tmp_path):
    found = names(["activation=leaky", "activation.negative_slope=0.3", "loss=bce"], tmp_path)
    assert (found["activation"], found["loss"], found["data"]) == ("leaky", "bce", "iris")
    assert found["network"] == "mlp"


def test_what_was_put_in_its_place_goes_by_its_own_name(tmp_path):
    found = names(["activation._target_=torch.nn.Mish", "optimizer=adam"], tmp_path)
    assert (found["activation"], found["optimizer"]) == ("Mish", "adam")


def test_the_records_and_the_picture_tell_that_name(tmp_path):
    own = ["activation._target_=torch.nn.Mish", "trainer.max_epochs=1", "logger=none"]
    run(own, tmp_path / "run")
    found = load_run(tmp_path / "run")
    assert found.summary["choices"]["activation"] == "Mish"
    assert found.title.startswith("Mish · torch · iris")


@pytest.mark.filterwarnings("error")
def test_a_loss_of_ones_own_is_not_taken_for_the_one_it_replaced(tmp_path):
    own = ["loss._target_=deltaflow.nn.objectives.MeanSquaredError", "+loss.target=onehot",
           "+loss.threshold=0.5", "network.output_activation=softmax"]  # fmt: skip
    run([*own, "trainer.max_epochs=1", "logger=none"], tmp_path)
