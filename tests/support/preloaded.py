"""What the server of commands has imported and read before it forks.

No thread may run by then, so nothing is trained and no table read.
"""

import gc
import weakref
from importlib import import_module
from pathlib import Path

import PIL.Image
import pytest
import torch.library

from deltaflow.config.composition.runs import compose_run
from running import read_once

for _name in (  # what a run or a sweep imports when it needs it
    "deltaflow.commands.hydra_job",
    "deltaflow.commands.resume",
    "deltaflow.commands.stacks",
    "deltaflow.commands.train",
    "deltaflow.experiment.run",
    "deltaflow.figures.sweep_figures",
    "deltaflow.page.html",
    "deltaflow.sweep.report",
    "fsspec.implementations.chained",
    "hydra._internal.logging_config",
    "plotly.offline",
    "polars._utils.parquet",
    "rich._emoji_codes",
    "sklearn.datasets.data",
    "sklearn.datasets.descr",
    "sklearn.model_selection",
    "sklearn.preprocessing",
    "tensorboard.plugins.hparams.metadata",
    "torch.utils.serialization.config",
    "torch.utils.tensorboard",
):
    import_module(_name)
PIL.Image.preinit()
read_once(pytest.MonkeyPatch())
compose_run([], Path())
for _finalizer in weakref.finalize._registry:  # torch's operators die with the process, unsorted
    if _finalizer.peek()[1] is torch.library._del_library:
        _finalizer.atexit = False
gc.freeze()  # nor does a command look for rubbish in what it has from here
