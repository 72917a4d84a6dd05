"""One page about the record, for those who were not there: statistics drawn and told.

It needs the extra `report`; `require` says so in words.
"""

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mexc_plugin import distributions
from mexc_plugin.errors import ConfigError

LIBRARIES = ("altair", "jinja2", "vl_convert")


def require() -> None:
    """Raise ConfigError where a library is missing that draws or fills in the page."""
    missing = [name for name in LIBRARIES if not _is_there(name)]
    if missing:
        raise ConfigError(
            f"the report needs {', '.join(missing)}; run: {distributions.install_command('report')}"
        )


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


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ValueError:  # somebody keeps it from being imported
        return False
