import os

import pytest

from deltaflow.config.registration import runs_at_once

LOCAL = "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher"


@pytest.mark.parametrize(
    ("launcher", "n"),
    [
        (LOCAL, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None),
        (LOCAL.replace("Local", "Slurm"), None),
        ("hydra._internal.core_plugins.basic_launcher.BasicLauncher", None),
    ],
)
def test_only_jobs_on_this_machine_come_in_groups_as_large_as_it_has_cores(launcher, n):
    assert runs_at_once(launcher) == n
