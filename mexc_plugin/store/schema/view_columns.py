"""The columns of the views beside `cancel_history`, in their order, and what each means.

An empty meaning: the column is that of `cancel_history`, or of `cancel_audit`, with the same name.
"""

from collections.abc import Mapping

from mexc_plugin.audit.outcome import Outcome

_CANCEL = ("cancel_id", "attempt")
_WHO = ("account", "bot", "host")
_WHAT = ("market_type", "symbol", "native_symbol")
_IDS = ("order_id", "client_order_id", "cancel_client_order_id")


def _as_there(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "")


FACTS = {
    **_as_there(*_CANCEL, "requested_at", "responded_at", "reconciled_at"),
    "requested_ns": "the exact time of the request, nanoseconds since the epoch",
    "responded_ns": "that of the response",
    "reconciled_ns": "that of the newest reconciliation",
    "day": "the day of the request, UTC",
    "hour_of_day": "its hour, UTC, 0 to 23",
    "weekday": "its day of the week, UTC, 1 is Monday, 7 is Sunday",
    "resolved_after_seconds": "whole seconds from the request to the newest reconciliation",
    **_as_there("latency_us", *_WHO, *_WHAT, *_IDS, "method", "path"),
    **_as_there("http_status", "venue_code", "venue_message", "outcome", "final_outcome"),
    **_as_there("order_status", "side", "type", "time_in_force"),
    "price": "a number: NUMERIC on PostgreSQL, DECIMAL(65,30) on MariaDB and MySQL, null where the text is none; "
    "on SQLite the text",
    "amount": "the same",
    "filled": "the same",
    "cost": "the same",
    **_as_there("error_type"),
    "writer_id": "the writer of the request",
    "seq": "the request's number in that writer's sequence",
}
_COUNTED = {each.value: f"attempts whose final outcome is `{each}`" for each in Outcome}
DAILY = {
    "day": "the day of the requests, UTC",
    **_as_there("account", "bot", "market_type", "symbol"),
    "attempts": "how often a cancel was sent",
    "cancels": "first attempts",
    "retries": "attempts after the first",
    **_COUNTED,
    "reconciled": "attempts that the venue was asked about later",
    "max_latency_us": "the longest latency, microseconds",
}
UNRESOLVED = {
    **_as_there("requested_at"),
    "age_seconds": "whole seconds since then, at the time of asking",
    **_as_there(*_CANCEL),
    "outcome": "`unknown` or `pending`",
    **_as_there(*_WHO, *_WHAT, *_IDS, "http_status", "venue_code", "venue_message", "error_type"),
}
WRITERS = {
    **_as_there("writer_id"),
    "host": "its machine",
    "pid": "its process",
    "os_user": "the user of the operating system that it ran as",
    "plugin_version": "the version of mexc-plugin",
    "ccxt_version": "that of ccxt, or a copy of it with its name: `octobot-ccxt 0.0.15`",
    "python_version": "that of Python",
    "started_at": "when it was made; null where its `start` is missing",
    "last_at": "its newest event",
    "stopped_at": "when it ended in order; null after a crash, and while it is at work",
    "events": "how many events of it there are",
    "missing": "how many are missing before the newest",
}
GAPS = {
    **_as_there("writer_id"),
    "first_missing": "the first missing number of its sequence",
    "last_missing": "the last one of the same gap",
    "missing": "how many numbers that are",
    "admitted": "how many of them the writer itself says that it could not keep",
    "before_at": "the event before the gap; null where there is none",
    "after_at": "the event after it",
}
SPOOLED = {
    **_as_there("writer_id"),
    "marked_seq": "the event that says that earlier ones went to the spool",
    "marked_at": "when",
    "events": "how many went there since it last said so",
    "first_seq": "the first of them",
    "last_seq": "the last of them",
}

VIEW_COLUMNS: Mapping[str, Mapping[str, str]] = {
    "cancel_facts": FACTS,
    "cancel_daily": DAILY,
    "cancel_unresolved": UNRESOLVED,
    "cancel_writers": WRITERS,
    "cancel_gaps": GAPS,
    "cancel_spooled": SPOOLED,
}
VIEW_PURPOSES: Mapping[str, str] = {
    "cancel_facts": "the rows of `cancel_history` with what SQL counts and adds up by: days, hours, numbers",
    "cancel_daily": "how many cancels ended how: a row for each day, account, bot, market and symbol",
    "cancel_unresolved": "the attempts that nobody knows the end of",
    "cancel_writers": "a row for each writer: who wrote, from when to when, and with what versions",
    "cancel_gaps": "what is missing in the writers' sequences",
    "cancel_spooled": "what writers say of events that were recorded late, from a spool",
}
