"""A real Chromium that looks at pages: what it may not do, it is caught at."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from deltaflow.report.page import write_page

SECTIONS = ("profiles", "heatmaps", "curves", "decay", "effects")


class Visit:
    """A page that is open, and all that should not have come of it."""

    def __init__(self, browser, digest: dict, directory: Path, **options: Any):
        path = directory / "report.html"
        write_page(digest, path)
        self.address = path.as_uri()
        self.noise: list[str] = []
        before = options.pop("before", None)
        self.context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        self.context.set_default_timeout(20_000)
        self.context.route("**/*", self._gate)
        self.page = self.context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.noise.append(f"error: {error}"))
        self.page.on("dialog", self._refuse)
        if before:
            self.page.add_init_script(before)
        self.open()

    def open(self, fragment: str = "") -> None:
        self.page.goto("about:blank")
        self.page.goto(self.address + fragment)
        if self.page.evaluate("'ready' in document.documentElement.dataset || !window.Plotly"):
            return
        self.page.wait_for_selector("html[data-ready]", state="attached")

    def close(self) -> None:
        self.context.close()

    def _gate(self, route) -> None:
        if route.request.url.split("#")[0] == self.address:
            route.continue_()
        else:
            self.noise.append(f"request: {route.request.url}")
            route.abort()

    def _hear(self, message) -> None:
        if message.type in ("error", "warning"):
            self.noise.append(f"{message.type}: {message.text}")

    def _refuse(self, dialog) -> None:
        self.noise.append(f"dialog: {dialog.message}")
        dialog.dismiss()


def launched():
    """Chromium, started; skips where there is none, unless this is continuous integration."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _lack("playwright is not installed: pip install playwright")
    player = sync_playwright().start()
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = next(filter(None, map(shutil.which, names)), player.chromium.executable_path)
    if not Path(path).exists():
        player.stop()
        _lack("there is no Chromium: install one, or run `playwright install chromium`")
    return player, player.chromium.launch(executable_path=path, args=["--no-sandbox"])


def _lack(what: str) -> None:
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"Cannot look at a page: {what}")


def draw(page, *sections: str) -> None:
    """Bring figures into sight, and wait until they are drawn."""
    for section in sections or SECTIONS:
        page.locator(f"#{section} figure").scroll_into_view_if_needed()
        settled(page, section)


def settled(page, section: str) -> None:
    """Wait until a figure is drawn as it should be now."""
    page.wait_for_selector(f"#{section} figure[data-drawn=true]", state="attached")


def panels(page, section: str) -> list[dict]:
    """Title, traces and axes of each plot of a figure, as Plotly drew them."""
    return page.evaluate(
        """id => [...document.querySelectorAll(`#${id} .panel`)].map(panel => {
            const plot = panel.querySelector('.plot'), {data, layout} = plot;
            return {
              title: panel.querySelector('.panel-title').textContent,
              traces: data.map(({type, mode, fill, x, y, z, zmin, zmax, line, marker}) =>
                ({type, mode, fill, x, y, z, zmin, zmax, dash: line?.dash, color: line?.color,
                  symbol: marker?.symbol})),
              x: layout.xaxis.range, y: layout.yaxis.range, scale: layout.yaxis.type,
              paper: layout.paper_bgcolor,
              marks: plot.querySelectorAll('.scatterlayer .trace, .heatmaplayer image').length,
              text: plot.textContent,
              width: plot.getBoundingClientRect().width,
              drawn: plot.querySelector('svg.main-svg').getBoundingClientRect().width,
            };
        })""",
        section,
    )


def listed(page) -> list[int]:
    """The ids of the rows of the ranking, from the top."""
    return page.eval_on_selector_all(
        "#ranking-table tbody tr[data-run]", "rows => rows.map(row => Number(row.dataset.run))"
    )


def ticked(page) -> list[int]:
    """The ids of the rows that are ticked."""
    return page.eval_on_selector_all(
        "#ranking-table tbody tr[data-run]:has(input:checked)",
        "rows => rows.map(row => Number(row.dataset.run))",
    )
