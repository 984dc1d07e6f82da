"""The controls of the page: an input field for each setting, with its error message."""

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import panel as pn

from deltaflow.config.arguments import as_typed
from deltaflow.live_page.settings import CHOICES, GROUPS, NUMBERS, Value, options, parse

FIELD_STYLE = """
:host { margin: 0; font-family: var(--sans, sans-serif); }
label, .bk-slider-title { color: var(--quiet, #5a5e66); font-size: 12px; margin: 0; }
.bk-slider-value { color: var(--ink, #1b1c1e); font-weight: 600; }
.bk-input-group { gap: 0; }
.bk-input { background-color: var(--raised, #f6f6f4); color: var(--ink, #1b1c1e);
  border: 1px solid var(--rule, #c9ccd1); border-radius: 4px; min-height: 26px; height: 26px;
  padding: 1px 6px; font-size: 13px; font-family: inherit; }
.bk-input:focus-visible, .bk-btn:focus-visible, .noUi-handle:focus-visible {
  outline: 2px solid var(--accent, #1b4f9c); outline-offset: 1px; }
.bk-btn { background: var(--raised, #f6f6f4) !important; color: var(--ink, #1b1c1e) !important;
  border: 1px solid var(--rule, #c9ccd1) !important; border-radius: 4px; font-size: 13px;
  padding: 3px 10px; min-height: 28px; font-family: inherit; }
.bk-btn:hover { border-color: var(--ink, #1b1c1e) !important; }
:host(.main) .bk-btn { background: var(--accent, #1b4f9c) !important; font-weight: 600;
  color: var(--paper, #fff) !important; }
.noUi-target { background: var(--rule, #c9ccd1); border: 0; box-shadow: none; height: 6px; }
.noUi-connect { background: var(--accent, #1b4f9c); }
.noUi-handle { background: var(--paper, #fff); box-shadow: none;
  border: 2px solid var(--accent, #1b4f9c); }
"""
_LABELS = {
    "data.path": "table (CSV, TSV, Parquet)",
    "data.target": "column to predict",
    "activation.negative_slope": "slope of leaky for z < 0",
    "init.sigma_w": "σ_w of the weights",
    "init.sigma_b": "σ_b of the biases",
    "network.output_activation": "output activation",
    "optimizer.lr": "learning rate",
    "data.batch_size": "batch size (null: all)",
    "n_seeds": "seeds",
    "seed": "first seed",
    "trainer.max_epochs": "epochs",
}
_DEBOUNCE = 5  # milliseconds
_SLIDERS = {"network.depth": 1, "init.sigma_w": 0.05, "init.sigma_b": 0.05, "n_seeds": 1}
_ORDER = (
    ("data", "data.path", "data.target", "activation", "activation.negative_slope", "init",
     "init.sigma_w", "init.sigma_b", "network.depth", "network.width", "network.normalization"),
    ("loss", "network.output_activation", "optimizer", "optimizer.lr", "data.batch_size",
     "n_seeds", "seed", "trainer.max_epochs"),
)  # fmt: skip


def styled(widget: Any, name: str = "") -> Any:
    """Give a widget the style of the page, and let it report changes at once."""
    widget.stylesheets = [FIELD_STYLE]
    widget._debounce = _DEBOUNCE  # Panel waits 50 ms after each event, and has no setting for it
    if name:
        widget.css_classes = [name]
    return widget


def button(name: str, act: Callable[[], None] = lambda: None, kind: str = "") -> Any:
    """Make a button that calls ``act``."""
    made = styled(pn.widgets.Button(label=name, margin=0), kind)
    made.on_click(lambda _: act())
    return made


def selection(
    label: str, options: Mapping[str, Any], value: Any, act: Callable[[Any], None]
) -> Any:
    """Make a drop-down list.

    Args:
        label: text beside the list.
        options: the values by the text that is shown for them.
        value: the value that is selected at first.
        act: called with each value that is selected.
    """
    made = styled(pn.widgets.Select(
        label=label, options=dict(options), value=value, margin=0, width=130,
    ))  # fmt: skip
    made.param.watch(lambda event: act(event.new), "value")
    return made


class Controls:
    """An input field for each setting.

    Args:
        change: called with the key and the value of a setting that the user changes.
    """

    def __init__(self, change: Callable[[str, Value], None]) -> None:
        self._change = change
        self._filling = False
        self.fields: dict[str, Any] = {}
        self._errors: dict[str, Any] = {}
        for key in (key for group in _ORDER for key in group):
            field = self.fields[key] = styled(_field(key))
            field.param.watch(lambda event, key=key: self._changed(key, event.new), "value")
            self._errors[key] = pn.pane.HTML("", visible=False, margin=0, stylesheets=[_ERROR])
        self.columns = [
            pn.Column(*(part for key in keys for part in (self.fields[key], self._errors[key])),
                      margin=0, sizing_mode="stretch_width",
                      styles={"row-gap": "5px", "flex": "1 1 150px"})
            for keys in _ORDER
        ]  # fmt: skip

    def fill(self, values: Mapping[str, Value]) -> None:
        """Show values in the fields, and hide the fields of settings without a value."""
        self._filling = True
        try:
            for key, field in self.fields.items():
                field.visible = key in values
                if key not in values:
                    continue
                value = values[key]
                if isinstance(field, pn.widgets.TextInput):
                    value = "" if value is None and "data." in key[:5] else as_typed(value)
                    value = "" if value == "null" and key != "data.batch_size" else value
                elif key in NUMBERS:
                    value = min(max(value, field.start), field.end)
                field.value = "none" if value is None else value
        finally:
            self._filling = False

    def show_error(self, key: str | None, message: str = "") -> None:
        """Show a message beside one field and remove all others; ``None`` removes all."""
        for name, pane in self._errors.items():
            pane.visible = name == key
            pane.object = f'<p role="alert">{escape(message)}</p>' if name == key else ""

    def _changed(self, key: str, value: Any) -> None:
        if self._filling:
            return
        if value == "none":
            value = None
        if isinstance(value, str) and isinstance(self.fields[key], pn.widgets.TextInput):
            try:
                value = parse(key, value)
            except ValueError as error:
                self.show_error(key, str(error))
                return
        self._change(key, value)


_ERROR = """
:host p { color: var(--warn, #a3320b); font: 12px/1.35 var(--sans, sans-serif); margin: 0 0 4px; }
"""


def _field(key: str) -> Any:
    label = _LABELS.get(key, key.rpartition(".")[2])
    common = {"label": label, "sizing_mode": "stretch_width", "margin": 0}
    if key in GROUPS or key in CHOICES:
        return pn.widgets.Select(
            options=["none" if o is None else o for o in options(key)], **common
        )
    if key in _SLIDERS:
        low, high = NUMBERS[key]
        step = _SLIDERS[key]
        kind = pn.widgets.IntSlider if step == 1 else pn.widgets.FloatSlider
        return kind(start=low, end=high, step=step, **common)
    return pn.widgets.TextInput(**common)
