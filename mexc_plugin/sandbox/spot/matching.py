"""What a new order must satisfy, and what it takes from the book. Pure."""

from decimal import Decimal

from mexc_plugin.sandbox.markets import Level, Market
from mexc_plugin.sandbox.spot.orders import ZERO, NewOrder, Order
from mexc_plugin.sandbox.venue_errors import Reason, RefusedError
from mexc_plugin.sandbox.vocabulary import OrderType, Side, plain

LARGEST = 10**12
"""Keeps products within the 28 digits that decimals are calculated with."""
_QUOTE_DECIMALS = 8
_OPPOSITE = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}


def check(market: Market, new: NewOrder) -> None:
    """Raises RefusedError when `new` breaks a rule that exchangeInfo states for `market`."""
    if new.type is OrderType.MARKET:
        if new.quantity is None and new.quote_quantity is None:
            raise RefusedError(Reason.MISSING, "quantity")
        price = market.mid
    else:
        if new.quantity is None:
            raise RefusedError(Reason.MISSING, "quantity")
        if new.price is None and new.type is not OrderType.STOP_MARKET_ORDER:
            raise RefusedError(Reason.MISSING, "price")
        price = new.resting_price
        _check_number(price, market.price_decimals, Reason.PRICE_SCALE, Reason.NO_PRICE)
    if new.quantity is not None:
        _check_number(new.quantity, market.quantity_decimals, Reason.QUANTITY_SCALE, Reason.MINIMUM)
        cost = price * new.quantity
    else:
        cost = new.quote_quantity or ZERO
        _check_number(cost, _QUOTE_DECIMALS, Reason.QUANTITY_SCALE, Reason.MINIMUM)
    if cost < market.minimum_cost:
        raise RefusedError(Reason.MINIMUM, f"{plain(market.minimum_cost)}{market.quote}")
    if cost > market.maximum_cost:
        raise RefusedError(Reason.MAXIMUM, f"{plain(market.maximum_cost)}{market.quote}")


def _check_number(value: Decimal, decimals: int, scale: Reason, positive: Reason) -> None:
    if value > LARGEST:
        raise RefusedError(Reason.MAXIMUM, f"{LARGEST}")
    if value <= 0:
        raise RefusedError(positive, "0")
    if value != round(value, decimals):
        raise RefusedError(scale)


def find_executions(market: Market, new: NewOrder) -> list[Level]:
    """The executions of `new` on arrival, best price first; empty when it does not cross.

    A FILL_OR_KILL order takes all of its quantity or nothing. A STOP_MARKET_ORDER waits for its
    trigger, which never comes: prices do not move here.
    """
    if new.type is OrderType.STOP_MARKET_ORDER:
        return []
    fills: list[Level] = []
    left = new.quantity
    money = new.quote_quantity if left is None else None
    for price, available in market.side(_OPPOSITE[new.side]):
        if new.type is not OrderType.MARKET and not _reaches(new, price):
            break
        quantity = available
        if left is not None:
            quantity = min(available, left)
            left -= quantity
        elif money is not None:
            unit = Decimal(1).scaleb(-market.quantity_decimals)
            quantity = min(available, (money / price // unit) * unit)
            money -= quantity * price
        if quantity <= 0:
            break
        fills.append((price, quantity))
    if new.type is OrderType.FILL_OR_KILL and left:
        return []
    return fills


def meets(resting: Order, new: NewOrder) -> bool:
    """Would `new` trade against `resting`, if orders of one account met?"""
    if resting.side is new.side or OrderType.STOP_MARKET_ORDER in (resting.type, new.type):
        return False
    return new.type is OrderType.MARKET or _reaches(new, resting.price)


def _reaches(new: NewOrder, price: Decimal) -> bool:
    limit = new.price or ZERO
    return price <= limit if new.side is Side.BUY else price >= limit
