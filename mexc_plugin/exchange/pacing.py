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

    A request that arrived late at the venue is so never counted too early.
    """

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._under_way = 0
        self._ended: deque[float] = deque()
        self._held_until = 0.0

    def delay(self, now: float) -> float:
        """How long to wait before asking again whether one may go; 0 when it may."""
        while self._ended and self._ended[0] <= now - 1:
            self._ended.popleft()
        if now < self._held_until:
            return self._held_until - now
        if self._under_way + len(self._ended) < self._per_second:
            return 0.0
        return self._ended[0] + 1 - now if self._ended else _POLL_S

    def begin(self) -> None:
        """One goes."""
        self._under_way += 1

    def end(self, now: float) -> None:
        """One was answered, or has failed."""
        self._under_way -= 1
        self._ended.append(now)

    def hold(self, until: float) -> None:
        """Let none go before then."""
        self._held_until = max(self._held_until, until)


def choose_wait(status: int, retry_after: float | None) -> float | None:
    """Seconds to wait after a refusal for frequency, or None: do not try again."""
    wait = retry_after if retry_after is not None else (WAIT_S if status != 418 else None)
    return None if wait is None or wait > LONGEST_WAIT_S else wait
