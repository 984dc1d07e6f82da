"""Pages without a browser, and a server with one."""

import pytest

from visiting import listening, wait_until_left


@pytest.fixture
def page():
    """Makes pages; what they train is ended."""
    from deltaflow.live_page.page import Page
    from deltaflow.live_page.settings import PageSettings

    made = []

    def opened(*overrides, **options):
        made.append(Page(PageSettings.from_overrides(overrides), **options))
        return made[-1]

    yield opened
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def served():
    """The pages of a server that listens here, and its address."""
    from deltaflow.live_page.server import Pages
    from deltaflow.live_page.settings import PageSettings

    pages = Pages(PageSettings.from_overrides(["n_seeds=2", "trainer.max_epochs=2"]), most=2)
    with listening(pages) as port:
        yield pages, f"http://127.0.0.1:{port}/"


@pytest.fixture
def visit(served, browser):
    """Opens the page in a window of its own; nothing may go wrong, nor be asked of elsewhere."""
    pages, address = served
    noise, windows = [], []

    def gate(route):
        if route.request.url.startswith(address):
            route.continue_()
        else:
            noise.append(f"request: {route.request.url}")
            route.abort()

    def opened(query="", width=1280, height=800, **options):
        windows.append(browser.new_context(viewport={"width": width, "height": height}, **options))
        tab = windows[-1].new_page()
        tab.set_default_timeout(120_000)
        tab.route("**/*", gate)
        tab.on("console", lambda m: m.type in ("error", "warning") and noise.append(m.text))
        tab.on("pageerror", lambda error: noise.append(str(error)))
        tab.goto(address + query)
        return tab

    yield opened
    for window in windows:
        window.close()
    wait_until_left(pages)
    assert noise == []
