"""What the page shows, as an ordinary run: the command that it names, in a process of its own."""

import subprocess
import sys
import threading
from pathlib import Path

from deltaflow.config.names import unique_name
from deltaflow.live_page.settings import Settings


class Saving:
    """A run that is trained again, from its first step, and leaves its records.

    Args:
        settings: of the run.

    Attributes:
        directory: where its records go.
        said: how far it is.
        is_going: whether it has not ended yet.
    """

    def __init__(self, settings: Settings) -> None:
        self.directory = Path("outputs") / unique_name("live")
        self.said = f"Training the same into {self.directory} …"
        self.is_going = True
        self._overrides = [*settings.overrides, f"hydra.run.dir={self.directory}"]
        self._thread = threading.Thread(target=self._run, name="saving")
        self._thread.start()

    def wait(self) -> None:
        """Wait until it has ended."""
        self._thread.join()

    def _run(self) -> None:
        command = [sys.executable, "-m", "deltaflow", *self._overrides]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            self.said = f"Saved: {self.directory}. `load_run` reads it, a report shows it."
        else:
            self.said = done.stderr.strip() or "It could not be saved."
        self.is_going = False
