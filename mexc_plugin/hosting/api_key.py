"""What the venue says of the API key: may it cancel, may it look orders up, how long does it live?

Asked with one signed request, by hand and without ccxt: not every ccxt of the range knows the endpoint. Nothing
is asked without a key, no answer is taken for more than it says, and neither key nor secret is in any text.

The names are those of the sandbox (mexc_plugin/sandbox/keys.py says where they are from).
"""

import hashlib
import hmac
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from mexc_plugin.audit.redaction import Redactor
from mexc_plugin.hosting.checks import Finding, alarm

PATH = "/api/v3/apiKeyInfo"
TIMEOUT_S = 5
MAX_BYTES = 100_000
MAX_WORDS = 200
RECV_WINDOW_MS = 5_000
WRITE, READ = "SPOT_DEAL_WRITE", "SPOT_DEAL_READ"
VALID = "VALID"
NEVER_EXPIRES = -999
# A key with no bound IP lives this long, and is worth a word when so much of it is left.
UNBOUND_DAYS = 90
SOON_DAYS = 14


class CouldNotAskError(Exception):
    """The venue cannot be reached, refuses, or says nothing that can be understood."""


def check(
    base_url: str, environ: Mapping[str, str], key_variable: str, secret_variable: str
) -> Iterator[Finding]:
    """Findings about the key of the environment; none, and no request, when there is none."""
    key, secret = environ.get(key_variable), environ.get(secret_variable)
    if not key and not secret:
        return
    if not key or not secret:
        missing = secret_variable if key else key_variable
        yield _alarm(f"could not be asked about: {missing} is not set")
        return
    # The key is a header, which is ASCII; and no message may quote what cannot be found in it again.
    unusable = [key_variable] * (not key.isascii() or not key.isprintable())
    unusable += [secret_variable] * (not secret.isprintable())
    if unusable:
        yield _alarm(f"could not be asked about: {unusable[0]} has a character that none has")
        return
    redact = Redactor((key, secret)).text
    try:
        info = ask(base_url, key, secret)
    except CouldNotAskError as error:
        yield _alarm(redact(f"could not be asked about: {error}"))
        return
    for finding in _findings(info):
        yield Finding(redact(finding.text), finding.needs_attention)


def ask(base_url: str, key: str, secret: str) -> Mapping[str, Any]:
    """The venue's answer, an object with ``permissions``. Raises CouldNotAskError."""
    query = urlencode(
        {"accessKey": key, "recvWindow": RECV_WINDOW_MS, "timestamp": time.time_ns() // 1_000_000}
    )
    signature = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    status, body = _get(
        f"{base_url.rstrip('/')}{PATH}?{query}&signature={signature}", {"X-MEXC-APIKEY": key}
    )
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if status == HTTPStatus.OK and isinstance(answer, dict) and "permissions" in answer:
        return answer
    raise CouldNotAskError(f"{base_url} answered {status}{_words(answer)}")


def _words(answer: object) -> str:
    """What an answer that is none says for itself."""
    if not isinstance(answer, dict):
        return ", and not with a JSON object"
    told = [answer.get(name) for name in ("code", "msg", "message", "data")]
    words = " ".join(str(word) for word in told if isinstance(word, str | int))
    return f": {words[:MAX_WORDS]}" if words else ", and says nothing of a key"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The key goes where it was told to go, and nowhere else."""

    def redirect_request(self, *_redirect: object) -> None:
        return None


def _get(url: str, headers: dict[str, str]) -> tuple[int, bytes]:
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - http(s), checked by the command
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=TIMEOUT_S) as answer:
            return answer.status, answer.read(MAX_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(MAX_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise CouldNotAskError(f"no answer: {reason or type(reason).__name__}") from None


def _findings(info: Mapping[str, Any]) -> Iterator[Finding]:
    yield from _permissions(info["permissions"])
    yield _lifetime(info.get("remainingValidity"))
    status = info.get("status")
    if status != VALID:
        said = "was not said" if status is None else f"is {status}"
        yield _alarm(f"its status {said}, and not {VALID}")


def _permissions(said: object) -> Iterator[Finding]:
    words = said.split(",") if isinstance(said, str) else said if isinstance(said, list) else []
    given = {str(word).strip() for word in words} - {""}
    for permission, what, consequence in (
        (WRITE, "cancel spot orders", "the venue refuses every cancel of one"),
        (READ, "look spot orders up", "audit reconcile cannot resolve an unknown cancel"),
    ):
        if permission in given:
            yield Finding(f"key: may {what} ({permission})")
        else:
            yield _alarm(f"may not {what}: {permission} is missing, and {consequence}")
    if others := sorted(given - {WRITE, READ}):
        yield Finding(f"key: has these permissions too: {', '.join(others)}")


def _lifetime(said: object) -> Finding:
    try:
        days = int(said) if isinstance(said, int | str) and not isinstance(said, bool) else None
    except ValueError:
        days = None
    if days == NEVER_EXPIRES:
        return Finding("key: does not expire")
    if days is None or days < 0:
        return _alarm(f"how long it lives was not said in days: {said!r}")
    if days == 0:
        return _alarm("has expired")
    if days < SOON_DAYS:
        return _alarm(
            f"expires in {days} day(s): renew it, or bind it to an IP address "
            f"(with none it lives {UNBOUND_DAYS} days)"
        )
    return Finding(f"key: expires in {days} days")


def _alarm(text: str) -> Finding:
    return alarm(f"key: {text}")
