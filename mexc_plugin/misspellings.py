"""Settings that are given and not read: a variable, `options["Audit"]`, an "audit" beside the options.

Nothing fails because of them, so that a bot would record elsewhere than its owner thinks. They are
named in a warning. Imports nothing heavy.
"""

import difflib
import logging
import os
from collections.abc import Iterator, Mapping

from mexc_plugin import settings_file
from mexc_plugin.audit.interrupts import suppress_own
from mexc_plugin.config import VARIABLES

log = logging.getLogger("mexc_plugin")

PREFIX = "MEXC_PLUGIN_"
# Read by the command line alone.
OTHERS = (
    "MEXC_PLUGIN_PAGER",
    "MEXC_PLUGIN_AUTH_TOKEN",
    "MEXC_PLUGIN_SHIP_TO",
    "MEXC_PLUGIN_WEBHOOK",
    settings_file.VARIABLE,
)
KNOWN = (*VARIABLES.values(), *OTHERS)
# What this project's own tests are told.
OURS = ("MEXC_PLUGIN_TEST_", "MEXC_PLUGIN_TORTURE", "MEXC_PLUGIN_PICTURES")
MEANT = dict.fromkeys(("MEXC_PLUGIN_URL", "MEXC_PLUGIN_DB"), VARIABLES["url"])

_said: set[str] = set()


def find_unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each variable that looks like one of ours and is none."""
    for name in sorted(environ):
        upper = name.upper()
        if not upper.startswith(PREFIX) or name in KNOWN or upper.startswith(OURS):
            continue
        near = MEANT.get(upper) or _nearest(upper)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(KNOWN)}"
        yield f"the variable {name} is not read; {hint}"


def find_misplaced(config: object, options: Mapping[object, object]) -> Iterator[str]:
    """The same for what an exchange was made with. config: as it was given; options: the exchange's."""
    for key in options:
        if key != "audit" and isinstance(key, str) and _is_near(key):
            yield f'options["{key}"] is not read; did you mean options["audit"]?'
    for key, value in config.items() if isinstance(config, Mapping) else ():
        if isinstance(key, str) and _is_near(key) and isinstance(value, Mapping):
            yield f'"{key}" is not read beside "options"; write "options": {{"audit": {{…}}}}'


def warn_once(config: object, options: object) -> None:
    """Log what is not read, once in a process for each."""
    # A bot's own mapping or log handler may raise: that must not keep it from trading.
    with suppress_own():
        found = [*find_unknown_variables(os.environ)]
        if isinstance(options, Mapping):
            found += find_misplaced(config, options)
        for sentence in found:
            if sentence not in _said:
                _said.add(sentence)
                log.warning("audit: check the settings: %s", sentence)


def _nearest(variable: str) -> str | None:
    # What all of them begin with makes none of them alike.
    names = [name.removeprefix(PREFIX) for name in KNOWN]
    near = difflib.get_close_matches(variable.removeprefix(PREFIX), names, 1)
    return PREFIX + near[0] if near else None


def _is_near(key: str) -> bool:
    return bool(difflib.get_close_matches(key.lower(), ["audit"], cutoff=0.8))
