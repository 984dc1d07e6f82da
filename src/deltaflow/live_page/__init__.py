"""The live page: change one setting, and see how the gradient responds.

The page runs in browsers and notebooks (Panel and Bokeh, the extra ``live``) and trains as a run
does. Its modules, from the bottom:

``settings``
    the settings of the page, which convert to a URL, a command and a configuration
``history``, ``evaluation``
    the records so far; verdicts and predictions of the networks
``stepwise_training``, ``silence``
    a run that makes its updates on demand; no warnings meanwhile
``forecast``
    what theory predicts before any training
``figures``, ``controls``
    figures, and input fields
``lessons``
    prepared settings with an explanation
``saving``
    trains the settings as an ordinary run
``page``, ``server``
    the page of one visitor; a session for each visitor

    page = live(["activation=tanh", "network.depth=20", "n_seeds=16"])
"""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from deltaflow.live_page.settings import PageSettings
from deltaflow.system.environment import import_without_gc
from deltaflow.system.errors import UserError

if TYPE_CHECKING:
    from deltaflow.live_page.page import Page

__all__ = ["live", "serve"]


def live(overrides: Iterable[str] = ()) -> "Page":
    """Show the live page in a notebook, as ``python scripts/live.py`` shows it in a browser.

    Args:
        overrides: overrides of a run, such as ``["activation=tanh", "network.depth=10"]``.

    Returns:
        The page, which a notebook displays; ``close()`` ends its training and frees its memory.

    Raises:
        ValueError: for settings that no run can have, with the command line's message, or if the
            extra is not installed.
    """
    _require_extra()
    import panel

    from deltaflow.live_page.page import PERIOD, Page

    settings = PageSettings.from_overrides(overrides)
    settings.compose()
    panel.extension()
    page = Page(settings)
    page.timer = panel.state.add_periodic_callback(page.tick, period=PERIOD)
    return page


def serve(
    overrides: Iterable[str] = (), port: int = 0, address: str | None = None, show: bool = True
) -> None:
    """Serve the page to browsers until the process is interrupted.

    Args:
        overrides: overrides that the page starts with.
        port: port to listen at; 0 for any that is free.
        address: address to listen at; ``None`` for this machine only.
        show: whether to open a browser.

    Raises:
        ValueError: for settings that no run can have, or if the extra is not installed.
    """
    _require_extra()
    server = import_without_gc("deltaflow.live_page.server")
    settings = PageSettings.from_overrides(overrides)
    settings.compose()
    server.Pages(settings).serve(port, address or server.HERE, show)


def _require_extra() -> None:
    if find_spec("panel") is None:
        raise UserError(
            'The live page needs Panel. Found no such package. Use `pip install "deltaflow[live]"`.'
        )
