"""Counting attempts that have something in common: how many, what became of them, how long they took.

Pure. Latencies are kept whole, eight bytes each, in sorted runs: percentiles are exact.
"""

import math
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mexc_plugin.audit.outcome import FAILED, UNRESOLVED

RUN = 65_536
LONG = 4_096


class Latencies:
    """A multiset of microseconds."""

    __slots__ = ("_fresh", "_runs")

    def __init__(self) -> None:
        self._runs: list[Sequence[int]] = []
        self._fresh = array("q")

    def add(self, values: Sequence[int]) -> None:
        """values: in order, and from now on never changed."""
        if len(values) >= LONG:
            self._runs.append(values)
            return
        self._fresh.extend(values)
        if len(self._fresh) >= RUN:
            self._settle()

    def runs(self) -> list[Sequence[int]]:
        """All of them, in sorted runs."""
        self._settle()
        return self._runs

    def _settle(self) -> None:
        if self._fresh:
            self._runs.append(array("q", sorted(self._fresh)))
            self._fresh = array("q")


class Ranking:
    """Several multisets as one, in order. It answers for the state in which they were given."""

    def __init__(self, parts: Iterable[Latencies]) -> None:
        self._runs = [run for part in parts for run in part.runs() if run]
        self.count = sum(map(len, self._runs))

    def percentile(self, percent: float) -> int | None:
        """By nearest rank: the smallest value that `percent` of all values do not exceed."""
        return self._at(max(1, math.ceil(percent * self.count / 100)))

    @property
    def maximum(self) -> int | None:
        return self._at(self.count)

    def between(self, low: int, high: int) -> int:
        """How many values are in low <= value < high."""
        return self._below(high) - self._below(low)

    def _below(self, value: int) -> int:
        return sum(bisect_left(run, value) for run in self._runs)

    def _at(self, rank: int) -> int | None:
        """The value at a rank, from 1: found by halving the range of values, not by merging runs."""
        if not self.count:
            return None
        low = min(run[0] for run in self._runs)
        high = max(run[-1] for run in self._runs)
        while low < high:
            middle = (low + high) // 2
            if self._below(middle + 1) >= rank:
                high = middle
            else:
                low = middle + 1
        return low


class Part:
    """The attempts of one outcome; those that were never answered have no latency."""

    __slots__ = ("count", "latencies")

    def __init__(self) -> None:
        self.count = 0
        self.latencies = Latencies()

    def add(self, count: int, latencies: Sequence[int]) -> None:
        self.count += count
        self.latencies.add(latencies)


class Tally:
    """Attempts of every outcome."""

    def __init__(self, parts: Mapping[str, Sequence[Part]]) -> None:
        self.parts = parts

    @classmethod
    def of(cls, parts: Mapping[str, Part]) -> "Tally":
        """By final outcome; what is empty is left out."""
        return cls({name: (part,) for name, part in parts.items() if part.count})

    @classmethod
    def together(cls, tallies: Iterable["Tally"]) -> "Tally":
        """All attempts of several tallies; nothing is copied."""
        found: dict[str, list[Part]] = {}
        for tally in tallies:
            for name, parts in tally.parts.items():
                found.setdefault(name, []).extend(parts)
        return cls(found)

    def only(self, outcome: str) -> "Tally":
        """The attempts of one outcome."""
        return Tally({outcome: self.parts[outcome]})

    @property
    def outcomes(self) -> Counter[str]:
        return Counter({name: sum(p.count for p in parts) for name, parts in self.parts.items()})

    @property
    def attempts(self) -> int:
        return self.outcomes.total()

    @property
    def failed(self) -> int:
        return self._of(FAILED)

    @property
    def unresolved(self) -> int:
        return self._of(UNRESOLVED)

    def ranking(self) -> Ranking:
        """The latencies of all attempts that have one."""
        return Ranking(part.latencies for parts in self.parts.values() for part in parts)

    def _of(self, outcomes: Iterable[str]) -> int:
        counted = self.outcomes
        return sum(counted[name] for name in outcomes)
