"""Check the gradient flow of a model in its first step, before any training.

    deltaflow-check my_package.models:example --fail-on vanishing exploding

The function is called without arguments and returns the model, a batch `(inputs, targets)` and the
loss function. Each finding is printed on a line. Options:

    --json       print the findings and the layers as JSON
    --fail-on    kinds of findings, or `any`, that set the exit status to 1
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from deltaflow.commands.analysis.parser import Parser
from deltaflow.config.messages import entry_point
from deltaflow.system.errors import UserError
from deltaflow.system.escaping import printable


@entry_point
def main(arguments: Sequence[str]) -> None:
    """Check the model and print the findings; the exit status is 1 for a kind in --fail-on."""
    parser = Parser("A check takes `module:function`, --json and --fail-on.")
    parser.add_argument("example")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--fail-on", nargs="+", default=[])
    typed = parser.parse_intermixed_args(arguments)
    from deltaflow.watching import check, check_kinds  # torch is slow to import

    check_kinds(typed.fail_on, "any")
    with _errors_explained(f"`{typed.example}` must be a function without arguments"):
        example = _example(typed.example)
    with _errors_explained(
        f"The model of `{typed.example}` must take its batch, and the loss both"
    ):
        found = check(*example)
    print(json.dumps(found.record(), indent=2) if typed.json else found)  # noqa: T201
    kinds = {verdict.kind for verdict in found.verdicts} - {"healthy"}
    if failing := (kinds if "any" in typed.fail_on else kinds & set(typed.fail_on)):
        raise UserError(
            f"The model must be without {', '.join(typed.fail_on)}. Found "
            f"{', '.join(sorted(failing))}. Do what the findings say, or leave --fail-on out."
        )


@contextmanager
def _errors_explained(expected: str) -> Iterator[None]:
    """Turn errors of the user's code into a message.

    Raises:
        ValueError: instead of any error without a message of ours.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{expected}. Found {type(error).__name__}: {printable(str(error)).rstrip('.')}. "
            "Correct it; HYDRA_FULL_ERROR=1 shows where it was raised."
        ) from error


def _example(name: str) -> Any:
    """The result of the function that is named ``module:function``."""
    module, _, function = name.partition(":")
    if not (module and function):
        raise UserError(
            f"A check needs `module:function`. Found `{name}`. Write a function that gives "
            "`model, (inputs, targets), loss_fn`, and name it as `my_models:example`."
        )
    found = getattr(import_module(module), function, None)
    if not callable(found):
        raise UserError(
            f"`{function}` must be a function of `{module}`. Found {type(found).__name__}. "
            "Name one that gives `model, (inputs, targets), loss_fn`."
        )
    example = found()
    if not (isinstance(example, tuple) and len(example) in (2, 3)):
        raise UserError(
            f"`{name}` must give `model, (inputs, targets), loss_fn`. Found "
            f"{type(example).__name__}. Return these three."
        )
    return example
