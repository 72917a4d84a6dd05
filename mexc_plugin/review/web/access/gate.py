"""Who may ask. Values in, decisions out; `guard` puts them in front of the application."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import urlsplit

from itsdangerous import TimestampSigner

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
LEAST_TOKEN = 16
COOKIE = "mexc-plugin-session"
SESSION_S = 12 * 3600

# Answered to everybody: nothing of the record is in them.
OPEN = ("/login", "/logout", "/healthz", "/static/")
READS = frozenset({"GET", "HEAD"})
POSTS = frozenset({"/login", "/logout"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What the gate looks at of a request. Header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered."""

    status: HTTPStatus
    reason: str


@dataclass(frozen=True, slots=True)
class Gate:
    """token: what opens it, None where everybody on this machine may look.

    signer: of the sessions of this process; those of an earlier one are not known any more.
    """

    token: str | None = field(default=None, repr=False)
    signer: TimestampSigner = field(
        default_factory=lambda: TimestampSigner(secrets.token_bytes(32), digest_method=sha256),
        repr=False,
    )

    def refusal(self, asked: Asked) -> Refusal | None:
        """Why not, None if it may be answered."""
        return (
            self._wrong_host(asked)
            or _wrong_method(asked)
            or _from_elsewhere(asked)
            or self._unknown(asked)
        )

    def opens(self, token: str) -> bool:
        """Whether that is the token; the time it takes does not tell how much of it is right."""
        return self.token is not None and hmac.compare_digest(_digest(token), _digest(self.token))

    def session(self) -> str:
        """A cookie's value: when it was given, signed. The token is not in it."""
        return self.signer.sign("session").decode()

    def knows(self, session: str) -> bool:
        """Whether this process has given that session, and it still holds."""
        return self.signer.validate(session, max_age=SESSION_S)

    def _wrong_host(self, asked: Asked) -> Refusal | None:
        """Without a token the name in the address bar must be this machine's own.

        Else a page from anywhere could give its own name our address (DNS rebinding) and read the
        record in the browser of somebody who may. With a token it finds no session under its name.
        (Starlette's TrustedHostMiddleware has long taken the name in `[::1]:8640` to be `[`.)
        """
        name = host_name(asked.headers.get("host", ""))
        if name is None or (self.token is None and name not in LOOPBACK):
            return Refusal(
                HTTPStatus.MISDIRECTED_REQUEST,
                "this page is served to this machine only; open it as http://127.0.0.1:PORT/",
            )
        return None

    def _unknown(self, asked: Asked) -> Refusal | None:
        if self.token is None or asked.path.startswith(OPEN):
            return None
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.opens(token.strip()):
            return None
        if self.knows(asked.cookies.get(COOKIE, "")):
            return None
        return Refusal(HTTPStatus.UNAUTHORIZED, "log in with the token that the server was given")


def host_name(host: str) -> str | None:
    """The name in a Host header, without its port; None if it is none."""
    try:
        parts = urlsplit(f"//{host}")
        valid = parts.netloc == host and not {*host} & set("@/?#\\ ") and parts.port != 0
    except ValueError:
        return None
    return parts.hostname if valid else None


def _wrong_method(asked: Asked) -> Refusal | None:
    if asked.method in READS or (asked.method == "POST" and asked.path in POSTS):
        return None
    return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "this page only reads: GET and HEAD")


def _from_elsewhere(asked: Asked) -> Refusal | None:
    """Other sites may link here, and nothing else. Browsers say so; programs need not."""
    refused = Refusal(HTTPStatus.FORBIDDEN, "asked for by a page from elsewhere")
    host, origin = asked.headers.get("host", ""), asked.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return refused
    if asked.headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return None
    follows_link = asked.method in READS and asked.headers.get("sec-fetch-mode") == "navigate"
    return None if follows_link and asked.headers.get("sec-fetch-dest") == "document" else refused


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogateescape")).digest()
