"""What is compared must do the same work: a short training ends with the same weights."""

from dataclasses import replace

from benchmark.trainings import Work
from deltaflow import UserError

_EPOCHS = 5  # few enough that rounding has not grown yet, whatever the network
_TOLERANCES = {"32-true": 1e-3, "64-true": 1e-10}  # of weights, relative to the largest


def warm_up(work: Work) -> Work:
    """The beginning of some work."""
    return replace(work, epochs=min(work.epochs, _EPOCHS))


def require_same(work: Work, name: str, apart: float) -> None:
    """Refuse a way of training that ends elsewhere.

    Args:
        work: that was done.
        name: of the way.
        apart: how far its weights are from the reference's, relative to the largest of these.

    Raises:
        ValueError: if that is more than rounding.
    """
    tolerance = _TOLERANCES[work.precision]
    if not apart <= tolerance:
        raise UserError(
            "All that is compared must reach the same weights, up to "
            f"{tolerance} of the largest. Found {apart:.1e} for "
            f"«{name}» after {work.epochs} epochs. Use a step size that does not diverge."
        )
