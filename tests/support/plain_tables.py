"""Tables read as ``conf/data/table.yaml`` has it, but for what a test sets."""

from pathlib import Path

import yaml

from deltaflow.data.table import table as read_table

CONF = Path(__file__).parents[2] / "conf" / "data" / "table.yaml"
SET = yaml.safe_load(CONF.read_text())


def table(path, target, task=None, features=None, drop=(), **settings):
    """Samples from a file."""
    given = {"path": path, "target": target, "task": task, "features": features, "drop": drop}
    return read_table(**{k: v for k, v in (SET | given | settings).items() if k[0] != "_"})
