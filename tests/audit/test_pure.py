"""Properties of the pure rooms: wire, mapping, outcomes, canonical JSON, chain, redaction, ids."""

import hashlib
import hmac
import json
import re
import uuid
from pathlib import Path
from urllib.parse import parse_qsl

import ccxt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mexc_plugin.audit import canonical, chain, events, ids
from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.audit.redaction import (
    Redactor,
    account_fingerprint,
    redact_exception,
    sent_secrets,
)
from mexc_plugin.exchange import error_classes
from mexc_plugin.exchange.cancels import unified_orders
from mexc_plugin.exchange.context import Scope
from mexc_plugin.venue import endpoints, requests, responses, unified_order
from mexc_plugin.venue.verdict import HttpAnswer, decide
from tests.conftest import FIXTURES, wire_answer

URL = "https://api.mexc.com/api/v3/order?symbol=LTCBTC&orderId=4&timestamp=1&signature=ab"
CANCEL_ONE = endpoints.classify("DELETE", URL)
assert CANCEL_ONE is not None
ASKED = requests.read_request(CANCEL_ONE, URL)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
ORDERISH = st.fixed_dictionaries(
    {"orderId": st.sampled_from(["4", 4]) | JSON},
    optional={
        name: JSON | st.sampled_from(["1", "1e99", "-0", "NaN", "LIMIT", "BUY", "FILLED"])
        for name in (
            "symbol", "origClientOrderId", "clientOrderId", "price", "origQty", "executedQty",
            "cummulativeQuoteQty", "status", "timeInForce", "type", "side", "time", "updateTime",
            "code", "msg",
        )
    },
)  # fmt: skip


@pytest.fixture(scope="module")
def plain() -> ccxt.mexc:
    return ccxt.mexc()


# -- classification


@pytest.mark.parametrize(
    "url",
    [
        "https://api.mexc.com/api/v3/order?x=1",
        "https://api.mexc.com/api/v3/order/",
        "https://api.mexc.com/api/v3//order",
        "https://api.mexc.com/api/v3/ord%65r",
        "https://api.mexc.com/API/v3/Order",
        "http://127.0.0.1:1/prefix/api/v3/order",
    ],
)
@pytest.mark.parametrize("method", ["DELETE", "delete"])
def test_no_spelling_of_the_url_hides_a_cancel(url: str, method: str) -> None:
    found = endpoints.classify(method, url)
    assert found is not None
    assert (found.path, found.market_type) == ("order", "spot")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_looking_up_or_placing_an_order_is_not_a_cancel(method: str) -> None:
    assert endpoints.classify(method, URL) is None


@pytest.mark.parametrize(("method", "path"), sorted(endpoints.NO_CANCEL))
def test_what_deletes_no_order_is_no_cancel(method: str, path: str) -> None:
    assert endpoints.classify(method, f"https://api.mexc.com/api/v3/{path}?a=b") is None


# -- decoding and mapping


@given(answer=JSON | ORDERISH)
@example(answer={"orderId": "4", "price": "1e999999999"})
@example(answer={"orderId": "4", "time": 10**30})
@example(answer={"code": 200, "msg": "success"})
def test_any_json_answer_maps_to_an_order_or_raises_ccxt_s_error(answer, plain: ccxt.mexc) -> None:
    body = json.dumps(answer)
    scope = Scope(asked=ASKED)
    try:
        read = HttpAnswer(200, body)
        scope.verdict = decide(ASKED, read, may_have_left=True)
        error = error_classes.choose_error(
            scope.verdict, read, None, exchange_id="mexc", unified=True
        )
        if error is not None:
            raise error
        order = unified_orders.build_cancelled_order(plain, scope, {"symbol": "LTC/BTC"}, answer)
    except ccxt.BaseError:
        return
    assert order["id"] == "4"
    assert order["status"] in ("canceled", "closed", "expired", "rejected")
    assert order["info"] is answer
    assert set(order) == {*plain.safe_order({}), "info"}


@given(status=st.integers(100, 599), body=st.text() | JSON.map(json.dumps), left=st.booleans())
def test_the_decision_is_total(status: int, body: str, left: bool) -> None:
    verdict = decide(ASKED, HttpAnswer(status, body), may_have_left=left)
    assert verdict.outcome in set(Outcome) - {Outcome.PENDING, Outcome.NOT_SENT}
    assert decide(ASKED, None, may_have_left=True).outcome is Outcome.UNKNOWN
    assert decide(ASKED, None, may_have_left=False).outcome is Outcome.NOT_SENT


@given(status=st.integers(500, 599), body=ORDERISH.map(json.dumps))
def test_a_5xx_is_unknown_whatever_it_says(status: int, body: str) -> None:
    assert decide(ASKED, HttpAnswer(status, body), may_have_left=True).outcome is Outcome.UNKNOWN


@given(
    body=JSON.map(json.dumps),
    url_tail=st.text(max_size=20),
    request_body=st.text() | JSON.map(json.dumps),
)
def test_every_endpoint_reads_any_request_and_any_answer(
    body: str, url_tail: str, request_body: str
) -> None:
    for endpoint in endpoints.ENDPOINTS:
        asked = requests.read_request(
            endpoint, f"https://x/{endpoint.path}?{url_tail}", request_body
        )
        assert isinstance(
            responses.decode(asked, body),
            responses.Acknowledged | responses.Refusal | responses.Unreadable,
        )


def test_the_answer_to_another_order_is_none() -> None:
    body = wire_answer("cancel_order_short")
    assert (
        decide(ASKED, HttpAnswer(200, body), may_have_left=True).reason
        == "the answer is about another order"
    )


def test_a_futures_list_gives_each_order_its_own_result() -> None:
    endpoint = endpoints.classify("POST", "https://api.mexc.com/api/v1/private/order/cancel")
    assert endpoint is not None
    asked = requests.read_request(
        endpoint, "https://x/", "[101716841474621953,108885377779302912,108886241042563584]"
    )
    assert asked.order_ids == ("101716841474621953", "108885377779302912", "108886241042563584")
    verdict = decide(
        asked, HttpAnswer(200, wire_answer("futures_cancel_orders")), may_have_left=True
    )
    assert [(ack.order_id, ack.code) for ack in verdict.orders] == [
        ("101716841474621953", "2040"),
        ("108885377779302912", "2041"),
        ("108886241042563584", "0"),
    ]


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_every_stored_answer_is_json(path: Path) -> None:
    assert json.loads(path.read_text())


def test_every_type_and_side_of_the_venue_is_mapped() -> None:
    assert set(unified_order.TYPES) == {
        "LIMIT",
        "MARKET",
        "LIMIT_MAKER",
        "IMMEDIATE_OR_CANCEL",
        "FILL_OR_KILL",
    }
    assert set(unified_order.SIDES) == {"BUY", "SELL"}


# -- signing


def test_ccxt_signs_as_the_venue_s_golden_vector(plain: ccxt.mexc) -> None:
    secret = "45d0b3c26f2644f19bfb98b07741b2f5"
    text = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=11&recvWindow=5000&timestamp=1644489390087"
    golden = "fd3e4e8543c5188531eb7279d68ae7d26a573d0fc5ab0d18eb692451654d837a"
    assert plain.hmac(plain.encode(text), plain.encode(secret), hashlib.sha256) == golden
    assert hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest() == golden


# -- canonical JSON, chain, events


@given(document=st.dictionaries(st.text(), JSON.filter(lambda v: True), max_size=5))
def test_canonical_json_holds_no_floats_and_is_stable(document) -> None:
    try:
        encoded = canonical.encode(document)
    except TypeError:
        assert any(c in json.dumps(document) for c in (".", "e", "N", "I"))
        return
    encoded.encode("utf-8")
    assert canonical.encode(canonical.decode(encoded)) == encoded


def test_canonical_json_refuses_a_float_anywhere() -> None:
    with pytest.raises(TypeError, match="never as floats"):
        canonical.encode({"a": [{"b": 1.5}]})


def test_a_hash_covers_the_payload_and_the_one_before() -> None:
    first = chain.link(chain.GENESIS, "{}")
    inner = hashlib.sha256(b"{}").digest()
    assert first == hashlib.sha256(b"mexc-plugin/cancel_audit/1\n" + b"0" * 64 + inner).hexdigest()
    assert len({first, chain.link(first, "{}"), chain.link(chain.GENESIS, "{ }")}) == 3


@given(occurred_ns=st.integers(0, 4_000_000_000_000_000_000), message=st.text(), symbol=st.text())
def test_the_row_of_an_event_can_be_derived_again_from_its_payload(
    occurred_ns, message, symbol
) -> None:
    draft = {
        "kind": "response",
        "occurred_ns": occurred_ns,
        "venue_message": message,
        "symbol": symbol,
    }
    event = events.seal(draft, ids.uuid7(), 1, chain.GENESIS)
    row = events.project(event)
    assert row == events.project(event)
    assert set(row) == set(events.COLUMNS)
    assert "\x00" not in row["venue_message"]
    assert len(row["symbol"]) <= 64


def test_a_cancel_id_is_a_uuid_of_version_7_in_order_of_time() -> None:
    made = [ids.uuid7(ms) for ms in range(1, 2000, 100)]
    assert made == sorted(made)
    assert {uuid.UUID(value).version for value in made} == {7}
    assert {uuid.UUID(value).variant for value in made} == {uuid.RFC_4122}


# -- redaction

SECRET = st.text(alphabet=st.characters(exclude_categories=("Cs",)), min_size=4, max_size=40)


def _survives(secret: str, value: object) -> bool:
    if isinstance(value, dict):
        return any(_survives(secret, k) or _survives(secret, v) for k, v in value.items())
    if isinstance(value, list):
        return any(_survives(secret, item) for item in value)
    return isinstance(value, str) and secret in value


@given(secret=SECRET, before=st.text(), after=st.text(), value=JSON)
@example(secret="]abc", before="]abc", after="abc", value=None)
@example(secret="d][r", before="d][rd][r", after="", value=None)
def test_no_secret_survives_wherever_it_stands(secret: str, before: str, after: str, value) -> None:
    redactor = Redactor([secret])
    nested = {"a": [before + secret + after, {before + secret: value}], secret: secret + secret}
    redacted = redactor.value(nested)
    if secret in "[redacted]":
        return
    assert not _survives(secret, redacted)


@pytest.mark.parametrize(
    "text",
    [
        "GET https://x/api?symbol=A&signature=0123abcd",
        "GET https://x/api?symbol=A&signature=0123abcd&a=b",
        "url: /api?signature=0123abcd (Caused by X)",
        "https%3A%2F%2Fx%3Fa%3Db&signature%3D0123abcd",
        "postgresql://user:0123abcd@host/db",
    ],
)
def test_signatures_and_passwords_are_taken_out_of_any_text(text: str) -> None:
    assert "0123abcd" not in Redactor().text(text)


def test_secrets_are_taken_out_of_an_exception_and_of_its_causes() -> None:
    try:
        try:
            raise OSError(f"connect to {URL}")
        except OSError as cause:
            raise ccxt.NetworkError(f"mexc DELETE {URL} my-secret") from cause
    except ccxt.NetworkError as error:
        redact_exception(error, Redactor(["my-secret"]))
        assert "my-secret" not in str(error)
        assert "signature=ab" not in f"{error}{error.__cause__}"


def test_signatures_are_found_in_url_and_headers() -> None:
    assert sent_secrets(URL, {"Signature": "cd"}) == ("ab", "cd")


def test_the_fingerprint_names_a_key_without_holding_it() -> None:
    assert account_fingerprint("mx0key") == account_fingerprint("mx0key")
    assert account_fingerprint("mx0key") != account_fingerprint("mx0kez")
    assert "mx0key" not in str(account_fingerprint("mx0key"))
    assert account_fingerprint("") is None


# Where a parameter of such a name stands in any text: simple, and too slow for every cancel.
ORACLE = re.compile(
    r"\b(?:signature|apikey|api_key|secret|secretkey|password|listenkey|token)(?:=|%3D)"
    r"(?P<value>[^&\s\"'<>]+?)(?=%26|[&\s\"'<>)\]}]|$)",
    re.IGNORECASE,
)
WORDS = ["signature", "SIGNATURE", "apikey", "api_key", "secret", "secretkey", "password", "token", "listenkey", "toKen", "\u017fecret", "=", "%3D", "%3d", "&", "%26", "+", ";", "x", "_", "-", "?", "abc", "1", "é", "ß", '"', "<", ")", "]", "%41", "symbol", " ", "\n"]  # fmt: skip
PIECES = st.lists(st.sampled_from(WORDS), max_size=14).map("".join)


@given(PIECES)
@example("abctoken=1")
@example("x_token=1")
@example("?token=a&x=1&\u017fecret%3Db)")
@example("token=a=signature=b token=&apikey=c%26")
def test_secret_parameters_are_found_wherever_one_expression_finds_them(text: str) -> None:
    assert list(sent_secrets(text, None)) == [match["value"] for match in ORACLE.finditer(text)]


@given(st.dictionaries(st.sampled_from("abcd"), PIECES | st.just("of key-1234567 once")))
def test_texts_looked_at_together_are_redacted_as_each_by_itself(values: dict[str, str]) -> None:
    redactor = Redactor(["key-1234567"])
    assert redactor.texts(values) == {name: redactor.text(text) for name, text in values.items()}


@given(PIECES)
def test_a_query_is_read_as_the_standard_library_reads_it(query: str) -> None:
    assert requests._parameters(query) == dict(parse_qsl(query))
