"""All figures of the page, and the text above them."""

import time
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import panel as pn

from deltaflow.live_page.figures.looks import DARK, LIGHT
from deltaflow.live_page.figures.phase_figure import PhaseFigure
from deltaflow.live_page.figures.predictions_figure import PredictionsFigure
from deltaflow.live_page.figures.profile_figure import ProfileFigure
from deltaflow.live_page.figures.training_figures import CurvesFigure, HeatFigure, SharesFigure
from deltaflow.live_page.forecast import Forecast
from deltaflow.live_page.history import PROFILES
from deltaflow.live_page.stepwise_training import Training
from deltaflow.system.wording import many

_HISTORY_PERIOD = 0.25  # seconds between two drawings of the history, which changes little per step
TEXT_STYLE = """
:host { font: 14px/1.45 var(--sans, sans-serif); color: var(--ink, #1b1c1e); }
p { margin: 0; } b { font-weight: 650; }
.quiet { color: var(--quiet, #5a5e66); font-size: 12.5px; }
.lesson { border-left: 3px solid var(--accent, #1b4f9c); padding-left: 10px; }
"""


def paragraph(markup: str = "") -> Any:
    """Make a pane that shows a paragraph of HTML."""
    return pn.pane.HTML(markup, sizing_mode="stretch_width", margin=0, stylesheets=[TEXT_STYLE])


def titled_sentence(head: str, words: str) -> str:
    """A sentence with a title as HTML; screen readers announce its changes."""
    return f'<p role="status"><b>{escape(head)}.</b> {escape(words)}</p>'


def schedule_drawing(do: Callable[[], None]) -> None:
    """Draw now, or on a server as soon as the document may be changed.

    Changes are sent by Bokeh, one message each, because Panel combines them and loses some.
    """
    document = pn.state.curdoc
    if document is not None and document.session_context is not None:
        document.add_next_tick_callback(do)
    else:
        do()


class Display:
    """The figures of a training, with its verdict and its status.

    Args:
        dark: whether to use the dark theme.

    Attributes:
        quantity: the column of the layers table that the first figure shows.
        figures: all figures, in reading order.
        verdict: theory's prediction before the training, then the verdicts.
        status: the progress of the training.
    """

    def __init__(self, dark: bool) -> None:
        self.quantity = PROFILES[0]
        self.verdict, self.status = paragraph(), paragraph()
        self.profile, self.heat = ProfileFigure(), HeatFigure()
        self.predictions = PredictionsFigure()
        self.loss, self.score = CurvesFigure("Loss", 140), CurvesFigure("Accuracy", 122)
        self.shares, self.phase = SharesFigure(), PhaseFigure()
        self.figures = (self.profile, self.heat, self.predictions, self.loss, self.score,
                        self.shares, self.phase)  # fmt: skip
        self._scale = dict.fromkeys(PROFILES, 1.0)  # last measured value at the last hidden layer
        self._drawn: tuple[object, ...] = ()
        self._draw_history_at = 0.0
        self.set_theme(dark)

    @property
    def panes(self) -> list[Any]:
        """The figures in reading order."""
        curves = pn.Column(self.loss.figure, self.score.figure, margin=0)
        figures = (self.profile, self.heat, self.predictions, self.shares, self.phase)
        panes = [pn.pane.Bokeh(one.figure, margin=0) for one in figures]
        panes.insert(3, curves)
        for pane in panes:
            pane.styles = {"flex": "1 1 300px", "min-width": "270px"}
        return panes

    def set_theme(self, dark: bool) -> None:
        """Give all figures the colours of the light or the dark theme."""
        for figure in self.figures:
            figure.set_theme(DARK if dark else LIGHT)

    def predict(self, forecast: Forecast) -> None:
        """Show a forecast, and remove all measured values."""
        line = forecast.profiles.get(self.quantity, np.empty(0)) * self._scale[self.quantity]
        self.profile.predict(self.quantity, line)
        for figure in (self.heat, self.predictions, self.loss, self.score, self.shares):
            figure.clear()
        self.phase.move(forecast.point)
        self.verdict.object = titled_sentence("Theory", forecast.words)
        self.score.set_title("Accuracy" if forecast.is_class else "R²")
        self._drawn, self._draw_history_at = (), 0.0

    def show(self, training: Training, forecast: Forecast) -> None:
        """Show the present state of a training, if it has changed."""
        history, layers, evaluation = training.history, training.history.layers, training.evaluation
        state = (id(training), len(layers.steps), history.metrics.n_appended, id(evaluation),
                 training.is_playing, training.has_ended, self.quantity)  # fmt: skip
        if state == self._drawn:
            return
        self.status.object = _status(training)
        if layers.first is not None and layers.last is not None:
            self.profile.show(self.quantity, layers.first, layers.last)
            for name, profile in layers.first.profiles.items():
                if forecast.theory.depth:
                    self._scale[name] = float(10 ** profile.mean[-2])
        if not training.is_playing or time.monotonic() >= self._draw_history_at:
            self._draw_history_at = time.monotonic() + _HISTORY_PERIOD
            self._show_history(training, forecast)
        if evaluation is not None:
            first, *others = evaluation.verdicts or ("Nothing is known yet.",)
            more = "".join(f'<p class="quiet">{escape(words)}</p>' for words in others[:2])
            self.verdict.object = titled_sentence("Verdict", first) + more
            if evaluation.predictions is not None:
                self.predictions.show(evaluation.predictions)
        self._drawn = state  # last, so that a drawing that failed is repeated

    def _show_history(self, training: Training, forecast: Forecast) -> None:
        history, epoch_steps = training.history, training.epoch_steps
        if history.layers.last is not None:
            self.shares.show(history.layers.last)
            self.heat.show(history, epoch_steps)
        self.loss.show(history, "loss", epoch_steps)
        self.score.show(history, "accuracy" if forecast.is_class else "r2", epoch_steps)


def _status(training: Training) -> str:
    steps, of, n_seeds = training.n_steps, training.epoch_steps, len(training.seeds)
    state = "at its end" if training.has_ended else "playing" if training.is_playing else "paused"
    epochs = training.config.trainer.max_epochs
    return (f'<p class="quiet">step {steps} of {of * epochs} · epoch {-(-steps // of)} of '
            f"{epochs} · {many(n_seeds, 'seed')} · {state}</p>")  # fmt: skip
