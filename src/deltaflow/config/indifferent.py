"""The settings that do not decide a result: how a run is recorded, and where it computes.

The identity of a run leaves them out, none is a hyperparameter, and runs that differ in nothing
else are of one configuration.
"""

RECORDING = (
    "hydra",
    "logger",
    "sweep",
    "resume",
    "trainer.checkpoint_every",
    "diagnostics.flush_seconds",
    "diagnostics.histogram_every_n_steps",
)
PLACE = ("accelerator", "trainer.accelerator", "trainer.threads", "trainer.profiler")
INDIFFERENT = RECORDING + PLACE
