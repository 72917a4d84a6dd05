"""Templates. Whatever is put into one is escaped; control characters and the like are written out."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mexc_plugin.review import showing
from mexc_plugin.review.text import visible


def render(template: str, values: Mapping[str, Any]) -> str:
    """A template filled in."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("mexc_plugin.review.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {
        "age": showing.age,
        "duration": showing.duration,
        "iso": _iso,
        "moment": _moment,
        "number": lambda value: f"{value:,}",
        "query": urlencode,
    }
    environment.globals |= {"marks": showing.MARKS}
    return environment


def _shown(value: object) -> object:
    """Text of others cannot hide itself, turn the line around, or be something else than it says."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return "" if value is None else value


def _moment(value: datetime) -> str:
    return value.isoformat(sep=" ", timespec="milliseconds")


def _iso(value: datetime) -> str:
    return value.isoformat(timespec="microseconds") + "Z"
