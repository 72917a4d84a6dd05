"""Plain ccxt's class and ours, in one process at one venue, are given the same answer to the same cancel.

What caught plain ccxt's error catches ours. Where plain ccxt takes an answer that is none for an order, ours raises
what `except ExchangeError` or `except NetworkError` catches.
"""

import asyncio
import inspect
import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice, repeat
from pathlib import Path
from typing import Any, NamedTuple

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

from mexc_plugin import async_support, mexc, pro
from mexc_plugin.sandbox import Fault, FaultKind, Sandbox
from mexc_plugin.store.write import recorders

COLOURS = {
    "sync": (ccxt.mexc, mexc),
    "async": (ccxt.async_support.mexc, async_support.mexc),
    "pro": (ccxt.pro.mexc, pro.mexc),
}
SPOT, SWAP = "LTC/BTC", "BTC/USDT:USDT"


class Answer(NamedTuple):
    """What the venue says, whatever it was asked."""

    status: int
    body: bytes
    headers: dict[str, str]


@dataclass
class Result:
    """What a bot gets: a value, or an error."""

    value: Any = None
    error: BaseException | None = None

    def __str__(self) -> str:
        if self.error is None:
            return f"returned {str(self.value)[:80]!r}"
        return f"raised {type(self.error).__mro__[0].__name__}: {str(self.error)[:80]!r}"


class Pair:
    """An exchange of plain ccxt's class and one of ours."""

    def __init__(self, colour: str, sandbox: Sandbox, folder: str) -> None:
        plain, ours = COLOURS[colour]
        config = {**sandbox.ccxt_config(), "timeout": 20_000}
        options = {"audit": {"url": f"sqlite:///{folder}/audit.db"}}
        self.colour, self.sandbox = colour, sandbox
        self.exchanges = plain(config), ours({**config, "options": options})
        self._runner = None if colour == "sync" else asyncio.Runner()
        for exchange in self.exchanges:
            assert self._call(exchange, "load_markets").error is None

    def ask(self, answer: Answer, method: str, *args: Any) -> tuple[Result, Result]:
        """What plain ccxt's class makes of the answer, and ours."""
        fault = Fault(
            FaultKind.RAW,
            path="*",
            times=2,
            status=answer.status,
            body=answer.body,
            headers=answer.headers,
        )
        self.sandbox.inject(fault)
        plain, ours = (self._call(exchange, method, *args) for exchange in self.exchanges)
        self.sandbox.clear_faults()
        return plain, ours

    def _call(self, exchange: Any, method: str, *args: Any) -> Result:
        try:
            value = getattr(exchange, method)(*args)
            if self._runner is not None and inspect.isawaitable(value):
                value = self._runner.run(value)
        except Exception as error:
            return Result(error=error)
        return Result(value=value)

    def close(self) -> None:
        for exchange in self.exchanges:
            if self._runner is None:
                exchange.session.close()
            else:
                exchange.timeout_on_exit = 1
                self._runner.run(exchange.close())
        if self._runner is not None:
            self._runner.close()


@pytest.fixture(scope="module", params=COLOURS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    # Thousands of cancels: in memory where there is such a folder, no test here is about the disk.
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with Sandbox().serve() as sandbox, tempfile.TemporaryDirectory(dir=memory) as folder:
        pair = Pair(request.param, sandbox, folder)
        yield pair
        pair.close()
        recorders.close_all()


def find_fault(plain: Result, ours: Result) -> str | None:
    """What is wrong with ours, for an answer that acknowledges nothing."""
    if ours.error is None:
        return "took it for an answer"
    if not isinstance(ours.error, ccxt.BaseError):
        return "raised what is no error of ccxt's"
    if isinstance(plain.error, ccxt.BaseError):
        return None if isinstance(ours.error, type(plain.error)) else "is caught by another handler"
    if not isinstance(ours.error, ccxt.ExchangeError | ccxt.NetworkError):
        return "is caught by no handler"
    return None


def compare(pair: Pair, answers: Iterable[Answer], method: str, *args: Any) -> list[str]:
    """Everything that is wrong with ours; empty where nothing is."""
    found = []
    for answer in answers:
        plain, ours = pair.ask(answer, method, *args)
        fault = find_fault(plain, ours)
        if fault is not None:
            found.append(f"{answer.status} {answer.body!r}: plain {plain}; ours {ours}: {fault}")
        elif (words := answer.body.decode()) in str(plain.error) and words not in str(ours.error):
            found.append(f"{answer.status} {answer.body!r}: ours does not quote it: {ours}")
    return found


# -- the answers

EXACT = sorted(ccxt.mexc().exceptions["exact"])
BROAD = sorted(ccxt.mexc().exceptions["broad"])
# Of ours, and of none: the codes that ccxt's table does not have.
UNLISTED = ["-2013", "2040", "2041", "5002", "2037", "3016", "9999", "-1000", "-1006", "-1007", "418", "502", "12345"]  # fmt: skip
HTML = b"<html><head><title>Access Denied</title></head><body><h1>Access Denied</h1></body></html>"
BODIES = {
    "HTML": (HTML, "text/html; charset=utf-8"),
    "text": (b"upstream connect error or disconnect/reset before headers", "text/plain"),
    "empty": (b"", "text/plain"),
    "half a JSON": (b'{"code": 700003, "msg": "Time', "application/json"),
    "a JSON error": (None, "application/json"),
}
# Where ccxt or an HTTP library does something of its own, and some where none does.
SOME_STATUSES = [300, 301, 302, 303, 304, 305, 307, 308, 399, 400, 401, 403, 404, 405, 407, 408, 409, 410, 418, 422, 425, 429, 451, 499, *range(500, 506), 507, 511, *range(520, 531, 2), 599]  # fmt: skip


def spot_error(code: str, words: str = "words of the venue") -> bytes:
    return f'{{"code":{code},"msg":"{words}"}}'.encode()


def futures_error(code: str, words: str = "words of the venue") -> bytes:
    return f'{{"success":false,"code":{code},"message":"{words}"}}'.encode()


def answers_with(
    bodies: Iterable[str], statuses: Iterable[int], error: Any = spot_error
) -> Iterator[Answer]:
    """A body of these kinds, and of JSON errors a code of ccxt's, with each status: the next in turn."""
    codes = cycle([*EXACT, *UNLISTED])
    for status, body, code in zip(statuses, bodies, codes, strict=False):
        given, content_type = BODIES[body]
        sent = error(code) if given is None else given
        headers = {"Content-Type": content_type, "Retry-After": "1", "X-Cache": "MISS"}
        yield Answer(status, sent, headers)


def answers_with_codes(error: Any = spot_error) -> Iterator[Answer]:
    """Every code and every text of ccxt's tables, with a 200 and with a 400."""
    bodies = [error(code) for code in [*EXACT, *UNLISTED]]
    bodies += [error("987654", words) for words in BROAD]
    bodies += [json.dumps({"code": 26, "data": "operation not allowed"}).encode()]
    for body in bodies:
        for status in (200, 400):
            yield Answer(status, body, {"Content-Type": "application/json"})


# -- one spot order


@pytest.mark.parametrize("body", BODIES)
def test_whatever_caught_plain_ccxt_s_error_for_a_status_catches_ours(
    pair: Pair, body: str
) -> None:
    statuses = range(300, 600)
    if pair.colour != "sync":  # aiohttp answers both
        statuses = sorted({*SOME_STATUSES, *statuses[::7]})

    assert compare(pair, answers_with(repeat(body), statuses), "cancel_order", "4", SPOT) == []


def test_whatever_caught_plain_ccxt_s_error_for_a_code_catches_ours(pair: Pair) -> None:
    assert compare(pair, answers_with_codes(), "cancel_order", "4", SPOT) == []


@pytest.mark.parametrize("location", ["/sandbox/elsewhere", "http://127.0.0.1:1/", "", "http://["])
def test_a_redirect_is_an_error_of_ccxts_wherever_it_leads(pair: Pair, location: str) -> None:
    answers = [
        Answer(status, body, {"Location": location, "Content-Type": "application/json"})
        for status in range(300, 310)
        for body in (b"", HTML, spot_error("700002"), spot_error("429"))
    ]
    assert compare(pair, answers, "cancel_order", "4", SPOT) == []


# Taken for an order by plain ccxt, or stumbled over.
JUNK = [
    b"", b" ", b"null", b"true", b"0", b'"ok"', b"[]", b"[[]]", b"{}", b'{"code":200}', b'{"code":0,"data":null}',
    b'{"success":true,"code":0,"data":{"orderId":"999"}}', b'{"code":200,"msg":"success"}', b'{"success":true}',
    b'{"success":false}', b'{"success":"false","orderId":"4"}', b'{"orderId":"999","symbol":"LTCBTC"}', b'{"orderId":null}',
    b'{"orderId":"4","symbol":"LTCBTC","executedQty":"-1"}', b'{"orderId":"4","price":"NaN"}', b'{"orderId":"4","price":NaN}',
    b'{"orderId":"4","executedQty":1e400,"origQty":"1"}', b'{"orderId":"4","executedQty":"2","origQty":"1"}',
    b'{"orderId":"4","code":200,"msg":"failed"}', b'{"orderId":"4","success":false}', b'{"orderId":"4","status":"NOBODY_KNOWS"}',
    b'{"orderId":"4","orderId":"5"}', b'{"orderId":{"a":1}}', b'{"orderId":"4","price":{"a":1}}', b'{"orderId":"4","symbol":["LTCBTC"]}',
    b"[" * 5000, b"[" * 5000 + b"]" * 5000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b'{"orderId":' + b"9" * 5000 + b"}",
    b'{"orderId":"4","price":' + b"9" * 5000 + b"}", b'{"orderId":"\\ud800"}', b"\xff\xfe{", HTML,
]  # fmt: skip


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 226, 299])
def test_what_is_no_order_is_an_error_that_bots_catch(pair: Pair, status: int) -> None:
    answers = [Answer(status, body, {"Content-Type": "application/json"}) for body in JUNK]
    faults = []
    for answer in answers:
        plain, ours = pair.ask(answer, "cancel_order", "4", SPOT)
        fault = find_fault(plain, ours)
        if fault:
            faults.append(f"{answer.body[:60]!r}: plain {plain}; ours {ours}: {fault}")
    assert faults == []


def test_an_order_that_was_cancelled_is_one_with_both(pair: Pair) -> None:
    for exchange in pair.exchanges:
        order_id = pair.sandbox.place("LTCBTC", "BUY", "2", "0.002")
        order = pair._call(exchange, "cancel_order", order_id, SPOT).value
        assert (order["id"], order["status"], order["symbol"]) == (order_id, "canceled", SPOT)


# -- everything else that cancels

OTHERS = {
    "swap": ("cancel_order", ("4", SWAP), futures_error),
    "swap, several": ("cancel_orders", (["4", "5"], SWAP), futures_error),
    "swap, all": ("cancel_all_orders", (SWAP,), futures_error),
    "swap, by client order id": ("cancel_order", (None, SWAP, {"clientOrderId": "c"}), futures_error),
    "spot, all of a symbol": ("cancel_all_orders", (SPOT,), spot_error),
    "spot, by client order id": ("cancel_order", (None, SPOT, {"clientOrderId": "c"}), spot_error),
    "margin": ("cancel_order", ("4", SPOT, {"marginMode": "isolated"}), spot_error),
    "implicit spot": ("spotPrivateDeleteOrder", ({"symbol": "LTCBTC", "orderId": "4"},), spot_error),
    "implicit open orders": ("spotPrivateDeleteOpenOrders", ({"symbol": "LTCBTC"},), spot_error),
    "implicit futures": ("contractPrivatePostOrderCancel", (["4"],), futures_error),
    "implicit legacy": ("spot2PrivateDeleteOrderCancel", ({"order_ids": "4"},), spot_error),
}  # fmt: skip


def test_it_is_so_for_every_other_cancel_and_every_status_that_matters(pair: Pair) -> None:
    """Each cancel with each status and with each body, and each body with each status."""
    faults = []
    for shift, (name, (method, args, error)) in enumerate(OTHERS.items()):
        turned = islice(cycle(BODIES), shift, None)
        answers = answers_with(turned, SOME_STATUSES, error)
        faults += [f"{name}: {fault}" for fault in compare(pair, answers, method, *args)]
    assert faults == []


def test_a_swap_order_with_any_result_but_success_is_also_the_invalid_order_that_ccxt_raises(
    pair: Pair,
) -> None:
    items = [f'{{"orderId":4,"errorCode":{code},"errorMsg":"no"}}' for code in [*EXACT, *UNLISTED]]
    items += ['{"orderId":999,"errorCode":2041,"errorMsg":"no"}', '{"errorCode":2041}', "{}", "[]", "null"]  # fmt: skip
    answers = [
        Answer(status, f'{{"success":true,"code":0,"data":[{item}]}}'.encode(), {})
        for item in items
        for status in (200, 400, 500)
    ]
    assert compare(pair, answers, "cancel_order", "4", SWAP) == []


@pytest.mark.parametrize("name", OTHERS)
def test_it_is_so_for_every_other_cancel_and_every_code(pair: Pair, name: str) -> None:
    method, args, error = OTHERS[name]
    answers = list(answers_with_codes(error))[:: 1 if name == "swap" else 5]

    assert compare(pair, answers, method, *args) == []


# -- headers that a library stumbles over

ODD_HEADERS = [
    *({"Content-Encoding": name} for name in ("gzip", "deflate", "br", "zstd", "unknown", "gzip, br")),
    *({"Content-Type": f"application/json; charset={name}"} for name in ("hex", "undefined", "utf-7", "utf-16", "rot13", "idna", "unicode_escape", '"')),
    {"Content-Type": ""}, {"Content-Type": 'multipart/form-data; boundary="'}, {"Retry-After": ""}, {"WWW-Authenticate": "Digest realm=x"}, {"X": "é"},
]  # fmt: skip


@pytest.mark.parametrize("status", [200, 401, 403, 500])
def test_no_header_makes_an_answer_anything_but_ccxts_error(pair: Pair, status: int) -> None:
    bodies = [HTML, spot_error("700002"), b"\xff\xfe\x00{", b"\x1f\x8b\x08\x00garbage"]
    faults = []
    for headers in ODD_HEADERS:
        for body in bodies:
            answer = Answer(status, body, {"Content-Type": "application/json"} | headers)
            plain, ours = pair.ask(answer, "cancel_order", "4", SPOT)
            fault = find_fault(plain, ours)
            if fault is not None:
                faults.append(f"{headers} {body!r}: plain {plain}; ours {ours}: {fault}")
    assert faults == []
