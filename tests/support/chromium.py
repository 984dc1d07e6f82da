"""A real Chromium that looks at pages: what it may not do, it is caught at."""

import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import synthetic
from deltaflow.page import html

SECTIONS = ("profiles", "heatmaps", "curves", "decay", "effects")
_UNUSED = (  # what Playwright itself turns off, and the pages under the address bar of each window
    "DestroyProfileOnBrowserClose", "HttpsUpgrades", "MediaRouter", "NetworkTimeServiceQuerying",
    "OptimizationHints", "PaintHolding", "PreconnectToSearch", "ThirdPartyStoragePartitioning",
    "WebUIOmniboxAimPopup", "WebUIOmniboxPopup",
)  # fmt: skip


class Chromium:
    """A browser with a window in which pages come and go.

    To compile plotly.js takes it a second, and then it knows the code for as long as a page has
    it that stood in the same place of the same file. So all pages are one file after another,
    and the first stays open.

    Args:
        browser: started, with one process for all pages of a window.
        file: of the pages.
    """

    def __init__(self, browser, file: Path):
        self.browser = browser
        self.file = file
        self.window = self.new_window()
        file.write_text(html.page(synthetic.small()), "utf-8")
        self.window.new_page().goto(file.as_uri())

    def new_window(self, **options: Any):
        """One that shares nothing with the other."""
        window = self.browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        window.set_default_timeout(120_000)  # for a machine that is busy
        return window


class Visit:
    """A page that is open, and all that should not have come of it.

    Args:
        chromium: where to open it, in the window that all share.
        content: what it shows.
        color_scheme: of the system.
        before: a script that runs before the page's own.
        options: of a window of its own, which opens slowly.
    """

    def __init__(
        self,
        chromium: Chromium,
        content: dict,
        *,
        color_scheme: str = "light",
        before: str | None = None,
        **options: Any,
    ):
        chromium.file.write_bytes(html.page(content).encode("utf-8", "replace"))
        self.address = chromium.file.as_uri()
        self.noise: list[str] = []
        self.own = chromium.new_window(**options) if options else None
        self.page = (self.own or chromium.window).new_page()
        self.page.emulate_media(color_scheme=color_scheme)
        self.page.route("**/*", self._gate)
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
        """Close it, with all that it had the browser remember."""
        if self.own:
            self.own.close()
        else:
            self.page.evaluate("localStorage.clear()")
            self.page.close()

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
    flags = ["--no-sandbox", "--process-per-site", f"--disable-features={','.join(_UNUSED)}"]
    return player, player.chromium.launch(executable_path=path, args=flags)


def _lack(what: str) -> None:
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"Cannot look at a page: {what}")


def draw(page, *sections: str) -> None:
    """Bring figures into sight, and wait until they are drawn; those that a page has not, aside."""
    for section in sections or SECTIONS:
        if not sections and page.locator(f"#{section}").is_hidden():
            continue
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


def mean(run: dict, name: str = "accuracy") -> float:
    """A number of a run."""
    return run["numbers"][name]["mean"]


def evenly(runs: list[dict], n: int = 6) -> list[dict]:
    """From the best to the worst of those that ended, as a page begins."""
    ended = [run for run in runs if run["status"] == "completed"]
    if len(ended) <= n:
        return ended
    return [ended[math.floor(i * (len(ended) - 1) / (n - 1) + 0.5)] for i in range(n)]
