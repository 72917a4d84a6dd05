"""`audit stats`: how many, what became of them, how long it took."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from mexc_plugin.audit import naive_utc
from mexc_plugin.cli.database.servers import reading
from mexc_plugin.cli.exit_codes import Misuse
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.display import clock, nothing_matches
from mexc_plugin.cli.options.filter_options import filters as filter_options
from mexc_plugin.cli.output.progress import waiting
from mexc_plugin.cli.output.terminal import Screen, emit, say

if TYPE_CHECKING:
    from mexc_plugin.store.read.queries import Filters
    from mexc_plugin.store.read.statistics.overview import Overview
    from mexc_plugin.store.read.statistics.tallies import Tally

Group = tuple[str | None, "Tally"]
BY = ("symbol", "bot", "account", "outcome", "code", "hour", "day")
MOST_REASONS = 20


@click.command()
@click.option("--by", type=click.Choice(BY), help="A row for each.")
@filter_options
@clock
@common.output("table", "json", "csv", piped="json")
@common.database
def stats(
    filters: "Filters", by: str | None, utc: bool, database: common.Chosen, form: str
) -> None:
    """Count cancels: outcomes, failures and their reasons, latencies, bursts, repetitions.

    Every attempt counts once, in the hour or day of its request, by its final outcome. Filters are
    those of `audit list`. Percentiles are exact, by nearest rank. Hours and days are UTC, or this
    machine's with --local.
    """
    from mexc_plugin.store.read.statistics import counts, overview

    # Only a table has the zone of this machine: programs get what they got from everywhere.
    screen = Screen.detect(utc=utc or form != "table")
    with reading(database.url) as connection:
        counts.steady(connection)
        if by is not None:
            count_by = by if screen.utc or by != "day" else "hour"
            with waiting("counting"):
                (groups,) = counts.by(connection, filters, counts.By(count_by))
            if by in ("hour", "day"):
                groups = _by_clock(groups, by, screen)
            emit(_groups(form, by, groups, screen))
            found = bool(groups)
        else:
            now = naive_utc.now()
            with waiting("counting"):
                seen = overview.read(connection, filters, now)
            emit(_render(form, seen, screen))
            found = bool(seen.total.attempts)
    if not found:
        say(nothing_matches(filters, utc=utc))


def _by_clock(groups: list[Group], by: str, screen: Screen) -> list[Group]:
    """Hours as they are shown, or the days that they make. They are counted in UTC."""
    from mexc_plugin.store.read.statistics.tallies import Tally

    if screen.utc:
        return groups
    found: dict[str, list[Tally]] = {}
    for hour, tally in groups:
        here = screen.clock(datetime.fromisoformat(f"{hour}:00"))
        if here.minute and by == "day":
            raise Misuse(
                "this machine's zone is not a whole number of hours from UTC, and days are counted "
                "in hours of UTC; leave --local out, or count --by hour"
            )
        name = f"{here:%Y-%m-%d}" if by == "day" else f"{here:%Y-%m-%d %H:%M}"
        found.setdefault(name, []).append(tally)
    return [(name, Tally.together(tallies)) for name, tallies in found.items()]


def _groups(form: str, by: str, groups: list[Group], screen: Screen) -> Iterator[str]:
    from mexc_plugin.cli.output.formats import RENDERERS
    from mexc_plugin.cli.output.grid import as_grid
    from mexc_plugin.review.figures import FIGURES, figures

    rows = [{by: name, **figures(tally)} for name, tally in groups]
    if form == "table":
        name = f"{by} ({screen.zone})" if by in ("hour", "day") else by
        shown = [{name: row[by], **_readable(row)} for row in rows]
        return as_grid(shown, [name, *READABLE], screen, DROPPABLE)
    return RENDERERS[form](rows, [by, *FIGURES], Screen())


READABLE = ("attempts", "failed", "share", "unresolved", "p50", "p95", "p99", "max")
# What a narrow terminal does without, in this order; json and csv have all.
DROPPABLE = ("p95", "max", "p50")


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """The figures of a row for people."""
    from mexc_plugin.review.figures import LATENCIES, share
    from mexc_plugin.review.showing import duration

    shown = {name: f"{value:,}" if isinstance(value, int) else value for name, value in row.items()}
    shown["share"] = share(row["failed_share"])
    return shown | {name.removesuffix("_us"): duration(row[name]) for name in LATENCIES}


def _render(form: str, seen: "Overview", screen: Screen) -> Iterable[str]:
    from mexc_plugin.cli.output.formats import RENDERERS
    from mexc_plugin.review.text import encode

    if form == "table":
        return _as_text(seen, screen)
    if form == "json":
        return [encode(document(seen))]
    # One figure a line: its section, its name, its value.
    return RENDERERS["csv"](_lines(seen), ("section", "name", "value"), screen)


def _as_text(seen: "Overview", screen: Screen) -> Iterator[str]:
    """Sections for people; one with nothing in it is left out."""
    from mexc_plugin.cli.output.grid import as_grid
    from mexc_plugin.review.figures import figures

    if not seen.total.attempts:
        return
    yield from as_grid([_readable(figures(seen.total))], READABLE, screen, DROPPABLE)
    for title, rows in _sections(seen, screen).items():
        if rows:
            yield ""
            yield screen.style(title, bold=True)
            yield from as_grid(rows, list(rows[0]), screen)
    rest = len(seen.reasons) - MOST_REASONS
    if rest > 0:
        say(f"{rest:,} more reasons; all of them: --format json")


def _sections(seen: "Overview", screen: Screen) -> dict[str, list[dict[str, Any]]]:
    total = seen.total.attempts
    repeated, still_open = seen.repetitions, seen.open
    oldest = still_open.oldest
    since = f", the oldest asked at {screen.time(oldest)} {screen.zone}" if oldest else ""
    return {
        "Outcomes": [
            {"outcome": name, "attempts": f"{count:,}", "share": f"{count / total:.2%}"}
            for name, count in seen.total.outcomes.most_common()
        ],
        "Reasons": [
            {
                "answered": reason.outcome,
                "code": reason.code,
                "attempts": f"{reason.attempts:,}",
                "error": reason.error_type,
                "message": reason.message,
            }
            for reason in seen.reasons[:MOST_REASONS]
        ],
        f"Unresolved{since}": [
            {"age": age, "attempts": f"{count:,}"} for age, count in still_open.ages.items()
        ],
        "Bursts, the most in one second": [
            {f"second ({screen.zone})": _second(second, screen), "attempts": f"{count:,}"}
            for second, count in seen.bursts
        ],
        f"Orders that more than one cancel asked for: {repeated.orders:,}": [
            {"order": one.order, "cancels": f"{one.cancels:,}"} for one in repeated.most
        ],
    }


def _second(text: str, screen: Screen) -> str:
    return screen.clock(datetime.fromisoformat(text)).isoformat(sep=" ")


def document(seen: "Overview") -> dict[str, Any]:
    """An overview in the words of its JSON."""
    from mexc_plugin.review.figures import figures

    return {
        **figures(seen.total),
        "outcomes": dict(seen.total.outcomes.most_common()),
        "reasons": [asdict(reason) for reason in seen.reasons],
        "unresolved_oldest": seen.open.oldest,
        "unresolved_ages": seen.open.ages,
        "bursts": [{"second": second, "attempts": count} for second, count in seen.bursts],
        "repeated_orders": seen.repetitions.orders,
        "repeated": [asdict(one) for one in seen.repetitions.most],
    }


def _lines(seen: "Overview") -> Iterator[dict[str, Any]]:
    for name, value in document(seen).items():
        if isinstance(value, dict):
            yield from ({"section": name, "name": k, "value": v} for k, v in value.items())
        elif isinstance(value, list):
            for item in value:
                *words, number = item.values()
                label = " ".join(str(word) for word in words if word is not None)
                yield {"section": name, "name": label, "value": number}
        else:
            yield {"section": "total", "name": name, "value": value}
