"""Serves the page to browsers, with one session per visitor, by default on this machine only."""

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
from deltaflow.live_page.settings import PageSettings
from deltaflow.system.errors import UserError

HERE = "127.0.0.1"
MAX_PAGES = 8
"""Largest number of open pages; each trains in a thread of its own."""
_CHECKED_EVERY = 2_000  # milliseconds; sessions of tabs closed 15 seconds ago are discarded
_FULL = (
    "A page must have a place to train in. Found {n} others open. Close one of them, wait some "
    "seconds, and load this page again."
)


class Pages:
    """The open pages.

    Args:
        settings: settings that each page starts with, unless its URL has others.
        most: largest number of open pages.
    """

    def __init__(self, settings: PageSettings, most: int = MAX_PAGES) -> None:
        self.settings = settings
        self.most = most
        self.open: list[Page] = []

    def visit(self) -> Any:
        """Make the document of one visitor."""
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
                settings = settings.from_query(urlencode(query))
            elif lesson is not None:
                settings = replace(settings, chosen=lesson.chosen)
            settings.compose()
        except ValueError as wrong:
            error, settings = str(wrong), self.settings
        page = Page(settings, lesson, dark, _update_url, error)
        self.open.append(page)
        pn.state.curdoc.on_session_destroyed(partial(self._close, page))
        pn.state.add_periodic_callback(page.tick, period=PERIOD)
        template.add_panel("page", page.view)
        return template

    def serve(self, port: int, address: str = HERE, show: bool = True, **options: Any) -> Any:
        """Serve until the process is interrupted.

        Args:
            port: port to listen at; 0 for any that is free.
            address: address to listen at.
            show: whether to open a browser.
            options: further options of ``panel.serve``.

        Raises:
            ValueError: if the address and port cannot be used.
        """
        if not 0 <= port < 2**16:
            raise UserError(f"`--port` must be from 0 to 65535. Found {port}. Use 0 for any.")
        if address != HERE:
            own = (self.settings.chosen.get("data.path"),)
            self.settings = replace(self.settings, tables=own)
        bokeh_settings.resources = "server"  # no library is loaded from elsewhere
        logging.getLogger("bokeh.server.views.ws").setLevel(
            logging.ERROR
        )  # it warns of closed tabs
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

    def _close(self, page: Page, _: Any) -> None:
        page.close()
        self.open.remove(page)


def _update_url(page: Page) -> None:
    """Write the settings of a page into its URL."""
    if (location := pn.state.location) is not None:
        parts = [] if page.lesson is None else [f"lesson={page.lesson.name}"]
        parts += ["theme=dark"] * page.dark + [page.settings.query] * bool(page.settings.chosen)
        location.search = f"?{'&'.join(parts)}" if parts else ""


def _asset(name: str) -> str:
    return resources.files("deltaflow.live_page").joinpath("assets", name).read_text("utf-8")
