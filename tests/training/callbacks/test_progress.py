"""The bar, as a terminal of 120 columns shows it."""

import io
import re

import lightning.pytorch as pl
import pytest
from rich.console import Console

from deltaflow.records import METRICS, read_table
from deltaflow.training.callbacks import Progress
from running import run

SHORT = ["n_seeds=2", "logger=none", "diagnostics=off"]
CODE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


@pytest.fixture
def console(monkeypatch) -> Console:
    monkeypatch.setenv("TERM", "xterm-256color")
    return Console(file=io.StringIO(), force_terminal=True, width=120)


def screen(console: Console) -> str:
    """What is to be seen once a terminal has obeyed all that was written to it."""
    lines, row, column = [""], 0, 0
    for argument, command, control, text in CODE.findall(console.file.getvalue()):
        if command == "A":
            row -= int(argument or 1)
        elif command == "K":
            lines[row] = ""
        elif control == "\r":
            column = 0
        elif control == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif text:
            lines[row] = lines[row].ljust(column)[:column] + text + lines[row][column + len(text) :]
            column += len(text)
    return "\n".join(lines).strip()


def last_bar(console: Console) -> str:
    """The bar as it stood before it was wiped, without colours."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    return [line for line in re.split(r"[\r\n]", plain) if line.startswith("epoch")][-1]


def assert_shows(bar: str, name: str, metrics, epoch: int) -> None:
    quantity, split = name.split("/")
    mean = metrics.filter(epoch=epoch, split=split)[quantity].mean()
    assert f"{name} {mean:.3f}" in bar


class Fail(pl.Callback):
    """Raises when this epoch begins."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == self.epoch:
            raise RuntimeError("the lights went out")


@pytest.fixture
def broken(console, tmp_path, monkeypatch):
    """The metrics of a run that breaks when the third of its four epochs begins."""
    monkeypatch.setattr(
        "deltaflow.experiment.building.assembly.callbacks", lambda config: [Fail(epoch=2)]
    )
    with pytest.raises(RuntimeError, match="lights"):
        run([*SHORT, "trainer.max_epochs=4"], tmp_path, bar=Progress(console))
    return read_table(tmp_path, METRICS)


@pytest.mark.parametrize("n_epochs", [1, 3])
def test_the_bar_shows_what_the_epoch_led_to(n_epochs, console, tmp_path):
    settings = [*SHORT, f"trainer.max_epochs={n_epochs}"]
    metrics = run(settings, tmp_path, bar=Progress(console)).metrics
    bar = last_bar(console)
    assert f"epoch {n_epochs}/{n_epochs}" in bar
    assert "100%" in bar
    assert_shows(bar, "loss/train", metrics, n_epochs - 1)
    assert_shows(bar, "accuracy/validation", metrics, n_epochs - 1)


def test_half_way_it_shows_half_the_steps_and_the_epoch_before(broken, console):
    bar = last_bar(console)
    assert "epoch 3/4" in bar
    assert " 50%" in bar
    assert_shows(bar, "loss/train", broken, 1)
    assert_shows(bar, "accuracy/validation", broken, 1)


@pytest.mark.parametrize(("settings", "shown"), [
    (["data=diabetes", "loss=mse", "optimizer.lr=0.01"], "r2/validation"),
    (["data.split=[1,0,0]"], "accuracy/train"),
])  # fmt: skip
def test_how_good_the_network_is_depends_on_what_there_is(settings, shown, console, tmp_path):
    settings = [*SHORT, "trainer.max_epochs=2", *settings]
    metrics = run(settings, tmp_path, bar=Progress(console)).metrics
    assert_shows(last_bar(console), shown, metrics, 1)


def test_at_the_end_the_bar_is_gone(console, tmp_path):
    run([*SHORT, "trainer.max_epochs=2"], tmp_path, bar=Progress(console))
    assert screen(console) == ""


def test_after_an_exception_the_bar_is_gone_and_the_message_stands_alone(broken, console):
    console.print("the message")
    assert screen(console) == "the message"


def test_the_cursor_is_there_again(broken, console):
    written = console.file.getvalue()
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l")


def test_a_bar_for_a_sweep_counts_its_runs_and_never_goes_back(console, tmp_path):
    bar = Progress(console, n_runs=2)
    for name in ("0_init=he", "1_init=xavier"):
        run([*SHORT, "trainer.max_epochs=2"], tmp_path / name, bar=bar)
        bar.wipe()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    for run_of_two in ("1–1", "2–2"):
        assert re.search(rf"{run_of_two}/2 · epoch [12]/2", plain)
    for label in ("1/2 · init=he", "2/2 · init=xavier"):
        assert label in plain
    shares = [int(share) for share in re.findall(r"(\d+)%", plain)]
    assert shares == sorted(shares)
    assert shares[-1] == 100
    assert re.search(r"\d:\d\d left", plain)
    assert screen(console) == ""
