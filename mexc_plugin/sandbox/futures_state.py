"""A small futures order state, enough for every futures cancel endpoint. Pure, like `state`.

No positions, no margin: orders are created, filled whole when they cross, filled by hand or
cancelled.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import IntEnum, StrEnum

from mexc_plugin.sandbox.markets import contract_of
from mexc_plugin.sandbox.spot.matching import LARGEST
from mexc_plugin.sandbox.spot.orders import ZERO, Ids
from mexc_plugin.sandbox.venue_errors import Reason, RefusedError


class Family(StrEnum):
    """Which endpoints an order belongs to."""

    ORDER = "order"
    PLAN = "planorder"
    STOP = "stoporder"
    TRACK = "trackorder"


class State(IntEnum):
    """The venue's order states. 2 is open for `Family.ORDER`, 1 for the other families."""

    UNTRIGGERED = 1
    UNCOMPLETED = 2
    COMPLETED = 3
    CANCELLED = 4


MARKET_TYPES = frozenset({5, 6})
POST_ONLY = 2
RESTING_TYPES = frozenset({1, POST_ONLY})
BUYS = frozenset({1, 2})
"""Sides: 1 open long, 2 close short, 3 open short, 4 close long."""


@dataclass(frozen=True, slots=True)
class NewFuturesOrder:
    """What a trader asks for; `type` 1 limit, 2 post only, 3 IOC, 4 FOK, 5 and 6 market."""

    symbol: str
    side: int
    type: int
    volume: Decimal
    price: Decimal = ZERO
    external_oid: str | None = None
    leverage: int = 1
    open_type: int = 2
    trigger_price: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Change:
    """What an order is to have from now on; None stays as it is."""

    price: Decimal | None = None
    volume: Decimal | None = None
    trigger_price: Decimal | None = None

    def of(self, asked: NewFuturesOrder) -> NewFuturesOrder:
        return replace(
            asked,
            price=asked.price if self.price is None else self.price,
            volume=asked.volume if self.volume is None else self.volume,
            trigger_price=asked.trigger_price if self.trigger_price is None else self.trigger_price,
        )


@dataclass(frozen=True, slots=True)
class FuturesOrder:
    order_id: str
    api_key: str
    family: Family
    asked: NewFuturesOrder
    state: State
    filled: Decimal
    created_ms: int
    updated_ms: int

    @property
    def is_open(self) -> bool:
        return self.state in (State.UNTRIGGERED, State.UNCOMPLETED)


@dataclass(frozen=True, slots=True)
class Item:
    """What happened to one order of a cancel: `reason` is None when it was cancelled."""

    order_id: str
    reason: Reason | None = None
    order: FuturesOrder | None = None


class Futures:
    """Futures orders of all accounts, by id."""

    def __init__(self, ids: Ids, clock: Callable[[], int]) -> None:
        self._ids = ids
        self._clock = clock
        self._orders: dict[str, FuturesOrder] = {}

    def create(
        self, api_key: str, new: NewFuturesOrder, family: Family = Family.ORDER
    ) -> FuturesOrder:
        """Raises RefusedError: 1001 (contract), 600 (volume, side, type, or a limit with no price)."""
        _check(new, family)
        state = _first_state(new) if family is Family.ORDER else State.UNTRIGGERED
        now = self._clock()
        filled = new.volume if state is State.COMPLETED else ZERO
        order = FuturesOrder(self._ids.next(), api_key, family, new, state, filled, now, now)
        self._orders[order.order_id] = order
        return order

    def order(self, order_id: str) -> FuturesOrder:
        """The order as it is now. Raises KeyError."""
        return self._orders[order_id]

    def orders(
        self, api_key: str, families: Iterable[Family], symbol: str | None = None
    ) -> list[FuturesOrder]:
        wanted = set(families)
        return [
            order
            for order in self._orders.values()
            if order.api_key == api_key
            and order.family in wanted
            and (symbol is None or order.asked.symbol == symbol)
        ]

    def fill(self, order_id: str, volume: Decimal | None = None) -> FuturesOrder:
        """Executes `volume` of an open order, or all that remains. Raises KeyError, ValueError."""
        order = self._orders[order_id]
        remaining = order.asked.volume - order.filled
        amount = remaining if volume is None else volume
        if not order.is_open or not ZERO < amount <= remaining:
            raise ValueError(f"cannot fill {amount} of an order: {order}")
        state = State.COMPLETED if amount == remaining else order.state
        return self._change(replace(order, filled=order.filled + amount, state=state))

    def cancel(self, api_key: str, family: Family, order_id: str) -> Item:
        """Cancels one order; a failure (2040 unknown, 2041 not open) is in the item."""
        order = self._orders.get(order_id)
        if order is None or order.api_key != api_key or order.family is not family:
            return Item(order_id, Reason.CONTRACT_NO_ORDER)
        if not order.is_open:
            return Item(order_id, Reason.CONTRACT_ORDER_STATE, order)
        return Item(order_id, None, self._change(replace(order, state=State.CANCELLED)))

    def cancel_external(self, api_key: str, symbol: str, external_oid: str) -> Item:
        """The same for an order named by its owner's id."""
        named = [
            order
            for order in self.orders(api_key, [Family.ORDER], symbol)
            if order.asked.external_oid == external_oid
        ]
        if not named:
            return Item("", Reason.CONTRACT_NO_ORDER)
        order = max(named, key=lambda order: order.is_open)
        return self.cancel(api_key, Family.ORDER, order.order_id)

    def cancel_all(self, api_key: str, family: Family, symbol: str | None) -> list[Item]:
        """Cancels every open order of the family, of one contract or of all."""
        if symbol is not None:
            contract_of(symbol)
        return [
            self.cancel(api_key, family, order.order_id)
            for order in self.orders(api_key, [family], symbol)
            if order.is_open
        ]

    def change(self, api_key: str, family: Family, order_id: str, change: Change) -> FuturesOrder:
        """Gives an open order another price, trigger price or volume; it keeps its id.

        Raises RefusedError: 600 (what `create` refuses), 2040 or 5002 (unknown), 2041 (not open).
        """
        order = self._open_order(api_key, family, order_id)
        asked = change.of(order.asked)
        _check(asked, family)
        return self._change(replace(order, asked=asked))

    def replace_order(self, api_key: str, order_id: str, change: Change) -> FuturesOrder:
        """Cancels an open order and places it anew, with another price or volume and another id.

        Raises RefusedError as `change` does; then nothing was cancelled.
        """
        order = self._open_order(api_key, Family.ORDER, order_id)
        asked = change.of(order.asked)
        _check(asked, Family.ORDER)
        self.cancel(api_key, Family.ORDER, order_id)
        return self.create(api_key, asked)

    def _open_order(self, api_key: str, family: Family, order_id: str) -> FuturesOrder:
        order = self._orders.get(order_id)
        if order is None or order.api_key != api_key or order.family is not family:
            stop = family is Family.STOP
            raise RefusedError(Reason.CONTRACT_NO_STOP if stop else Reason.CONTRACT_NO_ORDER)
        if not order.is_open:
            raise RefusedError(Reason.CONTRACT_ORDER_STATE)
        return order

    def _change(self, order: FuturesOrder) -> FuturesOrder:
        order = replace(order, updated_ms=self._clock())
        self._orders[order.order_id] = order
        return order


def _check(new: NewFuturesOrder, family: Family) -> None:
    contract_of(new.symbol)
    priced = new.price > 0 or new.type in MARKET_TYPES or family is not Family.ORDER
    if new.side not in (1, 2, 3, 4) or new.type not in range(1, 7):
        raise RefusedError(Reason.CONTRACT_PARAMETER)
    if not 0 < new.volume <= LARGEST or not 0 <= new.price <= LARGEST:
        raise RefusedError(Reason.CONTRACT_PARAMETER)
    if not priced:
        raise RefusedError(Reason.CONTRACT_PARAMETER)


def _first_state(new: NewFuturesOrder) -> State:
    index = contract_of(new.symbol).index
    crosses = new.type in MARKET_TYPES or (
        new.price >= index.ask[0] if new.side in BUYS else new.price <= index.bid[0]
    )
    if new.type == POST_ONLY and crosses:
        return State.CANCELLED
    if crosses:
        return State.COMPLETED
    return State.UNCOMPLETED if new.type in RESTING_TYPES else State.CANCELLED
