"""Writes the HParams page of TensorBoard: a table with a run's settings and results in each row.

The results are scalars of the run, written by :func:`log_outcome`; the page finds them by their
tags. Each has a single point, so their cards come after all others.

TensorBoard takes the columns of its table from one of the runs that it shows, whichever it
finds first. So each run lists the results of every task and the settings that it does not use.
Settings of options that a run did not choose, such as ``activation.negative_slope``, are not
listed: the page has such a column only if the run that it found first has the setting.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from lightning.pytorch.loggers import Logger

from deltaflow.records import Summary as RunSummary
from deltaflow.training.callbacks.tensorboard import log_values, tensorboards
from deltaflow.training.loggers import boards, write

SHOWN_AT_ONCE = 5  # columns of either kind that are shown; the others can be ticked
RESULT = "~result/"  # prefix of the tags of results: a tilde is sorted after all letters
DIVERGED = f"{RESULT}flow/diverged_replicas"


def result_tags(metrics: Sequence[str], flow_numbers: Sequence[str], moment: str) -> list[str]:
    """The tags of a run's possible results, the most informative first.

    Args:
        metrics: the metrics that runs are compared by, the most informative first.
        flow_numbers: names of the gradient-flow results, without ``_start`` and ``_end``.
        moment: the moment whose metrics count, ``test`` or ``final``.

    Returns:
        The tags, in the order of the columns.

    >>> result_tags(["accuracy", "loss"], ["decay_rate"], "test")[:3]
    ['~result/accuracy/test', '~result/flow/decay_rate_start', '~result/flow/decay_rate_end']
    """
    ends = [f"{RESULT}flow/{name}_{end}" for name in flow_numbers for end in ("start", "end")]
    headline, *others = [f"{RESULT}{name}/{moment}" for name in metrics]
    return [headline, *ends, *others, *(f"{RESULT}{name}/best" for name in metrics), DIVERGED]


def log_hyperparameters(
    loggers: Iterable[Logger],
    values: Mapping[str, str | float | None],
    varied: AbstractSet[str],
    tags: Iterable[str],
) -> None:
    """Log the settings at the start of a run; TensorBoard shows its row from then on.

    Args:
        loggers: the run's loggers.
        values: the settings by name, in the order of the columns; ``None`` leaves a cell empty.
        varied: names of the settings that differ between runs. Their columns come first.
        tags: the tags of the run's possible results.
    """
    counted = list(loggers)
    for logger in counted:
        logger.log_hyperparams(dict(values))
    boards = tensorboards(counted)
    if not boards:
        return
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    # The page shows columns first for which each run says that they differ between runs.
    own = [name for name in values if name in varied]
    first = {*own, *list(dict.fromkeys([*own, *values]))[:SHOWN_AT_ONCE]}
    experiment = api_pb2.Experiment(
        hparam_infos=[
            api_pb2.HParamInfo(name=name, type=_type(value), differs=name in first)
            for name, value in values.items()
        ],
        metric_infos=[
            api_pb2.MetricInfo(
                name=api_pb2.MetricName(tag=tag),
                display_name=tag.removeprefix(RESULT).removeprefix("flow/"),
            )
            for tag in tags
        ],
    )
    start = plugin_data_pb2.SessionStartInfo(start_time_secs=time.time())
    for name, value in values.items():
        if isinstance(value, str):
            start.hparams[name].string_value = value
        elif value is not None:
            start.hparams[name].number_value = value
    row = {
        metadata.EXPERIMENT_TAG: plugin_data_pb2.HParamsPluginData(experiment=experiment),
        metadata.SESSION_START_INFO_TAG: plugin_data_pb2.HParamsPluginData(
            session_start_info=start
        ),
    }
    for board in boards:
        write(board, _summary(row), step=0)
        board.experiment.flush()  # so that the page shows a run that has not ended


def log_outcome(loggers: Iterable[Logger], summary: RunSummary, step: int) -> None:
    """Log the results at the end of a run, and that it has ended.

    Args:
        loggers: the run's loggers; those that show no charts are ignored.
        summary: the run's summary. Means that are ``None`` are not logged.
        step: the number of updates made.
    """
    shown = list(loggers)
    moments = ("best", "test") if summary.metrics.get("test") else ("best", "final")
    means = {
        f"{name}/{moment}": value.mean
        for moment in moments
        for name, value in summary.metrics.get(moment, {}).items()
    }
    means |= {f"flow/{name}": value.mean for name, value in summary.flow.items()}
    means[DIVERGED.removeprefix(RESULT)] = summary.n_diverged
    known = {tag: mean for tag, mean in means.items() if mean is not None}
    for other in boards(shown):
        other.log_metrics(known, step)
    if not tensorboards(shown):
        return
    log_values(tensorboards(shown), {f"{RESULT}{tag}": mean for tag, mean in known.items()}, step)
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    succeeded = summary.status == "completed"
    end = plugin_data_pb2.SessionEndInfo(
        status=api_pb2.STATUS_SUCCESS if succeeded else api_pb2.STATUS_FAILURE,
        end_time_secs=time.time(),
    )
    row = {metadata.SESSION_END_INFO_TAG: plugin_data_pb2.HParamsPluginData(session_end_info=end)}
    for board in tensorboards(shown):
        write(board, _summary(row), step)


def _summary(row: Mapping[str, Any]) -> Any:
    """The ``Summary`` of a row's data, by which the page knows a run."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata

    return Summary(
        value=[
            Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(data))
            for tag, data in row.items()
        ]
    )


def _type(value: str | float | None) -> Any:
    """The type of a column; a setting that is not in use is usually a number in other runs."""
    from tensorboard.plugins.hparams import api_pb2

    return api_pb2.DATA_TYPE_STRING if isinstance(value, str) else api_pb2.DATA_TYPE_FLOAT64
