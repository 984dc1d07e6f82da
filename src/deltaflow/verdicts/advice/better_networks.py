"""Finds a network to try instead, with theory's prediction for it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from deltaflow.flow.profiles import decay_rate, vanishing_index
from deltaflow.nn.initializers import He, Initializer, Normal, Orthogonal, Xavier
from deltaflow.theory import Critical, Theory, edge_of_chaos, variances
from deltaflow.verdicts.advice.step_sizes import unusual_inputs
from deltaflow.verdicts.evidence import Evidence
from deltaflow.verdicts.thresholds import DECADES, MAJORITY
from deltaflow.verdicts.verdict import Advice

_SAME = 0.05  # decades; predictions that differ by less are equally good


@dataclass(frozen=True)
class Candidate:
    """A network to try instead, with theory's prediction for it.

    Attributes:
        overrides: the overrides that change the run's network to it.
        rate: factor by which δ changes per layer going back; NaN below two hidden layers.
        decades: decades that δ loses from the last hidden layer to the first.
        saturated: the largest share of saturated pre-activations in a hidden layer.
    """

    overrides: tuple[str, ...]
    rate: float
    decades: float
    saturated: float

    @property
    def is_sound(self) -> bool:
        """Whether δ changes by less than half of the limit, and no layer is saturated."""
        return abs(self.decades) <= DECADES / 2 and self.saturated <= MAJORITY

    @property
    def predicted(self) -> dict[str, float]:
        """The predicted rate of δ, or the saturated share below two hidden layers."""
        return {"saturated": self.saturated} if math.isnan(self.rate) else {"rate": self.rate}


def better_network(evidence: Evidence) -> Advice:
    """The first kind of change that theory predicts to help; if none does, one hidden layer."""
    ways = (_inputs, _without_dropout, _initializations, _activations, _shallower)
    for candidates in (list(way(evidence)) for way in ways):
        best = _smallest_change(candidates)
        if best is not None and best.is_sound:
            return Advice(
                best.overrides, best.predicted, leave_out=_own_initializer(evidence, best)
            )
    return Advice((shape(evidence, evidence.theory.sizes[1:2]),), {"layers_to_cross": 1})


def nonlinear_network(evidence: Evidence) -> Advice:
    """ReLU instead of a linear φ, with another initialisation if necessary."""
    kept = _changed(evidence, "activation=relu", nn.ReLU(), evidence.theory.initializer)
    other = () if evidence.normalization else (*kept, *_activations(evidence))
    return Advice(next((c.overrides for c in other if c.is_sound), ("activation=relu",)))


def wider_or_better(evidence: Evidence) -> Advice:
    """More units if only chance is the cause, else the first change that helps."""
    return wider_network(evidence) or better_network(evidence)


def _own_initializer(evidence: Evidence, best: Candidate) -> tuple[str, ...]:
    """The override of a user's initializer to leave out, because no option would replace it."""
    changed = any(override.startswith("init=") for override in best.overrides)
    if not changed or not _is_own(evidence.theory):
        return ()
    own = type(evidence.theory.initializer)
    return (f"init._target_={own.__module__}.{own.__qualname__}",)


def _is_own(theory: Theory) -> bool:
    """Whether the initializer is a user's class."""
    return type(theory.initializer).__module__ not in (Normal.__module__, Critical.__module__)


def wider_network(evidence: Evidence) -> Advice | None:
    """More units per layer, if theory finds no fault and the scatter explains the finding.

    The scatter is two standard deviations of the decades that δ loses; advice is given if twice
    the scatter exceeds the limit.
    """
    old = evidence.theory
    if evidence.normalization is not None or not evidence.depth:
        return None
    scatter, lost = _scatter(evidence, old)
    if not (abs(lost) <= DECADES <= 2 * scatter):
        return None  # also for NaN, which means that δ is 0
    times = 2 ** math.ceil(math.log2(max((scatter / DECADES) ** 2, 2.0)))
    hidden = [times * size for size in old.sizes[1:-1]]
    wide = old.sizes[0], *hidden, old.sizes[-1]
    then, _ = _scatter(evidence, Theory(wide, old.moments.activation, old.initializer, old.dropout))
    return Advice(
        (shape(evidence, hidden, "width"),),
        {"scatter": then},
        {"narrowest": min(old.sizes[1:-1]), "scatter": scatter},
    )


def shape(evidence: Evidence, hidden: Sequence[int], of_equal: str = "depth") -> str:
    """The override that sets the sizes of hidden layers.

    Args:
        evidence: the run.
        hidden: number of units of each hidden layer.
        of_equal: setting to change if the run has no list of sizes: ``depth`` or ``width``.
    """
    if evidence.settings.sizes_listed:
        return f"network.hidden_sizes=[{','.join(map(str, hidden))}]"
    return f"network.{of_equal}={len(hidden) if of_equal == 'depth' else hidden[0]}"


def _inputs(evidence: Evidence) -> Iterator[Candidate]:
    if unusual_inputs(evidence):
        yield _candidate(evidence, "", evidence.theory)


def _initializations(evidence: Evidence) -> Iterator[Candidate]:
    for overrides, initializer in _initializers(evidence.theory):
        yield from _changed(evidence, overrides, evidence.theory.moments.activation, initializer)


def _initializers(theory: Theory) -> Iterator[tuple[str, Initializer]]:
    """Initialisations for the network's φ, with the present initializer if that has a scale."""
    activation, own = theory.moments.activation, theory.initializer
    shifts = (own.sigma_b, 0.0) if isinstance(own, Normal) else (0.0,)
    edges = [(_edge(theory, shift), shift) for shift in dict.fromkeys(shifts)]
    found = [(edge, shift) for edge, shift in edges if edge is not None]
    if _scaled(own, 1.0) is not None:
        yield from filter(None, (_scaled(own, _stated(edge), shift) for edge, shift in found))
        return
    yield "init=he", He(float(getattr(activation, "negative_slope", 0.0)))
    yield "init=xavier", Xavier()
    yield from (("init=critical", Normal(edge, 0.0)) for edge, _ in found)


def _scaled(own: Initializer, edge: float, shift: float = 0.0) -> tuple[str, Initializer] | None:
    """The same initializer with another scale, and its overrides; ``None`` if it has no scale."""
    if isinstance(own, Normal):
        without = "" if shift == own.sigma_b else " init.sigma_b=0"
        return f"init.sigma_w={edge:g}{without}", Normal(edge, shift)
    if isinstance(own, Critical) and own.sigma_b:  # no other option has this setting
        return "init.sigma_b=0", Normal(edge, 0.0)
    return (f"init.gain={edge:g}", Orthogonal(edge)) if isinstance(own, Orthogonal) else None


def _edge(theory: Theory, sigma_b: float) -> float | None:
    edge = edge_of_chaos(theory.moments, sigma_b)
    return None if edge is None or edge.saturated else edge.sigma_w


def _without_dropout(evidence: Evidence) -> Iterator[Candidate]:
    old = evidence.theory
    if old.dropout:
        theory = Theory(old.sizes, old.moments.activation, old.initializer)
        yield _candidate(evidence, "network.dropout=0", theory)


def _activations(evidence: Evidence) -> Iterator[Candidate]:
    """Tanh and ReLU, each with an initialisation on its edge of chaos."""
    usual: tuple[tuple[str, nn.Module, str, Initializer, float], ...] = (
        ("tanh", nn.Tanh(), "xavier", Xavier(), 1.0),
        ("relu", nn.ReLU(), "he", He(), _stated(math.sqrt(2))),
    )
    for name, activation, init, start, edge in usual:
        own = _scaled(evidence.theory.initializer, edge) or (f"init={init}", start)
        yield from _changed(evidence, f"activation={name} {own[0]}", activation, own[1])


def _shallower(evidence: Evidence) -> Iterator[Candidate]:
    """The deepest shallower network that is sound by theory."""
    old = evidence.theory
    for depth in range(evidence.depth - 1, 0, -1):
        sizes = *old.sizes[: depth + 1], old.sizes[-1]
        theory = Theory(sizes, old.moments.activation, old.initializer, old.dropout)
        found = _candidate(evidence, shape(evidence, sizes[1:-1]), theory)
        if found.is_sound:
            yield found
            return


def _changed(
    evidence: Evidence, overrides: str, activation: nn.Module, initializer: Initializer
) -> Iterator[Candidate]:
    """The network with another φ and initialisation, unless both are equal to the present ones."""
    old = evidence.theory
    theory = Theory(old.sizes, activation, initializer, old.dropout)
    same = repr(activation) == repr(old.moments.activation) and np.allclose(
        variances(old.sizes, initializer), variances(old.sizes, old.initializer), rtol=1e-3
    )
    if not same or evidence.normalization is not None or evidence.copies or _is_own(old):
        yield _candidate(evidence, overrides, theory)


def _candidate(evidence: Evidence, overrides: str, theory: Theory) -> Candidate:
    """The prediction for a network; inputs of an unusual size are standardised."""
    odd = unusual_inputs(evidence)
    found = theory.predict(np.ones(1) if odd else evidence.inputs)
    given = (
        *(["data.standardize=true"] if odd else []),
        *overrides.split(),
        *(["network.normalization=null"] if evidence.normalization is not None else []),
    )
    saturated = theory.moments.saturated_fraction(found.preactivation_second_moment[:-1])
    with np.errstate(divide="ignore"):
        decades = float(vanishing_index(found.delta_norm))
    return Candidate(
        given,
        rate=float(decay_rate(found.delta_norm)),
        decades=decades if math.isfinite(decades) else math.inf,
        saturated=float(saturated.max(initial=0.0)),
    )


def _smallest_change(candidates: list[Candidate]) -> Candidate | None:
    """The first of the candidates that change δ least, up to ``_SAME``."""
    if not candidates:
        return None
    least = min(abs(candidate.decades) for candidate in candidates)
    return next(c for c in candidates if abs(c.decades) <= least + _SAME)


def _scatter(evidence: Evidence, theory: Theory) -> tuple[float, float]:
    """Two standard deviations of the decades that δ loses by theory, and these decades."""
    found = theory.predict(evidence.inputs)
    alike = np.full((1, 1), evidence.inputs.mean())
    deviation = float(theory.finite_width(alike).deviation[0])
    return 2 * deviation / math.log(10), float(vanishing_index(found.delta_norm))


def _stated(value: float) -> float:
    """Round to the four digits of the advice, so that the prediction is for the advised value."""
    return float(f"{value:.4g}")
