"""What the three classes share: every decision, once, as coroutines.

The async and pro classes use them as they are. The sync class (`Synchronous`) drives the same
coroutines, whose awaits never suspend there.
"""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from mexc_plugin import config, wire
from mexc_plugin.audit.recorder import Place, Receipt, Recorder
from mexc_plugin.exchange import cancelling, faults, transport
from mexc_plugin.exchange.attempts import ATTEMPT, SCOPE, Scope, scoped
from mexc_plugin.exchange.recording import Recording, resolve, settle_blocking, settle_on_loop
from mexc_plugin.store.recorders import recorder_for


class Audited:
    """Mixed in before one of ccxt's classes: cancels natively, and puts every cancel on record.

    Settings: `options["audit"]`, see `mexc_plugin.config.AuditSettings`.
    Raises ConfigError when constructed with options that cannot be meant.
    """

    if TYPE_CHECKING:  # the rest is ccxt's class, which comes after this one

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, config_: dict[str, Any] | None = None) -> None:
        parent: Any = super()
        parent.__init__(config_ or {})
        self._audit_settings = config.resolve(self.options.get("audit"), defaults=config.DEFAULTS)
        recorder = recorder_for(self._audit_settings.url)
        if self.apiKey:
            # Only who has a key can cancel; making a new database now keeps it out of the first cancel.
            recorder.prepare()

    # -- the seams of ccxt

    async def fetch(
        self, url: str, method: str = "GET", headers: Any = None, body: Any = None
    ) -> Any:
        """ccxt's one way to the wire. A cancel is recorded before it leaves and when it ends."""
        parent: Any = super()
        endpoint = wire.classify(method, url)
        if endpoint is None:
            return await resolve(parent.fetch(url, method, headers, body))
        return await self._recording().send(
            endpoint, self._guarded(parent.fetch), url, method, headers, body
        )

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        """ccxt's implicit methods; its retries within one call are attempts of one cancel."""
        parent: Any = super()
        with scoped():
            return await resolve(parent.request(*args, **kwargs))

    def on_rest_response(
        self, code: int, reason: str, url: str, method: str, response_headers: Any, *rest: Any
    ) -> Any:
        """The only place where ccxt shows status and body together, in the call that they belong to."""
        attempt = ATTEMPT.get()
        if attempt is not None:
            attempt.answered(code, str(rest[0]), response_headers)
        parent: Any = super()
        return parent.on_rest_response(code, reason, url, method, response_headers, *rest)

    def handle_errors(
        self, code: int, reason: str, url: str, method: str, headers: Any, body: Any, *rest: Any
    ) -> Any:
        """The venue's refusals of cancels as the errors that ccxt's manual means."""
        attempt = ATTEMPT.get()
        if attempt is not None and isinstance(body, str):
            faults.raise_for(attempt.asked, code, body, self.id)
        parent: Any = super()
        return parent.handle_errors(code, reason, url, method, headers, body, *rest)

    def urlencode(self, params: Any = None, *args: Any, **kwargs: Any) -> str:
        """ccxt's `sign` overwrites the caller's recvWindow just before it encodes and signs."""
        parent: Any = super()
        encoded = dict(params or {})
        scope = SCOPE.get()
        if scope is not None and scope.recv_window is not None and "recvWindow" in encoded:
            encoded["recvWindow"] = scope.recv_window
        return str(parent.urlencode(encoded, *args, **kwargs))

    # -- ccxt's cancel interface

    async def cancel_order(self, id: Any, symbol: Any = None, params: Any = None) -> Any:  # noqa: A002 - ccxt's name
        """Cancel one order with DELETE /api/v3/order and return ccxt's unified order.

        id: the venue's order id, as text (None or '' with params['clientOrderId']); symbol: unified.
        params: clientOrderId, newClientOrderId, recvWindow (ms, at most 60000); others are sent on.
        Raises ArgumentsRequired and BadRequest before anything is sent; OrderNotFound when the venue
        does not know the order or it is not open any more; ccxt's other errors. After a NetworkError
        or BadResponse the cancel may have been executed: its outcome on record is `unknown`.
        Swap and margin orders are cancelled by ccxt's own method, and recorded.
        Source: https://www.mexc.com/api-docs/spot-v3/spot-account-trade#cancel-order
        """
        params = dict(params or {})
        wanted = cancelling.Wanted.read(id, params)
        if not symbol:
            cancelling.check_arguments(self.id, wanted, symbol, spot=self._is_spot(None, params))
        cancelling.check_arguments(self.id, wanted, symbol, spot=False)
        await self._ensure_markets()
        market = self.market(symbol) if symbol else None
        if not self._is_spot(market, params):
            parent: Any = super()
            with scoped(Scope(symbol=market["symbol"] if market else None)):
                return await resolve(parent.cancel_order(id, symbol, params))
        request = cancelling.build(
            self.id, wanted, market["id"], params, self.options.get("recvWindow", 5000)
        )
        with scoped(Scope(symbol=market["symbol"], recv_window=request.recv_window)) as scope:
            answer = await resolve(self.spotPrivateDeleteOrder(request.encode()))
            return cancelling.unified_order(self, scope, market, answer)

    # -- the rest

    def _is_spot(self, market: Any, params: dict[str, Any]) -> bool:
        kind, rest = self.handle_market_type_and_params("cancelOrder", market, params)
        mode, _ = self.handle_margin_mode_and_params("cancelOrder", rest)
        return kind == "spot" and mode is None

    async def _ensure_markets(self) -> None:
        if self.markets is None:
            await resolve(self.load_markets())

    def _recording(self) -> Recording:
        settings = self._audit_settings
        recorder = recorder_for(settings.url)
        if not recorder.is_prepared:
            recorder.prepare()
        return Recording(self, settings, recorder, self._settle, self._loop())

    async def _settle(self, recorder: Recorder, receipt: Receipt, deadline: float) -> Place:
        raise NotImplementedError

    def _loop(self) -> asyncio.AbstractEventLoop | None:
        raise NotImplementedError

    def _guarded(self, send: Callable[..., Any]) -> Callable[..., Any]:
        """ccxt's `fetch`, with the guards below it in place."""

        def guarded(*args: Any) -> Any:
            self._guard_sessions()
            return send(*args)

        return guarded

    def _guard_sessions(self) -> None:
        """Guard every session that could send; where one cannot be, nothing is proven of a failure."""
        proxied = getattr(self, "socks_proxy_sessions", None) or {}
        sessions = [self.session, *proxied.values()]
        guarded = [transport.guard(session) for session in sessions if session is not None]
        attempt = ATTEMPT.get()
        if attempt is not None:
            attempt.guarded = all(guarded)


class Asynchronous(Audited):
    """The same for ccxt's async and pro classes, which make their sessions while they send."""

    async def _settle(self, recorder: Recorder, receipt: Receipt, deadline: float) -> Place:
        return await settle_on_loop(recorder, receipt, deadline)

    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def open(self, *args: Any, **kwargs: Any) -> None:
        """ccxt's; the session that it makes is guarded before anything goes through it."""
        parent: Any = super()
        parent.open(*args, **kwargs)
        self._guard_sessions()

    def get_socks_proxy_session(self, socks_proxy: str) -> Any:
        """ccxt's; the session that it makes is guarded before anything goes through it."""
        parent: Any = super()
        session = parent.get_socks_proxy_session(socks_proxy)
        self._guard_sessions()
        return session


def synchronous(method: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """The sync form of a coroutine method whose awaits never suspend."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        coroutine = method(*args, **kwargs)
        try:
            coroutine.send(None)
        except StopIteration as result:
            return result.value
        coroutine.close()
        raise RuntimeError(f"{method.__name__} suspended in the sync class")

    return call


class Synchronous(Audited):
    """The same for ccxt's sync class."""

    async def _settle(self, recorder: Recorder, receipt: Receipt, deadline: float) -> Place:
        return settle_blocking(recorder, receipt, deadline)

    fetch = synchronous(Audited.fetch)
    request = synchronous(Audited.request)
    cancel_order = synchronous(Audited.cancel_order)

    def _loop(self) -> None:
        return None
