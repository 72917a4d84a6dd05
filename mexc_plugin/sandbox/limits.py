"""MEXC's limit on order requests, and what becomes of those who break it.

The spot pages of 2026: placing, batches, cancels and the look-up of open orders share 12 requests a
second. Who sends more gets 429, and who does not wait then is banned, for 2 minutes up to 3 days, and gets
418. Both answers say in `Retry-After` how many seconds to wait. The venue counts by IP or by UID; here
each API key is counted for itself, and a ban meets every signed request of the key.
"""

import math
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from mexc_plugin.sandbox.faults import Fault, FaultKind
from mexc_plugin.sandbox.vocabulary import Json


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`requests` within `seconds` are answered; the defaults are the venue's own.

    - `retry_after`: whole seconds to wait after a 429, before which another order request is
      answered with 418
    - `ban`: whole seconds that a ban lasts
    """

    requests: int = 12
    seconds: float = 1.0
    retry_after: int = 1
    ban: int = 120

    def __post_init__(self) -> None:
        whole = self.requests, self.retry_after, self.ban
        if (
            not all(isinstance(number, int) and number >= 1 for number in whole)
            or self.seconds <= 0
        ):
            raise ValueError("requests, retry_after and ban are whole numbers, all more than 0")


def rate_limit_from_json(data: Json) -> RateLimit:
    """A limit from an object with the names of its fields. Raises ValueError."""
    if not isinstance(data, dict):
        raise ValueError("a rate limit is a JSON object")  # noqa: TRY004 - it is data, not code
    if isinstance(data.get("seconds"), Decimal):
        data = {**data, "seconds": float(data["seconds"])}
    try:
        return RateLimit(**data)
    except TypeError as error:
        raise ValueError(str(error)) from None


@dataclass(slots=True)
class _Sender:
    """What one API key has sent: the times that count, and until when it has to wait, in ms."""

    answered: deque[int] = field(default_factory=deque)
    wait_until: int = 0
    banned_until: int = 0


class RateLimiter:
    """Who may send now? `clock` gives milliseconds. Safe to use from several threads."""

    def __init__(self, limit: RateLimit | None, clock: Callable[[], int]) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self.set_limit(limit)

    @property
    def limit(self) -> RateLimit | None:
        return self._limit

    def set_limit(self, limit: RateLimit | None) -> None:
        """Another limit from now on, or none. What was counted is forgotten, bans are lifted."""
        with self._lock:
            self._limit = limit
            self._senders: defaultdict[str, _Sender] = defaultdict(_Sender)

    def refuse(self, api_key: str | None, *, counts: bool) -> Fault | None:
        """The answer to a request that came too early, None for one that is let through."""
        with self._lock:
            if self._limit is None or api_key is None:
                return None
            return _refuse(self._limit, self._senders[api_key], self._clock(), counts=counts)


def _refuse(limit: RateLimit, sender: _Sender, now: int, *, counts: bool) -> Fault | None:
    if now < sender.banned_until:
        left = math.ceil((sender.banned_until - now) / 1000)
        return Fault(FaultKind.BANNED, retry_after=left)
    if not counts:
        return None
    if now < sender.wait_until:
        sender.banned_until = now + limit.ban * 1000
        return Fault(FaultKind.BANNED, retry_after=limit.ban)
    while sender.answered and sender.answered[0] <= now - limit.seconds * 1000:
        sender.answered.popleft()
    if len(sender.answered) >= limit.requests:
        sender.wait_until = now + limit.retry_after * 1000
        return Fault(FaultKind.RATE_LIMIT, retry_after=limit.retry_after)
    sender.answered.append(now)
    return None
