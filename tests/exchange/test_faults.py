"""The table of the venue's errors: what each code of a cancel becomes, and that none is forgotten."""

import pickle

import ccxt
import pytest

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.exchange import error_classes
from mexc_plugin.sandbox import Fault, FaultKind
from mexc_plugin.venue import endpoints, requests
from mexc_plugin.venue.verdict import CODE_OUTCOMES, HttpAnswer, decide
from tests.conftest import Bot

URL = "https://api.mexc.com/api/v3/order?symbol=LTCBTC&orderId=4"
ENDPOINT = endpoints.classify("DELETE", URL)
assert ENDPOINT is not None
ASKED = requests.read_request(ENDPOINT, URL)

# code, message, HTTP status, the error's classes, the outcome
TABLE = [
    (-2011, "Unknown order sent.", 400, (ccxt.OrderNotFound, ccxt.BadRequest), "not_found"),
    (-2011, "Combination of optional parameters invalid.", 400, (ccxt.BadRequest,), "rejected"),
    (-1128, "Combination of optional parameters invalid.", 400, (ccxt.BadRequest,), "rejected"),
    (-2013, "Order does not exist.", 400, (ccxt.OrderNotFound,), "not_found"),
    (30026, "invalid order ids", 400, (ccxt.OrderNotFound, ccxt.BadRequest), "rejected"),
    (700004, "orderId or origClientOrderId must be sent", 400, (ccxt.ArgumentsRequired,), "rejected"),
    (700003, "Timestamp for this request is outside of the recvWindow.", 400, (ccxt.InvalidNonce,), "rejected"),
    (700005, "recvWindow must be less than 60000", 400, (ccxt.BadRequest,), "rejected"),
    (700001, "API-key format invalid.", 400, (ccxt.AuthenticationError,), "unauthorized"),
    (700002, "Signature for this request is not valid.", 400, (ccxt.AuthenticationError,), "unauthorized"),
    (602, "Signature for this request is not valid.", 400, (ccxt.AuthenticationError,), "unauthorized"),
    (10072, "Api key info invalid", 400, (ccxt.AuthenticationError,), "unauthorized"),
    (700006, "IP non white list", 400, (ccxt.PermissionDenied,), "unauthorized"),
    (700007, "No permission to access the endpoint", 400, (ccxt.PermissionDenied,), "unauthorized"),
    (10007, "symbol not support api", 400, (ccxt.BadSymbol,), "rejected"),
    (-1121, "Invalid symbol.", 400, (ccxt.BadSymbol,), "rejected"),
    (30014, "invalid symbol", 400, (ccxt.BadSymbol,), "rejected"),
    (30021, "pair not found", 400, (ccxt.BadSymbol,), "rejected"),
    (30016, "trading disabled", 400, (ccxt.OperationRejected,), "rejected"),
    (30000, "suspended", 400, (ccxt.OperationRejected,), "rejected"),
    (200006, "KYC required", 400, (ccxt.PermissionDenied,), "unauthorized"),
    (200010, "KYC required", 400, (ccxt.PermissionDenied,), "unauthorized"),
    (429, "Too many requests", 429, (ccxt.RateLimitExceeded,), "rate_limited"),
    (418, "banned", 418, (ccxt.DDoSProtection,), "rate_limited"),
    (500, "internal error", 500, (ccxt.ExchangeNotAvailable,), "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "status"), [(-2011, 500), (-2011, 408), (30026, 503)])
def test_a_status_that_says_nothing_makes_no_code_the_end_of_an_order(
    bot: Bot, sandbox, audit, code, status
) -> None:
    bot.load_markets()
    fault = Fault(FaultKind.REFUSAL, code=code, message="Unknown order sent.", status=status)
    sandbox.inject(fault)
    with pytest.raises(ccxt.ExchangeNotAvailable) as caught:
        bot.cancel_order("4", "LTC/BTC")
    assert not isinstance(caught.value, ccxt.OrderNotFound)
    assert isinstance(caught.value, ccxt.BadRequest), "plain ccxt's own choice"
    assert audit.history()[0]["outcome"] == "unknown"


@pytest.mark.parametrize(("code", "message", "status", "classes", "outcome"), TABLE)
def test_each_code_is_the_error_that_ccxt_s_manual_means(
    bot: Bot, sandbox, audit, code, message, status, classes, outcome
) -> None:
    bot.load_markets()
    sandbox.inject(Fault(FaultKind.REFUSAL, code=code, message=message, status=status))
    with pytest.raises(classes[0]) as caught:
        bot.cancel_order("4", "LTC/BTC")
    assert all(isinstance(caught.value, each) for each in classes)
    assert str(caught.value) == f'mexc {{"code":{code},"msg":"{message}"}}'
    row = audit.history()[0]
    assert (row["outcome"], row["venue_code"], row["venue_message"]) == (
        outcome,
        str(code),
        message,
    )


def test_the_tables_name_no_code_that_is_not_tried() -> None:
    """Those above over HTTP; the futures ones and the rest in tests/venue."""
    listed = {str(code) for code, *_ in TABLE} | {
        "2040", "2041", "5002", "2037", "3016", "9999", "20002", "730000", "-1000", "-1001", "-1006", "-1007", "-1008",
        "401", "402", "403", "406", "504", "510", "511", "701", "702", "703", "704", "30020", "70011", "140002",
    }  # fmt: skip
    assert set(error_classes.ERRORS) | set(CODE_OUTCOMES) == listed - {"500"}


@pytest.mark.parametrize("code", sorted(ccxt.mexc().exceptions["exact"]))
def test_every_code_that_ccxt_knows_has_an_outcome_and_an_error_that_is_also_ccxts(
    code: str,
) -> None:
    body = f'{{"code":{code},"msg":"m"}}'
    answer = HttpAnswer(400, body)
    verdict = decide(ASKED, answer, may_have_left=True)
    assert verdict.outcome not in (Outcome.CANCELED, Outcome.ACCEPTED, Outcome.PENDING)
    with pytest.raises(ccxt.BaseError) as caught:
        ccxt.mexc().handle_errors(400, "", URL, "DELETE", {}, body, {"code": code}, None, None)
    found = error_classes.choose_error(
        verdict, answer, caught.value, exchange_id="mexc", unified=True
    )
    assert isinstance(found, type(caught.value))
    assert str(found) == str(caught.value)


@pytest.mark.parametrize(
    "kind",
    dict.fromkeys(
        (
            *error_classes.ERRORS.values(),
            *error_classes.HTTP_ERRORS.values(),
            error_classes.BadResponse,
        )
    ),
)
def test_every_class_is_built_from_one_text_and_survives_pickling(kind: type[Exception]) -> None:
    for each in (
        kind,
        error_classes.combine(kind, ccxt.BadRequest),
        error_classes.combine(kind, ccxt.NullResponse),
    ):
        error = pickle.loads(pickle.dumps(each("mexc text")))
        assert (type(error), str(error)) == (each, "mexc text")
        assert issubclass(each, ccxt.BaseError)
        assert issubclass(each, kind)
