"""Explanations of the terms in a report, one sentence each."""

from deltaflow.comparison.comparison import Comparison
from deltaflow.page.meanings import MEANINGS

_NUMBERS = {  # by the beginning of a column's title
    "vanishing index": "the decades (powers of ten) that the error signal δ loses from the last "
    "hidden layer back to the first; negative if it grows",
    "decay rate": "the factor by which δ changes per layer going back: below 1 it vanishes, above "
    "1 it explodes; «theory» is what mean-field theory says of it beforehand",
    "theory error": "how far measured and predicted δ are apart, RMS over the hidden layers",
    "dead units": "the share of units, in the worst hidden layer, that are off for every training "
    "row",
    "saturated": "the share of pre-activations, in the worst hidden layer, where the activation is "
    "nearly flat",
}


def terms(comparison: Comparison) -> list[dict[str, str]]:
    """The explanations of the verdicts and numbers that a comparison shows."""
    kinds = dict.fromkeys(found.kind for run in comparison.ranking for found in run.findings)
    known = {kind.replace("_", " "): MEANINGS[kind] for kind in kinds if kind in MEANINGS}
    known |= {
        name: meaning
        for name, meaning in _NUMBERS.items()
        if any(
            _shown(comparison, n.name) for n in comparison.quantities if n.title.startswith(name)
        )
    }
    return [{"term": term, "meaning": meaning} for term, meaning in known.items()]


def _shown(comparison: Comparison, name: str) -> bool:
    return any(run.numbers[name].mean is not None for run in comparison.ranking)
