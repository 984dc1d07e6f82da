"""The page in Chromium: speed, clicks and keys, and who may come and go."""

import socket

import panel
import pytest

from deltaflow.live_page.lessons import LESSONS
from deltaflow.live_page.server import Pages
from deltaflow.live_page.settings import PageSettings
from visiting import answers, button, focus, listening, only, place, shown, wait_until_left
from waiting import wait_until

pytestmark = pytest.mark.slow


def test_speed_is_chosen_while_it_plays(visit, served):
    tab = visit("?trainer.max_epochs=2000")
    page = only(served)
    button(tab, "Play").click()
    button(tab, "Pause").wait_for()
    assert page.training._pause == 0
    tab.get_by_label("speed", exact=True).select_option("1 step/s")
    wait_until(lambda: page.training._pause == 1)
    assert page.training.is_playing
    button(tab, "Pause").click()
    button(tab, "Play").wait_for()
    wait_until(page.training._is_resting)
    tab.get_by_text(f"step {page.training.n_steps} of").wait_for()
    tab.get_by_text("paused").wait_for()


def test_a_click_in_the_phase_diagram_moves_the_network(visit, served):
    tab = visit("?activation=tanh&network.depth=5")
    page = only(served)
    name = "phase diagram over σ_w and σ_b"
    tab.get_by_text("Verdict.").wait_for()
    wait_until(lambda: shown(tab, name)[0]["image"])
    tab.mouse.click(*place(tab, name, 2.0, 1.0))  # of σ_w and σ_b
    wait_until(lambda: page.settings.chosen.get("init") == "normal")
    wait_until(lambda: "init.sigma_b" in tab.evaluate("location.href"))
    sigmas = [page.settings.chosen[f"init.sigma_{which}"] for which in "wb"]
    assert sigmas == pytest.approx([2.0, 1.0], abs=0.03)
    wait_until(lambda: [shown(tab, name)[3][axis] for axis in "xy"] == [[s] for s in sigmas])
    handles = tab.get_by_role("slider")
    wait_until(lambda: sigmas == pytest.approx(
        [float(handles.nth(n).get_attribute("aria-valuenow")) for n in (0, 1)], abs=0.03
    ))  # fmt: skip


def test_all_is_done_by_keys(visit, served):
    tab = visit("?trainer.max_epochs=2000")
    page = only(served)
    focus(tab, "activation")
    tab.keyboard.type("tanh")
    wait_until(lambda: page.settings.chosen.get("activation") == "tanh")
    wait_until(lambda: page._restart_at is None)
    focus(tab, "Play")
    tab.keyboard.press("Space")
    wait_until(lambda: page.training.is_playing)
    button(tab, "Pause").wait_for()
    focus(tab, "Pause")
    tab.keyboard.press("Enter")
    wait_until(lambda: not page.training.is_playing)
    lesson = LESSONS[1]
    focus(tab, lesson.title)
    tab.keyboard.press("Enter")
    tab.get_by_text(lesson.do).wait_for()


def test_a_tab_that_is_closed_frees_its_session(visit, served):
    def sessions():
        return sum(len(server.get_sessions()) for server, *_ in panel.state._servers.values())

    tab = visit()
    page = only(served)
    assert sessions() == 1
    tab.close()
    wait_until_left(served[0])
    wait_until(lambda: not sessions())
    assert page not in served[0].open
    page.training._thread.join(60)
    assert not page.training._thread.is_alive()


@pytest.mark.parametrize(("address", "is_heard"), [("127.0.0.1", False), ("0.0.0.0", True)])
def test_other_machines_are_heard_only_if_asked(address, is_heard):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))  # of no machine; nothing is sent
        except OSError:
            pytest.skip("this machine has no address but its own")
        other = asked.getsockname()[0]
    if other.startswith("127."):
        pytest.skip("this machine has no address but its own")
    with listening(Pages(PageSettings.from_overrides(["n_seeds=1"])), address) as port:
        assert answers("127.0.0.1", port)
        assert answers(other, port) == is_heard
