"""What an error of `cancel_order` says beside ccxt's own words: whether anything was sent.

A note (`add_note`), for it changes neither the class nor the text that bots look at.
"""

import shlex
from urllib.parse import unquote

from mexc_plugin.audit.interrupts import suppress_own
from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.exchange.context import Scope

PREFIX = "mexc-plugin: "
BEFORE = "nothing was sent, and nothing is on record: it failed before its request"
UNSEEN = (
    "nothing of it was seen on the wire, and nothing is on record: it failed on the way there, "
    "or a method above the wire is replaced"
)


def say_what_was_sent(error: Exception, scope: Scope, url: str) -> None:
    """Note on the error what became of that cancel. Total: the error is the bot's, whatever it is.

    url: of the record, which the command that shows the cancel is told.
    """
    note = PREFIX + _words(scope, url)
    with suppress_own():
        # Calls that wait for the same markets get the same error.
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)


def _words(scope: Scope, url: str) -> str:
    if scope.attempts == 0:
        return UNSEEN if scope.dispatched else BEFORE
    outcome = Outcome.UNKNOWN if scope.verdict is None else scope.verdict.outcome
    path = url.removeprefix("sqlite:///")
    name = "DATABASE" if path == url else shlex.quote(unquote(path.partition("?")[0]))
    look = f"see it with: mexc-plugin audit show {scope.cancel_id} --db {name}"
    if not scope.was_sent:
        return f"nothing was sent; recorded as {outcome.value}; {look}"
    if outcome in (Outcome.UNKNOWN, Outcome.NOT_SENT):
        # Of several attempts the last one may be known not to have left, and an earlier one did.
        return f"it may have been sent and executed; recorded as {outcome.value}; {look}"
    return f"it was sent; recorded as {outcome.value}; {look}"
