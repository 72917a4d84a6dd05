"""Rows of `cancel_history` as the page has them. Pure."""

from datetime import datetime
from typing import Any

from mexc_plugin.review.showing import age, duration, show_filled, show_time
from mexc_plugin.review.text import visible
from mexc_plugin.store.connect.rows import Row

# What is embedded of a row, in this order; links and the script name it so.
COLUMNS = (
    *("asked at", "outcome", "symbol", "order", "answered", "took", "code", "message", "error"),
    *("filled", "bot", "account", "client order", "cancel", "try"),
)


def embed(row: Row) -> list[str | int | None]:
    """The values of COLUMNS; `took` in microseconds, `order` the id that it was asked for by."""
    texts = {
        "asked at": show_time(row["requested_at"]),
        "symbol": row["symbol"],
        "order": row["order_id"] or row["client_order_id"],
        "outcome": row["final_outcome"],
        "answered": row["outcome"],
        "code": row["venue_code"],
        "message": row["venue_message"],
        "error": row["error_type"],
        "filled": show_filled(row) or None,
        "bot": row["bot"],
        "account": row["account"],
        "client order": row["client_order_id"],
        "cancel": row["cancel_id"],
    }
    numbers = {"took": row["latency_us"], "try": row["attempt"]}
    return [numbers[name] if name in numbers else _text(texts[name]) for name in COLUMNS]


def show(row: Row, now: datetime) -> dict[str, Any]:
    """A row of a short table."""
    return {
        "time": show_time(row["requested_at"]),
        "age": age(row["requested_at"], now),
        "took": duration(row["latency_us"]),
        "outcome": visible(str(row["final_outcome"])),
        "symbol": _text(row["symbol"]) or "",
        "order": _text(row["order_id"] or row["client_order_id"]) or "",
        "bot": _text(row["bot"]) or "",
        "cancel": _text(row["cancel_id"]),
    }


def _text(value: object) -> str | None:
    return None if value is None else visible(str(value))
