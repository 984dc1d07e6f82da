"""All claims, by letter."""

from collections.abc import Sequence

from claims import costs, depth, outputs, structure, units
from claims.claim import Claim
from deltaflow.system.errors import UserError

CLAIMS: tuple[Claim, ...] = tuple(
    sorted(
        (claim for module in (depth, units, outputs, costs, structure) for claim in module.CLAIMS),
        key=lambda claim: claim.letter,
    )
)


def chosen(names: Sequence[str]) -> list[Claim]:
    """The claims that go by these names.

    Args:
        names: letters or names of presets; all claims if there are none.

    Returns:
        The claims, each once, in their own order.

    Raises:
        ValueError: for a name that no claim has.

    >>> [claim.name for claim in chosen(["c", "relu_leaves_dead_units"])]
    ['tanh_vanishes_in_deep_networks', 'relu_leaves_dead_units']
    """
    known = {name: claim for claim in CLAIMS for name in (claim.letter.lower(), claim.name)}
    if unknown := [name for name in names if name.lower() not in known]:
        raise UserError(
            f"`claims` must be letters from {CLAIMS[0].letter} to {CLAIMS[-1].letter}, or names of "
            f"presets in conf/experiment/claims. Found {unknown[0]!r}. Use `claims=A,F`, or leave "
            "it out for all."
        )
    wanted = {known[name.lower()].letter for name in names}
    return [claim for claim in CLAIMS if not names or claim.letter in wanted]
