"""The venue's own pace for several cancels: so many within any second, and none while it says to wait."""

from collections import deque

PER_SECOND = 12
# How long to wait after a 429 that does not say it, in seconds. A 418 is a ban: nothing is tried again unasked.
WAIT_S = 1.0
# What a caller can be kept waiting for: the shortest ban is two minutes, the longest three days.
LONGEST_WAIT_S = 300.0
TRIES = 5
_POLL_S = 0.02


class Pace:
    """Counts a request from its start until a second after its answer. Times are seconds of one clock.

    A request that arrived late at the venue is so never counted too early. Several threads may share one, without a
    lock, which a signal handler that cancels could find held by its own thread.
    """

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._under_way: set[str] = set()
        self._ended: deque[float] = deque(maxlen=per_second)
        self._held_until = 0.0

    def delay(self, now: float) -> float:
        """How long to wait before asking again whether one may go; 0 when it may."""
        if now < self._held_until:
            return self._held_until - now
        counted = sorted(ended for ended in list(self._ended) if ended > now - 1)
        if len(self._under_way) + len(counted) < self._per_second:
            return 0.0
        return counted[0] + 1 - now if counted else _POLL_S

    def begin(self, name: str) -> None:
        """One goes, under a name of its own."""
        self._under_way.add(name)

    def end(self, name: str, now: float) -> None:
        """It was answered, or has failed."""
        self._under_way.discard(name)
        self._ended.append(now)

    def hold(self, until: float) -> None:
        """Let none go before then."""
        self._held_until = max(self._held_until, until)


def read_pace(value: object) -> int | None:
    """So many in a second, from an option; None for what is no such number."""
    try:
        pace = int(str(value))
    except ValueError:
        return None
    return pace if pace >= 1 else None


def choose_wait(status: int, retry_after: float | None) -> float | None:
    """Seconds to wait after a refusal for frequency, or None: do not try again."""
    wait = retry_after if retry_after is not None else (WAIT_S if status != 418 else None)
    return None if wait is None or wait > LONGEST_WAIT_S else wait
