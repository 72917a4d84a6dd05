"""The page of `audit watch`: what is wrong first, then what is new. As many lines as there is room for. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from mexc_plugin.audit import naive_utc
from mexc_plugin.cli.options.display import count
from mexc_plugin.cli.output.table import Row, as_table
from mexc_plugin.cli.output.terminal import Screen, cells, cut
from mexc_plugin.review.figures import figures, share
from mexc_plugin.review.showing import age, duration
from mexc_plugin.review.text import visible

if TYPE_CHECKING:
    from mexc_plugin.cli.alerting.sentry import View
    from mexc_plugin.store.read.statistics.glances import Glance

# Where nothing says how many lines there are.
LINES = 40
# A table has a title, a heading, and this many rows at the least.
ROWS = 2


def draw(
    view: "View", database: str, screen: Screen, now: datetime, height: int = LINES
) -> list[str]:
    """At most `height` lines, none wider than the screen. now: naive UTC; database: its name for people."""
    clock = f"{screen.time(now)[:19]} {screen.zone}"
    lines = [
        screen.style(f"{clock}  {visible(database)}", bold=True),
        *(screen.style(f"! {visible(text)}", "red") for text in view.trouble.values()),
    ]
    if view.glance is None:
        lines.append("looking …")
    else:
        lines += _figures(view, view.glance, screen, now)
    lines += map(visible, view.calls)
    if view.glance is not None:
        lines += _tables(view.glance, view.short, screen, height - len(lines) - 1)
    return [_fit(line, screen) for line in [*lines[: height - 1], "q: quit"]]


def _figures(view: "View", glance: "Glance", screen: Screen, now: datetime) -> Iterator[str]:
    found = figures(glance.hour)
    failed = f"{found['failed']:,} failed ({share(found['failed_share'])})"
    yield (
        f"last hour: {count(found['attempts'], 'attempt', 'attempts')}, "
        f"{screen.style(failed, 'red' if found['failed'] else None)}, "
        f"p50 {duration(found['p50_us'])}, p99 {duration(found['p99_us'])}"
    )
    oldest = f", the oldest {age(glance.unresolved[0]['requested_at'], now)}" if glance.open else ""
    unresolved = f"unresolved: {glance.open:,}{oldest}"
    yield screen.style(unresolved, "bright_magenta" if glance.open else None)
    newest = "none"
    if glance.last_event_ns is not None:
        newest = age(naive_utc.from_ns(glance.last_event_ns), now)
    waiting = "not looked at" if view.backlog is None else f"{view.backlog.events:,}"
    read = f", read {age(glance.at, now)}" if "database" in view.trouble else ""
    yield f"newest event: {newest}, waiting in spools: {waiting}, lost: {glance.lost:,}{read}"


def _tables(glance: "Glance", short: Mapping[str, str], screen: Screen, room: int) -> Iterator[str]:
    """The tables, each of at least a few rows: those of what is wrong share two thirds of the room."""
    parts = [
        (f"failed in the last day: {_several(glance.failing)}", glance.failing),
        (f"unresolved: {glance.open:,}", glance.unresolved),
        ("newest", glance.newest),
    ]
    kept = [(title, rows) for title, rows in parts if rows]
    for number, (title, rows) in enumerate(kept):
        most = min(room, room if number == len(kept) - 1 else max(ROWS + 3, room // 3))
        shown = [
            {**row, "cancel_id": short.get(str(row["cancel_id"]), row["cancel_id"])}
            for row in rows[:most]
        ]
        lines = ["", screen.style(title, bold=True), *as_table(shown, (), screen)][:most]
        yield from lines
        room -= len(lines)


def _several(rows: Sequence[Row]) -> str:
    from mexc_plugin.store.read.statistics.glances import ROWS as MOST

    return f"{MOST} or more" if len(rows) == MOST else f"{len(rows)}"


def _fit(line: str, screen: Screen) -> str:
    """The line, or as much of it as fits, then without its colours."""
    if screen.width is None or cells(click.unstyle(line)) <= screen.width:
        return line
    return cut(click.unstyle(line), screen.width)
