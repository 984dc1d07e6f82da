"""Shows theory's prediction for a network: a sentence, a table by layer, and details."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deltaflow.terminal.screen import say, titled_table
from deltaflow.theory import Edge, FixedPoint, Prediction, Theory, phases, variances

_MAX_ROWS = 60  # rows of the table
_FOLDED = 3  # as many equal rows or more become one


@dataclass(frozen=True)
class NetworkPrediction:
    """The prediction for one network.

    Attributes:
        title: the overrides of the network.
        theory: the theory of the network.
        profile: the prediction layer by layer.
        ends: the limits of a deep network, each with its share of the samples, the largest first;
            empty without a hidden layer.
        edge: the edge of chaos at the typical σ_b; ``None`` if there is none.
        limit: without an edge, the σ_w for which χ₁ goes to 1 while q goes to infinity; ``None`` if
            there is none.
    """

    title: str
    theory: Theory
    profile: Prediction
    ends: Sequence[tuple[float, FixedPoint]]
    edge: Edge | None
    limit: float | None


def print_theory(out: Console, prediction: NetworkPrediction) -> None:
    """Show a prediction."""
    if prediction.ends:
        said = phases.summary(prediction.ends, prediction.profile.delta_norm)
        out.print(Text(said), soft_wrap=True)
    out.print(_table(out, prediction))
    for label, said in _details(prediction):
        say(out, label, said, width=15)


def _table(out: Console, prediction: NetworkPrediction) -> Table:
    table = titled_table(out, f"Prediction for {prediction.title}")
    table.add_column("layer", justify="right")
    table.add_column("shape")
    for name in ("q", "χ", "δ norm / last hidden", "sample gradient / last hidden"):
        table.add_column(name, justify="right")
    rows = list(_rows(prediction))
    hidden = len(rows) - _MAX_ROWS
    for row in rows if hidden <= 0 else rows[: _MAX_ROWS // 2]:
        table.add_row(*row)
    if hidden > 0:
        table.add_row("…", f"{hidden} more")
        for row in rows[-_MAX_ROWS // 2 :]:
            table.add_row(*row)
    return table


def _rows(prediction: NetworkPrediction) -> Iterator[Sequence[str]]:
    """One row per layer; consecutive layers with the same shape, q and χ share a row."""
    profile, theory = prediction.profile, prediction.theory
    columns = (profile.chi, profile.delta_norm, profile.sample_grad_rms)
    cells = [
        (f"{fan_in} → {fan_out}", _number(profile.preactivation_second_moment[layer]),
         *(_number(v[layer] if layer < theory.depth else math.nan) for v in columns))
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(theory.sizes))
    ]  # fmt: skip
    for alike, group in itertools.groupby(enumerate(cells, start=1), lambda row: row[1][:3]):
        numbers, rows = zip(*group, strict=True)
        if len(rows) < _FOLDED:
            yield from ((str(n), *row) for n, row in zip(numbers, rows, strict=True))
        else:
            ranges = [_arrow(rows[0][i], rows[-1][i]) for i in (3, 4)]
            yield f"{numbers[0]}–{numbers[-1]}", *alike, *ranges


def _arrow(first: str, last: str) -> str:
    return first if first == last else f"{first} → {last}"


def _details(prediction: NetworkPrediction) -> Iterator[tuple[str, str]]:
    theory = prediction.theory
    if not prediction.ends:
        yield "Phase", "none: without a hidden layer there is nothing for δ to go back through"
        return
    (share, point), *others = prediction.ends
    weight, bias = theory.typical_variances()
    kept = 1 - theory.dropout
    yield "Phase", f"{phases.phase(point.phase)}, {phases.chi(point)}"
    yield "Variances", _variances(theory)
    yield "Signals", phases.signals(point)
    if others:
        also = "; ".join(f"of {part:.0%}, {phases.signals(end)}" for part, end in others)
        yield "Two ends", f"all but «δ here» is of {share:.0%} of the samples; {also}"
    if theory.batch is None:
        yield "Correlations", phases.correlation(point)
    yield "δ when deep", phases.delta(point)
    if theory.depth > 1:
        yield "δ here", phases.lost(prediction.profile.delta_norm)
    if theory.moments.jumps:
        yield "Jumps", "φ has jumps, which part inputs and which δ, a derivative, does not see"
    meaning = ". Deeper, the output hardly depends on how alike inputs were"
    is_limited = math.isfinite(point.trainable_depth)
    trainable = f"{phases.trainable(point)}; this network has {theory.depth}"
    yield "Trainable", trainable + meaning * is_limited
    if theory.normalization:
        yield "Normalisation", phases.normalization(theory.batch)
        return
    edge = phases.edge(prediction.edge, math.sqrt(bias), prediction.limit, math.sqrt(kept))
    yield "Edge of chaos", f"{edge}; here σ_w = {math.sqrt(weight):.4g}"
    if theory.dropout:
        grow = f"multiplies χ and E h² by {1 / kept:.3g}"
        yield "Dropout", f"{grow}, and parts even equal inputs: c* stays below 1"


def _variances(theory: Theory) -> str:
    """σ_w² and σ_b² between hidden layers, and those of the first layer if they differ."""
    weight, bias = variances(theory.sizes, theory.initializer)
    typical, first = theory.typical_variances(), (weight[0], bias[0])
    if theory.depth == 1:
        said = f"{_pair(*typical)} for a further hidden layer of this size"
    else:
        weight, bias = weight[1:-1], bias[1:-1]
        said = f"{_pair(*typical)} between hidden layers"
        if not (np.allclose(weight, weight[0]) and np.allclose(bias, bias[0])):
            said += f", on average (σ_w² {_range(weight)}, σ_b² {_range(bias)})"
    return said if np.allclose(first, typical) else f"{said}; {_pair(*first)} in layer 1"


def _pair(weight: float, bias: float) -> str:
    return f"σ_w² = {weight:.4g}, σ_b² = {bias:.4g}"


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.3g}", f"{max(values):.3g}"
    return low if low == high else f"{low} to {high}"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3g}"
