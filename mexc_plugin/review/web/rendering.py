"""Templates. Whatever is put into one is escaped; control characters and the like are written out."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mexc_plugin.review import showing, story
from mexc_plugin.review.figures import share
from mexc_plugin.review.text import visible

# Fields that the raw words under that title say, too.
_IN_RAW = {"request": ("method", "path"), "response": ("http_status",), "error": ("error_type",)}


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
        finalize=_show,
    )
    environment.filters |= {
        "age": showing.age,
        "duration": showing.duration,
        "iso": _iso,
        "kind": lambda outcome: showing.styled_as(showing.kind_of(outcome)),
        "moment": showing.show_time,
        "name_of": story.name_of,
        "news": _news,
        "number": lambda value: f"{value:,}",
        "query": urlencode,
        "share": share,
        "worded": showing.word_outcome,
    }
    environment.globals |= {"signs": showing.SIGNS}
    return environment


def _show(value: object) -> object:
    """Text of others cannot hide itself, turn the line around, or be something else than it says."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return "" if value is None else value


def _iso(value: datetime) -> str:
    return value.isoformat(timespec="microseconds") + "Z"


def _news(step: story.Step, known: Mapping[str, Any]) -> list[story.Change]:
    """What an event says that is said neither above it nor in the raw words below it."""
    raw = {name for title, _ in step.raw for name in _IN_RAW.get(title, ())}
    return [
        change
        for change in step.changes
        if change.name not in raw
        and (change.before is not None or known.get(change.name) != change.now)
    ]
