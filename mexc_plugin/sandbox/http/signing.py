"""Who sent this request, and is it signed right? Pure: the current time is an argument."""

import hashlib
import hmac
import re
from collections.abc import Mapping

from mexc_plugin.sandbox.messages import Call
from mexc_plugin.sandbox.venue_errors import Reason, RefusedError

RECV_WINDOW_MS = 5_000
MAX_RECV_WINDOW_MS = 60_000
AHEAD_MS = 1_000
CONTRACT_WINDOW_MS = 10_000

_KEY = re.compile(r"[0-9A-Za-z_-]{4,64}")
_SIGNATURE_PAIR = re.compile(r"(^|&)signature=[^&]*")
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")


def signature_of(secret: str, text: str) -> str:
    """HMAC-SHA256 in lower-case hex, the only form that the venue accepts."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed_text(query: str, body: bytes) -> str:
    """What a spot signature covers: the query string and the body, without the signature.

    The venue wants percent escapes in upper-case hex, whatever was sent.
    """
    text = _without_signature(query) + _without_signature(body.decode("utf-8", "replace"))
    return _ESCAPE.sub(lambda match: match[0].upper(), text)


def _without_signature(text: str) -> str:
    rest = _SIGNATURE_PAIR.sub("", text)
    return rest.removeprefix("&") if rest != text else rest


def spot_account(call: Call, secrets: Mapping[str, str], now_ms: int) -> str:
    """The API key that signed a spot request; `secrets` has the secret of each known key.

    Raises RefusedError: 700001, 10072 (key), 700004 (signature or timestamp not sent), 700002
    (signature), 700005 (recvWindow), 700003 (timestamp).
    """
    api_key = call.headers.get("X-MEXC-APIKEY", "")
    if not _KEY.fullmatch(api_key):
        raise RefusedError(Reason.KEY_FORMAT)
    if api_key not in secrets:
        raise RefusedError(Reason.UNKNOWN_KEY)
    expected = signature_of(secrets[api_key], signed_text(call.query, call.body))
    if not _same(call.need("signature"), expected):
        raise RefusedError(Reason.BAD_SIGNATURE)
    _check_time(call, now_ms)
    return api_key


def _check_time(call: Call, now_ms: int) -> None:
    window = call.integer("recvWindow")
    if window is None:
        window = RECV_WINDOW_MS
    if not 0 < window <= MAX_RECV_WINDOW_MS:
        raise RefusedError(Reason.RECV_WINDOW)
    timestamp = call.integer("timestamp")
    if timestamp is None:
        raise RefusedError(Reason.MISSING, "timestamp")
    if timestamp >= now_ms + AHEAD_MS or now_ms - timestamp > window:
        raise RefusedError(Reason.BAD_TIMESTAMP)


def contract_account(call: Call, secrets: Mapping[str, str], now_ms: int) -> str:
    """The API key that signed a futures or a legacy request.

    Covered are key, Request-Time and the body of a POST, or the sorted query of anything else.
    Raises RefusedError: 401 (key), 602 (signature), 513 (Request-Time more than 10 s off).
    """
    api_key = call.headers.get("ApiKey", "")
    if api_key not in secrets:
        raise RefusedError(Reason.CONTRACT_UNAUTHORIZED)
    time = call.headers.get("Request-Time", "")
    if call.method == "POST":
        covered = call.body.decode("utf-8", "replace")
    else:
        covered = "&".join(sorted(pair for pair in call.query.split("&") if pair))
    expected = signature_of(secrets[api_key], api_key + time + covered)
    if not _same(call.headers.get("Signature", ""), expected):
        raise RefusedError(Reason.CONTRACT_SIGNATURE)
    if not time.isascii() or not time.isdigit() or abs(now_ms - int(time)) > CONTRACT_WINDOW_MS:
        raise RefusedError(Reason.CONTRACT_TIME)
    return api_key


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())
