"""What the server of commands has imported and read before it forks.

No thread may run by then, so nothing is trained and no table read.
"""

import gc
from pathlib import Path

import sklearn.datasets
import sklearn.model_selection
import sklearn.preprocessing  # noqa: F401
import torch.utils.tensorboard  # noqa: F401

import deltaflow.commands.train
import deltaflow.experiment.run
import deltaflow.figures.sweep_figures
import deltaflow.page.html
import deltaflow.sweep.report  # noqa: F401
import running  # noqa: F401
from deltaflow.config.composition import compose_run

compose_run([], Path())
gc.freeze()  # nor does a command look for rubbish in what it has from here
