"""The page: facts in, HTML out. Pure but for reading its own templates.

One file, nothing from elsewhere, and a policy that allows its own style and script by their hashes and
nothing else. Whatever comes from the record is text: escaped by the template, escaped once more where
it stands as JSON, and with control and direction marks written out.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from mexc_plugin import __version__
from mexc_plugin.audit.outcome import FAILED, UNRESOLVED, Outcome
from mexc_plugin.review.charts import drawings
from mexc_plugin.review.figures import figures, share
from mexc_plugin.review.report.facts import MOST, SLOWEST, Facts
from mexc_plugin.review.report.table_rows import COLUMNS, embed, show
from mexc_plugin.review.showing import KINDS, SIGNS, duration, kind_of, styled_as, word_outcome
from mexc_plugin.review.text import visible
from mexc_plugin.store.read.statistics.counts import Groups
from mexc_plugin.store.read.statistics.highlights import Reason
from mexc_plugin.store.read.statistics.tallies import Tally

PALETTE = files("mexc_plugin.review") / "palette.css"
TEMPLATES = files("mexc_plugin.review.report") / "templates"
MOST_REASONS = 25
MOST_OPEN = 15
# Of bots and symbols, so many are drawn; the table beside has all of them.
MOST_DRAWN = 12

_NAMED = ("p50", "p95", "p99", "max")


def render(facts: Facts, *, title: str, asked: str, source: str, made: datetime) -> str:
    """The whole page. asked: the filters in words; source: which database; made: naive UTC."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "kind": lambda outcome: styled_as(kind_of(outcome)),
        "sign": lambda outcome: SIGNS.get(outcome, "·"),
        "worded": word_outcome,
    }
    template = environment.from_string(_read("report.html"))
    style, script = PALETTE.read_text(encoding="utf-8") + _read("report.css"), _read("report.js")
    return template.render(
        _context(facts, made),
        title=title,
        asked=asked,
        source=visible(source),
        made=made.strftime("%Y-%m-%d %H:%M"),
        version=__version__,
        style=Markup(style),  # noqa: S704 - our own files
        style_hash=_hash(style),
        script=Markup(script),  # noqa: S704
        script_hash=_hash(script),
        data=Markup(_data(facts)),  # noqa: S704 - escaped by `script_safe`
        charts={
            name: {width: Markup(svg) for width, svg in drawn.items()}  # noqa: S704 - of vl-convert
            for name, drawn in _charts(facts).items()
        },
    )


def script_safe(document: object) -> str:
    """JSON that can stand in a script element: nothing in it ends one or begins a comment."""
    text = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _context(facts: Facts, made: datetime) -> dict[str, Any]:
    seen = facts.seen
    total = seen.total.attempts
    return {
        "told": _describe(facts),
        "total": _figures(seen.total),
        "unit": facts.unit,
        "kinds": list(KINDS),
        "outcomes": [
            {
                "name": name,
                "attempts": count,
                "share": share(count / total),
                "series": kind_of(name),
            }
            for name, count in seen.total.outcomes.most_common()
        ],
        "outcome_names": list(seen.total.outcomes),
        "periods": [
            {"name": name, "series": drawings.series(tally), **_figures(tally)}
            for name, tally in facts.periods
            if tally.attempts
        ],
        "reasons": [_reason(reason) for reason in seen.reasons[:MOST_REASONS]],
        "more_reasons": max(0, len(seen.reasons) - MOST_REASONS),
        "oldest": f"{seen.open.oldest:%Y-%m-%d %H:%M:%S}" if seen.open.oldest else "",
        "ages": seen.open.ages,
        "still_open": [show(row, made) for row in reversed(facts.still_open[-MOST_OPEN:])],
        "bursts": seen.bursts,
        "repetitions": {
            "orders": seen.repetitions.orders,
            "most": [
                {"order": visible(one.order), "cancels": one.cancels}
                for one in seen.repetitions.most
            ],
        },
        "slowest": [show(row, made) for row in facts.slowest],
        "embedded": _describe_rows(len(facts.rows), total),
        **{f"by_{name}": _groups(groups) for name, groups in facts.groups.items()},
    }


def _charts(facts: Facts) -> dict[str, dict[str, str]]:
    """Every chart for a desk and for a phone."""
    if not facts.periods:
        return {}
    by_time: Callable[[str, str], str] = partial(_link, "time")
    drawing: dict[str, Callable[..., str]] = {
        "outcomes": partial(drawings.outcomes_over_time, facts.periods, link=by_time),
        "latency": partial(drawings.latency_over_time, facts.periods),
        "heat": partial(drawings.latency_heat, facts.periods),
    }
    for name in ("bot", "symbol"):
        groups = facts.groups[name][:MOST_DRAWN]
        drawing[name] = partial(drawings.outcomes_of, groups, name, link=partial(_link, name))
    return {
        name: {"wide": draw(width=drawings.WIDE), "narrow": draw(width=drawings.NARROW)}
        for name, draw in drawing.items()
    }


def _link(name: str, value: str, series: str) -> str:
    return "#rows?" + urlencode({name: visible(value), "series": series})


def _data(facts: Facts) -> str:
    return script_safe(
        {
            "columns": COLUMNS,
            "rows": [embed(row) for row in facts.rows],
            "series": {name: sorted(members) for name, members in KINDS.items()},
            "chips": {
                name: [SIGNS[name], styled_as(kind_of(name)), word_outcome(name)]
                for name in Outcome
            },
            "groups": {"failed": sorted(FAILED), "unresolved": sorted(UNRESOLVED)},
        }
    )


def _describe(facts: Facts) -> str:
    """What the page is about, above its figures."""
    if not facts.seen.total.attempts:
        return ""
    first, last = facts.periods[0][0], facts.periods[-1][0]
    if facts.unit == "hour":
        first, last = f"{first}:00", f"{last}:59"
    when = f"from {first} to {last}" if first != last else f"in {first}"
    return f"Attempts to cancel {when}, UTC."


def _describe_rows(rows: int, total: int) -> str:
    if rows == total:
        return ""
    kinds = ", ".join(f"the {most:,} newest {kind}" for kind, most in MOST.items())
    return (
        f"{rows:,} of {total:,} attempts are embedded in this page: at most {kinds}, and the "
        f"{SLOWEST} slowest. The others are in the record: mexc-plugin audit list --all, or audit export."
    )


def _reason(reason: Reason) -> dict[str, Any]:
    words = {
        "answered": reason.outcome,
        "code": visible(reason.code or ""),
        "message": visible(reason.message or ""),
        "error": visible(reason.error_type or ""),
    }
    return words | {"outcome": reason.outcome, "attempts": reason.attempts, "query": words}


def _groups(groups: Groups) -> list[dict[str, Any]]:
    return [
        {
            "name": drawings.label(name),
            "key": visible(name or ""),
            **_figures(tally),
        }
        for name, tally in groups
    ]


def _figures(tally: Tally) -> Mapping[str, Any]:
    found = figures(tally)
    latencies = {name: duration(found[f"{name}_us"]) for name in _NAMED}
    return found | latencies | {"share": share(found["failed_share"])}


def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
