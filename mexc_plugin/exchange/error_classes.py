"""Which error the bot gets. Codes and meanings: the venue's documentation, ccxt's manual.

BaseError (ccxt's)
 +-- OrderNotFound      ours too: also a BadRequest, because ccxt raises that for -2011 and bots
                        that learnt it must go on working
 +-- BadResponse        ours too: also an ExchangeNotAvailable. The answer decides nothing, where plain ccxt
                        would return something that is no order
 +-- BadSettings        ours too, a ConfigError: options["audit"] cannot be meant; only when an exchange is made
 +-- NotRecorded        ours too, an ExchangeNotAvailable: on_failure is "refuse", nothing was sent

Where plain ccxt raises for the same answer and this table knows better, the bot gets a class that is both: what
caught it before still does.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from ccxt.base import errors as ccxt_errors

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.errors import ConfigError
from mexc_plugin.venue.identity import CancelAck
from mexc_plugin.venue.responses import Refusal
from mexc_plugin.venue.verdict import HttpAnswer, Verdict, is_unknown_order, order_outcome

Kind = type[ccxt_errors.BaseError]


class OrderNotFound(ccxt_errors.OrderNotFound, ccxt_errors.BadRequest):
    """The venue does not know the order, or it is no longer open. Do not repeat the cancel."""


class BadResponse(ccxt_errors.BadResponse, ccxt_errors.ExchangeNotAvailable):
    """The answer cannot be read, or says two things at once: the cancel may have been executed."""


class BadSettings(ConfigError, ccxt_errors.BaseError):
    """The settings of the audit cannot be used. ccxt's too: bots report what ccxt refuses at the start."""


@contextlib.contextmanager
def settings_of_ccxt() -> Iterator[None]:
    """Raise a ConfigError as BadSettings."""
    try:
        yield
    except ConfigError as error:
        raise BadSettings(str(error)) from None


class NotRecorded(ccxt_errors.ExchangeNotAvailable):
    """Nothing was sent: it could not be recorded, and on_failure is "refuse". Mend the database."""


# Codes for which ccxt's own table says something else than its manual means, and those of cancels.
ERRORS: dict[str, Kind] = {
    "-2013": OrderNotFound,
    "2040": OrderNotFound,
    "5002": OrderNotFound,
    "2041": ccxt_errors.InvalidOrder,
    "30026": OrderNotFound,
    "-2011": ccxt_errors.BadRequest,
    "-1128": ccxt_errors.BadRequest,
    "700004": ccxt_errors.ArgumentsRequired,
    "700003": ccxt_errors.InvalidNonce,
    "700005": ccxt_errors.BadRequest,
    "401": ccxt_errors.AuthenticationError,
    "402": ccxt_errors.AuthenticationError,
    "602": ccxt_errors.AuthenticationError,
    "700001": ccxt_errors.AuthenticationError,
    "700002": ccxt_errors.AuthenticationError,
    "10072": ccxt_errors.AuthenticationError,
    "403": ccxt_errors.PermissionDenied,
    "406": ccxt_errors.PermissionDenied,
    "511": ccxt_errors.PermissionDenied,
    "701": ccxt_errors.PermissionDenied,
    "702": ccxt_errors.PermissionDenied,
    "703": ccxt_errors.PermissionDenied,
    "704": ccxt_errors.PermissionDenied,
    "30020": ccxt_errors.PermissionDenied,
    "70011": ccxt_errors.PermissionDenied,
    "140002": ccxt_errors.PermissionDenied,
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
    "2037": ccxt_errors.RateLimitExceeded,
    "418": ccxt_errors.DDoSProtection,
    "-1007": ccxt_errors.RequestTimeout,
    "504": ccxt_errors.RequestTimeout,
    "3016": ccxt_errors.RequestTimeout,
}

HTTP_ERRORS: dict[int, Kind] = {
    401: ccxt_errors.AuthenticationError,
    418: ccxt_errors.DDoSProtection,
    429: ccxt_errors.RateLimitExceeded,
}


def choose_error(
    verdict: Verdict,
    answer: HttpAnswer,
    plain: ccxt_errors.BaseError | None,
    *,
    exchange_id: str,
    unified: bool,
    otherwise: Kind | None = None,
    followed: bool = False,
) -> ccxt_errors.BaseError | None:
    """What the bot gets for an answer; None where ccxt's own result goes on to it.

    plain: what plain ccxt raises for the same answer, None where it returns something; unified: asked for by
    cancel_order, so that a failed order within a success is an error; otherwise: what ccxt's own method then raises
    for an answer that is not the success it looks for; followed: a redirect that plain ccxt would have followed,
    without reading this answer. Worded as ccxt does: `mexc <raw body>`.
    """
    if plain is not None and not followed:
        ours = _known_class(verdict, answer.status)
        kind = type(plain) if ours is None else combine(ours, type(plain))
        return plain if isinstance(plain, kind) else _as_class(kind, plain)
    returned = (
        combine(BadResponse, ccxt_errors.ExchangeError)  # what is there could have raised either
        if followed
        else _class_for_result(verdict, answer.status, unified=unified)
    )
    if returned is not None and otherwise is not None:
        returned = combine(returned, otherwise)
    return None if returned is None else returned(f"{exchange_id} {answer.body}")


def _known_class(verdict: Verdict, status: int) -> Kind | None:
    """What the tables know of an answer; None leaves it to plain ccxt."""
    if status in HTTP_ERRORS and verdict.outcome is not Outcome.UNKNOWN:
        return HTTP_ERRORS[status]
    known = None if verdict.refusal is None else refusal_class(verdict.refusal)
    if verdict.outcome is not Outcome.UNKNOWN:
        return known
    if known is not None and issubclass(known, ccxt_errors.NetworkError):
        return known
    # Whatever the code: a bot that reads of an order that is not there would take it for gone.
    is_said = status >= 500 or verdict.refusal is not None
    return ccxt_errors.ExchangeNotAvailable if is_said else None


def _class_for_result(verdict: Verdict, status: int, *, unified: bool) -> Kind | None:
    known = _known_class(verdict, status)
    if known is not None:
        return known
    if verdict.outcome is Outcome.UNKNOWN:
        return BadResponse
    if verdict.refusal is not None:
        return ccxt_errors.ExchangeError
    return _class_for_item(verdict.orders[0]) if unified and len(verdict.orders) == 1 else None


def _class_for_item(ack: CancelAck) -> Kind | None:
    """The class for the one order in a list: its envelope says success all the same."""
    if (ack.code is None and ack.message is None) or order_outcome(ack) is Outcome.ACCEPTED:
        return None
    known = refusal_class(Refusal(ack.code or "", ack.message or ""))
    return known or ccxt_errors.InvalidOrder


def refusal_class(refusal: Refusal) -> Kind | None:
    """The class for a code and its message; None where ccxt's own table is left to judge."""
    return OrderNotFound if is_unknown_order(refusal) else ERRORS.get(refusal.code)


_COMBINED: dict[tuple[Kind, Kind], Kind] = {}


def combine(ours: Kind, plain: Kind) -> Kind:
    """A class that is both, under our name; one of the two where it is both already."""
    known = _COMBINED.get((ours, plain))
    if known is None:
        known = _COMBINED[ours, plain] = _combine(ours, plain)
    return known


def _combine(ours: Kind, plain: Kind) -> Kind:
    if issubclass(ours, plain):
        return ours
    if issubclass(plain, ours):
        return plain
    try:
        return type(ours.__name__, (ours, plain), {"__doc__": ours.__doc__, "__reduce__": _reduce})
    except TypeError:  # no order of methods suits both
        return plain


def _as_class(kind: Kind, plain: ccxt_errors.BaseError) -> ccxt_errors.BaseError:
    """The same error, of another class, with all that it holds; as it is where that cannot be."""
    try:
        error = _make(kind, plain.args)
    except TypeError:
        return plain
    vars(error).update(vars(plain))
    return error


def _make(kind: Kind, args: tuple[Any, ...]) -> ccxt_errors.BaseError:
    """Not called: a class of the bot's may take other arguments than the text that it hands on."""
    return kind.__new__(kind, *args)


def _reduce(self: ccxt_errors.BaseError) -> tuple[Any, ...]:
    return _rebuild, (*type(self).__bases__, self.args), self.__dict__ or None  # its notes, too


def _rebuild(ours: Kind, plain: Kind, args: tuple[Any, ...]) -> ccxt_errors.BaseError:
    return _make(combine(ours, plain), args)
