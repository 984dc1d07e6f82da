"""Logs charts, pictures and verdicts to TensorBoard, Weights & Biases and MLflow.

The modules ``histograms`` and ``hparams`` write the pages of those names.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from deltaflow.flow.rows import MeasuredStep, applies
from deltaflow.nn.activations import Traits
from deltaflow.records import VerdictRecord
from deltaflow.training.loggers import boards, write, write_scalars

CHARTS = {
    "delta_norm": "δ norm",
    "weight_grad_norm": "weight gradient norm",
    "update_ratio": "update ratio ‖ΔW‖ / ‖W‖",
    "delta_rms": "δ RMS",
    "sample_grad_rms": "weight gradient of one sample, RMS",
    "weight_rms": "weight RMS",
    "preactivation_std": "pre-activation, standard deviation",
    "activation_std": "activation, standard deviation",
    "saturated_fraction": "saturated share",
    "inactive_fraction": "inactive share",
    "dead_fraction": "dead share",
    "noise_scale": "gradient noise scale",
}
"""The title of the chart of each quantity, which has a line per layer."""

DECADES = {
    "delta_norm", "delta_rms", "weight_grad_norm", "sample_grad_rms", "update_ratio", "noise_scale",
}  # fmt: skip
"""Quantities that span decades. Their log₁₀ is logged; otherwise most lines would lie on zero."""

_FIRST = 3  # charts of gradient flow that are in the first section


def lay_out_charts(
    loggers: Iterable[Logger], traits: Traits, metrics: Sequence[str], by_seed: bool
) -> None:
    """Lay out TensorBoard's custom-scalars page: one chart per quantity, with all layers.

    Args:
        loggers: the run's loggers; those other than TensorBoard's are ignored.
        traits: the traits of φ. Quantities that do not apply to it get no chart.
        metrics: names of the metrics that the run logs, including the loss.
        by_seed: whether the run also logs single seeds.
    """
    if not (pages := tensorboards(loggers)):
        return
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.plugins.custom_scalar.layout_pb2 import (
        Category,
        Chart,
        Layout,
        MultilineChartContent,
    )

    flow = {
        _title(name): rf"^{_group(name)}/layer_\d+$" for name in CHARTS if applies(name, traits)
    }
    learning = {name: rf"^{name}/(train|validation)$" for name in metrics}
    first = [name for name in metrics if name in (metrics[0], "loss")]
    parts = {
        "Learning": {name: learning.pop(name) for name in first},
        "Gradient flow": dict(list(flow.items())[:_FIRST]),
        "More of the gradient flow": dict(list(flow.items())[_FIRST:]),
        "More of learning": learning,
    }
    if by_seed:
        parts["Learning, seed by seed"] = {
            f"{name}, validation": rf"^seeds/{name}/validation/seed_\d+$" for name in metrics
        }
    # A closed section is drawn only when it is opened: a hundred runs have thousands of lines.
    layout = Layout(
        category=[
            Category(
                title=title,
                closed=number > 0,
                chart=[
                    Chart(title=name, multiline=MultilineChartContent(tag=[tag]))
                    for name, tag in charts.items()
                ],
            )
            for number, (title, charts) in enumerate(parts.items())
            if charts
        ]
    )
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="custom_scalars"))
    tensor = TensorProto(dtype="DT_STRING", string_val=[layout.SerializeToString()])
    value = Summary.Value(tag="custom_scalars__config__", tensor=tensor, metadata=metadata)
    for board in pages:
        write(board, Summary(value=[value]), 0)


def log_layer_charts(
    loggers: Iterable[Logger],
    measured: MeasuredStep,
    replicas: slice = slice(None),
    traits: Traits | None = None,
) -> None:
    """Log the mean over replicas of each quantity of each layer at a measured step.

    For quantities that span decades it is the mean of log₁₀, over replicas where that is finite.

    All values are one event; one call per value would cost more than measuring them.

    Args:
        loggers: the run's loggers; those that show no charts are ignored.
        measured: the measured step of the stack.
        replicas: the run's replicas, as a slice of the stack.
        traits: the traits of the run's φ; ``None`` to log all measured quantities.
    """
    shown = list(loggers)
    if not (tensorboards(shown) or boards(shown)):
        return
    names = [name for name in measured.names if name in CHARTS and applies(name, traits)]
    rows = [measured.names.index(name) for name in names]
    numbers = measured.values[rows][:, :, replicas]  # [quantities, L, R]
    decades = [name in DECADES for name in names]
    with np.errstate(divide="ignore", invalid="ignore"):
        numbers[decades] = np.log10(numbers[decades])
    counted = (measured.not_diverged & measured.has_rows)[replicas] & np.isfinite(numbers)
    n = counted.sum(2)
    means = np.where(counted, numbers, 0).sum(2) / np.maximum(n, 1)
    tags = np.array([_layer_tags(_group(name), n.shape[1]) for name in names])
    shown_at = n > 0
    values = dict(zip(tags[shown_at].tolist(), means[shown_at].tolist(), strict=True))
    log_values(shown, values, measured.step)


def log_values(loggers: Iterable[Logger], values: Mapping[str, float], step: int) -> None:
    """Log numbers by their tags, to TensorBoard as one event.

    Args:
        loggers: the run's loggers; those that show no charts are ignored.
        values: the numbers by tag.
        step: the step that they belong to.
    """
    shown = list(loggers)
    for other in boards(shown) if values else ():
        other.log_metrics(values, step)
    for board in tensorboards(shown):
        write_scalars(board, values, step)


def log_picture(loggers: Iterable[Logger], tag: str, png: Path, step: int) -> None:
    """Show a PNG file, in TensorBoard on the images page.

    Args:
        loggers: the run's loggers; those that show no pictures are ignored.
        tag: the picture's name.
        png: the file.
        step: the number of updates made.
    """
    shown = list(loggers)
    for other in boards(shown):
        other.log_picture(tag, png)
    if not tensorboards(shown):
        return
    from tensorboard.compat.proto.summary_pb2 import Summary

    content = png.read_bytes()
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))  # IHDR
    image = Summary.Image(encoded_image_string=content, width=width, height=height, colorspace=4)
    for board in tensorboards(shown):
        value = Summary.Value(tag=tag, image=image)
        write(board, Summary(value=[value]), step)


def log_verdicts(loggers: Iterable[Logger], verdicts: Iterable[VerdictRecord], step: int) -> None:
    """Show the verdicts, in TensorBoard on the text page.

    Args:
        loggers: the run's loggers; those that show no text are ignored.
        verdicts: the verdicts of the summary.
        step: the number of updates made.
    """
    if text := "\n".join(f"- {verdict.words}" for verdict in verdicts):
        shown = list(loggers)
        for other in boards(shown):
            other.log_verdicts(text)
        for board in tensorboards(shown):
            board.experiment.add_text("verdicts", text, step)


def _group(name: str) -> str:
    """The prefix of a quantity's tags."""
    return f"log10_{name}" if name in DECADES else name


def _title(name: str) -> str:
    return f"log₁₀ of {CHARTS[name]}" if name in DECADES else CHARTS[name]


def layer_tag(name: str, layer: int) -> str:
    """The tag of a quantity of one layer, the same in networks of any depth.

    The number has three digits, because some pages sort tags letter by letter.

    >>> layer_tag("delta_norm", 7)
    'delta_norm/layer_007'
    """
    return f"{name}/layer_{layer:03d}"


@cache
def _layer_tags(name: str, n_layers: int) -> list[str]:
    return [layer_tag(name, layer) for layer in range(1, n_layers + 1)]


def discard_from(board: TensorBoardLogger, step: int) -> None:
    """Let TensorBoard ignore what was written at ``step`` and after it."""
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog

    session = SessionLog(status=SessionLog.START)
    board.experiment._get_file_writer().add_event(Event(step=step, session_log=session))


def tensorboards(loggers: Iterable[Logger]) -> list[TensorBoardLogger]:
    """The loggers that write for TensorBoard."""
    return [logger for logger in loggers if isinstance(logger, TensorBoardLogger)]
