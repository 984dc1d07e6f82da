"""The page on its way to browsers: one session a visitor, and none beyond this machine."""

import logging
from dataclasses import replace
from functools import partial
from importlib import resources
from typing import Any
from urllib.parse import parse_qsl, urlencode

import panel as pn
from bokeh.settings import settings as bokeh_settings

from deltaflow.live_page.lessons import LESSONS, lesson_named
from deltaflow.live_page.page import PERIOD, Page
from deltaflow.live_page.settings import Settings
from deltaflow.system.errors import UserError

HERE = "127.0.0.1"
MOST_PAGES = 8
"""Pages that are open at once: each trains in a thread of its own."""
_CHECKED_EVERY = 2_000  # milliseconds: tabs are let go of that were closed 15 seconds ago
_FULL = (
    "A page must have a place to train in. Found {n} others open. Close one of them, wait some "
    "seconds, and load this page again."
)


class Pages:
    """The pages that are open.

    Args:
        settings: that each begins with, unless its URL says others.
        most: how many there may be at once.
    """

    def __init__(self, settings: Settings, most: int = MOST_PAGES) -> None:
        self.settings = settings
        self.most = most
        self.open: list[Page] = []

    def visit(self) -> Any:
        """The document of one visitor."""
        template = pn.Template(_asset("page.html"), nb_template=None, location=True)
        template.add_variable("style", _asset("page.css"))
        template.add_variable("lessons", [(lesson.name, lesson.title) for lesson in LESSONS])
        if len(self.open) >= self.most:
            template.add_panel("page", pn.pane.HTML(f"<p>{_FULL.format(n=len(self.open))}</p>"))
            return template
        query = dict(parse_qsl((pn.state.location.search or "").lstrip("?")))
        dark, name = query.pop("theme", "light") == "dark", query.pop("lesson", None)
        error, lesson, settings = None, None, self.settings
        try:
            lesson = lesson_named(name) if name else None
            if query:
                settings = settings.of_query(urlencode(query))
            elif lesson is not None:
                settings = replace(settings, chosen=lesson.chosen)
            settings.composed()
        except ValueError as wrong:
            error, settings = str(wrong), self.settings
        page = Page(settings, lesson, dark, _remember, error)
        self.open.append(page)
        pn.state.curdoc.on_session_destroyed(partial(self._left, page))
        pn.state.add_periodic_callback(page.beat, period=PERIOD)
        template.add_panel("page", page.view)
        return template

    def serve(self, port: int, address: str = HERE, show: bool = True, **options: Any) -> Any:
        """Serve until the process is told to stop.

        Args:
            port: to listen at; 0 for any that is free.
            address: to listen at.
            show: whether to open a browser.
            options: of ``panel.serve``.

        Raises:
            ValueError: if it cannot listen there.
        """
        if not 0 <= port < 2**16:
            raise UserError(f"`--port` must be from 0 to 65535. Found {port}. Use 0 for any.")
        if address != HERE:
            own = (self.settings.chosen.get("data.path"),)
            self.settings = replace(self.settings, tables=own)
        bokeh_settings.resources = "server"  # no library comes from elsewhere
        logging.getLogger("bokeh.server.views.ws").setLevel(logging.ERROR)  # tabs do close
        try:
            return pn.serve(
                {"/": self.visit}, port=port, address=address, show=show, title="deltaflow",
                websocket_origin=None if address == HERE else ["*"],
                **{"check_unused_sessions_milliseconds": _CHECKED_EVERY} | options,
            )  # fmt: skip
        except OSError as error:
            raise UserError(
                f"The page must be able to listen. Found that it cannot at {address}:{port}: "
                f"{error.strerror}. Use another `--port` or `--address`, or leave them out."
            ) from error

    def _left(self, page: Page, _: Any) -> None:
        page.close()
        self.open.remove(page)


def _remember(page: Page) -> None:
    """Write the state of a page into its URL."""
    if (location := pn.state.location) is not None:
        parts = [] if page.lesson is None else [f"lesson={page.lesson.name}"]
        parts += ["theme=dark"] * page.dark + [page.settings.query] * bool(page.settings.chosen)
        location.search = f"?{'&'.join(parts)}" if parts else ""


def _asset(name: str) -> str:
    return resources.files("deltaflow.live_page").joinpath("assets", name).read_text("utf-8")
