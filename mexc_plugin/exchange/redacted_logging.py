"""ccxt's logger, without the key and the signatures that it would write at DEBUG."""

import logging
from typing import Any

from mexc_plugin.audit.redaction import Redactor


class RedactedLogger(logging.Logger):
    """A logger's double: the same name, level, handlers and parents, whose records hold no secret.

    It shares the state of the logger that it stands for, so what a bot sets on the one holds for the other.
    """

    __slots__ = ("_original", "_redactor")

    def __init__(self, original: logging.Logger, redactor: Redactor) -> None:
        self.__dict__ = original.__dict__
        self._original = original
        self._redactor = redactor

    def handle(self, record: logging.LogRecord) -> None:
        """Hand a record on, redacted. As logging.Logger.handle."""
        record.msg = self._redactor.text(str(record.msg))
        if isinstance(record.args, tuple):
            record.args = tuple(self._redact(arg) for arg in record.args)
        elif record.args:
            record.args = self._redactor.value(record.args)
        super().handle(record)

    def _redact(self, value: Any) -> Any:
        return (
            value if isinstance(value, int | float) else self._redactor.value(plain_headers(value))
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return RedactedLogger, (self._original, self._redactor)


def plain_headers(value: Any) -> Any:
    """Headers of any library as a dict, so that they can be redacted by name."""
    return dict(value.items()) if hasattr(value, "items") else value
