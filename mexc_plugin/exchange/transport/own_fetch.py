"""A `fetch` of the user's own, put on an exchange in the place of ours: what it is serving, and for which request it
calls the original.

The replacement may call the original in its own task, in another one, or in another thread. Within its own context what
it was given tells the request, whatever it changes; elsewhere the request itself does. The URL alone does not: that of
every futures cancel is the same.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from mexc_plugin.audit.redaction import as_text
from mexc_plugin.exchange.context import CALLING, Attempt


@dataclass(slots=True, eq=False)
class Served:
    """A request that a replaced `fetch` is serving; when it calls the original for it, that goes straight on.

    call: the call of ccxt's that it belongs to; claimed: the original was called for it once.
    """

    exchange: object
    url: Any
    method: Any
    body: Any
    attempt: Attempt | None
    call: object
    claimed: bool = False

    def is_for(self, exchange: object, url: Any, method: Any) -> bool:
        """Whether the original, called so, is called for this request."""
        verbs = as_text(self.method).upper(), as_text(method).upper()
        return self.exchange is exchange and self.url == url and verbs[0] == verbs[1]


_UNDER_WAY: list[Served] = []
_SERVED: ContextVar[Served | None] = ContextVar("mexc_plugin_served", default=None)


@contextlib.contextmanager
def serving(
    exchange: object, url: Any, method: Any, body: Any, attempt: Attempt | None
) -> Iterator[None]:
    """Enter a call of the user's own `fetch`."""
    served = Served(exchange, url, method, body, attempt, CALLING.get())
    token = _SERVED.set(served)
    _UNDER_WAY.append(served)
    try:
        yield
    finally:
        _UNDER_WAY.remove(served)
        _SERVED.reset(token)


def find_served(exchange: object, url: Any, method: Any, body: Any) -> tuple[bool, Served | None]:
    """Whether it is the user's own `fetch` that calls the original now, and for which request, where that is known."""
    served, call = _SERVED.get(), CALLING.get()
    inside = served is not None and served.exchange is exchange and served.call is call
    if not inside and call is not None:
        return False, None  # ccxt calls, for a request of its own
    asked = [each for each in list(_UNDER_WAY) if each.is_for(exchange, url, method)]
    same = [each for each in asked if each.body == body]
    if served in asked and (served in same or not same):
        return True, served
    found = next((each for each in same if not each.claimed), same[0] if same else None)
    return inside or found is not None, found
