"""The page in a notebook: it goes on in the notebook's event loop, and the browser hears of it."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor

import panel
import pytest
from pyviz_comms import Comm, CommManager

from deltaflow import live


class Heard(Comm):
    """A connection to a browser, which keeps what goes over it."""

    said: list[str] = []  # noqa: RUF012, for all connections of a test

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._comm = True

    def init(self, on_open=None):
        pass

    def send(self, data=None, metadata=None, buffers=()):
        if data is not None:
            self.said.append(data)


class Manager(CommManager):
    server_comm = Heard


@pytest.fixture
def said(monkeypatch):
    monkeypatch.setattr(panel.state, "_comm_manager", Manager)
    monkeypatch.setattr(panel.state, "_location", None)
    monkeypatch.setattr(panel.extension, "_loaded", True)
    monkeypatch.setattr(panel.config, "console_output", "disable")
    monkeypatch.setattr(Heard, "said", [])
    return Heard.said


async def until(holds, seconds=120.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def changes(said):
    """What the browser was told to set, by model and attribute."""
    events = [event for line in said for event in json.loads(line).get("events", [])]
    return [(event["model"]["id"], event.get("attr")) for event in events if "model" in event]


def test_it_steps_and_is_seen_to(said):
    async def notebook():
        page = live(["n_seeds=2", "trainer.max_epochs=2"])
        markup, _ = page._repr_mimebundle_()
        assert "text/html" in markup
        now = page.display.profile.sources["now"]
        await until(lambda: "step 1 of" in page.display.status.object)
        page.step.clicks += 1
        await until(lambda: "step 2 of" in page.display.status.object)
        await until(lambda: changes(said).count((now.id, "data")) >= 2)
        page.change("activation", "sigmoid")
        diagram = page.display.phase.image
        await until(lambda: changes(said).count((diagram.id, "data")) >= 2)
        page.close()
        assert not page.timer.running
        await asyncio.sleep(0)

    with ThreadPoolExecutor(1) as own:  # a browser of other tests may have a loop in this one
        own.submit(asyncio.run, notebook()).result()
