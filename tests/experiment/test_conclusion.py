"""The pictures of runs that were trained together, whoever draws them."""

import pytest

from deltaflow.config.composition import compose_run
from deltaflow.experiment import conclusion
from deltaflow.experiment.plan import RunPlan
from deltaflow.experiment.run import run_together
from deltaflow.figures import run_picture
from deltaflow.system.second_process import SecondProcess

SHORT = ["trainer.max_epochs=1", "network.depth=1", "network.width=4", "logger=none"]


class Unstarted:
    """Instead of a process: there can be none."""

    def __init__(self):
        raise OSError


class Ended(SecondProcess):
    """A process that has ended before it could draw."""

    def submit(self, function, *arguments):
        self.process.kill()
        return super().submit(function, *arguments)


@pytest.mark.parametrize("kind", [SecondProcess, Ended, Unstarted])
def test_the_picture_is_the_one_that_would_be_drawn_here(kind, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(conclusion, "_ENOUGH", 2)
    monkeypatch.setattr(conclusion, "n_cores", lambda: 2)
    monkeypatch.setattr(conclusion, "second_process", lambda: started.append(kind()) or started[0])
    plans = []
    for name in ("relu", "tanh"):
        settings = [f"activation={name}", *SHORT]
        config, choices = compose_run(settings, tmp_path / name)
        plans.append(RunPlan(config, tmp_path / name, choices, settings))
    try:
        for run in run_together(plans):
            expected = run_picture.png(*run.drawn)
            assert (run.directory / "flow.png").read_bytes() == expected
            assert run.record.status == "completed"
    finally:
        for process in started:
            process.end()
