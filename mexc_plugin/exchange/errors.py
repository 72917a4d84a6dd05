"""Which ccxt error a refusal becomes. Codes and meanings: the venue's documentation, ccxt's manual.

BaseError (ccxt's)
 +-- OrderNotFound      ours too: also a BadRequest, because ccxt raises that for -2011 and bots
                        that learnt it must go on working
 +-- NotRecorded        ours too, an ExchangeNotAvailable: on_failure is "refuse", nothing was sent
"""

from typing import NoReturn

from ccxt.base import errors as ccxt_errors

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.venue.responses import CancelAck, Refusal
from mexc_plugin.venue.verdict import Verdict, is_unknown_order


class OrderNotFound(ccxt_errors.OrderNotFound, ccxt_errors.BadRequest):
    """The venue does not know the order, or it is no longer open. Do not repeat the cancel."""


class NotRecorded(ccxt_errors.ExchangeNotAvailable):
    """Nothing was sent: it could not be recorded, and on_failure is "refuse". Mend the database."""


# Codes for which ccxt's own table says something else than its manual means, and those of cancels.
ERRORS: dict[str, type[ccxt_errors.BaseError]] = {
    "-2013": OrderNotFound,
    "2040": OrderNotFound,
    "2041": ccxt_errors.InvalidOrder,
    "30026": OrderNotFound,
    "-2011": ccxt_errors.BadRequest,
    "-1128": ccxt_errors.BadRequest,
    "700004": ccxt_errors.ArgumentsRequired,
    "700003": ccxt_errors.InvalidNonce,
    "700005": ccxt_errors.BadRequest,
    "602": ccxt_errors.AuthenticationError,
    "700001": ccxt_errors.AuthenticationError,
    "700002": ccxt_errors.AuthenticationError,
    "10072": ccxt_errors.AuthenticationError,
    "700006": ccxt_errors.PermissionDenied,
    "700007": ccxt_errors.PermissionDenied,
    "200006": ccxt_errors.PermissionDenied,
    "200010": ccxt_errors.PermissionDenied,
    "10007": ccxt_errors.BadSymbol,
    "-1121": ccxt_errors.BadSymbol,
    "30014": ccxt_errors.BadSymbol,
    "30021": ccxt_errors.BadSymbol,
    "30016": ccxt_errors.MarketClosed,
    "30000": ccxt_errors.MarketClosed,
    "429": ccxt_errors.RateLimitExceeded,
    "510": ccxt_errors.RateLimitExceeded,
    "418": ccxt_errors.DDoSProtection,
    "500": ccxt_errors.ExchangeNotAvailable,
    "502": ccxt_errors.ExchangeNotAvailable,
    "503": ccxt_errors.ExchangeNotAvailable,
    "504": ccxt_errors.ExchangeNotAvailable,
}

HTTP_ERRORS: dict[int, type[ccxt_errors.BaseError]] = {
    401: ccxt_errors.AuthenticationError,
    418: ccxt_errors.DDoSProtection,
    429: ccxt_errors.RateLimitExceeded,
}


def error_class(verdict: Verdict, status: int) -> type[ccxt_errors.BaseError] | None:
    """The class for an answer that is not an acknowledgement.

    None: it is one; or the venue refused with a code that ccxt's own table is left to judge.
    """
    if status in HTTP_ERRORS:
        return HTTP_ERRORS[status]
    if verdict.outcome is Outcome.UNKNOWN:
        return ccxt_errors.ExchangeNotAvailable if status >= 500 else ccxt_errors.BadResponse
    if verdict.refusal is None:
        return None
    return refusal_class(verdict.refusal)


def refusal_class(refusal: Refusal) -> type[ccxt_errors.BaseError] | None:
    """The class for a code and its message; None where ccxt's own table is left to judge."""
    return OrderNotFound if is_unknown_order(refusal) else ERRORS.get(refusal.code)


def raise_for(verdict: Verdict, status: int, body: str, exchange_id: str) -> None:
    """Raise what the answer to a cancel means, worded as ccxt does: `mexc <raw body>`.

    Returns for an acknowledgement, and for a code that ccxt's own table is left to judge.
    """
    found = error_class(verdict, status)
    if found is not None:
        raise_error(found, exchange_id, body)


def raise_for_item(ack: CancelAck, exchange_id: str, body: str) -> None:
    """Raise what the venue says of the one order in a list: its envelope says success all the same."""
    if ack.code is None or ack.code == "0":
        return
    found = refusal_class(Refusal(ack.code, ack.message or ""))
    raise_error(found or ccxt_errors.InvalidOrder, exchange_id, body)


def raise_error(kind: type[ccxt_errors.BaseError], exchange_id: str, body: str) -> NoReturn:
    """Raise with ccxt's wording."""
    raise kind(f"{exchange_id} {body}")
