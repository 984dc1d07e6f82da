"""Faults of a setting: each function spoils one in a network that would learn without it."""

from verdict_accuracy.draws import SYNTHETIC, Draw, Overrides, descent, layers
from verdict_accuracy.recipe import Recipe

_SOURCES, _INITIALIZERS = "verdict_accuracy.sources", "verdict_accuracy.initializers"
_NEEDS_HIDDEN_UNITS = ("circles", "xor")


def _sgd_decay(draw: Draw) -> Overrides:
    steps = descent(draw.number(0.02, 0.1)) | {"+optimizer.weight_decay": draw.number(0.3, 3)}
    return draw.quick() | steps


def _adam_decay(draw: Draw) -> Overrides:
    return draw.quick() | {"+optimizer.weight_decay": draw.number(2, 20)}


def _adamw_decay(draw: Draw) -> Overrides:
    decay = {"optimizer": "adamw", "optimizer.weight_decay": draw.number(20, 80)}
    return draw.quick() | decay | {"optimizer.lr": draw.number(5e-3, 1e-2)}


def _clipping(draw: Draw) -> Overrides:
    clip = {"trainer.gradient_clip_norm": draw.number(1e-8, 1e-5)}
    return draw.quick() | descent(draw.number(0.02, 0.1)) | clip


def _dropout(draw: Draw) -> Overrides:
    return draw.quick() | draw.shape(2, 3, 16) | {"network.dropout": draw.number(0.93, 0.98)}


def _dropout_of_few_units(draw: Draw) -> Overrides:
    made = draw.quick("linear", "blobs", "iris") | {"network.dropout": draw.number(0.6, 0.8)}
    return made | layers(draw.whole(3, 5), draw.whole(3, 5))


def _squashed_output(draw: Draw) -> Overrides:
    """Standardised targets lie on both sides of 0, and a sigmoid ends there."""
    return draw.quick("linear", "teacher") | {"network.output_activation": "sigmoid"}


def _tanh_on_large_targets(draw: Draw) -> Overrides:
    scale = {"+data.targets": draw.number(5, 50), "data.standardize": "false"}
    made = draw.quick("linear") | {"data._target_": f"{_SOURCES}.scaled_line"} | scale
    return made | {"network.output_activation": "tanh", "optimizer.lr": "0.01"}


def _softmax_of_one(draw: Draw) -> Overrides:
    made = draw.quick(draw.one("linear", "moons", "breast_cancer", "teacher")) | {"loss": "mse"}
    return made | {"network.output_activation": "softmax"}


def _softmax_twice(draw: Draw) -> Overrides:
    made = draw.quick("iris", "wine", "blobs") | {"loss": "ce"}
    return made | {"network.output_activation": "softmax"}


def _tanh_before_ce(draw: Draw) -> Overrides:
    made = draw.quick("iris", "wine", "blobs") | {"loss": "ce"}
    return made | {"network.output_activation": "tanh"}


def _small_inputs(draw: Draw) -> Overrides:
    scale = {"+data.inputs": draw.number(1e-7, 1e-4), "data.standardize": "false"}
    if draw.whole(0, 1):
        return draw.quick("linear") | {"data._target_": f"{_SOURCES}.scaled_line"} | scale
    return _clouds(draw) | scale


def _large_inputs(draw: Draw) -> Overrides:
    scale = {"+data.inputs": draw.number(1e3, 1e5), "data.standardize": "false"}
    return draw.quick("linear") | {"data._target_": f"{_SOURCES}.scaled_line"} | scale


def _large_targets(draw: Draw) -> Overrides:
    scale = {"+data.targets": draw.number(1e7, 1e9), "data.standardize": "false"}
    return draw.quick("linear") | {"data._target_": f"{_SOURCES}.scaled_line"} | scale


def _shifted_targets(draw: Draw) -> Overrides:
    shift = {"+data.offset": draw.number(300, 3000), "data.standardize": "false"}
    return draw.quick("linear") | {"data._target_": f"{_SOURCES}.scaled_line"} | shift


def _raw_measurements(draw: Draw) -> Overrides:
    """Columns from 0.1 to 1000; ReLU does not saturate, and a common step size is too long."""
    made = draw.quick("wine", "breast_cancer") | {"activation": "relu", "init": "torch"}
    return made | descent(draw.number(0.02, 0.1)) | {"data.standardize": "false"}


def _one_unit(draw: Draw) -> Overrides:
    made = draw.quick(*_NEEDS_HIDDEN_UNITS) | {"optimizer.lr": "0.02", "trainer.max_epochs": "60"}
    return made | layers(1)


def _one_unit_for_ten_digits(draw: Draw) -> Overrides:
    return draw.quick("digits") | layers(1)


def _bottleneck(draw: Draw) -> Overrides:
    """One or two units between wide layers, for ten classes."""
    wide = draw.whole(24, 48)
    sizes = layers(wide, draw.whole(1, 2), wide)
    return draw.quick("digits") | sizes | {"activation": "relu", "init": "he"}


def _bottleneck_of_one(draw: Draw) -> Overrides:
    made = draw.quick(*_NEEDS_HIDDEN_UNITS) | {"trainer.max_epochs": "60"}
    return made | layers(1, draw.whole(16, 32))


def _too_few_epochs(draw: Draw) -> Overrides:
    epochs = {"trainer.max_epochs": str(draw.whole(3, 5)), "diagnostics.every_n_steps": "2"}
    steps = descent(draw.number(5e-4, 1e-3))
    return draw.quick("blobs", "linear", "breast_cancer", "moons") | epochs | steps


def _small_steps(draw: Draw) -> Overrides:
    """The loss still falls at the end."""
    return draw.quick() | {"optimizer.lr": draw.number(5e-6, 3e-5)}


def _small_steps_of_sgd(draw: Draw) -> Overrides:
    return draw.quick() | descent(draw.number(2e-5, 1e-4))


def _schedule_that_stops(draw: Draw) -> Overrides:
    schedule = {"scheduler": "step", "scheduler.step_size": "1"}
    gamma = {"scheduler.gamma": draw.number(1e-4, 1e-2)}
    return draw.quick("iris", "wine", "linear") | {"optimizer.lr": "0.005"} | schedule | gamma


def _large_epsilon(draw: Draw) -> Overrides:
    return draw.quick() | {"+optimizer.eps": draw.number(100, 10_000)}


def _copies(draw: Draw) -> Overrides:
    """Two to four groups of copies in each layer."""
    made = draw.quick("circles", "xor", "iris", "moons") | draw.shape(2, 4, 36)
    start = {"init._target_": f"{_INITIALIZERS}.Copies", "+init.groups": str(draw.whole(2, 4))}
    return made | {"activation": "relu", "init": "he"} | start


def _zero_start(draw: Draw) -> Overrides:
    return draw.quick() | {"init": "zeros"}


def _wrong_labels(draw: Draw) -> Overrides:
    """As many labels are wrong as chance would have it, of too many to be learnt by heart."""
    made = draw.quick(*SYNTHETIC) | {"data.n_samples": "900", "trainer.max_epochs": "20"}
    share = "0.66" if made["data"] == "blobs" else "0.5"
    return made | layers(draw.whole(8, 16)) | {"data.label_noise": share}


def _rare_class(draw: Draw) -> Overrides:
    """One row in fifty, and too few small steps for it to be told from the others."""
    share = {"+data.share": draw.number(0.015, 0.025), "data.n_samples": "600"}
    return _clouds(draw) | share | {"optimizer.lr": draw.number(3e-5, 1e-4)}


def _few_rows(draw: Draw) -> Overrides:
    """A wide network that knows its few training rows by heart, and no others."""
    rows = {"data.train_rows": str(draw.whole(8, 16)), "data.batch_size": "4"}
    noise = {"data.noise": draw.number(0.7, 1.5)}
    return draw.quick("linear") | rows | noise | layers(128) | {"trainer.max_epochs": "100"}


def _clouds(draw: Draw) -> Overrides:
    """Two clouds that a line parts."""
    return draw.quick("moons") | {"data._target_": f"{_SOURCES}.clouds"}


SETTING_FAULTS: tuple[Recipe, ...] = (
    Recipe(_sgd_decay, settings=("optimizer.weight_decay",)),
    Recipe(_adam_decay, settings=("optimizer.weight_decay",)),
    Recipe(_adamw_decay, settings=("optimizer.weight_decay",)),
    Recipe(_clipping, settings=("trainer.gradient_clip_norm",)),
    Recipe(_dropout, settings=("network.dropout",)),
    Recipe(_dropout_of_few_units, settings=("network.dropout",)),
    Recipe(_squashed_output, settings=("network.output_activation",)),
    Recipe(_tanh_on_large_targets, settings=("network.output_activation", "data.standardize")),
    Recipe(_softmax_of_one, settings=("network.output_activation",)),
    Recipe(_softmax_twice, settings=("network.output_activation",)),
    Recipe(_tanh_before_ce, settings=("network.output_activation",)),
    Recipe(_small_inputs, settings=("data.standardize",)),
    Recipe(_large_inputs, settings=("data.standardize",)),
    Recipe(_large_targets, settings=("data.standardize",)),
    Recipe(_shifted_targets, settings=("data.standardize",)),
    Recipe(_raw_measurements, settings=("data.standardize",)),
    Recipe(_one_unit, settings=("network.hidden_sizes", "network.width")),
    Recipe(_one_unit_for_ten_digits, settings=("network.hidden_sizes", "network.width")),
    Recipe(_bottleneck, settings=("network.hidden_sizes", "network.width")),
    Recipe(_bottleneck_of_one, settings=("network.hidden_sizes", "network.width")),
    Recipe(_too_few_epochs, settings=("trainer.max_epochs", "optimizer.lr")),
    Recipe(_small_steps, settings=("optimizer.lr",)),
    Recipe(_small_steps_of_sgd, settings=("optimizer.lr",)),
    Recipe(_schedule_that_stops, settings=("scheduler",)),
    Recipe(_large_epsilon, settings=("optimizer.eps", "optimizer.lr")),
    Recipe(_copies, settings=("init",)),
    Recipe(_zero_start, settings=("init",)),
    Recipe(_wrong_labels, settings=("data.label_noise",)),
    Recipe(_rare_class, ("missed_class",), ("trainer.max_epochs", "optimizer.lr")),
    Recipe(_few_rows, ("overfitting", "by_heart"), ("data.train_rows",)),
)
