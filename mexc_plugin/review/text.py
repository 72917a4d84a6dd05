"""Text of others, made fit to be shown."""

import json
from datetime import datetime


def visible(text: str) -> str:
    """The text with control characters, escapes and direction marks written out, like \\x1b."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def encode(value: object) -> str:
    """JSON in one line; what a terminal would obey or not show is escaped."""
    return printable(_ENCODER.encode(value))


def printable(line: str) -> str:
    """A line of JSON with the same values, in which nothing but what is shown as itself stands raw."""
    if line.isprintable():
        return line
    # Outside of strings JSON is printable, so that these escapes stand inside of them.
    return "".join(
        char if char.isprintable() else json.dumps(char)[1:-1] if char != "\x7f" else "\\u007f"
        for char in line
    )


def plain(value: object) -> str:
    """A time as ISO 8601 with microseconds and Z; anything else as its text."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    return str(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, default=plain, separators=(", ", ": "))
