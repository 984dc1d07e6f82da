"""The folder of the package, and that of the checkout which it may be imported from."""

from pathlib import Path

import deltaflow

PACKAGE = Path(deltaflow.__file__).parent
"""The folder of the package."""


def checkout() -> Path | None:
    """The folder of the checkout; ``None`` if the package is installed, with ``conf/`` inside."""
    source = PACKAGE.parent
    return source.parent if source.name == "src" and not (PACKAGE / "conf").exists() else None
