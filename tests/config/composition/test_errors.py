"""Whose mistake it was: the configuration's, or that of what surrounds it."""

import pytest

from deltaflow.config.composition.errors import explain_composition


def raised_in_hydra(error):
    """The error as if Hydra's code had raised it."""
    import hydra

    code = compile("raise error", hydra.__file__, "exec")
    with pytest.raises(type(error)) as caught:
        exec(code, {"error": error})
    return caught.value


def test_what_hydra_raises_is_about_the_configuration():
    message = explain_composition(raised_in_hydra(ValueError("The flag is odd.")))
    assert message == (
        "A command, and the files it names, must be such that Hydra can compose them. Found: "
        "The flag is odd. See --help, --hydra-help and --cfg job."
    )


@pytest.mark.parametrize("error", [OSError(28, "No space left"), MemoryError()])
def test_what_hydra_met_is_not(error):
    assert explain_composition(raised_in_hydra(error)) is None


def test_what_others_raise_is_not():
    with pytest.raises(ValueError, match="odd") as caught:
        raise ValueError("The flag is odd.")
    assert explain_composition(caught.value) is None
