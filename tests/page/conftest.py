"""Pages of reports in one Chromium that all tests of this folder share."""

import pytest

import synthetic
from chromium import Chromium, Visit, draw


@pytest.fixture(scope="session")
def chromium(browser, tmp_path_factory):
    return Chromium(browser, tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture
def visit(chromium):
    """Opens pages; whatever they did, nothing may have gone wrong and nothing been asked for."""
    visits = []

    def opened(content, **options):
        visits.append(Visit(chromium, content, **options))
        return visits[-1]

    yield opened
    for one in visits:
        one.close()
    assert [noise for one in visits for noise in one.noise] == []


@pytest.fixture(scope="session")
def _drawn(chromium):
    one = Visit(chromium, synthetic.small())
    draw(one.page)
    yield one
    one.close()


@pytest.fixture
def drawn(_drawn):
    """The page of a small sweep with all its figures, to look at only, and its content."""
    yield _drawn.page, synthetic.small()
    assert _drawn.noise == []


@pytest.fixture
def small(visit):
    """The page of a small sweep, and its content."""
    content = synthetic.small()
    return visit(content).page, content
