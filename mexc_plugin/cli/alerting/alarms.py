"""What is worth a call: cancels that failed, that are unresolved for too long, and trouble with the record. Pure.

Each is told once. What comes while no call may be made is kept for the next one, counted, with the first few of its rows.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from mexc_plugin.audit.outcome import FAILED
from mexc_plugin.cli.options.display import count
from mexc_plugin.review.text import visible

Row = Mapping[str, Any]
Told = tuple[str, int, str]

VERSION = 1
MOST_ROWS = 20
MOST_REMEMBERED = 10_000
LONGEST_MESSAGE = 500


@dataclass(slots=True)
class News:
    """What has happened since the last call. trouble: sentences by their kind, `database`, `spool` or `lost`."""

    failed: list[Row] = field(default_factory=list)
    failed_count: int = 0
    overdue: list[Row] = field(default_factory=list)
    overdue_count: int = 0
    trouble: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.failed_count or self.overdue_count or self.trouble)

    def add(
        self, failed: Iterable[Row], overdue: Iterable[Row], trouble: Mapping[str, str]
    ) -> None:
        """Remember more of it."""
        for row in failed:
            self.failed_count += 1
            _keep(self.failed, row)
        for row in overdue:
            self.overdue_count += 1
            _keep(self.overdue, row)
        self.trouble |= trouble

    def after(self, earlier: "News") -> "News":
        """Both, where a call came to nothing."""
        return News(
            (earlier.failed + self.failed)[:MOST_ROWS],
            earlier.failed_count + self.failed_count,
            (earlier.overdue + self.overdue)[:MOST_ROWS],
            earlier.overdue_count + self.overdue_count,
            earlier.trouble | self.trouble,
        )

    def summary(self, unresolved_after: timedelta) -> str:
        """One sentence for people."""
        parts = []
        if self.failed_count:
            parts.append(f"{count(self.failed_count, 'cancel', 'cancels')} failed")
        if self.overdue_count:
            seconds = f"{unresolved_after.total_seconds():g}"
            overdue = count(self.overdue_count, "cancel", "cancels")
            parts.append(f"{overdue} unresolved for more than {seconds} s")
        return "; ".join([*parts, *self.trouble.values()])

    def document(self, at: datetime, database: str, host: str, after: timedelta) -> dict[str, Any]:
        """What a call is given: see docs/monitoring.md. database: as people may see it."""
        return {
            "version": VERSION,
            "at": at,
            "host": host,
            "database": database,
            "text": self.summary(after),
            "failed": {"count": self.failed_count, "cancels": self.failed},
            "unresolved": {"count": self.overdue_count, "cancels": self.overdue},
            "trouble": [{"kind": kind, "text": text} for kind, text in self.trouble.items()],
        }


class Alarms:
    """What was told already. after: how long a cancel may be unresolved; patience: how long trouble may last unsaid."""

    def __init__(self, after: timedelta, patience: timedelta) -> None:
        self._after = after
        self._patience = patience
        self._failed: OrderedDict[Told, None] = OrderedDict()
        self._overdue: set[Told] = set()
        self._since: dict[str, datetime] = {}
        self._said: dict[str, str] = {}
        self._lost = 0

    def find_failures(self, changed: Iterable[Row]) -> list[Row]:
        """Those of the rows that failed and are not told yet."""
        found = [row for row in changed if row["final_outcome"] in FAILED]
        new = [row for row in found if _key(row) not in self._failed]
        self._failed.update(dict.fromkeys(map(_key, new)))
        while len(self._failed) > MOST_REMEMBERED:
            self._failed.popitem(last=False)
        return new

    def overdue(self, unresolved: Iterable[Row], now: datetime) -> list[Row]:
        """Those of all unresolved rows that are so for too long and are not told yet."""
        found = [row for row in unresolved if row["requested_at"] <= now - self._after]
        new = [row for row in found if _key(row) not in self._overdue]
        self._overdue = set(map(_key, found))
        return new

    def find_losses(self, number: int) -> dict[str, str]:
        """The trouble, where it is more than before."""
        before, self._lost = self._lost, number
        if number <= before:
            return {}
        return {
            "lost": f"{number:,} events are lost, the writers say; see: mexc-plugin audit verify"
        }

    def lasting(self, trouble: Mapping[str, str], now: datetime) -> dict[str, str]:
        """What has lasted and is not told yet; what is over may be told again. trouble: all of it, as it is now."""
        self._since = {kind: self._since.get(kind, now) for kind in trouble}
        self._said = {kind: text for kind, text in self._said.items() if kind in trouble}
        new = {
            kind: text
            for kind, text in trouble.items()
            if kind not in self._said and now - self._since[kind] >= self._patience
        }
        self._said |= new
        return new


def as_line(row: Row) -> str:
    """An attempt in one line, for a journal."""
    said = [row["venue_code"], row["venue_message"] or row["error_type"]]
    reason = " ".join(str(part) for part in said if part)
    order = row["order_id"] or row["client_order_id"]
    latency = row["latency_us"]
    parts = [
        row["symbol"] or row["native_symbol"],
        order and f"order {order}",
        row["bot"] and f"bot {row['bot']}",
        reason,
        None if latency is None else f"{latency / 1000:.1f} ms",
        f"cancel {row['cancel_id']}",
    ]
    return visible(f"{row['final_outcome']}: {', '.join(str(part) for part in parts if part)}")


def _keep(rows: list[Row], row: Row) -> None:
    if len(rows) < MOST_ROWS:
        message = row["venue_message"]
        rows.append(row if message is None else {**row, "venue_message": _cut(str(message))})


def _cut(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"


def _key(row: Row) -> Told:
    return str(row["cancel_id"]), int(row["attempt"]), str(row["final_outcome"])
