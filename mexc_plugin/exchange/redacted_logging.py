"""What ccxt and the HTTP libraries log at DEBUG, whole URLs and headers, without the secrets in it.

A filter on the very loggers that they write to, which acts while an exchange of ours sends. So `exchange.logger` stays
the bot's own object, with its handlers, levels and filters, and what else the bot writes there is not touched.
"""

import logging
import numbers
from collections.abc import Mapping
from typing import Any

from mexc_plugin.audit.interrupts import is_from_handler
from mexc_plugin.audit.redaction import REPLACEMENT, SECRET_NAMES, Redactor, as_text
from mexc_plugin.exchange.context import ATTEMPT, SENDING
from mexc_plugin.exchange.drafts import redactor_of

# Shared with everybody in the process, who may do without the signatures in them, too.
LIBRARIES = tuple(
    map(logging.getLogger, ("urllib3.connectionpool", "urllib3.util.retry", "aiohttp.client"))
)


def guard_loggers(logger: Any) -> Any:
    """Keep secrets out of the libraries' loggers and out of an exchange's; returns the one to use from now on.

    That is the same object, unless it is no logger of `logging` and no adapter of one: then a stand-in for it.
    """
    for library in LIBRARIES:
        _filter_first(library, _FOR_ALL)
    return _guard(logger)


def _guard(logger: Any) -> Any:
    if isinstance(logger, logging.Logger):
        _filter_first(logger, _WHILE_SENDING)
    elif isinstance(logger, logging.LoggerAdapter):
        inner = _guard(logger.logger)
        if inner is not logger.logger:
            logger.logger = inner
    elif logger is not None and not isinstance(logger, RedactedCalls):
        return RedactedCalls(logger)
    return logger


def _filter_first(logger: logging.Logger, guard: "_NoSecrets") -> None:
    # The bot's own filters may hand records on; they see what handlers see.
    if guard not in logger.filters:
        logger.filters.insert(0, guard)


def _current_redactor() -> Redactor | None:
    attempt, exchange = ATTEMPT.get(), SENDING.get()
    if attempt is not None:
        return attempt.redactor
    return None if exchange is None else redactor_of(exchange)


class _NoSecrets(logging.Filter):
    def __init__(self, otherwise: Redactor | None) -> None:
        super().__init__()
        self._otherwise = otherwise

    def filter(self, record: logging.LogRecord) -> bool:
        redactor = _current_redactor() or self._otherwise
        if redactor is not None:
            record.msg, record.args = _redact_safely(
                redactor, (record.msg, record.args), otherwise=(REPLACEMENT, None)
            )
        return True


_FOR_ALL = _NoSecrets(Redactor())
_WHILE_SENDING = _NoSecrets(None)


class RedactedCalls:
    """Stands for a logger that is not of `logging`: while an exchange sends, its methods are called without secrets."""

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getattr__(self, name: str) -> Any:
        if name == "_original" or name.startswith("__"):  # while being copied or unpickled
            raise AttributeError(name)
        value = getattr(self._original, name)
        return RedactedCalls(value) if callable(value) else value

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        redactor = _current_redactor()
        if redactor is not None:
            args, kwargs = _redact_safely(redactor, (args, kwargs), otherwise=((REPLACEMENT,), {}))
        return self._original(*args, **kwargs)


def _redact_safely(redactor: Redactor, pair: tuple[Any, Any], otherwise: tuple[Any, Any]) -> Any:
    """For a log, which must neither show a secret nor stop a cancel over an object that is odd."""
    try:
        return redact(redactor, pair)
    except Exception as error:  # endless, or of a class that raises when it is looked at
        if is_from_handler(error):
            raise
        return otherwise


def redact(redactor: Redactor, value: Any) -> Any:
    """What stands for a value in a text: the same object where it shows no secret, so that any format still fits it."""
    if value is None or isinstance(value, numbers.Number):
        return value
    if isinstance(value, str):
        return redactor.text(value)
    if isinstance(value, list | tuple):
        clean = [redact(redactor, item) for item in value]
        if all(new is old for new, old in zip(clean, value, strict=True)):
            return value
        return tuple(clean) if isinstance(value, tuple) else clean
    if isinstance(value, Mapping):
        return _redact_mapping(redactor, value)
    for shown in (as_text(value), _repr(value)):
        text = redactor.text(shown)
        if text != shown:
            return text
    return value


def _redact_mapping(redactor: Redactor, value: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """By name, too: a header's or a parameter's value may be a secret that nobody else knows."""
    given = dict(value.items())
    clean = {
        redact(redactor, name): REPLACEMENT
        if as_text(name).lower() in SECRET_NAMES
        else redact(redactor, item)
        for name, item in given.items()
    }
    return value if clean == given else clean


def _repr(value: object) -> str:
    try:
        return repr(value)
    except Exception as error:  # whoever formats it will see for themselves
        if is_from_handler(error):
            raise
        return ""
