"""A part of the user's own that is wrong is named, with its place, and nothing is lost."""

import json

import pytest

from deltaflow.records import LAYERS, read_table

RUN = ["logger=none", "trainer.max_epochs=3", "diagnostics.every_n_steps=1"]

# what stands in the command, and what the message must name
WHILE_MADE = {
    "raises": (["activation._target_=broken.Raising"], "activation", "no such ramp"),
    "another shape": (["activation._target_=broken.Halving"], "activation", "[6001]"),
    "another type": (["activation._target_=broken.Doubling"], "activation", "torch.float64"),
    "no slope": (["activation._target_=broken.Detached"], "activation", "derivative"),
    "no tensor": (["activation._target_=broken.Wordy"], "activation", "str"),
    "no argument": (["activation._target_=broken.NeedsHeight"], "activation", "height"),
    "no module": (["activation._target_=builtins.dict"], "activation", "Module of torch's"),
    "no class": (["activation._target_=broken.number"], "activation", "broken.number"),
    "no initializer": (["init._target_=torch.nn.ReLU"], "init", "Initializer of deltaflow's"),
    "initializer raises": (["init._target_=broken.RaisingInitializer"], "init", "division"),
    "no loss": (["loss._target_=torch.nn.CrossEntropyLoss"], "loss", "CrossEntropyLoss"),
    "source raises": (["data._target_=broken.raising_source"], "data", "no table"),
    "no samples": (["data._target_=broken.nothing"], "data", "NoneType"),
    "words for numbers": (["data._target_=broken.words", "loss=mse"], "numbers", "ndarray"),
    "ragged rows": (["data._target_=broken.ragged", "loss=mse"], "numbers", "list"),
    "fewer targets": (["data._target_=broken.unequal", "loss=mse"], "as many rows", "4"),
    "complex features": (
        ["data._target_=broken.complex_features", "loss=mse"], "must be numbers", "complex",
    ),
    "complex targets": (
        ["data._target_=broken.complex_targets", "loss=mse"], "must be numbers", "complex",
    ),
    "words for a variance": (["init._target_=broken.WordyVariance"], "weight_variance", "1 / fan"),
    "negative variance": (["init._target_=broken.NegativeVariance"], "weight_variance", "-1.0"),
    "word for a start": (["init._target_=broken.Drawing"], "draw", "Found str"),
    "words for a start": (["init._target_=broken.DrawingWords"], "draw", "<U1"),
    "start of another shape": (["init._target_=broken.DrawingOneRow"], "[32, 4]", "shape [4]"),
    "start with holes": (["init._target_=broken.DrawingHoles"], "finite", "float64"),
    "holes": (["data._target_=broken.holes"], "number must be finite", "row 0, column 0"),
}  # fmt: skip
WHILE_TRAINING = {
    "activation": (["activation._target_=broken.RaisingInTraining"], "activation", "ramp"),
    "mean loss": (["loss._target_=broken.Mean"], "sample_loss", "Found []"),
    "replicas' loss": (["loss._target_=broken.PerReplica"], "sample_loss", "Found [1]"),
    "prediction": (["loss._target_=broken.Predicting"], "predict", "Found [1, 16, 3]"),
    "loss": (["loss._target_=broken.RaisingLoss"], "loss", "no such loss"),
    "optimizer": (["optimizer._target_=broken.RaisingSGD"], "optimizer", "no such step"),
    "scheduler": (
        ["scheduler._target_=broken.RaisingScheduler", "~scheduler.factor",
         "~scheduler.total_iters"], "scheduler", "no such rate",
    ),
    "callback": (["+callbacks.own._target_=broken.RaisingCallback"], "callbacks.own", "no such b"),
    "logger": (
        ["+logger.own._target_=broken.RaisingLogger", "+logger.own.save_dir=."],
        "logger.own", "no such log",
    ),
    "end of φ": (["activation._target_=broken.Ending"], "activation", "StopIteration"),
    "end of φ in validation": (
        ["activation._target_=broken.EndingInJudgement", "diagnostics=off"], "activation",
        "StopIteration",
    ),
    "end of a loss": (["loss._target_=broken.EndingLoss"], "loss", "StopIteration"),
    "end of a callback": (
        ["+callbacks.own._target_=broken.EndingCallback"], "callbacks.own", "StopIteration: no mo",
    ),
    "end of all epochs": (
        ["+callbacks.own._target_=broken.EndingEpochs"], "callbacks.own", "StopIteration: no more",
    ),
    "end of a logger": (
        ["+logger.own._target_=broken.EndingLogger", "+logger.own.save_dir=."],
        "logger.own", "StopIteration: no more",
    ),
    "end of a scheduler": (
        ["scheduler._target_=broken.EndingScheduler", "~scheduler.factor",
         "~scheduler.total_iters"], "scheduler", "StopIteration: no more",
    ),
    "negative step size": (
        ["scheduler._target_=broken.ClimbingScheduler", "~scheduler.factor",
         "~scheduler.total_iters"], "step size", "Found -0.05",
    ),
    "detached loss": (["loss._target_=broken.DetachedLoss"], "A loss", "without a gradient"),
    "whole loss": (["loss._target_=broken.WholeLoss"], "sample_loss", "torch.int64"),
    "complex loss": (["loss._target_=broken.ComplexLoss"], "sample_loss", "torch.complex64"),
    "optimizer without a closure": (
        ["optimizer._target_=broken.Unasking"], "call its closure", "Unasking",
    ),
}  # fmt: skip


def _refused(outcome, part: str, found: str) -> None:
    assert outcome.status == 1
    message = outcome.err.strip()
    assert message.startswith("deltaflow: ")
    assert message.count("deltaflow: ") == 1
    assert "\n" not in message
    assert "should not have come" not in message
    assert part in message
    assert found in message
    (path,) = outcome.summaries
    summary = json.loads(path.read_text())
    assert summary["status"] == "failed"
    assert message == f"deltaflow: {summary['error']}"


@pytest.mark.parametrize(("typed", "part", "found"), WHILE_MADE.values(), ids=WHILE_MADE)
def test_a_part_that_cannot_be_made_is_named(typed, part, found, deltaflow):
    _refused(deltaflow(*RUN, *typed), part, found)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*lr_scheduler")
@pytest.mark.parametrize(("typed", "part", "found"), WHILE_TRAINING.values(), ids=WHILE_TRAINING)
def test_a_part_that_fails_in_training_is_named(typed, part, found, deltaflow):
    _refused(deltaflow(*RUN, *typed), part, found)


def test_the_place_in_the_users_file_is_told_and_what_was_measured_is_kept(deltaflow):
    outcome = deltaflow(*RUN, "+callbacks.own._target_=broken.RaisingCallback")
    assert "broken.py, line " in outcome.err
    assert "in on_train_batch_end: RuntimeError: no such batch." in outcome.err
    (path,) = outcome.summaries
    assert read_table(path.parent, LAYERS)["step"].max() == 6
