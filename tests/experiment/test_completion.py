"""The pictures of runs that were trained together, whoever draws them."""

from concurrent.futures import wait

import pytest
import torch

from deltaflow.config.composition.runs import compose_run
from deltaflow.experiment import completion
from deltaflow.experiment.active_run import ActiveRun
from deltaflow.experiment.planning.plan import RunPlan
from deltaflow.experiment.run import run_together
from deltaflow.system.child_processes.second_process import SecondProcess

SHORT = ["trainer.max_epochs=1", "network.depth=1", "network.width=4", "logger=none"]


class Waited(SecondProcess):
    """A process that has done what it was asked before anybody else can do it."""

    def submit(self, function, *arguments):
        future = super().submit(function, *arguments)
        wait([future])
        return future


class Unstarted:
    """Instead of a process: there can be none."""

    def __init__(self):
        raise OSError


class Ended(SecondProcess):
    """A process that has ended before it could draw."""

    def submit(self, function, *arguments):
        self.process.kill()
        return super().submit(function, *arguments)


@pytest.mark.parametrize("kind", [Waited, Ended, Unstarted])
@pytest.mark.usefixtures("real_pictures")
def test_the_picture_is_the_one_that_would_be_drawn_here(kind, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(completion, "_ENOUGH", 2)
    monkeypatch.setattr(completion, "n_cores", lambda: 2)
    monkeypatch.setattr(completion, "second_process", lambda: started.append(kind()) or started[0])
    plans = []
    for name in ("relu", "tanh"):
        settings = [f"activation={name}", *SHORT]
        config, choices = compose_run(settings, tmp_path / name)
        plans.append(RunPlan(config, tmp_path / name, choices, settings))
    try:
        for run in run_together(plans):
            expected = run.picture.png()
            assert (run.directory / "flow.png").read_bytes() == expected
            assert run.record.status == "completed"
    finally:
        for process in started:
            process.end()


def test_one_thread_sums_up_while_another_process_draws(tmp_path, monkeypatch):
    monkeypatch.setattr(completion, "_ENOUGH", 2)
    monkeypatch.setattr(completion, "n_cores", lambda: 2)
    before, seen = torch.get_num_threads(), []
    whole = ActiveRun.compute_result

    def watched(run, n_steps):
        seen.append(torch.get_num_threads())
        return whole(run, n_steps)

    monkeypatch.setattr(ActiveRun, "compute_result", watched)
    torch.set_num_threads(2)
    try:
        plans = []
        for name in ("relu", "tanh"):
            config, choices = compose_run([f"activation={name}", *SHORT], tmp_path / name)
            plans.append(RunPlan(config, tmp_path / name, choices))
        run_together(plans)
        assert seen == [1, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
