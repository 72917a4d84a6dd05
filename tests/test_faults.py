"""The table of the venue's errors: what each code of a cancel becomes, and that none is forgotten."""

import pickle

import ccxt
import pytest

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.exchange import errors
from mexc_plugin.sandbox import Fault, FaultKind
from mexc_plugin.venue import endpoints, requests, responses
from mexc_plugin.venue.verdict import CODE_OUTCOMES, HttpAnswer, decide

from .conftest import Bot

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


def test_the_table_names_every_code_that_we_judge_ourselves() -> None:
    listed = {str(code) for code, *_ in TABLE}
    futures = {"2040", "2041"}
    gateways = {"401", "403", "502", "503", "504", "510"}
    assert set(errors.ERRORS) | set(CODE_OUTCOMES) == listed | futures | gateways
    assert set(CODE_OUTCOMES) - set(errors.ERRORS) == {"401", "403"}


@pytest.mark.parametrize("code", sorted(ccxt.mexc().exceptions["exact"]))
def test_every_code_that_ccxt_knows_has_an_outcome_and_an_error(code: str) -> None:
    body = f'{{"code":{code},"msg":"m"}}'
    if responses.read_refusal(body) is None:
        assert code in responses.SUCCESS_CODES or not code.lstrip("-").isdigit()
        return
    verdict = decide(ASKED, HttpAnswer(400, body), may_have_left=True)
    assert verdict.outcome not in (Outcome.CANCELED, Outcome.ACCEPTED, Outcome.PENDING)
    plain = ccxt.mexc()
    with pytest.raises(ccxt.BaseError):
        errors.raise_for(verdict, 400, body, "mexc")
        plain.handle_errors(400, "", URL, "DELETE", {}, body, {"code": code}, None, None)


@pytest.mark.parametrize("kind", {*errors.ERRORS.values(), *errors.HTTP_ERRORS.values()})
def test_every_class_is_built_from_one_text_and_survives_pickling(kind: type[Exception]) -> None:
    error = pickle.loads(pickle.dumps(kind("mexc text")))
    assert (type(error), str(error)) == (kind, "mexc text")
    assert issubclass(kind, ccxt.BaseError)
