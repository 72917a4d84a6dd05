"""The figures of a tally by name, as `audit stats` prints them and the pages show them."""

from typing import Any

from mexc_plugin.store.read.statistics.tallies import Tally

PERCENTILES = (50, 95, 99)
LATENCIES = (*(f"p{percent}_us" for percent in PERCENTILES), "max_us")
FIGURES = ("attempts", "failed", "failed_share", "unresolved", *LATENCIES)


def figures(tally: Tally) -> dict[str, Any]:
    """Every figure; failed_share is of all attempts, four places; latencies in whole microseconds."""
    attempts, failed = tally.attempts, tally.failed
    ranking = tally.ranking()
    latencies = [ranking.percentile(percent) for percent in PERCENTILES]
    return {
        "attempts": attempts,
        "failed": failed,
        "failed_share": round(failed / attempts, 4) if attempts else None,
        "unresolved": tally.unresolved,
        **dict(zip(LATENCIES, (*latencies, ranking.maximum), strict=True)),
    }


def share(value: float | None) -> str:
    """A share for people."""
    return "–" if value is None else f"{value:.2%}"
