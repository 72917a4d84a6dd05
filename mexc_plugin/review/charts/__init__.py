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
            import_module("altair")
        finally:
            del os.environ["HOME"]
    found = import_module("altair")
    # A chart is checked as a whole when it is drawn. To check each of its parts too takes as long as everything else.
    found.utils.schemapi.disable_debug_mode()
    return found
