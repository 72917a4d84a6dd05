"""Orders, trades and ids as values. Nothing here changes after it is made."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from mexc_plugin.sandbox.vocabulary import OPEN, IdStyle, OrderType, Side, Status, StpMode

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What a trader asks for.

    `quote_quantity` replaces `quantity` in a MARKET order only, `stop_price` stands for the
    price in a STOP_MARKET_ORDER only.
    """

    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal | None = None
    price: Decimal | None = None
    quote_quantity: Decimal | None = None
    client_order_id: str | None = None
    stop_price: Decimal | None = None
    stp_mode: StpMode = StpMode.NONE

    @property
    def resting_price(self) -> Decimal:
        """What it holds money for while it rests, and is filled at by hand."""
        stop = self.stop_price if self.type is OrderType.STOP_MARKET_ORDER else None
        return stop or self.price or ZERO


@dataclass(frozen=True, slots=True)
class Order:
    """One spot order at one moment; `cost` is the quote amount of what was executed.

    `resting_price`: as in `NewOrder`; `cancel_reason`: why the venue cancelled it by itself.
    """

    order_id: str
    api_key: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal
    client_order_id: str | None
    created_ms: int
    updated_ms: int
    status: Status = Status.NEW
    executed: Decimal = ZERO
    cost: Decimal = ZERO
    quote_quantity: Decimal | None = None
    stop_price: Decimal | None = None
    resting_price: Decimal = ZERO
    stp_mode: StpMode = StpMode.NONE
    cancel_reason: str | None = None

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.executed


@dataclass(frozen=True, slots=True)
class Cancelled:
    """One order before and after its cancel."""

    before: Order
    after: Order

    @property
    def effect(self) -> tuple[str, ...]:
        """The id of the order if the cancel changed it."""
        return () if self.before is self.after else (self.after.order_id,)


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution of an order; the commission is in the quote asset."""

    trade_id: str
    order: Order
    price: Decimal
    quantity: Decimal
    commission: Decimal
    is_maker: bool
    time_ms: int

    @property
    def cost(self) -> Decimal:
        return self.price * self.quantity


_SHAPES: dict[IdStyle, Callable[[int, int], str]] = {
    IdStyle.NUMERIC: lambda _, n: str(n),
    IdStyle.TEXT: lambda start, n: str(start * 10**5 + n),
    IdStyle.PREFIXED: lambda start, n: f"C02__{start * 10**8 + n}",
    IdStyle.HEX: lambda start, n: hashlib.sha256(f"{start}/{n}".encode()).hexdigest()[:32],
}


class Ids:
    """Gives out order ids in one style; `start_ms` keeps those of two sandboxes apart."""

    def __init__(self, style: IdStyle, start_ms: int) -> None:
        self._shape = _SHAPES[style]
        self._start_ms = start_ms
        self._given = 0

    def next(self) -> str:
        self._given += 1
        return self._shape(self._start_ms, self._given)
