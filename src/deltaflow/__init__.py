"""deltaflow shows and compares how gradients flow through fully connected networks.

The error that back-propagation carries to layer l, δ_l = ∂loss/∂z_l, is the quantity
that flows. The package trains R replicas of one network at once, each with its own seed,
records δ and its companions layer by layer, and keeps them as tables.

    from deltaflow import load_run, train

Imports point down only. From the bottom:

``task``, ``random_streams``, ``activations``, ``memory``, ``causes``,
``signatures``, ``surroundings``
    what a data set asks for, where randomness comes from, φ, what fits, what an error is about,
    what a command finds around it
``records``, ``profiles``, ``statistics``
    the tables; the kernels: of a depth profile, of a layer
``initializers``, ``objectives``, ``data``, ``mean_field``, ``layers``, ``network``
    what a run is made of, and what theory says of it
``flow``, ``overlay``, ``verdicts``
    one measured step, theory beside it, and what is wrong with it
``callbacks``, ``contracts``, ``module``
    Lightning's shells around it all, and what they ask of a user's own parts
``liveness``, ``worker``, ``report``, ``run``, ``provenance``
    whether a run is going and its worker is needed, what is shown of the records, of one run
``config``, ``parts``, ``options``, ``blueprint``, ``training``, ``assembly``, ``misfits``,
``mistakes``, ``messages``, ``identity``, ``hyperparameters``, ``conclusion``, ``experiment``
    from a configuration to objects, to a result, or to a message that says why not
``names``, ``resumption``, ``extent``, ``sweep``, ``flags``, ``cli``, ``composition``, ``api``
    from a command line, or from Python, to a configuration, and from a sweep to its runs
``reporting``, ``theory``
    a report on runs that are there, and a prediction without any training
``benchmark``
    what all this costs
``labelled``, ``trial``
    networks whose fault is known, and whether it is named
``lessons``
    topics one at a time, from a tensor to an accelerator, to be run and read
``claims``
    what is often said of activations, losses and depth, put to the test
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deltaflow.api import train
    from deltaflow.run import Run, load_run

__version__ = "0.1.0"
__all__ = ["Run", "load_run", "train"]


def __getattr__(name: str) -> Any:
    """Import on first use, so that ``--help`` need not wait for torch."""
    if name == "train":
        from deltaflow.api import train

        return train
    if name in ("Run", "load_run"):
        from deltaflow import run

        return getattr(run, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
