"""All figures of the page, and what is said above them."""

import time
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import panel as pn

from deltaflow.live_page.figures.looks import DARK, LIGHT
from deltaflow.live_page.figures.phase_figure import PhaseFigure
from deltaflow.live_page.figures.predictions_figure import OutcomeFigure
from deltaflow.live_page.figures.profile_figure import ProfileFigure
from deltaflow.live_page.figures.training_figures import CurvesFigure, HeatFigure, SharesFigure
from deltaflow.live_page.forecast import Forecast
from deltaflow.live_page.history import PROFILES
from deltaflow.live_page.training import Training

_SLOW = 0.25  # seconds between two pictures of what grows by little with each step
TEXT_STYLE = """
:host { font: 14px/1.45 var(--sans, sans-serif); color: var(--ink, #1b1c1e); }
p { margin: 0; } b { font-weight: 650; }
.quiet { color: var(--quiet, #5a5e66); font-size: 12.5px; }
.lesson { border-left: 3px solid var(--accent, #1b4f9c); padding-left: 10px; }
"""


def text(markup: str = "") -> Any:
    """A paragraph of the page."""
    return pn.pane.HTML(markup, sizing_mode="stretch_width", margin=0, stylesheets=[TEXT_STYLE])


def said(head: str, words: str) -> str:
    """A sentence under its head, which readers of screens hear when it changes."""
    return f'<p role="status"><b>{escape(head)}.</b> {escape(words)}</p>'


def draw(do: Callable[[], None]) -> None:
    """Draw now, or as soon as the document of a server may be changed.

    Bokeh's own route for changes is taken, one message each: Panel's, which holds them and sends
    all in one, leaves some out.
    """
    document = pn.state.curdoc
    if document is not None and document.session_context is not None:
        document.add_next_tick_callback(do)
    else:
        do()


class Display:
    """What is seen of a network and its training.

    Attributes:
        quantity: what the first figure shows, a column of the layers table.
        figures: all of them, in reading order.
        verdict: what theory, and later the run, says.
        status: how far the training is.
    """

    def __init__(self, dark: bool) -> None:
        self.quantity = PROFILES[0]
        self.verdict, self.status = text(), text()
        self.profile, self.heat, self.outcome = ProfileFigure(), HeatFigure(), OutcomeFigure()
        self.loss, self.score = CurvesFigure("Loss", 140), CurvesFigure("Accuracy", 122)
        self.shares, self.phase = SharesFigure(), PhaseFigure()
        self.figures = (self.profile, self.heat, self.outcome, self.loss, self.score, self.shares,
                        self.phase)  # fmt: skip
        self._scale = dict.fromkeys(PROFILES, 1.0)  # at the last hidden layer, as measured last
        self._drawn: tuple[object, ...] = ()
        self._slow_at = 0.0
        self.dress(dark)

    @property
    def panes(self) -> list[Any]:
        """The figures in reading order."""
        curves = pn.Column(self.loss.figure, self.score.figure, margin=0)
        figures = (self.profile, self.heat, self.outcome, self.shares, self.phase)
        panes = [pn.pane.Bokeh(one.figure, margin=0) for one in figures]
        panes.insert(3, curves)
        for pane in panes:
            pane.styles = {"flex": "1 1 300px", "min-width": "270px"}
        return panes

    def dress(self, dark: bool) -> None:
        """Give all figures the colours of the paper."""
        for figure in self.figures:
            figure.dress(DARK if dark else LIGHT)

    def predict(self, forecast: Forecast) -> None:
        """Show theory alone."""
        line = forecast.profiles.get(self.quantity, np.empty(0)) * self._scale[self.quantity]
        self.profile.predict(self.quantity, line)
        for figure in (self.heat, self.outcome, self.loss, self.score, self.shares):
            figure.clear()
        self.phase.move(forecast.point)
        self.verdict.object = said("Theory", forecast.words)
        self.score.set_title("Accuracy" if forecast.is_class else "R²")
        self._drawn, self._slow_at = (), 0.0

    def show(self, training: Training, forecast: Forecast) -> None:
        """Show what has come of a training since it was shown last."""
        course, layers, outcome = training.course, training.course.layers, training.outcome
        state = (id(training), len(layers.steps), course.metrics.n_parts, id(outcome),
                 training.is_playing, training.has_ended, self.quantity)  # fmt: skip
        if state == self._drawn:
            return
        self.status.object = _status(training)
        if layers.first is not None and layers.last is not None:
            self.profile.show(self.quantity, layers.first, layers.last)
            for name, profile in layers.first.profiles.items():
                if forecast.theory.depth:
                    self._scale[name] = float(10 ** profile.mean[-2])
        if not training.is_playing or time.monotonic() >= self._slow_at:
            self._slow_at = time.monotonic() + _SLOW
            self._show_course(training, forecast)
        if outcome is not None:
            first, *others = outcome.verdicts or ("Nothing is known yet.",)
            more = "".join(f'<p class="quiet">{escape(words)}</p>' for words in others[:2])
            self.verdict.object = said("Verdict", first) + more
            if outcome.shown is not None:
                self.outcome.show(outcome.shown)
        self._drawn = state  # a picture that failed is drawn again

    def _show_course(self, training: Training, forecast: Forecast) -> None:
        course, epoch_steps = training.course, training.epoch_steps
        if course.layers.last is not None:
            self.shares.show(course.layers.last)
            self.heat.show(course, epoch_steps)
        self.loss.show(course, "loss", epoch_steps)
        self.score.show(course, "accuracy" if forecast.is_class else "r2", epoch_steps)


def _status(training: Training) -> str:
    steps, of, n_seeds = training.n_steps, training.epoch_steps, len(training.seeds)
    state = "at its end" if training.has_ended else "playing" if training.is_playing else "paused"
    epochs = training.config.trainer.max_epochs
    return (f'<p class="quiet">step {steps} of {of * epochs} · epoch {-(-steps // of)} of '
            f"{epochs} · {n_seeds} seed{'s' * (n_seeds != 1)} · {state}</p>")  # fmt: skip
