"""A crowd of honest writers for as many events as are asked for: what a record goes through that nobody tampers with.

Each keeps some attempts under way, forks now and then, and its clock is set by up to an hour in either direction.
"""

import os
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mexc_plugin.audit.recorder import Place, Receipt
from mexc_plugin.store.write import recorders
from tests.evidence import records
from tests.evidence.records import Draft

from .scale import scaled

UNDER_WAY = 100
BUDGET = 0.25
SPOOL_PAUSE = 0.1
STEP_S = 3_600
FORK_EVERY, STEP_EVERY = scaled((600, 150), (4_000, 1_500))

Attempt = tuple[Draft, Callable[[float], Draft]]


class Clock:
    """This process's wall clock, which somebody sets; `latency_us` is that of another."""

    def __init__(self, rng: random.Random) -> None:
        self._now_ns = time.time_ns
        self._rng = rng
        self._step_ns = 0
        time.time_ns = lambda: self._now_ns() + self._step_ns

    def step(self) -> None:
        self._step_ns = self._rng.choice((0, 1, -1)) * self._rng.randrange(STEP_S * records.SECOND)

    @staticmethod
    def now() -> float:
        """Seconds, as `records` counts them."""
        return (time.time_ns() - records.NOON) / records.SECOND


def cancel_until(url: str, ends: Path, account: str, seed: int, orders: list[str]) -> None:
    """Cancel until a file is there, in every way that an answer goes. orders: whose answers do not come."""
    rng = random.Random(seed)
    clock = Clock(rng)
    bot = _Bot(url)
    attempts = _attempts(rng, account, orders)
    for n in range(1, 10**9):
        if n % 50 == 1 and ends.exists():
            break
        if n % STEP_EVERY == 0:
            clock.step()
        if n % FORK_EVERY == 0:
            _fork(url, rng, account, is_closed=n % (2 * FORK_EVERY) == 0)
        bot.begin(next(attempts))
    bot.end_all()
    recorders.close_all()


def _fork(url: str, rng: random.Random, account: str, *, is_closed: bool) -> None:
    """A child cancels beside its parent, which waits for it. Without being closed it ends without `stop`."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        bot = _Bot(url)
        attempts = _attempts(rng, account, [])
        for _ in range(100):
            bot.begin(next(attempts))
        bot.end_all()
        if is_closed:
            recorders.close_all()
    finally:
        os._exit(0)


class _Bot:
    """The attempts that are under way, and the responses that nobody waited for yet."""

    def __init__(self, url: str) -> None:
        self._recorder = recorders.recorder_for(url)
        self._recorder.prepare()
        self._under_way: deque[Any] = deque()
        self._answered: deque[Receipt] = deque()

    def begin(self, attempt: Attempt) -> None:
        request, answer = attempt
        self._under_way.append((self._recorder.submit(request, BUDGET), answer, time.monotonic()))
        if len(self._under_way) > UNDER_WAY:
            self._end_one()

    def end_all(self) -> None:
        while self._under_way:
            self._end_one()
        while self._answered:
            _wait(self._answered.popleft())

    def _end_one(self) -> None:
        receipt, answer, begun = self._under_way.popleft()
        _wait(receipt)
        latency_us = int((time.monotonic() - begun) * 1e6)
        said = {"occurred_ns": time.time_ns(), "latency_us": latency_us}
        self._answered.append(self._recorder.submit(answer(Clock.now()) | said, BUDGET))
        if len(self._answered) > UNDER_WAY:
            _wait(self._answered.popleft())


def _wait(receipt: Receipt) -> None:
    """As a bot does; and what a database does not take at once has to come into it again later."""
    if not receipt.wait(BUDGET):
        receipt.give_up()
    if receipt.place is not Place.DATABASE:
        time.sleep(SPOOL_PAUSE)


def _attempts(rng: random.Random, account: str, orders: list[str]) -> Iterator[Attempt]:
    """Requests, each with what makes its response."""
    while True:
        at = Clock.now()
        shared = records.common(str(rng.randrange(10**17, 10**18)), at) | {"account": account}
        dice = rng.random()
        if dice < 0.02 and orders:
            yield _attempt(shared | {"order_id": orders.pop()}, records.unknown)
        elif dice < 0.02:
            yield _attempt(shared, records.unknown)
            again = shared | {"attempt": 2}
            yield _attempt(again, records.canceled)
        elif dice < 0.12:
            yield _attempt(shared, records.refused)
        elif dice < 0.14:
            everything = shared | {"path": "/api/v3/openOrders"}
            del everything["order_id"]
            yield _attempt(everything, lambda _, at: records.all_canceled(at))
        else:
            yield _attempt(shared, records.canceled)


def _attempt(shared: Draft, make: Callable[[Draft, float], list[Draft]]) -> Attempt:
    now_ms = time.time_ns() // 1_000_000
    request = records.request(shared, Clock.now()) | {"occurred_ns": time.time_ns()}
    sent = request["request"]
    url = sent["url"].replace("&signature", f"&recvWindow=5000&timestamp={now_ms}&signature")
    request["request"] = sent | {"url": url}

    def answer(at: float) -> Draft:
        return make(shared, at)[1] | shared

    return request, answer
