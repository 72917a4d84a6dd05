"""Statistics in, SVG out: each chart is text that stands in a page as it is.

    periods = statistics.by(connection, filters, By.DAY)        # [("2026-11-23", Tally), …]
    svg = charts.outcomes_over_time(periods, width=charts.WIDE)

The drawing is altair's and vl-convert's, of the extra `report`. What comes out has no script, no style
and no outside reference, so that the strictest Content-Security-Policy takes it. Its colours are the
variables in COLOURS: a page defines them for light and for dark (`palette.css` has both). A chart does
not shrink its letters: a page shows one drawn for NARROW on a phone. Where `link` is given, a bar leads
where it says; the marks are explained in the `<title>` and `<desc>` of the picture, and the page is to
have the same figures in a table.
"""

import html
import io
import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

from mexc_plugin.review.charts import altair
from mexc_plugin.review.figures import PERCENTILES
from mexc_plugin.review.showing import KINDS, duration, styled_as
from mexc_plugin.review.text import visible
from mexc_plugin.store.read.statistics.tallies import Tally

WIDE, NARROW = 960, 340

Periods = Sequence[tuple[str, Tally]]
Groups = Sequence[tuple[str | None, Tally]]
Link = Callable[[str, str], str]

HEAT_STEPS = 6

# A colour that nobody would choose, and the variable that the page has for it.
_NAMES = (
    *map(styled_as, KINDS),
    *(f"line-{number}" for number in range(1, len(PERCENTILES) + 1)),
    *(f"heat-{number}" for number in range(1, HEAT_STEPS + 1)),
    "ink",
    "grid",
)
COLOURS = {f"#0a0b{number:02x}": f"--chart-{name}" for number, name in enumerate(_NAMES)}
_OF = {name: colour for colour, name in COLOURS.items()}
_DASHES = ([1, 0], [6, 3], [2, 2])
# Upper ends in milliseconds, two steps for each factor of ten.
HEAT_EDGES_MS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)
# As wide as browsers' fonts make a label; vl-convert measures with a narrower one.
_LABEL_PIXELS = 64
_AXIS_PIXELS = 60
_PADDING = {"left": 4, "top": 4, "right": 18, "bottom": 4}
_FEW_POINTS = 60
_UNITS = {len("2026-11"): "month", len("2026-11-23"): "day", len("2026-11-23 14"): "hour"}
_POWERS_MS = [10**power for power in range(-3, 7)]
# vega completes a link with the address that it would load data from.
_BASE = re.compile(r'xlink:href="https?://[^"#]*/(?=#)')
_STYLE = re.compile(r'\sstyle="[^"]*"')


def outcomes_over_time(periods: Periods, *, width: int = WIDE, link: Link | None = None) -> str:
    """Stacked bars: how many attempts of each kind every period had.

    link: from a period and a kind to a URL, which starts with `#`.
    """
    alt = altair()

    chart = _bars(
        "period",
        [(period, period, tally) for period, tally in periods],
        link,
        x=_time_axis(periods, width),
        y=alt.Y("attempts:Q", title="attempts", axis=alt.Axis(tickMinStep=1, format="~s")),
    )
    return _draw(
        chart,
        width,
        "Outcomes over time",
        f"Attempts from {_range(periods)}: {_describe(Tally.together(t for _, t in periods))}.",
    )


def latency_over_time(periods: Periods, *, width: int = WIDE) -> str:
    """Lines: latency percentiles of every period, on a logarithmic scale of milliseconds."""
    alt = altair()

    rows = []
    for period, tally in periods:
        ranking = tally.ranking()
        for percent in PERCENTILES:
            value = ranking.percentile(percent)
            shown = None if value is None else max(value, 1) / 1000
            rows.append({"period": period, "percentile": f"p{percent}", "ms": shown})
    names = [f"p{percent}" for percent in PERCENTILES]
    chart = (
        _chart(rows)
        .mark_line(
            point={"size": 20, "filled": True} if len(periods) <= _FEW_POINTS else False,
            strokeWidth=1.6,
        )
        .encode(
            x=_time_axis(periods, width),
            y=alt.Y(
                "ms:Q",
                title="milliseconds",
                scale=alt.Scale(type="log"),
                axis=alt.Axis(values=_POWERS_MS),
            ),
            color=alt.Color(
                "percentile:N",
                title=None,
                legend=alt.Legend(symbolType="stroke", symbolStrokeWidth=2, symbolSize=400),
                scale=alt.Scale(domain=names, range=[_colour(f"line-{n}") for n in (1, 2, 3)]),
            ),
            strokeDash=alt.StrokeDash(
                "percentile:N", title=None, scale=alt.Scale(domain=names, range=list(_DASHES))
            ),
        )
    )
    ranking = Tally.together(tally for _, tally in periods).ranking()
    told = ", ".join(f"p{p} {duration(ranking.percentile(p))}" for p in PERCENTILES)
    return _draw(chart, width, "Latency over time", f"From {_range(periods)}: {told} over all.")


def latency_heat(periods: Periods, *, width: int = WIDE) -> str:
    """A heat map: in every period, how many answers took how long. Darker is more, by factors."""
    alt = altair()

    cells = _heat_cells(periods)
    most = max((count for _, _, count in cells), default=1)
    steps = _steps(most)
    names = [_step_name(steps, number) for number in range(len(steps))]
    rows = [
        {"period": period, "took": band, "answers": names[bisect_right(steps, count) - 1]}
        for period, band, count in cells
    ]
    bands = _bands()
    colours = [
        _colour(f"heat-{number}") for number in range(HEAT_STEPS - len(steps) + 1, HEAT_STEPS + 1)
    ]
    chart = (
        _chart(rows)
        .mark_rect()
        .encode(
            x=_time_axis(periods, width),
            y=alt.Y(
                "took:O",
                title=None,
                sort=list(reversed(bands)),
                scale=alt.Scale(domain=list(reversed(bands))),
            ),
            color=alt.Color(
                "answers:O",
                title="answers",
                sort=names,
                scale=alt.Scale(domain=names, range=colours),
            ),
        )
    )
    busiest = max(cells, key=lambda cell: cell[2], default=None)
    told = f"Most, {busiest[2]:,}, took {busiest[1]} on {busiest[0]}." if busiest else "No answers."
    return _draw(chart, width, "How long answers took", told)


def outcomes_of(groups: Groups, what: str, *, width: int = WIDE, link: Link | None = None) -> str:
    """Horizontal bars: what became of the attempts of each bot, symbol or account."""
    alt = altair()

    names = [label(name) for name, _ in groups]
    chart = _bars(
        "group",
        [(label(name), name or "", tally) for name, tally in groups],
        link,
        y=alt.Y("group:N", title=None, sort=names, axis=alt.Axis(labelLimit=160, grid=False)),
        x=alt.X(
            "attempts:Q", title="attempts", axis=alt.Axis(tickMinStep=1, format="~s", tickCount=5)
        ),
    )
    told = "; ".join(f"{label(name)}: {_describe(tally)}" for name, tally in groups[:5])
    return _draw(chart, width, f"Outcomes by {what}", told or "Nothing.", step=22)


def series(tally: Tally) -> dict[str, int]:
    """How many attempts of a tally each kind of outcome has, in their order; the rest are outcomes not ours."""
    outcomes = tally.outcomes
    return {name: sum(outcomes[o] for o in members) for name, members in KINDS.items()}


# -- how


def _chart(rows: list[dict[str, Any]]) -> Any:  # noqa: ANN401 - altair's
    alt = altair()

    return alt.Chart(alt.Data(values=rows))


def _time_axis(periods: Periods, width: int) -> Any:  # noqa: ANN401 - altair's
    alt = altair()

    names = [period for period, _ in periods]
    every = max(1, math.ceil(len(names) * _LABEL_PIXELS / (width - _AXIS_PIXELS)))
    short = len({name[:4] for name in names}) == 1
    axis = alt.Axis(
        values=names[::every],
        labelExpr="slice(datum.value, 5)" if short else "datum.value",
        labelAngle=0,
        labelBound=True,
        grid=False,
    )
    title = f"by {_UNITS.get(len(names[0]), 'period') if names else 'period'}, UTC"
    if short:
        title = f"{names[0][:4]}, {title}"
    scale = alt.Scale(domain=names, paddingInner=0.15 if len(names) < width / 8 else 0)
    return alt.X("period:O", title=title, axis=axis, scale=scale, sort=names)


def _bars(what: str, bars: Iterable[tuple[str, str, Tally]], link: Link | None, **axes: Any) -> Any:  # noqa: ANN401 - altair's
    """A bar for each name, stacked by kind. Beside the name: what its link asks for, and its tally."""
    alt = altair()

    rows = [
        {what: name, "series": kind, "order": order, "attempts": count}
        | ({"link": link(wanted, kind)} if link else {})
        for name, wanted, tally in bars
        for order, (kind, count) in enumerate(series(tally).items())
        if count
    ]
    kinds = list(KINDS)
    scale = alt.Scale(domain=kinds, range=[_colour(styled_as(kind)) for kind in kinds])
    encoding = {
        "color": alt.Color("series:N", title=None, sort=kinds, scale=scale),
        "order": alt.Order("order:Q"),
        **({"href": "link:N"} if link else {}),
    }
    return _chart(rows).mark_bar().encode(**axes, **encoding)


def _draw(chart: Any, width: int, title: str, told: str, step: int | None = None) -> str:  # noqa: ANN401 - altair's
    height: Any = {"step": step} if step else (220 if width >= WIDE else 180)
    ink, grid = _colour("ink"), _colour("grid")
    whole = (
        chart.properties(width=width, height=height, autosize={"type": "fit-x", "contains": "padding"})
        .configure(font="sans-serif", background="transparent", aria=False, padding=_PADDING)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=ink, titleColor=ink, titleFontWeight="normal", titlePadding=8, labelFontSize=11,
            gridColor=grid, domainColor=grid, tickColor=grid, titleFontSize=11,
        )
        .configure_legend(
            labelColor=ink, titleColor=ink, orient="top", titleFontWeight="normal",
            labelFontSize=12, symbolSize=120, columns=0 if width >= WIDE else 3, titleOrient="left",
            columnPadding=22, titlePadding=12,
        )
    )  # fmt: skip
    target = io.StringIO()
    whole.save(target, format="svg")
    return _finish(target.getvalue(), title, told)


def _finish(svg: str, title: str, told: str) -> str:
    """With a name and a description, the page's colours, and nothing that a strict policy refuses."""
    for colour, variable in COLOURS.items():
        svg = svg.replace(f'"{colour}"', f'"var({variable})"')
    svg = _BASE.sub('href="', _STYLE.sub("", svg))
    start = svg.index(">", svg.index("<svg")) + 1
    head = svg[svg.index("<svg") : start].replace("<svg", '<svg role="img"', 1)
    words = f"<title>{html.escape(title)}</title><desc>{html.escape(told)}</desc>"
    return head + words + svg[start:]


def _colour(name: str) -> str:
    return _OF[f"--chart-{name}"]


def _describe(tally: Tally) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in series(tally).items() if count)


def _range(periods: Periods) -> str:
    return f"{periods[0][0]} to {periods[-1][0]} UTC" if periods else "no time"


def label(name: str | None) -> str:
    """What a bot, symbol or account is called; None is those that have none."""
    return "(none)" if name is None else visible(name)


def _bands() -> list[str]:
    """The names of the heat map's rows, shortest first."""
    names = [_edge(edge) for edge in HEAT_EDGES_MS]
    return [f"under {names[0]}", *(f"{a} – {b}" for a, b in pairwise(names)), f"over {names[-1]}"]


def _edge(ms: int) -> str:
    return f"{ms // 1000} s" if ms >= 1000 else f"{ms} ms"


def _heat_cells(periods: Periods) -> list[tuple[str, str, int]]:
    edges = [0, *(edge * 1000 for edge in HEAT_EDGES_MS), 2**62]
    found = []
    for period, tally in periods:
        ranking = tally.ranking()
        for band, (low, high) in zip(_bands(), pairwise(edges), strict=True):
            if count := ranking.between(low, high):
                found.append((period, band, count))
    return found


def _steps(most: int) -> list[int]:
    """Where each shade begins: factors of ten from 1, as many as there are shades for."""
    count = min(HEAT_STEPS, len(str(most)))
    return [10**power for power in range(count)]


def _step_name(steps: Sequence[int], number: int) -> str:
    low = steps[number]
    if number + 1 == len(steps):
        return f"{low:,} or more"
    return f"{low:,} – {steps[number + 1] - 1:,}"
