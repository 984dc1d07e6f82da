"""One visitor's page: controls, figures, and the training behind them."""

import math
import time
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import panel as pn
from bokeh.events import Tap
from omegaconf import DictConfig, OmegaConf

from deltaflow.live_page.controls import Controls, button, selection, styled
from deltaflow.live_page.figures.display import Display, paragraph, schedule_drawing
from deltaflow.live_page.forecast import Forecast, Forecaster
from deltaflow.live_page.lessons import Lesson
from deltaflow.live_page.saving import BackgroundRun
from deltaflow.live_page.settings import GROUPS, NUMBERS, PageSettings, Value
from deltaflow.live_page.stepwise_training import Training

PERIOD = 80
"""Smallest time between two frames, in ms."""
_ALL = -1  # stands for all replicas
_ALL_SEEDS = {"all seeds": _ALL}
_QUANTITIES = {"δ": "delta_norm", "weight gradient": "sample_grad_rms"}
_RESTART_DELAY = 0.3  # seconds without a change before networks are made
_SHARE = 0.4  # largest share of the time that drawing takes
_SIGMAS = ("init.sigma_w", "init.sigma_b")
_SPEEDS = {"1 step/s": 1.0, "5 steps/s": 5.0, "20 steps/s": 20.0, "as fast as it can": math.inf}


class Page:
    """The page of one visitor.

    Args:
        settings: the settings that the page starts with.
        lesson: the lesson that explains them; ``None`` if there is none.
        dark: whether to use the dark theme.
        on_change: called with the page when its settings or its theme change.
        error: an error message about the settings that were requested; ``None`` if there is none.

    Attributes:
        settings: the present settings.
        config: the present configuration.
        forecast: theory's prediction for it.
        training: the present training; ``None`` before the first.
        timer: the timer that calls `tick`, which `close` stops; ``None`` if the caller stops it.
    """

    def __init__(
        self, settings: PageSettings, lesson: Lesson | None = None, dark: bool = False,
        on_change: Callable[["Page"], None] = lambda page: None, error: str | None = None,
    ) -> None:  # fmt: skip
        self.lesson = lesson
        self.dark = dark
        self.training: Training | None = None
        self.timer: Any = None
        self.settings = self._draft = settings
        self.config: DictConfig
        self.forecast: Forecast
        self._on_change = on_change
        self._forecaster = Forecaster()
        self._choices: dict[str, str | None] = {}
        self._edited_key = "data"
        self._restart_at: float | None = None
        self._draw_at = 0.0
        self._saving: BackgroundRun | None = None
        self.controls = Controls(self.change)
        self.display, self.saving_status = Display(dark), paragraph()
        self.display.phase.figure.on_event(Tap, self._move_star)
        self.command = styled(pn.widgets.TextInput(
            label="the same, on the command line", sizing_mode="stretch_width", margin=0,
        ))  # fmt: skip
        self._make_buttons()
        self.view = self._layout()
        self._apply(settings)
        if error:
            self.controls.show_error("data", error)

    def _make_buttons(self) -> None:
        self.play = button("Play", self.toggle_playing, "main")
        self.step = button("One step", lambda: self._with_training(Training.step))
        self.epoch = button("One epoch", lambda: self._with_training(Training.epoch))
        self.start_over = button("Start over", self.restart)
        self.speed = selection("speed", _SPEEDS, math.inf, lambda _: self._change_speed())
        self.quantity = selection("first picture", _QUANTITIES, "delta_norm",
                                  partial(setattr, self.display, "quantity"))  # fmt: skip
        self.replica = selection("outcome of", _ALL_SEEDS, _ALL, self._show_replica)
        self.save = button("Save as report", self.save_report)
        self.theme = button("Light" if self.dark else "Dark", self.toggle_theme)
        self.theme.jscallback(clicks="document.documentElement.dataset.theme = "
                              "source.label == 'Dark' ? 'dark' : 'light'")  # fmt: skip
        self.copy = button("Copy")
        self.copy.jscallback(args={"command": self.command}, clicks="""
            navigator.clipboard.writeText(command.value)""")  # fmt: skip

    def _layout(self) -> Any:
        def box(*parts: Any, gap: str = "6px 8px", align: str = "flex-start", **styles: str) -> Any:
            return pn.FlexBox(*parts, margin=0, gap=gap, align_items=align,
                              sizing_mode="stretch_width", styles=styles)  # fmt: skip

        bar = box(self.play, self.step, self.epoch, self.start_over, self.speed, self.quantity,
                  self.replica, self.save, self.theme, align="flex-end")  # fmt: skip
        left = box(*self.controls.columns, flex="1 1 210px")
        self.command.styles = {"flex": "1 1 300px"}
        tail = box(self.command, self.copy, align="flex-end")
        right = box(
            *([paragraph(self.lesson.markup)] if self.lesson else []), self.display.verdict, bar,
            self.display.status, box(*self.display.panes), tail, self.saving_status,
            flex="999 1 600px",
        )  # fmt: skip
        return box(left, right, gap="10px 16px")

    def change(self, key: str, value: Value, **others: Value) -> None:
        """Change settings by key; networks are made after a short time without a change."""
        values: dict[str, Value] = {key: value} | others
        if key in _SIGMAS and self.forecast.point and self._choices["init"] != "normal":
            now = (round(sigma, 3) for sigma in self.forecast.point)
            values = {"init": "normal", **dict(zip(_SIGMAS, now, strict=True)), **values}
        draft = self._draft
        for one, chosen in values.items():
            draft = draft.with_value(one, chosen)
        self._edited_key = key
        self._apply(draft)

    def _apply(self, draft: PageSettings) -> None:
        """Show settings, or an error message beside the field that was edited last."""
        self._draft = draft
        try:
            config, choices = draft.compose()
            if self._edited_key == "data" and config.data.get("path", "") is not None:
                is_class = self._forecaster.has_classes(config)
                if is_class != (choices["loss"] != "mse"):
                    draft = draft.with_value("loss", "ce" if is_class else "mse")
                    config, choices = draft.compose()
            self._fill(config, choices)
            self.forecast = self._forecaster.predict(config)
        except ValueError as error:
            self.controls.show_error(self._edited_key, str(error))
            return
        self.controls.show_error(None)
        self.settings, self._draft, self.config = draft, draft, config
        self._choices = dict(choices)
        self._fill(config, choices)
        self.command.value = draft.command
        schedule_drawing(lambda: self.display.predict(self.forecast))
        self._restart_at = time.monotonic() + _RESTART_DELAY
        self._on_change(self)

    def _fill(self, config: DictConfig, choices: Any) -> None:
        get = partial(OmegaConf.select, config, default=...)
        found = {
            key: choices.get(key) if key in GROUPS else get(key) for key in self.controls.fields
        }
        values: dict[str, Value] = {k: value for k, value in found.items() if value is not ...}
        point = getattr(self, "forecast", None) and self.forecast.point
        for key, sigma in zip(_SIGMAS, point or (), strict=False):
            values.setdefault(key, sigma)
        self.controls.fill(values)

    def restart(self) -> None:
        """Make new networks, and train their first step."""
        self._restart_at = None
        was_playing = self.training is not None and self.training.is_playing
        if self.training is not None:
            self.training.close()
        self.training = Training(self.config, self._forecaster.data(self.config))
        seeds = {f"seed {seed}": replica for replica, seed in enumerate(self.training.seeds)}
        self.replica.options = _ALL_SEEDS | seeds
        self.training.step()
        if was_playing:
            self.training.play(self.speed.value)

    def toggle_playing(self) -> None:
        """Start or pause the training."""
        if self.training is not None and self.training.is_playing:
            self.training.pause()
        else:
            self._with_training(lambda training: training.play(self.speed.value))

    def save_report(self) -> None:
        """Train the same settings in the background as an ordinary run with a directory."""
        training = self.training
        if training is None or (self._saving is not None and self._saving.is_running):
            return
        epochs = max(1, -(-training.n_steps // training.epoch_steps))
        self._saving = BackgroundRun(self.settings.with_value("trainer.max_epochs", epochs))

    def toggle_theme(self) -> None:
        """Change between the light and the dark theme."""
        self.dark = not self.dark
        self.theme.label = "Light" if self.dark else "Dark"
        schedule_drawing(lambda: self.display.set_theme(self.dark))
        self._on_change(self)

    def close(self) -> None:
        """Stop the timer, and end the training."""
        if self.timer is not None:
            self.timer.stop()
        if self.training is not None:
            self.training.close()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """The page for the display of a notebook."""
        return self.view._repr_mimebundle_(include, exclude)

    def tick(self) -> None:
        """Draw a frame, unless drawing has used up its share of the time; called by a timer."""
        now = time.monotonic()
        if now >= self._draw_at:
            self.frame()
            self._draw_at = time.monotonic() + (time.monotonic() - now) * (1 / _SHARE - 1)

    def frame(self) -> None:
        """Draw the changes since the last frame."""
        if self._restart_at is not None and time.monotonic() >= self._restart_at:
            self.restart()
        self._draw()
        pn.io.push_notebook(self.view)  # Bokeh's models are not sent to a notebook automatically

    def _draw(self) -> None:
        self.display.phase.show(self._forecaster.diagram(self.forecast.theory))
        if self._saving is not None:
            self.saving_status.object = f"<p>{escape(self._saving.status)}</p>"
        if (training := self.training) is None or self._restart_at is not None:
            return
        if training.error is not None:
            self.controls.show_error(self._edited_key, training.error)
        self.play.label = "Pause" if training.is_playing else "Play"
        self.display.show(training, self.forecast)

    def _with_training(self, do: Callable[[Training], None]) -> None:
        if self._restart_at is not None:
            self.restart()  # the request is about the present settings
        if self.training is not None:
            do(self.training)

    def _show_replica(self, replica: int) -> None:
        self._with_training(lambda training: training.show(None if replica == _ALL else replica))

    def _change_speed(self) -> None:
        if self.training is not None and self.training.is_playing:
            self.training.play(self.speed.value)

    def _move_star(self, event: Any) -> None:
        if self.forecast.point is not None:
            sigmas = (round(min(max(at, 0), NUMBERS[key][1]), 2)
                      for key, at in zip(_SIGMAS, (event.x, event.y), strict=True))  # fmt: skip
            self.change(_SIGMAS[0], next(sigmas), **{_SIGMAS[1]: next(sigmas)})
