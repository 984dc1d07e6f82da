"""What goes to TensorBoard besides the scalars that Lightning logs."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
from lightning.pytorch.loggers import Logger, TensorBoardLogger

CHARTS = {
    "delta_norm": "δ norm",
    "delta_rms": "δ RMS",
    "weight_grad_norm": "weight gradient norm",
    "sample_grad_rms": "weight gradient of one sample, RMS",
    "update_ratio": "update ratio ‖ΔW‖ / ‖W‖",
    "weight_rms": "weight RMS",
    "preactivation_std": "pre-activation, standard deviation",
    "activation_std": "activation, standard deviation",
    "saturated_fraction": "saturated share",
    "inactive_fraction": "inactive share",
    "dead_fraction": "dead share",
    "noise_scale": "gradient noise scale",
}
"""The quantities that get a chart, a line per layer, and the chart's title."""


def lay_out_charts(loggers: Iterable[Logger]) -> None:
    """Tell TensorBoard's custom-scalars page to draw one chart per quantity, all layers in it."""
    layout = {
        "Gradient flow": {
            title: ["Multiline", [rf"{name}/layer_\d+$"]] for name, title in CHARTS.items()
        },
        "Learning": {
            name: ["Multiline", [rf"{name}/(train|validation)$"]]
            for name in ("loss", "accuracy", "macro_f1", "r2", "rmse")
        },
    }
    for logger in _tensorboards(loggers):
        logger.experiment.add_custom_scalars(layout)


def log_layer_charts(loggers: Iterable[Logger], frame: pl.DataFrame, step: int) -> None:
    """Log the measured step: each quantity of each layer, the mean over replicas.

    All values go into one event; one call per value would cost more than the measuring.

    Args:
        loggers: of the run; those other than TensorBoard's are passed over.
        frame: the step's rows of the layers table.
        step: its number.
    """
    boards = _tensorboards(loggers)
    if not boards:
        return
    from tensorboard.compat.proto.summary_pb2 import Summary

    finite = [pl.col(name).filter(pl.col(name).is_finite()).mean() for name in CHARTS]
    means = frame.group_by("layer").agg(finite).sort("layer")
    values = [
        Summary.Value(tag=f"{name}/layer_{row['layer']:02d}", simple_value=row[name])
        for row in means.iter_rows(named=True)
        for name in CHARTS
        if row[name] is not None
    ]
    for board in boards:
        _write(board, Summary(value=values), step)


def log_picture(loggers: Iterable[Logger], tag: str, png: Path, step: int) -> None:
    """Show a PNG file on the images page.

    Args:
        loggers: of the run; those other than TensorBoard's are passed over.
        tag: the picture's name.
        png: the file.
        step: at which it was made.
    """
    boards = _tensorboards(loggers)
    if not boards:
        return
    from tensorboard.compat.proto.summary_pb2 import Summary

    content = png.read_bytes()
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))  # IHDR
    image = Summary.Image(encoded_image_string=content, width=width, height=height, colorspace=4)
    for board in boards:
        value = Summary.Value(tag=tag, image=image)
        _write(board, Summary(value=[value]), step)


def _write(board: TensorBoardLogger, summary: Any, step: int) -> None:
    # Lightning closes the writer after each stage; every add_… of the writer opens it again
    # by this call, but none of them takes a summary as it is.
    board.experiment._get_file_writer().add_summary(summary, step)


def _tensorboards(loggers: Iterable[Logger]) -> list[TensorBoardLogger]:
    return [logger for logger in loggers if isinstance(logger, TensorBoardLogger)]
