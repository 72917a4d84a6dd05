"""Statistics as pictures, for the report and the live page."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any


def altair() -> Any:  # noqa: ANN401 - a module
    """altair, which asks for the user's home when it is imported, for a cache that is not used here.

    A container's user may have none: it is told of one for as long as the import takes.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"
        try:
            return import_module("altair")
        finally:
            del os.environ["HOME"]
    return import_module("altair")
