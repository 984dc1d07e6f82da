"""The HParams page of TensorBoard: a run is a row, with what was set and what came out.

The numbers that came out are scalars of the run, which the page finds by their tags:
those of :func:`log_outcome`. Each is one point, so their cards come behind all others.

TensorBoard takes the columns of its table from one of the runs that it shows, whichever it
finds first. So each run names the results of every task, not only of its own, and settings
that are not in use. It does not know settings of options that it did not choose, such as
``activation.negative_slope``: the page has them if the run that it found first has them.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from lightning.pytorch.loggers import Logger

from deltaflow.records import Summary as RunSummary
from deltaflow.training.callbacks.tensorboard import log_values, tensorboards
from deltaflow.training.loggers import boards, write

SHOWN_AT_ONCE = 5  # columns of either kind; the others wait to be ticked
RESULT = "~result/"  # what tags of results begin with: a tilde is sorted behind all letters
DIVERGED = f"{RESULT}flow/diverged_replicas"


def result_tags(metrics: Sequence[str], flow_numbers: Sequence[str], judged: str) -> list[str]:
    """The tags of what can come out of a run, the most telling first.

    Args:
        metrics: by which runs are judged, the most telling of this run's first.
        flow_numbers: their names without ``_start`` and ``_end``.
        judged: the moment whose metrics count, ``test`` or ``final``.

    Returns:
        Each of the tags, in the order of the columns.

    >>> result_tags(["accuracy", "loss"], ["decay_rate"], "test")[:3]
    ['~result/accuracy/test', '~result/flow/decay_rate_start', '~result/flow/decay_rate_end']
    """
    ends = [f"{RESULT}flow/{name}_{end}" for name in flow_numbers for end in ("start", "end")]
    headline, *others = [f"{RESULT}{name}/{judged}" for name in metrics]
    return [headline, *ends, *others, *(f"{RESULT}{name}/best" for name in metrics), DIVERGED]


def log_hyperparameters(
    loggers: Iterable[Logger],
    values: Mapping[str, str | float | None],
    varied: AbstractSet[str],
    tags: Iterable[str],
) -> None:
    """Say at the start of a run what was set; TensorBoard has its row from then on.

    Args:
        loggers: of the run; each keeps the hyperparameters in its own way.
        values: by name, those that any run has first; what is ``None`` stays empty.
        varied: names that set the run apart. Their columns come first, and then the first.
        tags: of what can come out.
    """
    counted = list(loggers)
    for logger in counted:
        logger.log_hyperparams(dict(values))
    boards = tensorboards(counted)
    if not boards:
        return
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    # The page puts what differs before the rest, and takes each run's word for what differs.
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
        board.experiment.flush()  # so that a run under way has its row


def log_outcome(loggers: Iterable[Logger], summary: RunSummary, step: int) -> None:
    """Say at the end of a run what came out, and that it has ended.

    Args:
        loggers: of the run; those that show no charts are passed over.
        summary: of the run. Means that it lacks are not shown.
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
    """What the page reads of a run, as an event."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata

    return Summary(
        value=[
            Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(data))
            for tag, data in row.items()
        ]
    )


def _type(value: str | float | None) -> Any:
    """Texts are texts; what is not in use is a number in other runs, more often than not."""
    from tensorboard.plugins.hparams import api_pb2

    return api_pb2.DATA_TYPE_STRING if isinstance(value, str) else api_pb2.DATA_TYPE_FLOAT64
