"""The settings that do not affect a result: those of recording and of devices.

They are no part of a run's identity and no hyperparameters, and reports group runs that differ in
nothing else.
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
DEVICE = ("accelerator", "trainer.accelerator", "trainer.threads", "trainer.profiler")
NEUTRAL = RECORDING + DEVICE
