"""ccxt's cancel interface: every method that cancels, with what plain ccxt gets wrong put right."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from ccxt.base import errors as ccxt_errors

from mexc_plugin.audit.interrupts import is_from_handler
from mexc_plugin.audit.outcome import UNRESOLVED, Outcome
from mexc_plugin.exchange.cancels import arguments, notes, pacing, unified_orders
from mexc_plugin.exchange.context import Scope, scoping
from mexc_plugin.exchange.interceptor import Interceptor
from mexc_plugin.exchange.waiting import resolve

MAX_SYMBOLS = 5
BYPASSED = (
    "audit: a cancel went past the record: a method above the wire (fetch, fetch2, request or an implicit one) "
    "is replaced without calling the original; see docs/bots/own-scripts.md"
)


class CancelMethods(Interceptor):
    """Cancels natively on spot; what it sends for other markets is ccxt's, and on record too."""

    _audit_pace: pacing.Pace | None = None

    async def cancel_order(self, id: Any, symbol: Any = None, params: Any = {}) -> Any:  # noqa: A002, B006 - as ccxt's
        """Cancel one order with DELETE /api/v3/order and return ccxt's unified order.

        id: the venue's order id, as text (None or '' with params['clientOrderId']); symbol: unified.
        params: clientOrderId, newClientOrderId, recvWindow (ms; the venue takes at most 60000, more is sent as
        that); confirm=True asks the venue at once about a cancel whose outcome is unknown; killSwitch=True sends
        it at once, past ccxt's throttle, and even where on_failure is "refuse" and it cannot be recorded; others
        are sent on.
        Raises ArgumentsRequired and BadRequest before anything is sent; OrderNotFound when the venue
        does not know the order or it is not open any more; ccxt's other errors. After a NetworkError
        the cancel may have been executed: its outcome on record is `unknown`. A note of the error
        (`__notes__`) says whether anything was sent.
        Unlike ccxt's: the caller's recvWindow is sent, an acknowledged cancel has status `canceled`, the order's own
        client id comes back, and an answer that decides nothing raises. Swap and margin orders are cancelled by
        ccxt's own method, and recorded.
        Source: https://www.mexc.com/api-docs/spot-v3/spot-account-trade#cancel-order
        """
        scope = Scope(unified=True)
        try:
            return await self._audit_cancel_within(scope, id, symbol, dict(params or {}))
        except Exception as error:
            notes.say_what_was_sent(error, scope, self._audit_settings.url)
            raise

    async def cancel_unified_order(self, order: Any, params: Any = {}) -> Any:  # noqa: B006
        """Cancel the order that ccxt's order structure describes. Unlike some of ccxt's, it waits for the answer."""
        return await resolve(self.cancel_order(order.get("id"), order.get("symbol"), params))

    async def cancel_orders(self, ids: Any, symbol: Any = None, params: Any = {}) -> Any:  # noqa: B006
        """Cancel several orders; the list says what happened to each, in the order of the ids.

        Unlike ccxt's, which sends spot orders to the futures venue: on spot each is a DELETE of its own, and all
        are tried whatever fails; futures orders are ccxt's one request. A failed one has status `rejected` and its
        error in `info` (ccxt's own precedent);
        `info["outcome"]` says `unknown` where it may have been executed.
        At most options["cancelsPerSecond"] (12, the venue's limit) are sent within a second. After a 429 or 418
        it waits for what Retry-After says, up to five minutes, and sends what was refused again; nothing that may
        have been executed is sent twice. Without a symbol ids are those of futures orders, as ccxt takes them.
        params: clientOrderIds instead of ids; as of cancel_order.
        """
        parent: Any = super()
        given = dict(params or {})
        by_client = given.pop("clientOrderIds", None)
        wanted = by_client or ids
        if not isinstance(wanted, list | tuple):
            raise ccxt_errors.ArgumentsRequired(f"{self.id} cancelOrders() requires a list of ids")
        if by_client and not symbol:
            raise ccxt_errors.ArgumentsRequired(
                f"{self.id} cancelOrders() requires a symbol argument for clientOrderIds"
            )
        scope = Scope(kill_switch=bool(given.get("killSwitch", False)))
        with scoping(scope):
            await self._audit_ensure_markets()
            market = self.market(symbol) if symbol else None
            if market is None or not self._audit_is_spot("cancelOrders", market, given):
                given.pop("killSwitch", None)
                scope.symbol = market["symbol"] if market else None
                if not isinstance(ids, list | tuple):
                    raise ccxt_errors.ArgumentsRequired(
                        f"{self.id} cancelOrders() takes clientOrderIds for spot orders only"
                    )
                whole = [arguments.as_whole(each) for each in ids]
                answered = await self._audit_finish(
                    scope, parent.cancel_orders(whole, symbol, given)
                )
                return unified_orders.mark_failed(scope, answered)
        return await self._audit_together(
            [
                self._audit_one_of_several(i, market, given, by_client=bool(by_client))
                for i in wanted
            ]
        )

    async def cancel_all_orders(self, symbol: Any = None, params: Any = {}) -> Any:  # noqa: B006
        """Cancel all open orders of a symbol; of up to 5 with params['symbols'].

        WITHOUT A SYMBOL THIS CANCELS EVERY SPOT ORDER OF THE ACCOUNT, as ccxt's own does, those of
        other bots and those placed by hand included; the venue names none of them, and [] comes back.
        params: marginMode='isolated' cancels margin orders (ccxt's own cancels spot orders then);
        killSwitch=True as of cancel_order.
        """
        parent: Any = super()
        given = dict(params or {})
        asked = given.pop("symbols", None) or symbol or []
        symbols = asked if isinstance(asked, list | tuple | set) else [asked]
        scope = Scope(kill_switch=bool(given.pop("killSwitch", False)))
        with scoping(scope):
            await self._audit_ensure_markets()
            markets = [self.market(each) for each in symbols]
            kind, margin, rest = self._audit_market_kind(
                "cancelAllOrders", markets[0] if markets else None, given
            )
            scope.symbol = markets[0]["symbol"] if len(markets) == 1 else None
            if kind != "spot" or (not markets and margin is None):
                return await self._audit_finish(scope, parent.cancel_all_orders(symbol, given))
            return await self._audit_cancel_all_of(scope, markets, margin, rest)

    async def edit_order(
        self,
        id: Any,  # noqa: A002 - ccxt's names
        symbol: Any,
        type: Any,  # noqa: A002
        side: Any,
        amount: Any = None,
        price: Any = None,
        params: Any = {},  # noqa: B006
    ) -> Any:
        """Cancel an order and place another. MEXC has no amendment: there is a gap between the two.

        The order to cancel is `id`, or with no id the one of params['clientOrderId']. Nothing is
        placed unless the cancel was acknowledged. Returns the placed order. Unlike ccxt's, it cancels by a client
        order id and margin orders, too.
        """
        given = dict(params or {})
        keys = ("marginMode", "trigger", "stop") if id else ("marginMode", "clientOrderId")
        await resolve(
            self.cancel_order(id, symbol, {key: given[key] for key in keys if key in given})
        )
        return await resolve(self.create_order(symbol, type, side, amount, price, given))

    # -- how

    async def _audit_cancel_within(
        self, scope: Scope, order_id: Any, symbol: Any, given: dict[str, Any]
    ) -> Any:
        wanted = arguments.Wanted.read(self.id, order_id, given)
        spot_without_market = not symbol and self._audit_is_spot("cancelOrder", None, given)
        arguments.check_arguments(self.id, wanted, symbol, spot=spot_without_market)
        scope.kill_switch = bool(given.pop("killSwitch", False))
        with scoping(scope):
            await self._audit_ensure_markets()
            market = self.market(symbol) if symbol else None
            scope.symbol = market["symbol"] if market else None
            self._audit_take_recv_window(scope, given.get("recvWindow"))
            confirm = given.pop("confirm", False)
            if market is None or not self._audit_is_spot("cancelOrder", market, given):
                return await self._audit_cancel_as_ccxt(scope, market, order_id, symbol, given)
            request = arguments.build_request(
                self.id, wanted, market["id"], scope.recv_window, given
            )
            self.check_required_credentials()
            scope.dispatched = True
            try:
                answer = await self._audit_finish(
                    scope, self.spotPrivateDeleteOrder(request.encode())
                )
            except Exception as error:
                if is_from_handler(error):
                    raise
                confirmed = await self._audit_confirm(scope, market) if confirm else None
                if confirmed is None:
                    raise
                return confirmed
            return unified_orders.build_cancelled_order(self, scope, market, answer)

    async def _audit_cancel_as_ccxt(
        self, scope: Scope, market: Any, id_: Any, symbol: Any, given: dict[str, Any]
    ) -> Any:
        parent: Any = super()
        if self._audit_market_kind("cancelOrder", market, given)[0] != "spot":
            scope.otherwise = ccxt_errors.InvalidOrder
        scope.dispatched = True
        try:
            call = parent.cancel_order(arguments.as_whole(id_), symbol, given)
            order = await self._audit_finish(scope, call)
        except ccxt_errors.InvalidOrder:
            # ccxt takes any message but the English one for a failure.
            if scope.verdict is None or scope.verdict.outcome is not Outcome.ACCEPTED:
                raise
            info = self.parse_json(scope.answer.body) if scope.answer else None
            order = self.safe_order({"info": info}, market)
        if order.get("id") is not None or scope.asked is None or scope.verdict is None:
            return order
        if scope.asked.endpoint.market_type == "margin":
            return unified_orders.build_cancelled_order(self, scope, market, order["info"])
        # Futures acknowledge without an order: ccxt's answer, and the id that it leaves out.
        known = {
            "id": scope.verdict.orders[0].order_id if scope.verdict.orders else str(id_),
            "symbol": market["symbol"] if market else None,
        }
        return {**order, **known}

    def _audit_one_of_several(
        self, order_id: Any, market: Any, given: dict[str, Any], *, by_client: bool
    ) -> Callable[[], Any]:
        """A cancel that never raises one of ccxt's errors: what went wrong is what it returns."""
        by_id, by_client_id = (None, order_id) if by_client else (order_id, None)
        params = {**given, "clientOrderId": by_client_id} if by_client else given

        async def cancel() -> Any:
            scope = Scope(unified=True)
            try:
                return await self._audit_cancel_at_pace(scope, by_id, market["symbol"], params)
            except ccxt_errors.BaseError as error:
                return unified_orders.build_failed_order(
                    self, market, by_id, by_client_id, scope, error
                )

        return cancel

    async def _audit_cancel_at_pace(
        self, scope: Scope, order_id: Any, symbol: Any, given: Any
    ) -> Any:
        """Cancel when the venue's pace allows, and again where it was refused for frequency alone."""
        pace = self._audit_pace
        if pace is None:
            self._audit_pace = pace = pacing.Pace(self._audit_read_pace())
        refused: ccxt_errors.BaseError | None = None
        for _ in range(pacing.TRIES):
            while (delay := pace.delay(time.monotonic())) > 0:
                await resolve(self.sleep(delay * 1000))
            pace.begin(scope.cancel_id)
            try:
                return await self._audit_cancel_within(scope, order_id, symbol, dict(given))
            except ccxt_errors.BaseError as error:
                wait = _wait_after(scope)
                if wait is None:
                    raise
                refused = error
                pace.hold(time.monotonic() + wait)
            finally:
                pace.end(scope.cancel_id, time.monotonic())
        raise refused or ccxt_errors.RateLimitExceeded(self.id)

    def _audit_read_pace(self) -> int:
        asked = self.options.get("cancelsPerSecond", pacing.PER_SECOND)
        pace = pacing.read_pace(asked)
        if pace is None:
            self._audit_say_once(
                "options['cancelsPerSecond'] is no whole number from 1 on: %s", asked
            )
        return pace or pacing.PER_SECOND

    async def _audit_cancel_all_of(
        self, scope: Scope, markets: Sequence[Any], margin: str | None, rest: dict[str, Any]
    ) -> list[Any]:
        if not markets:
            raise ccxt_errors.ArgumentsRequired(
                f"{self.id} cancelAllOrders() requires a symbol for margin orders"
            )
        if len(markets) > MAX_SYMBOLS:
            raise ccxt_errors.BadRequest(
                f"{self.id} cancelAllOrders() takes at most {MAX_SYMBOLS} symbols at once"
            )
        request = arguments.select_for_wire(rest) | {"symbol": ",".join(m["id"] for m in markets)}
        send = (
            self.spotPrivateDeleteMarginOpenOrders if margin else self.spotPrivateDeleteOpenOrders
        )
        answers = await self._audit_finish(scope, send(request))
        return unified_orders.build_cancelled_orders(
            self, scope, {m["id"]: m for m in markets}, answers
        )

    def _audit_take_recv_window(self, scope: Scope, asked: object) -> None:
        scope.recv_window, scope.recv_window_asked = arguments.read_recv_window(asked)
        if scope.recv_window_asked is not None:
            sent = scope.recv_window or "the exchange's own"
            self._audit_say_once(
                "the venue does not take recvWindow %s; sent is %s", scope.recv_window_asked, sent
            )

    async def _audit_finish(self, scope: Scope, call: Any) -> Any:
        """What a call of ccxt's brings. A cancel that went past the record is said to have done so."""
        result = await resolve(call)
        if scope.attempts == 0:
            self._audit_say_once(BYPASSED)
        return result

    async def _audit_confirm(self, scope: Scope, market: Any) -> Any:
        """Ask the venue about this cancel, if its outcome is unknown; the order if it is gone."""
        if scope.verdict is None or scope.verdict.outcome not in UNRESOLVED:
            return None
        return await self._audit_confirm_unknown(scope, market)

    async def _audit_confirm_unknown(self, scope: Scope, market: Any) -> Any:
        raise NotImplementedError

    async def _audit_together(self, calls: list[Callable[[], Any]]) -> list[Any]:
        raise NotImplementedError

    async def _audit_ensure_markets(self) -> None:
        if self.markets is None:
            await resolve(self.load_markets())

    def _audit_is_spot(self, method: str, market: Any, params: dict[str, Any]) -> bool:
        kind, margin, _ = self._audit_market_kind(method, market, params)
        return kind == "spot" and margin is None

    def _audit_market_kind(
        self, method: str, market: Any, params: dict[str, Any]
    ) -> tuple[str, str | None, dict[str, Any]]:
        """ccxt's market type, its margin mode, and the parameters without both."""
        kind, rest = self.handle_market_type_and_params(method, market, params)
        margin, rest = self.handle_margin_mode_and_params(method, rest)
        return kind, margin, rest


def _wait_after(scope: Scope) -> float | None:
    """Seconds until a cancel that was refused for frequency may be sent again; None for all else."""
    verdict = scope.verdict
    if verdict is None or verdict.outcome is not Outcome.RATE_LIMITED or scope.answer is None:
        return None
    return pacing.choose_wait(scope.answer.status, scope.retry_after)
