"""Metrics of predictions, one number per replica.

Torchmetrics is imported on first use, because it imports pyplot and ``scipy.signal``.
"""

import torch
from torch import Tensor

from deltaflow.nn.task import Regression


def classification_metrics(prediction: Tensor, target: Tensor, n_classes: int) -> dict[str, Tensor]:
    """Accuracy and macro F1 of class indices ``[R, B]``, ``[R]`` each.

    They are computed from counts, because torchmetrics rounds shares to single precision.
    """
    from torchmetrics.functional.classification import multiclass_stat_scores

    counts = multiclass_stat_scores(
        prediction,
        target,
        num_classes=n_classes,
        average=None,
        multidim_average="samplewise",
        validate_args=False,
    )
    hits, false_alarms, _, misses, _ = counts.cpu().double().unbind(-1)  # [R, n_classes] each
    mentioned = 2 * hits + false_alarms + misses
    f1 = torch.where(mentioned > 0, 2 * hits / mentioned, torch.nan)  # NaN for absent classes
    return {"accuracy": hits.sum(1) / target.shape[1], "macro_f1": f1.nanmean(1)}


def regression_metrics(prediction: Tensor, target: Tensor, task: Regression) -> dict[str, Tensor]:
    """R² and RMSE of numbers ``[R, B, n_targets]``, ``[R]`` each."""
    from torchmetrics.functional.regression import mean_squared_error, r2_score

    n_replicas, n_samples, n_targets = prediction.shape
    predicted, true = (t.movedim(1, 0).reshape(n_samples, -1) for t in (prediction, target))
    shape = (n_replicas, n_targets)
    if n_samples > 1:
        r2 = r2_score(predicted, true, multioutput="raw_values").reshape(shape).mean(1)
    else:
        r2 = torch.full((n_replicas,), torch.nan, dtype=prediction.dtype, device=prediction.device)
    errors = mean_squared_error(predicted, true, num_outputs=n_replicas * n_targets).reshape(shape)
    scale = torch.tensor(task.scale, dtype=errors.dtype, device=errors.device)
    scale = scale.view(-1, n_targets)
    scale = scale.repeat(len(errors) // len(scale), 1)
    return {"r2": r2, "rmse": (errors * scale**2).mean(1).sqrt()}
