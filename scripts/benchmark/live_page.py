"""How fast the live page answers in Chromium, at depth 20, width 32, 16 seeds and 300 rows.

``scripts/live.py`` runs in a process of its own; Chromium is open before. The first picture is
there when every figure is drawn with theory's answer. While the networks train, another request
comes every 20 ms: the longest that one waits is the longest that the server was busy otherwise.
"""

import math
import os
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from benchmark.tables import spread
from deltaflow import UserError

HERE = "127.0.0.1"
WORK = ("data=moons", "data.n_samples=300", "network.depth=20", "network.width=32", "n_seeds=16",
        "activation=tanh", "trainer.max_epochs=2000")  # fmt: skip
SECONDS = 10.0  # that it is watched while it plays
MOVES = 9  # of a slider
DEPTH_SLIDER = 2  # after those of σ_w and σ_b
PAUSE = 0.02  # seconds between two requests
FIRST = "from the command to a first picture, s"
THEORY = "from a slider's move to theory's line, ms"
STEPS = "training steps shown, 1/s"
BUSY = "longest time that the server is busy, ms"
FRAME = "longest frame of the browser, ms"
TARGETS = {FIRST: 8.0, THEORY: 150.0, STEPS: 20.0, BUSY: 100.0, FRAME: 100.0}
_DRAWN = """() => {
    const [page] = window.Bokeh?.documents ?? [], size = (name, of) => Math.max(
        ...page.get_model_by_name(name).renderers.map(r => r.data_source.data[of]?.length ?? 0));
    return page?.is_idle && size('depth profile of δ', 'y') && document.readyState == 'complete'
        && size('phase diagram over σ_w and σ_b', 'image');
}"""
_RECORD = """() => {
    const now = performance.now(), seen = window.seen = {frame: 0, drawn: [], last: now};
    const theory = () => Bokeh.documents[0].get_model_by_name('depth profile of δ').renderers;
    const sources = theory().map(r => r.data_source);
    for (const source of new Set(sources)) {
        source.properties.data.change.connect(() => { seen.changed = performance.now(); });
    }
    const beat = () => {
        const now = performance.now();
        seen.frame = Math.max(seen.frame, now - seen.last);
        if (seen.changed) { seen.drawn.push(now); seen.changed = 0; }
        seen.last = now;
        requestAnimationFrame(beat);
    };
    requestAnimationFrame(beat);
}"""
_MOVE = """async place => {
    const handles = [...document.querySelectorAll('*')], found = [];
    const into = root => { for (const one of root.querySelectorAll('*')) {
        if (one.classList.contains('noUi-handle')) found.push(one);
        if (one.shadowRoot) into(one.shadowRoot);
    } };
    into(document);
    const fig = Bokeh.documents[0].get_model_by_name('depth profile of δ');
    const source = fig.renderers.at(-1).data_source;
    const began = performance.now();
    return await new Promise(done => {
        const drawn = () => requestAnimationFrame(() => requestAnimationFrame(() => {
            source.properties.data.change.disconnect(drawn);
            done(performance.now() - began);
        }));
        source.properties.data.change.connect(drawn);
        found[place].dispatchEvent(
            new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}));
    });
}"""


def measure_live_page(options: Namespace) -> dict[str, Any]:
    """Open the page and work with it, round by round.

    Returns:
        In JSON's own types: ``settings``, ``machine`` and ``tables``.

    Raises:
        ValueError: if there is no browser, or the page does not open.
    """
    work = [*WORK, *options.overrides]
    with _chromium() as browser:
        rounds = [_measured(browser, work) for _ in range(options.repeats)]
    rows = []
    for name in rounds[0]:
        median, lowest, highest = spread([found[name] for found in rounds]).values()
        claim = ["", ""]
        if (target := TARGETS.get(name)) is not None:
            sign, holds = ("≥", median >= target) if name == STEPS else ("≤", median <= target)
            claim = [f"{sign} {target:g}", "yes" if holds else "no"]
        rows.append([name, f"{median:.3g}", f"{lowest:.3g} to {highest:.3g}", *claim])
    columns = ["measured", "median", "lowest to highest", "target", "holds"]
    return {
        "settings": vars(options) | {"overrides": work},
        "machine": {"cpus": os.cpu_count(), "browser": f"Chromium {browser.version}, headless"},
        "tables": [{"title": "The live page", "columns": columns, "rows": rows}],
    }


@contextmanager
def _chromium() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise UserError(
            "The live page is measured in Chromium. Found no Playwright to drive it. Use "
            '`pip install -e ".[test]"`.'
        ) from None
    with sync_playwright() as player:
        names = ("chromium", "chromium-browser", "google-chrome")
        path = next(filter(None, map(shutil.which, names)), player.chromium.executable_path)
        if not Path(path).exists():
            raise UserError(
                "The live page is measured in Chromium. Found none. Use `playwright install "
                "chromium`."
            )
        browser = player.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def _measured(browser: Any, work: Sequence[str]) -> dict[str, float]:
    """What one round takes, by name."""
    with socket.create_server((HERE, 0)) as free:
        port = free.getsockname()[1]
    script = Path(__file__).parents[1] / "live.py"
    tab = browser.new_page(viewport={"width": 1440, "height": 900})
    command = [sys.executable, str(script), "--no-browser", "--port", str(port), *work]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            _await(port, process)
            tab.goto(f"http://{HERE}:{port}/")
            tab.wait_for_function(_DRAWN)
            first = time.perf_counter() - began
            server = psutil.Process(process.pid)
            took = _processor(server)
            tab.get_by_text("Verdict.").wait_for()
            moves = [tab.evaluate(_MOVE, DEPTH_SLIDER) for _ in range(MOVES)]
            tab.get_by_text("Verdict.").wait_for()
            playing = _playing(tab, port, server)
        finally:
            tab.close()
            process.terminate()
    theory = statistics.median(moves)
    return {FIRST: first, "processor time of it, s": took, THEORY: theory, **playing}


def _playing(tab: Any, port: int, server: psutil.Process) -> dict[str, float]:
    """What the page does while its networks train."""

    def now() -> tuple[float, float, int]:
        words = tab.get_by_text("seeds ·").inner_text()
        return time.perf_counter(), _processor(server), int(words.split()[1])

    tab.get_by_role("button", name="Play", exact=True).click()
    tab.get_by_role("button", name="Pause", exact=True).wait_for()
    with _asking(port) as waits:
        tab.evaluate(_RECORD)
        before = now()
        tab.wait_for_timeout(SECONDS * 1e3)
        after = now()
    seen = tab.evaluate("seen")
    seconds, processor, steps = (b - a for a, b in zip(before, after, strict=True))
    gaps = [b - a for a, b in pairwise(seen["drawn"])]
    return {
        STEPS: steps / seconds,
        BUSY: max(waits) * 1e3,
        FRAME: seen["frame"],
        "pictures, 1/s": len(seen["drawn"]) / seconds,
        "longest time between two pictures, ms": max(gaps, default=math.inf),
        "processor time of a step and its picture, ms": processor / max(steps, 1) * 1e3,
    }


def _processor(server: psutil.Process) -> float:
    """Seconds of processor time that it took so far."""
    times = server.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _asking(port: int) -> Iterator[list[float]]:
    """Ask the server again and again, meanwhile; seconds that each answer takes."""
    waits: list[float] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.wait(PAUSE):
            asked = HTTPConnection(HERE, port)
            began = time.perf_counter()
            asked.request("GET", "/favicon.ico")
            asked.getresponse().read()
            waits.append(time.perf_counter() - began)
            asked.close()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield waits
    finally:
        ended.set()
        thread.join()


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a process listens.

    Raises:
        ValueError: with what it said, if it ends instead.
    """
    while process.poll() is None:
        with socket.socket() as asked:
            if asked.connect_ex((HERE, port)) == 0:
                return
        time.sleep(PAUSE)
    said = process.stderr.read().decode() if process.stderr else ""
    raise UserError(said.strip().removeprefix("deltaflow: ") or "The page does not open.")
