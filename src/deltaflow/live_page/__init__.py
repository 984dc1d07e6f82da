"""The live page: change one thing, and see the gradient answer.

A page for browsers and notebooks (Panel and Bokeh, the extra ``live``) on the engine of a run. From
the bottom:

``settings``
    what can be set; a state of the page as a URL, as a command, as a configuration
``history``, ``evaluation``
    what was recorded so far; what the networks make of their data
``training``
    a run whose updates are made when somebody asks for them
``forecast``
    what theory answers before any training
``figures``, ``controls``
    what is seen and set
``lessons``
    guided states
``saving``
    what is shown, as an ordinary run
``page``, ``server``
    all of it for one visitor; a session for each

    page = live(["activation=tanh", "network.depth=20", "n_seeds=16"])
"""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from deltaflow.live_page.settings import Settings
from deltaflow.system.environment import import_without_gc
from deltaflow.system.errors import UserError

if TYPE_CHECKING:
    from deltaflow.live_page.page import Page

__all__ = ["live", "serve"]


def live(overrides: Iterable[str] = ()) -> "Page":
    """The live page in a notebook, as ``python scripts/live.py`` opens it in a browser.

    Args:
        overrides: such as ``["activation=tanh", "network.depth=10"]``.

    Returns:
        The page, which a notebook shows by itself; ``close()`` ends its training and frees it.

    Raises:
        ValueError: for settings that no run can have, with the command line's message, or where
            the extra is not installed.
    """
    _require_extra()
    import panel

    from deltaflow.live_page.page import PERIOD, Page

    settings = Settings.of_overrides(list(overrides))
    settings.composed()
    panel.extension()
    page = Page(settings)
    page.timer = panel.state.add_periodic_callback(page.beat, period=PERIOD)
    return page


def serve(
    overrides: Iterable[str] = (), port: int = 0, address: str | None = None, show: bool = True
) -> None:
    """Serve the page to browsers until the process is told to stop.

    Args:
        overrides: to begin with.
        port: to listen at; 0 for any that is free.
        address: to listen at; this machine's own if ``None``.
        show: whether to open a browser.

    Raises:
        ValueError: for settings that no run can have, or where the extra is not installed.
    """
    _require_extra()
    server = import_without_gc("deltaflow.live_page.server")
    settings = Settings.of_overrides(list(overrides))
    settings.composed()
    server.Pages(settings).serve(port, address or server.HERE, show)


def _require_extra() -> None:
    if find_spec("panel") is None:
        raise UserError(
            'The live page needs Panel. Found no such package. Use `pip install "deltaflow[live]"`.'
        )
