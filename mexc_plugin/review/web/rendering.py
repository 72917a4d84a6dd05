"""Templates. Whatever is put into one is escaped; control characters and the like are written out."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mexc_plugin.review import showing, story
from mexc_plugin.review.text import visible


def render(template: str, values: Mapping[str, Any]) -> str:
    """A template filled in."""
    return _environment().get_template(template).render(values)


def shown(value: datetime) -> str:
    """A time of the record, as the pages write it."""
    return value.isoformat(sep=" ", timespec="milliseconds")


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
        "kind": lambda outcome: showing.styled_as(showing.kind_of(outcome)),
        "moment": shown,
        "name_of": story.name_of,
        "news": _news,
        "number": lambda value: f"{value:,}",
        "query": urlencode,
        "worded": showing.worded,
    }
    environment.globals |= {"signs": showing.SIGNS}
    return environment


def _shown(value: object) -> object:
    """Text of others cannot hide itself, turn the line around, or be something else than it says."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return "" if value is None else value


def _iso(value: datetime) -> str:
    return value.isoformat(timespec="microseconds") + "Z"


def _news(step: story.Step, known: Mapping[str, Any]) -> list[story.Change]:
    """What an event says that is not said above it."""
    return [
        change
        for change in step.changes
        if change.before is not None or known.get(change.name) != change.now
    ]
