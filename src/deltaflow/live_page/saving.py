"""Trains the settings of the page as an ordinary run, in a process of its own."""

import subprocess
import sys
import threading
from pathlib import Path

from deltaflow.config.names import unique_name
from deltaflow.live_page.settings import PageSettings


class BackgroundRun:
    """A run that is trained in another process and writes its records.

    Attributes:
        directory: directory of the records.
        status: message about the run.
        is_running: whether the run has not ended.
    """

    def __init__(self, settings: PageSettings) -> None:
        self.directory = Path("outputs") / unique_name("live")
        self.status = f"Training the same into {self.directory} …"
        self.is_running = True
        self._overrides = [*settings.overrides, f"hydra.run.dir={self.directory}"]
        self._thread = threading.Thread(target=self._run, name="saving")
        self._thread.start()

    def wait(self) -> None:
        """Wait until the run has ended."""
        self._thread.join()

    def _run(self) -> None:
        command = [sys.executable, "-m", "deltaflow", *self._overrides]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            self.status = f"Saved: {self.directory}. `load_run` reads it, a report shows it."
        else:
            self.status = done.stderr.strip() or "It could not be saved."
        self.is_running = False
