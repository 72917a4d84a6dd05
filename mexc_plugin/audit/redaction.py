"""Secrets are replaced before an event is built, so that nothing later has to be careful."""

import functools
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from mexc_plugin.audit.interrupts import is_from_handler

REPLACEMENT = "[redacted]"

# Shorter than this, a secret is replaced where it stands as a header or parameter, but not as
# free text: a key of one letter would eat every word around it.
MIN_LITERAL = 4

SECRET_NAMES = frozenset(
    {
        "x-mexc-apikey",
        "apikey",
        "api_key",
        "api-key",
        "secret",
        "secretkey",
        "secret_key",
        "signature",
        "password",
        "passphrase",
        "authorization",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "listenkey",
        "token",
    }
)

# Of a parameter in a URL, a form or a text, its value is secret.
_PARAMETERS = (
    "signature",
    "apikey",
    "api_key",
    "secret",
    "secretkey",
    "password",
    "listenkey",
    "token",
)
_LONGEST = max(map(len, _PARAMETERS))
_ENDS = frozenset(name[-2:] for name in _PARAMETERS)
_EQUALS = re.compile("=|%3D", re.IGNORECASE)
_VALUE = re.compile(r"(?:\[redacted\])*[^&\s\"'<>]+?(?=%26|[&\s\"'<>)\]}]|$)", re.IGNORECASE)
# Replaced already, and nothing of it left: whoever wants a secret kept may write our word in front of it.
_DONE = re.compile(re.escape(REPLACEMENT) + r"(?=%26|[&\s\"'<>)\]},;.:]|$)", re.IGNORECASE)
# A scheme is short, and is said to be: unbounded, a page of dotted words takes minutes.
_USERINFO = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]{0,30}://)[^/@\s\"']{1,512}@", re.IGNORECASE)


def _without_userinfo(found: re.Match[str]) -> str:
    """No template: `re` imports its parser for one, which fails while Python takes itself apart."""
    return f"{found['scheme']}{REPLACEMENT}@"


class Redactor:
    """Replaces the secrets of one exchange in text, headers and nested values."""

    def __init__(self, secrets: Iterable[object] = ()) -> None:
        texts = (as_text(secret) for secret in secrets if isinstance(secret, str | bytes))
        known = {text for text in texts if len(text) >= MIN_LITERAL}
        self._know(form for secret in known for form in _forms(secret))

    def knowing(self, words: Iterable[str]) -> "Redactor":
        """One that knows more: the secrets of a request. They are letters and digits, and have one form."""
        other = object.__new__(Redactor)
        found = (word for word in words if len(word) >= MIN_LITERAL and word not in REPLACEMENT)
        other._know((*self._literals, *found))
        return other

    def _know(self, forms: Iterable[str]) -> None:
        # The longest first: one secret may hold another.
        self._literals = sorted(set(forms), key=len, reverse=True)
        self._shortest = len(self._literals[-1]) if self._literals else 0

    def text(self, value: str) -> str:
        """The text with every known secret, signature parameter and URL password replaced."""
        if "=" in value or "%3" in value:
            for start, end in reversed(_secret_values(value)):
                value = value[:start] + REPLACEMENT + value[end:]
        if "@" in value and "://" in value:
            value = _USERINFO.sub(_without_userinfo, value)
        if len(value) < self._shortest:
            return value
        # A replacement may join what stood around it into a secret again: look a few times more.
        for _ in range(4):
            if not self._has_secret(value):
                return value
            for literal in self._literals:
                value = value.replace(literal, REPLACEMENT)
        return REPLACEMENT if self._has_secret(value) else value

    def texts(self, values: Mapping[str, str]) -> dict[str, str]:
        """The same names with every text redacted."""
        if self._is_clean(values.values()):
            return dict(values)
        return {name: self.text(value) for name, value in values.items()}

    def _is_clean(self, texts: Iterable[str]) -> bool:
        """Whether nothing in any of them is secret. Most hold nothing, which one look tells of all."""
        together = "\n".join(texts)
        return self.text(together) == together

    def _has_secret(self, value: str) -> bool:
        for literal in self._literals:  # noqa: SIM110 - thirty times for each cancel, a generator costs
            if literal in value:
                return True
        return False

    def value(self, value: object) -> Any:  # noqa: ANN401 - the same shape comes back
        """Any nested value of JSON's types with its texts, keys included, redacted."""
        if isinstance(value, str):
            return self.text(value)
        if type(value) is dict or isinstance(value, Mapping):
            named = [
                (name := as_text(key), REPLACEMENT if name.lower() in SECRET_NAMES else item)
                for key, item in value.items()
            ]
            if all(type(item) is str for _, item in named) and self._is_clean(
                itertools.chain.from_iterable(named)
            ):
                return dict(named)
            return {self.text(name): self.value(item) for name, item in named}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        if value is None or isinstance(value, bool | int):
            return value
        return self.text(as_text(value))


def as_text(value: object) -> str:
    """Anything as text, bytes as what they spell. Total: an object that cannot say what it is is named by its type."""
    if isinstance(value, str):
        return value
    try:
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    except Exception as error:  # bots hand over objects of their own
        if is_from_handler(error):
            raise
        return f"<{type(value).__name__}>"


def _secret_values(text: str) -> list[tuple[int, int]]:
    """Where the values of secret parameters stand in a text.

    From each sign of equality backwards: one expression for all of it tries every name at every
    letter, and took a tenth of a cancel's own time.
    """
    found: list[tuple[int, int]] = []
    for equals in _EQUALS.finditer(text):
        at = equals.start()
        if text[at - 2 : at].casefold() not in _ENDS:
            continue  # nearly all of them
        if found and at < found[-1][1]:
            continue  # within a value
        word = text[max(0, at - _LONGEST) : at].casefold()
        if not word.endswith(_PARAMETERS):
            continue
        name = next(name for name in _PARAMETERS if word.endswith(name))
        before = text[at - len(name) - 1 : at - len(name)]
        if _DONE.match(text, equals.end()):
            continue
        value = _VALUE.match(text, equals.end())
        if value is not None and not before.isalnum() and before != "_":
            found.append(value.span())
    return found


def sent_secrets(url: str, headers: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The secrets that a signed request carries, in its URL or its headers: its signature, and whoever's key signed it."""
    found = [url[start:end] for start, end in _secret_values(url)]
    found += [
        as_text(value)
        for name, value in (headers or {}).items()
        if as_text(name).lower() in SECRET_NAMES
    ]
    return tuple(found)


def account_fingerprint(api_key: object) -> str | None:
    """Sixteen hex digits that name an API key, text or bytes, without holding it."""
    return _fingerprint(as_text(api_key)) if api_key else None


@functools.lru_cache(maxsize=16)
def _fingerprint(api_key: str) -> str:
    encoded = api_key.encode(errors="surrogatepass")
    return hashlib.sha256(b"mexc-plugin account\n" + encoded).hexdigest()[:16]


def _forms(secret: str) -> set[str]:
    """A secret as it stands in a text, a URL, a form, and in JSON with and without escapes for other letters."""
    encoded = {
        secret,
        quote(secret, safe="", errors="surrogatepass"),
        quote_plus(secret, errors="surrogatepass"),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
    }
    return {form for form in encoded if form and form not in REPLACEMENT}


def redact_exception(error: BaseException, redactor: Redactor) -> None:
    """Replace secrets in the texts of an exception and of all that it came from, in place. Total."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        item = waiting.pop()
        if not isinstance(item, BaseException) or id(item) in seen:
            continue
        seen.add(id(item))
        held = vars(item)
        waiting += [item.__cause__, item.__context__, *item.args, *held.values()]
        if isinstance(item, BaseExceptionGroup):
            waiting += item.exceptions
        cleaned = tuple(_without_secrets(arg, redactor) for arg in item.args)
        if any(new is not old for new, old in zip(cleaned, item.args, strict=True)):
            BaseException.__setattr__(item, "args", cleaned)  # a class of the bot's may refuse
        for name, value in list(held.items()):
            replaced = _without_secrets(value, redactor)
            if replaced is not value:
                held[name] = replaced


def _without_secrets(value: object, redactor: Redactor) -> object:
    """The same object, or a stand-in for one that would show a secret."""
    if value is None or isinstance(value, int | float | BaseException):
        return value
    try:
        shown = value if isinstance(value, str) else repr(value)
    except Exception as error:  # what cannot be shown shows no secret
        if is_from_handler(error):
            raise
        return value
    redacted = redactor.text(shown)
    if redacted == shown:
        return value
    if isinstance(value, str):
        return redacted
    return (
        [redactor.text(as_text(item)) for item in value]
        if type(value) is list
        else _Shown(redacted)
    )


class _Shown:
    """Stands for what held a secret, such as the request in an error of an HTTP library."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __getattr__(self, name: str) -> "_Shown":
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__
