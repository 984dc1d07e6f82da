"""One visitor's page: controls, figures, and the training behind them."""

import math
import time
from collections.abc import Callable
from html import escape
from typing import Any

import panel as pn
from bokeh.events import Tap
from omegaconf import DictConfig, OmegaConf

from deltaflow.live_page.controls import Controls, button, keys, selection, styled
from deltaflow.live_page.figures.display import Display, draw, text
from deltaflow.live_page.forecast import Forecast, Forecaster
from deltaflow.live_page.lessons import Lesson
from deltaflow.live_page.saving import Saving
from deltaflow.live_page.settings import GROUPS, NUMBERS, Settings, Value
from deltaflow.live_page.training import Training

PERIOD = 80
"""Milliseconds between two frames, at least."""
_ALL = -1  # in place of a replica
_EVERY = {"all seeds": _ALL}
_QUANTITIES = {"δ": "delta_norm", "weight gradient": "sample_grad_rms"}
_SETTLED = 0.3  # seconds without a change, after which networks are made
_SHARE = 0.4  # of the time, at most, that drawing takes
_SIGMAS = ("init.sigma_w", "init.sigma_b")
_SPEEDS = {"1 step/s": 1.0, "5 steps/s": 5.0, "20 steps/s": 20.0, "as fast as it can": math.inf}


class Page:
    """What one visitor sees.

    Args:
        settings: to begin with.
        lesson: that explains them, if any.
        dark: whether paper is dark.
        moved: called with the settings whenever others are shown.
        error: what was wrong with the settings that were asked for instead.

    Attributes:
        settings: that are shown.
        config: the configuration that they describe.
        training: of its networks; ``None`` before the first.
        timer: that calls `beat` and ends with the page; ``None`` if its caller ends it.
    """

    def __init__(
        self, settings: Settings, lesson: Lesson | None = None, dark: bool = False,
        moved: Callable[["Page"], None] = lambda page: None, error: str | None = None,
    ) -> None:  # fmt: skip
        self.lesson = lesson
        self.dark = dark
        self.training: Training | None = None
        self.timer: Any = None
        self.settings = self._draft = settings
        self.config: DictConfig
        self.forecast: Forecast
        self._moved = moved
        self._forecaster = Forecaster()
        self._choices: dict[str, str | None] = {}
        self._blamed = "data"
        self._restart_at: float | None = None
        self._draw_at = 0.0
        self._saving: Saving | None = None
        self.controls = Controls(self.change)
        self.display, self.said = Display(dark), text()
        self.display.phase.figure.on_event(Tap, self._tapped)
        self.command = styled(pn.widgets.TextInput(
            label="the same, on the command line", sizing_mode="stretch_width", margin=0,
        ))  # fmt: skip
        self._buttons()
        self.view = self._laid_out()
        self._adopt(settings)
        if error:
            self.controls.blame("data", error)

    def _buttons(self) -> None:
        self.play = button("Play", self.toggle, "main")
        self.step = button("One step", lambda: self._ask(Training.step))
        self.epoch = button("One epoch", lambda: self._ask(Training.epoch))
        self.over = button("Start over", self.restart)
        self.speed = selection("speed", _SPEEDS, math.inf, lambda _: self._respeed())
        self.quantity = selection("first picture", _QUANTITIES, "delta_norm", self._show_quantity)
        self.shown = selection("outcome of", _EVERY, _ALL, self._show_replica)
        self.save = button("Save as report", self.keep)
        self.theme = button("Light" if self.dark else "Dark", self.turn)
        self.theme.jscallback(clicks="document.documentElement.dataset.theme = "
                              "source.label == 'Dark' ? 'dark' : 'light'")  # fmt: skip
        self.copy = button("Copy")
        self.copy.jscallback(args={"command": self.command}, clicks="""
            navigator.clipboard.writeText(command.value)""")  # fmt: skip

    def _laid_out(self) -> Any:
        def box(*parts: Any, gap: str = "6px 8px", align: str = "flex-start", **styles: str) -> Any:
            return pn.FlexBox(*parts, margin=0, gap=gap, align_items=align,
                              sizing_mode="stretch_width", styles=styles)  # fmt: skip

        bar = box(self.play, self.step, self.epoch, self.over, self.speed, self.quantity,
                  self.shown, self.save, self.theme, align="flex-end")  # fmt: skip
        left = box(*self.controls.columns, flex="1 1 210px")
        self.command.styles = {"flex": "1 1 300px"}
        tail = box(self.command, self.copy, align="flex-end")
        right = box(
            *([text(self.lesson.markup)] if self.lesson else []), self.display.verdict, bar,
            self.display.status, box(*self.display.panes), tail, self.said, flex="999 1 600px",
        )  # fmt: skip
        return box(left, right, gap="10px 16px")

    def change(self, key: str, value: Value, **others: Value) -> None:
        """Set one thing, or several; networks are made when it comes to rest."""
        values: dict[str, Value] = {key: value} | others
        if key in _SIGMAS and self.forecast.point and self._choices["init"] != "normal":
            now = (round(sigma, 3) for sigma in self.forecast.point)
            values = {"init": "normal", **dict(zip(_SIGMAS, now, strict=True)), **values}
        draft = self._draft
        for one, chosen in values.items():
            draft = draft.with_value(one, chosen)
        self._blamed = key
        self._adopt(draft)

    def _adopt(self, draft: Settings) -> None:
        """Show a state, or say beside the field that led to it why there is none such."""
        self._draft = draft
        try:
            config, choices = draft.composed()
            if self._blamed == "data" and config.data.get("path", "") is not None:
                is_class = self._forecaster.has_classes(config)
                if is_class != (choices["loss"] != "mse"):
                    draft = draft.with_value("loss", "ce" if is_class else "mse")
                    config, choices = draft.composed()
            self._fill(config, choices)
            self.forecast = self._forecaster.predict(config)
        except ValueError as error:
            self.controls.blame(self._blamed, str(error))
            return
        self.controls.blame(None)
        self.settings, self._draft, self.config = draft, draft, config
        self._choices = dict(choices)
        self._fill(config, choices)
        self.command.value = draft.command
        draw(lambda: self.display.predict(self.forecast))
        self._restart_at = time.monotonic() + _SETTLED
        self._moved(self)

    def _fill(self, config: DictConfig, choices: Any) -> None:
        values: dict[str, Value] = {}
        for key in keys():
            found = (
                choices.get(key) if key in GROUPS else OmegaConf.select(config, key, default=...)
            )
            if found is not ...:
                values[key] = found
        point = getattr(self, "forecast", None) and self.forecast.point
        for key, sigma in zip(_SIGMAS, point or (), strict=False):
            values.setdefault(key, sigma)
        self.controls.fill(values)

    def restart(self) -> None:
        """Make the networks anew, and take their first step."""
        self._restart_at = None
        was_playing = self.training is not None and self.training.is_playing
        if self.training is not None:
            self.training.close()
        self.training = Training(self.config, self._forecaster.data(self.config))
        self.shown.options = _EVERY | {f"seed {s}": r for r, s in enumerate(self.training.seeds)}
        self.training.step()
        if was_playing:
            self.training.play(self.speed.value)

    def toggle(self) -> None:
        """Play, or pause."""
        if self.training is not None and self.training.is_playing:
            self.training.pause()
        else:
            self._ask(lambda training: training.play(self.speed.value))

    def keep(self) -> None:
        """Write an ordinary run directory of what was trained."""
        training = self.training
        if training is None or (self._saving is not None and self._saving.is_going):
            return
        epochs = max(1, -(-training.n_steps // training.epoch_steps))
        self._saving = Saving(self.settings.with_value("trainer.max_epochs", epochs))

    def turn(self) -> None:
        """Turn the paper over, from light to dark or back."""
        self.dark = not self.dark
        self.theme.label = "Light" if self.dark else "Dark"
        draw(lambda: self.display.dress(self.dark))
        self._moved(self)

    def close(self) -> None:
        """Let go of the networks."""
        if self.timer is not None:
            self.timer.stop()
        if self.training is not None:
            self.training.close()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """What a notebook shows."""
        return self.view._repr_mimebundle_(include, exclude)

    def beat(self) -> None:
        """Show a frame, unless drawing had its share of the time already; for a timer to call."""
        now = time.monotonic()
        if now >= self._draw_at:
            self.frame()
            self._draw_at = time.monotonic() + (time.monotonic() - now) * (1 / _SHARE - 1)

    def frame(self) -> None:
        """Show what has come since the last frame."""
        if self._restart_at is not None and time.monotonic() >= self._restart_at:
            self.restart()
        self._draw()
        pn.io.push_notebook(self.view)  # which Bokeh's own models do not do by themselves

    def _draw(self) -> None:
        self.display.phase.show(self._forecaster.diagram(self.forecast.theory))
        if self._saving is not None:
            self.said.object = f"<p>{escape(self._saving.said)}</p>"
        if (training := self.training) is None or self._restart_at is not None:
            return
        if training.error is not None:
            self.controls.blame(self._blamed, training.error)
        self.play.label = "Pause" if training.is_playing else "Play"
        self.display.show(training, self.forecast)

    def _ask(self, do: Callable[[Training], None]) -> None:
        if self._restart_at is not None:
            self.restart()  # whoever asks means what is set now
        if self.training is not None:
            do(self.training)

    def _show_replica(self, replica: int) -> None:
        self._ask(lambda training: training.show(None if replica == _ALL else replica))

    def _show_quantity(self, name: str) -> None:
        self.display.quantity = name

    def _respeed(self) -> None:
        if self.training is not None and self.training.is_playing:
            self.training.play(self.speed.value)

    def _tapped(self, event: Any) -> None:
        if self.forecast.point is not None:
            sigmas = (round(min(max(at, 0), NUMBERS[key][1]), 2)
                      for key, at in zip(_SIGMAS, (event.x, event.y), strict=True))  # fmt: skip
            self.change(_SIGMAS[0], next(sigmas), **{_SIGMAS[1]: next(sigmas)})
