"""A Hydra launcher that trains the runs of a sweep as stacks, in this process.

Hydra finds its plugins in this namespace package. What they do is in ``deltaflow``, which is
imported when a sweep begins.
"""

from collections.abc import Sequence

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.utils import JobReturn


class StackLauncher(BasicLauncher):
    """Runs that share a shape are trained as one stack, others one after another.

    Args:
        max_networks: of a stack; ``None`` for as many as the memory holds.
    """

    def __init__(self, max_networks: int | None = None) -> None:
        super().__init__()
        self.max_networks = max_networks

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Train the runs of a sweep.

        Args:
            job_overrides: of each run.
            initial_job_idx: number of the first.

        Returns:
            What Hydra notes of each job, in the order of the runs.
        """
        from deltaflow.commands.stacks import launch

        assert self.hydra_context is not None
        assert self.config is not None
        assert self.task_function is not None
        return launch(
            self.hydra_context,
            self.task_function,
            self.config,
            job_overrides,
            initial_job_idx,
            self.max_networks,
        )
