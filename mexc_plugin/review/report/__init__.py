"""One page about the record, for those who were not there: statistics drawn and told.

It needs the extra `report`; `require` says so in words.
"""

from importlib.util import find_spec

from mexc_plugin import distributions
from mexc_plugin.errors import ConfigError

LIBRARIES = ("altair", "jinja2", "vl_convert")


def require() -> None:
    """Raise ConfigError where a library is missing that draws or fills in the page."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"the report needs {', '.join(missing)}; run: {distributions.install_command('report')}"
        )
