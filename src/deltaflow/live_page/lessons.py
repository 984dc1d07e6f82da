"""Lessons: settings that show an effect, an explanation of it, and one thing to try.

>>> lesson_named("dead_units").title
'Dead units, and leaky'
"""

from collections.abc import Mapping
from dataclasses import dataclass

from deltaflow.live_page.settings import Value
from deltaflow.system.errors import UserError


@dataclass(frozen=True)
class Lesson:
    """A lesson of the page.

    Attributes:
        name: name in the URL.
        title: text of the link.
        chosen: the settings that the lesson starts with.
        see: a paragraph on what to see.
        do: one thing to try.
    """

    name: str
    title: str
    chosen: Mapping[str, Value]
    see: str
    do: str

    @property
    def markup(self) -> str:
        """The text of the lesson as HTML."""
        return (
            f'<div class="lesson"><p><b>{self.title}.</b> {self.see}</p>'
            f"<p><b>Try.</b> {self.do}</p></div>"
        )


LESSONS = (
    Lesson(
        "vanishing_sigmoid",
        "Why ten sigmoid layers do not learn",
        {"activation": "sigmoid", "network.depth": 10, "n_seeds": 8},
        "φ' of a sigmoid is at most 1/4, so each layer passes back a fraction of the δ that it "
        "gets: the line falls by almost a decade a layer, as theory (dotted) says beforehand. "
        "The first layers get next to nothing. Press Play: accuracy stays at chance.",
        "Set activation to tanh, and init to xavier. The line lies flat, and Play learns.",
    ),
    Lesson(
        "he_and_xavier",
        "He against Xavier",
        {"activation": "relu", "init": "xavier", "network.depth": 20, "n_seeds": 8},
        "ReLU sets half of what passes to zero. Xavier's variance, 1/fan_in in layers of one "
        "width, does not make up for it: δ halves in power with each layer, ×0.71 in length. "
        "The star lies left of the edge of chaos, where signals die out.",
        "Set init to he. Its variance 2/fan_in puts the star on the edge: δ keeps its length.",
    ),
    Lesson(
        "flat_weight_gradient",
        "The flat weight-gradient trap",
        {"activation": "relu", "init": "normal", "init.sigma_w": 1.0, "init.sigma_b": 0.0,
         "network.depth": 20, "n_seeds": 8},
        "Going back, δ shrinks; going forward, activations shrink as fast. A weight's gradient is "
        "the product of both, the same in each layer: look at weight gradients alone "
        "(choose them above the first picture) and this network seems healthy. δ shows that it "
        "is not.",
        "Switch the first picture between δ and the weight gradient, then move σ_w to 1.41.",
    ),
    Lesson(
        "dead_units",
        "Dead units, and leaky",
        {"activation": "relu", "optimizer.lr": 1.0, "n_seeds": 8},
        "A step size far too large throws biases so low that ReLU units are off for every row. "
        "Their gradient is 0, so nothing brings them back. Press Play and watch the dead share.",
        "Set activation to leaky: its slope below 0 keeps units alive. Or divide the step by 10.",
    ),
    Lesson(
        "softmax_twice",
        "Softmax twice",
        {"network.output_activation": "softmax", "n_seeds": 8},
        "Cross-entropy has a softmax inside. A second one in front of it squeezes the outputs "
        "into 0 to 1, so the loss can never come near 0, and δ is multiplied by one more "
        "derivative. The verdict says what it costs at the output.",
        "Set output activation to none, and compare how fast the loss falls.",
    ),
    Lesson(
        "edge_of_chaos",
        "The edge of chaos",
        {"activation": "tanh", "init": "normal", "init.sigma_w": 2.5, "init.sigma_b": 0.3,
         "network.depth": 30, "n_seeds": 8},
        "With weights this large, tanh is chaotic: δ grows on its way back, and units saturate. "
        "With small ones it is ordered: δ dies out. Between them runs the edge of chaos, the "
        "white line, where networks can be trained however deep they are.",
        "Move σ_w slowly to the left, or click into the diagram, and watch the line tip over.",
    ),
)  # fmt: skip


def lesson_named(name: str) -> Lesson:
    """Find a lesson by name.

    Raises:
        ValueError: if there is no lesson of this name.
    """
    for lesson in LESSONS:
        if lesson.name == name:
            return lesson
    names = ", ".join(lesson.name for lesson in LESSONS)
    raise UserError(f"`lesson` must be one of {names}. Found {name[:80]!r}. Follow a link.")
