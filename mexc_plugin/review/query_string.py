"""Filters in words: what the query of a URL or a form asks for. Names are those of `audit list`.

`read` takes pairs of name and value, in which a name may come several times, as in
`outcome=unknown&outcome=pending&since=1h`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mexc_plugin.audit.outcome import FAILED, UNRESOLVED, Outcome
from mexc_plugin.review import times

if TYPE_CHECKING:
    from mexc_plugin.store.read.queries import Filters

# Names in a URL, and the field of `Filters` that each fills.
SEVERAL = {
    "symbol": "symbols",
    "bot": "bots",
    "account": "accounts",
    "order-id": "order_ids",
    "client-order-id": "client_order_ids",
    "code": "codes",
    "search": "searches",
}
NAMES = ("since", "until", *SEVERAL, "outcome", "latency-over")
OUTCOME_GROUPS: Mapping[str, frozenset[Outcome]] = {"failed": FAILED, "unresolved": UNRESOLVED}
OUTCOMES = (*OUTCOME_GROUPS, *(outcome.value for outcome in Outcome))

LONGEST_VALUE = 256
MOST_VALUES = 50
# Each is looked for in several columns of every row.
MOST_SEARCHES = 10


@dataclass(frozen=True, slots=True)
class Asking:
    """What was asked for, as it was written: pairs of name and value, in the order of NAMES."""

    pairs: tuple[tuple[str, str], ...] = ()

    def of(self, name: str) -> tuple[str, ...]:
        """The values of one filter."""
        return tuple(value for key, value in self.pairs if key == name)

    def filters(self, now: datetime) -> "Filters":
        """What it means. now: naive UTC. Raises ValueError, whose message says what to write."""
        from mexc_plugin.store.read.queries import Filters

        found: dict[str, Any] = {SEVERAL[name]: self.of(name) for name in SEVERAL}
        found["symbols"] = tuple(spellings(self.of("symbol")))
        found["outcomes"] = tuple(sorted(meant_outcomes(self.of("outcome"))))
        for name in ("since", "until"):
            found[name] = times.moment(value, now) if (value := self._one(name)) else None
        if latency := self._one("latency-over"):
            found["latency_over_us"] = times.duration_us(latency)
        wanted = Filters(**found)
        if wanted.since and wanted.until and wanted.until < wanted.since:
            raise ValueError("until is before since: nothing can match")
        return wanted

    def _one(self, name: str) -> str | None:
        values = self.of(name)
        if len(values) > 1:
            raise ValueError(f"{name} is given {len(values)} times; give it once")
        return values[0] if values else None


def read(given: Iterable[tuple[str, str]]) -> Asking:
    """Filters out of pairs; empty values, as a form sends them, ask for nothing.

    Raises ValueError, whose message says what to write.
    """
    words: dict[str, list[str]] = {name: [] for name in NAMES}
    for name, value in given:
        if name not in words:
            raise ValueError(f"there is no filter {name!r}; there are {', '.join(NAMES)}")
        most = MOST_SEARCHES if name == "search" else MOST_VALUES
        if len(value) > LONGEST_VALUE or len(words[name]) >= most:
            raise ValueError(f"too much is asked for with {name}")
        if "\0" in value:
            raise ValueError(f"{name} holds a NUL; write it without")
        if value.strip() and value.strip() not in words[name]:
            words[name].append(value.strip())
    return Asking(tuple((name, value) for name, values in words.items() for value in values))


def spellings(symbols: Iterable[str]) -> dict[str, None]:
    """Symbols as they were written and in capitals, in their order."""
    return {form: None for given in symbols for form in (given, given.upper())}


def meant_outcomes(given: Iterable[str]) -> set[str]:
    """Outcomes, groups taken apart. Raises ValueError."""
    found: set[str] = set()
    for name in given:
        if name not in OUTCOMES:
            raise ValueError(f"there is no outcome {name!r}; there are {', '.join(OUTCOMES)}")
        found |= {str(outcome) for outcome in OUTCOME_GROUPS.get(name, {name})}
    return found
