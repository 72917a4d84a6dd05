"""A `fetch` of the bot's own that serves several requests at once, of which some have one URL: none is taken for another."""

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mexc_plugin.sandbox import Sandbox
from tests.conftest import Audit, Bot, MakeBot, assert_complete
from tests.exchange.test_attacks import on_loop

IDS = ("111", "222", "333")
# Called by the replacement: the original, its request.
Way = Callable[..., Any]


async def in_its_own_task(original: Any, request: tuple[Any, ...]) -> Any:
    return await original(*request)


async def in_a_task_without_a_context(original: Any, request: tuple[Any, ...]) -> Any:
    return await asyncio.create_task(original(*request), context=contextvars.Context())


WAYS = (in_its_own_task, in_a_task_without_a_context)


def of_each_order(audit: Audit) -> dict[str, tuple[int, str, int | None]]:
    rows = audit.history()
    assert len(rows) == len({row["cancel_id"] for row in rows})
    return {row["order_id"]: (row["attempt"], row["outcome"], row["http_status"]) for row in rows}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("pause", [0.0, 0.3], ids=["together", "one after another has begun"])
def test_futures_cancels_that_wait_in_the_users_own_fetch_are_each_on_record(
    sandbox: Sandbox, audit: Audit, way: Way, pause: float
) -> None:
    """The URL of each is the same: only the body names the order."""
    served: list[str] = []

    async def cancel(exchange: Any, order_id: str, after: float) -> Any:
        await asyncio.sleep(after)
        return await exchange.contractPrivatePostOrderCancel([order_id])

    async def main() -> list[Any]:
        async with on_loop(sandbox, audit) as exchange:
            original = exchange.fetch

            async def own(*request: Any) -> Any:
                served.append(request[3])
                await asyncio.sleep(1)
                return await way(original, request)

            exchange.fetch = own
            return await asyncio.gather(
                *(cancel(exchange, each, number * pause) for number, each in enumerate(IDS))
            )

    answers = asyncio.run(main())
    assert [answer["data"][0]["orderId"] for answer in answers] == list(IDS)
    assert sorted(served) == [f'["{each}"]' for each in IDS]
    assert of_each_order(audit) == dict.fromkeys(IDS, (1, "not_found", 200))
    assert_complete(sandbox, audit)


def test_so_they_are_from_threads_and_where_the_original_runs_in_yet_another(
    sandbox: Sandbox, audit: Audit
) -> None:
    bot = Bot("sync", {**sandbox.ccxt_config(), "options": {"audit": {"url": audit.url}}})
    bot.load_markets()
    original, together = bot.exchange.fetch, threading.Barrier(len(IDS))
    with (
        concurrent.futures.ThreadPoolExecutor(len(IDS)) as callers,
        concurrent.futures.ThreadPoolExecutor(len(IDS)) as senders,
    ):

        def own(*request: Any) -> Any:
            together.wait(10)
            return senders.submit(original, *request).result(10)

        bot.exchange.fetch = own
        cancel = bot.exchange.contractPrivatePostOrderCancel
        answers = list(callers.map(cancel, [[each] for each in IDS]))
    bot.close()
    assert [answer["data"][0]["orderId"] for answer in answers] == list(IDS)
    assert of_each_order(audit) == dict.fromkeys(IDS, (1, "not_found", 200))
    assert_complete(sandbox, audit)


def test_requests_that_are_alike_are_all_served_by_the_users_own_fetch(
    sandbox: Sandbox, audit: Audit
) -> None:
    """Otherwise the second one would go to the venue that the replacement stands for."""
    arrived: list[str] = []

    async def main() -> list[int]:
        async with on_loop(sandbox, audit) as exchange:

            async def own(url: str, *_: Any) -> Any:
                arrived.append(url)
                await asyncio.sleep(0.1)
                return {"serverTime": len(arrived)}

            exchange.fetch = own
            return list(await asyncio.gather(exchange.fetch_time(), exchange.fetch_time()))

    assert asyncio.run(main()) == [2, 2]
    assert len(arrived) == 2


def test_one_that_changes_the_url_each_time_calls_the_original_as_with_plain_ccxt(
    make_bot: MakeBot, sandbox: Sandbox, audit: Audit
) -> None:
    bot = make_bot()
    bot.load_markets()
    original, calls = bot.exchange.fetch, []

    def own(url: str, *rest: Any) -> Any:
        calls.append(url)
        assert len(calls) < 5, "the original calls the user's fetch again"
        return original(f"{url}#{len(calls)}", *rest)

    bot.exchange.fetch = own
    order_id = sandbox.place("LTCBTC", "BUY", "2", "0.002")
    assert bot.cancel_order(order_id, "LTC/BTC")["status"] == "canceled"
    assert (len(calls), len(sandbox.arrivals)) == (1, 1)
    # What it was given and what it made of it: the second is what was sent.
    assert [row["outcome"] for row in audit.history()] == ["canceled", "canceled"]


def test_a_worker_that_an_earlier_request_started_sends_for_the_later_ones(
    sandbox: Sandbox, audit: Audit
) -> None:
    """It keeps the context of the request in which it began."""

    async def main() -> list[Any]:
        async with on_loop(sandbox, audit) as exchange:
            original, workers = exchange.fetch, []
            queue: asyncio.Queue[Any] = asyncio.Queue()

            async def work() -> None:
                while True:
                    request, answer = await queue.get()
                    answer.set_result(await original(*request))

            async def own(*request: Any) -> Any:
                if not workers:
                    workers.append(asyncio.create_task(work()))
                answer = asyncio.get_running_loop().create_future()
                queue.put_nowait((request, answer))
                return await asyncio.wait_for(answer, 5)

            exchange.fetch = own
            cancels = [exchange.contractPrivatePostOrderCancel([each]) for each in IDS]
            answers = list(await asyncio.gather(*cancels))
            workers[0].cancel()
            return answers

    answers = asyncio.run(main())
    assert [answer["data"][0]["orderId"] for answer in answers] == list(IDS)
    assert of_each_order(audit) == dict.fromkeys(IDS, (1, "not_found", 200))
    assert_complete(sandbox, audit)
