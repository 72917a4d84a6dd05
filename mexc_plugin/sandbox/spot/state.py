"""The spot exchange itself: balances, orders and trades. No HTTP, no clock of its own, no locks.

Every account trades against the market's own book, which never moves and never runs out; the
orders of the accounts do not meet each other, except where an order's self-trade prevention asks
whether they would. A resting order is filled by `Exchange.fill` only.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from mexc_plugin.sandbox.markets import TAKER_FEE, Level, Market, market_of
from mexc_plugin.sandbox.spot.matching import check, find_executions, meets
from mexc_plugin.sandbox.spot.orders import ZERO, Cancelled, Ids, NewOrder, Order, Trade
from mexc_plugin.sandbox.venue_errors import Reason, RefusedError
from mexc_plugin.sandbox.vocabulary import (
    AFTER_CANCEL,
    STP_CANCEL,
    OrderType,
    Side,
    Status,
    StpMode,
)

MAX_CANCEL_SYMBOLS = 5
_RESTING = (OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_MARKET_ORDER)


@dataclass(frozen=True, slots=True)
class Balance:
    free: Decimal = ZERO
    locked: Decimal = ZERO


class Exchange:
    """Accounts by API key, orders by id. `clock` gives milliseconds since the epoch."""

    def __init__(self, ids: Ids, clock: Callable[[], int]) -> None:
        self._ids = ids
        self._clock = clock
        self._balances: dict[str, dict[str, Balance]] = {}
        self._orders: dict[str, Order] = {}
        self._trades: list[Trade] = []

    def open_account(self, api_key: str, balances: Mapping[str, Decimal]) -> None:
        """Adds an account, or starts an existing one over, with `balances` all free."""
        self._balances[api_key] = defaultdict(
            Balance, {asset: Balance(free=free) for asset, free in balances.items()}
        )

    def balances(self, api_key: str) -> dict[str, Balance]:
        """A copy, by asset."""
        return dict(self._balances[api_key])

    # Placing and filling

    def place(self, api_key: str, new: NewOrder) -> Order:
        """Takes what the book offers and lets the rest stand, or cancels it, as the type says.

        A LIMIT_MAKER order that would take is cancelled at once, and so is what self-trade
        prevention forbids. Raises RefusedError for an unknown symbol, a number that breaks the
        market's rules, or a balance that is too small.
        """
        market = market_of(new.symbol)
        check(market, new)
        fills = find_executions(market, new)
        quantity = new.quantity or sum((q for _, q in fills), ZERO)
        rests = new.type in _RESTING
        if new.type is OrderType.LIMIT_MAKER and fills:
            fills, rests = [], False
        resting = quantity - sum((q for _, q in fills), ZERO) if rests else ZERO
        self._afford(api_key, market, new.side, fills, resting * new.resting_price, resting)
        prevented = self._prevent_self_trade(api_key, new)
        if prevented:
            fills, rests, resting = [], False, ZERO
        now = self._clock()
        order = Order(
            self._ids.next(),
            api_key,
            new.symbol,
            new.side,
            new.type,
            quantity,
            new.price or ZERO,
            new.client_order_id,
            created_ms=now,
            updated_ms=now,
            quote_quantity=new.quote_quantity,
            stop_price=new.stop_price,
            resting_price=new.resting_price,
            stp_mode=new.stp_mode,
            cancel_reason=STP_CANCEL if prevented else None,
        )
        if resting:
            self._lock(order, resting)
        for fill_price, fill_quantity in fills:
            order = self._execute(order, fill_price, fill_quantity, is_maker=False)
        if order.is_open and not rests:
            order = replace(order, status=AFTER_CANCEL[order.status])
        self._orders[order.order_id] = order
        return order

    def fill(self, order_id: str, quantity: Decimal | None = None) -> Order:
        """Executes an open order at its own price: `quantity` of it, or all that remains.

        Raises KeyError for an unknown order, ValueError when it is not open or the quantity is
        not between 0 and what remains.
        """
        order = self._orders[order_id]
        amount = order.remaining if quantity is None else quantity
        if not order.is_open or not ZERO < amount <= order.remaining:
            raise ValueError(f"cannot fill {amount} of an order: {order}")
        self._unlock(order, amount)
        order = self._execute(order, order.resting_price, amount, is_maker=True)
        self._orders[order_id] = order
        return order

    def _execute(self, order: Order, price: Decimal, quantity: Decimal, is_maker: bool) -> Order:
        market = market_of(order.symbol)
        cost = price * quantity
        commission = ZERO if is_maker else cost * TAKER_FEE
        sign = 1 if order.side is Side.BUY else -1
        self._move(order.api_key, market.base, free=sign * quantity)
        self._move(order.api_key, market.quote, free=-sign * cost - commission)
        executed = order.executed + quantity
        order = replace(
            order,
            executed=executed,
            cost=order.cost + cost,
            status=Status.FILLED if executed == order.quantity else Status.PARTIALLY_FILLED,
            updated_ms=self._clock(),
        )
        trade_id = str(len(self._trades) + 1)
        self._trades.append(
            Trade(trade_id, order, price, quantity, commission, is_maker, order.updated_ms)
        )
        return order

    # Cancelling

    def cancel(
        self,
        api_key: str,
        symbol: str,
        order_id: str | None,
        client_order_id: str | None,
        *,
        filled_is_an_answer: bool = False,
    ) -> Cancelled:
        """Cancels one open order, named by one id or by two that must agree.

        Raises RefusedError: -1121 (symbol), 700004 (no id), -2011 (unknown, or no longer open). With
        `filled_is_an_answer` a FILLED order is not refused but returned as it is, twice.
        """
        order = self._find(api_key, symbol, order_id, client_order_id, Reason.UNKNOWN_ORDER)
        if order.status is Status.FILLED and filled_is_an_answer:
            return Cancelled(order, order)
        if not order.is_open:
            raise RefusedError(Reason.UNKNOWN_ORDER)
        return self._cancel(order)

    def cancel_symbols(self, api_key: str, symbols: Iterable[str]) -> list[Cancelled]:
        """Cancels every open order of up to five symbols; raises RefusedError for a sixth."""
        wanted = list(symbols)
        if len(wanted) > MAX_CANCEL_SYMBOLS:
            raise RefusedError(Reason.BAD_COMBINATION)
        for symbol in wanted:
            market_of(symbol)
        return [self._cancel(order) for order in self.open_orders(api_key, wanted)]

    def cancel_everything(self, api_key: str) -> list[Cancelled]:
        return [self._cancel(order) for order in self.open_orders(api_key)]

    def cancel_by_stp(self, order_id: str) -> Order:
        """Self-trade prevention cancels an open order. Raises KeyError, ValueError (not open)."""
        order = self._orders[order_id]
        if not order.is_open:
            raise ValueError(f"not an open order: {order}")
        return self._cancel(order, STP_CANCEL).after

    def _prevent_self_trade(self, api_key: str, new: NewOrder) -> bool:
        """Cancels the orders that `new` may not meet; True when it must not be itself either."""
        if new.stp_mode is StpMode.NONE:
            return False
        met = [each for each in self.open_orders(api_key, [new.symbol]) if meets(each, new)]
        if new.stp_mode is not StpMode.CANCEL_TAKER:
            for order in met:
                self.cancel_by_stp(order.order_id)
        return bool(met) and new.stp_mode is not StpMode.CANCEL_MAKER

    def _cancel(self, order: Order, reason: str | None = None) -> Cancelled:
        self._unlock(order, order.remaining)
        after = replace(
            order,
            status=AFTER_CANCEL[order.status],
            updated_ms=self._clock(),
            cancel_reason=reason,
        )
        self._orders[order.order_id] = after
        return Cancelled(order, after)

    # Looking things up

    def order(self, order_id: str) -> Order:
        """The order as it is now, whoever owns it. Raises KeyError."""
        return self._orders[order_id]

    def query(
        self, api_key: str, symbol: str, order_id: str | None, client_order_id: str | None
    ) -> Order:
        """One of the account's orders. Raises RefusedError: -1121, 700004, -2013 (unknown)."""
        return self._find(api_key, symbol, order_id, client_order_id, Reason.NO_SUCH_ORDER)

    def orders(self, api_key: str, symbols: Iterable[str] = ()) -> list[Order]:
        """The account's orders, oldest first, of all symbols when none is named."""
        wanted = set(symbols)
        return [
            order
            for order in self._orders.values()
            if order.api_key == api_key and (not wanted or order.symbol in wanted)
        ]

    def open_orders(self, api_key: str, symbols: Iterable[str] = ()) -> list[Order]:
        return [order for order in self.orders(api_key, symbols) if order.is_open]

    def trades(self, api_key: str, symbol: str) -> list[Trade]:
        """The account's trades of one symbol, oldest first."""
        return [
            trade
            for trade in self._trades
            if trade.order.api_key == api_key and trade.order.symbol == symbol
        ]

    def _find(
        self,
        api_key: str,
        symbol: str,
        order_id: str | None,
        client_order_id: str | None,
        unknown: Reason,
    ) -> Order:
        market_of(symbol)
        if not order_id and not client_order_id:
            raise RefusedError(Reason.MISSING_ID)
        known = self._orders.get(order_id) if order_id else None
        candidates = self.orders(api_key, [symbol]) if not order_id else [known] if known else []
        named = [
            order
            for order in candidates
            if order.api_key == api_key
            and order.symbol == symbol
            and (not client_order_id or order.client_order_id == client_order_id)
        ]
        if not named:
            raise RefusedError(unknown)
        # A client id may be used again once its order is done: the open one is meant.
        return max(named, key=lambda order: order.is_open)

    # Money

    def _afford(
        self,
        api_key: str,
        market: Market,
        side: Side,
        fills: list[Level],
        resting_cost: Decimal,
        resting: Decimal,
    ) -> None:
        taken_cost = sum((p * q for p, q in fills), ZERO)
        if side is Side.BUY:
            needed, asset = taken_cost * (1 + TAKER_FEE) + resting_cost, market.quote
        else:
            needed, asset = sum((q for _, q in fills), ZERO) + resting, market.base
        if self._balances[api_key].get(asset, Balance()).free < needed:
            raise RefusedError(Reason.INSUFFICIENT if side is Side.BUY else Reason.OVERSOLD)

    def _lock(self, order: Order, quantity: Decimal) -> None:
        market = market_of(order.symbol)
        is_buy = order.side is Side.BUY
        amount = order.resting_price * quantity if is_buy else quantity
        asset = market.quote if is_buy else market.base
        self._move(order.api_key, asset, free=-amount, locked=amount)

    def _unlock(self, order: Order, quantity: Decimal) -> None:
        self._lock(order, -quantity)

    def _move(
        self, api_key: str, asset: str, *, free: Decimal = ZERO, locked: Decimal = ZERO
    ) -> None:
        account = self._balances[api_key]
        old = account.get(asset, Balance())
        account[asset] = Balance(old.free + free, old.locked + locked)
