"""What network to try instead, and what theory predicts of it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from deltaflow.flow.profiles import decay_rate, vanishing_index
from deltaflow.nn.initializers import He, Initializer, Normal, Orthogonal, Xavier
from deltaflow.theory import edge_of_chaos, variances
from deltaflow.theory.critical import Critical
from deltaflow.theory.overlay import Theory
from deltaflow.verdicts.case import DECADES, MAJORITY, Case
from deltaflow.verdicts.steps import unusual_inputs

_SAME = 0.05  # decades; predictions that differ by less are equally good


@dataclass(frozen=True)
class Remedy:
    """Overrides, and what theory says of the network with them.

    Attributes:
        overrides: as on the command line.
        rate: by what δ changes per layer going back; NaN below two hidden layers.
        decades: that δ loses in all.
        saturated: the largest share of saturated pre-activations of a hidden layer.
    """

    overrides: str
    rate: float
    decades: float
    saturated: float

    @property
    def heals(self) -> bool:
        """Whether δ stays well within its limits, and units are not saturated."""
        return abs(self.decades) <= DECADES / 2 and self.saturated <= MAJORITY

    @property
    def words(self) -> str:
        """A sentence."""
        if math.isnan(self.rate):
            return f"Try {self.overrides}, predicted {self.saturated:.0%} saturated."
        return f"Try {self.overrides}, predicted ×{self.rate:.3g} per layer."


def remedy(case: Case) -> str:
    """The smallest change that theory predicts to help, in words.

    Looked for in this order: the inputs' scale, no dropout, the initialisation, another
    activation, fewer layers.
    """
    ways = (_inputs, _without_dropout, _initializations, _activations, _shallower)
    for candidates in (list(way(case)) for way in ways):
        best = _least(candidates)
        if best is not None and best.heals:
            return best.words + _but_for_own(case, best)
    return f"Try {shape(case, case.theory.sizes[1:2])}, where δ has one layer to cross."


def _but_for_own(case: Case, best: Remedy) -> str:
    """What to leave out with it: an option does not replace a ``_target_`` that is typed."""
    own = type(case.theory.initializer)
    if "init=" not in best.overrides or own.__module__ in (Normal.__module__, Critical.__module__):
        return ""
    return f" Leave out init._target_={own.__module__}.{own.__qualname__}."


def narrow(case: Case) -> str | None:
    """What to say where theory finds no fault, so that few units per layer are the cause.

    Two deviations of what δ loses are called its scatter; four explain what is beyond limits.
    """
    old = case.theory
    if case.normalization is not None or not case.depth:
        return None
    scatter, lost = _scatter(case, old)
    if not (abs(lost) <= DECADES <= 2 * scatter):
        return None  # so for NaN too: no δ is left to lose decades or to scatter
    times = 2 ** math.ceil(math.log2(max((scatter / DECADES) ** 2, 2.0)))
    hidden = [times * size for size in old.sizes[1:-1]]
    wide = old.sizes[0], *hidden, old.sizes[-1]
    then, _ = _scatter(case, Theory(wide, old.moments.activation, old.initializer, old.dropout))
    least = min(old.sizes[1:-1])
    return (
        f"Layers of {least} unit{'s' * (least > 1)} scatter by ±{scatter:.1f} decades. "
        f"Try {shape(case, hidden, 'width')}, predicted ±{then:.1f}."
    )


def shape(case: Case, hidden: Sequence[int], of_equal: str = "depth") -> str:
    """The override that gives hidden layers other sizes.

    Args:
        case: the run.
        hidden: units of each hidden layer.
        of_equal: what to change where sizes are not listed, and so all equal: depth or width.
    """
    if case.sizes_listed:
        return f"network.hidden_sizes=[{','.join(map(str, hidden))}]"
    return f"network.{of_equal}={len(hidden) if of_equal == 'depth' else hidden[0]}"


def _inputs(case: Case) -> Iterator[Remedy]:
    if unusual_inputs(case):
        yield _predicted(case, "", case.theory)


def _initializations(case: Case) -> Iterator[Remedy]:
    for overrides, initializer in _own(case.theory):
        yield from _with(case, overrides, case.theory.moments.activation, initializer)


def _own(theory: Theory) -> Iterator[tuple[str, Initializer]]:
    """Initialisations for the network's own φ; of its own family, if that has a scale."""
    activation, own = theory.moments.activation, theory.initializer
    slope = float(getattr(activation, "negative_slope", 0.0))
    if isinstance(own, Normal):
        for shift in dict.fromkeys((own.sigma_b, 0.0)):
            without = "" if shift == own.sigma_b else " init.sigma_b=0"
            if (edge := _edge(theory, shift)) is not None:
                edge = _stated(edge)
                yield f"init.sigma_w={edge:g}{without}", Normal(edge, shift)
    elif isinstance(own, Critical) and own.sigma_b:  # a setting that other options lack
        if (edge := _edge(theory, 0.0)) is not None:
            yield "init.sigma_b=0", Normal(edge, 0.0)
    elif isinstance(own, Orthogonal):
        if (edge := _edge(theory, 0.0)) is not None:
            edge = _stated(edge)
            yield f"init.gain={edge:g}", Orthogonal(edge)
    else:
        yield "init=he", He(slope)
        yield "init=xavier", Xavier()
        if (edge := _edge(theory, 0.0)) is not None:
            yield "init=critical", Normal(edge, 0.0)


def _edge(theory: Theory, sigma_b: float) -> float | None:
    edge = edge_of_chaos(theory.moments, sigma_b)
    return None if edge is None or edge.saturated else edge.sigma_w


def _without_dropout(case: Case) -> Iterator[Remedy]:
    old = case.theory
    if old.dropout:
        theory = Theory(old.sizes, old.moments.activation, old.initializer)
        yield _predicted(case, "network.dropout=0", theory)


def _activations(case: Case) -> Iterator[Remedy]:
    """Those with a usual initialisation on their edge of chaos, whatever the present one."""
    own = case.theory.initializer
    usual: tuple[tuple[str, nn.Module, str, Initializer, float], ...] = (
        ("tanh", nn.Tanh(), "xavier", Xavier(), 1.0),
        ("relu", nn.ReLU(), "he", He(), _stated(math.sqrt(2))),
    )
    for name, activation, init, start, edge in usual:
        if isinstance(own, Normal):
            shift = " init.sigma_b=0" if own.sigma_b else ""
            overrides, start = f"init.sigma_w={edge:g}{shift}", Normal(edge, 0.0)
        elif isinstance(own, Critical) and own.sigma_b:
            overrides, start = "init.sigma_b=0", Normal(edge, 0.0)
        elif isinstance(own, Orthogonal):
            overrides, start = f"init.gain={edge:g}", Orthogonal(edge)
        else:
            overrides = f"init={init}"
        yield from _with(case, f"activation={name} {overrides}", activation, start)


def _shallower(case: Case) -> Iterator[Remedy]:
    """The deepest network like this one that theory finds nothing wrong with."""
    old = case.theory
    for depth in range(case.depth - 1, 0, -1):
        sizes = *old.sizes[: depth + 1], old.sizes[-1]
        theory = Theory(sizes, old.moments.activation, old.initializer, old.dropout)
        found = _predicted(case, shape(case, sizes[1:-1]), theory)
        if found.heals:
            yield found
            return


def _with(
    case: Case, overrides: str, activation: nn.Module, initializer: Initializer
) -> Iterator[Remedy]:
    """The network with another φ and start, if that is not what it has."""
    old = case.theory
    theory = Theory(old.sizes, activation, initializer, old.dropout)
    same = repr(activation) == repr(old.moments.activation) and np.allclose(
        variances(old.sizes, initializer), variances(old.sizes, old.initializer), rtol=1e-3
    )
    if not same or case.normalization is not None or case.copies:
        yield _predicted(case, overrides, theory)


def _predicted(case: Case, overrides: str, theory: Theory) -> Remedy:
    """What theory says of a network; inputs of an odd size are standardised in any case."""
    odd = unusual_inputs(case)
    found = theory.predict(np.ones(1) if odd else case.inputs)
    overrides = " ".join(filter(None, [
        "data.standardize=true" if odd else "",
        overrides,
        "network.normalization=null" if case.normalization is not None else "",
    ]))  # fmt: skip
    saturated = theory.moments.saturated_fraction(found.preactivation_second_moment[:-1])
    with np.errstate(divide="ignore"):
        decades = float(vanishing_index(found.delta_norm))
    return Remedy(
        overrides,
        rate=float(decay_rate(found.delta_norm)),
        decades=decades if math.isfinite(decades) else math.inf,
        saturated=float(saturated.max(initial=0.0)),
    )


def _least(candidates: list[Remedy]) -> Remedy | None:
    """The one that changes δ least; of those about as good, the first."""
    if not candidates:
        return None
    least = min(abs(candidate.decades) for candidate in candidates)
    return next(c for c in candidates if abs(c.decades) <= least + _SAME)


def _scatter(case: Case, theory: Theory) -> tuple[float, float]:
    """Two deviations of the decades that δ loses by theory, and these decades."""
    found = theory.predict(case.inputs)
    deviation = float(found.log_delta_norm_deviation[0])
    return 2 * deviation / math.log(10), float(vanishing_index(found.delta_norm))


def _stated(value: float) -> float:
    """As it is written in a sentence, so that what is predicted is what would be run."""
    return float(f"{value:.4g}")
