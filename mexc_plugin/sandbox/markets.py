"""The markets of the sandbox: their rules, and order books that never move."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from mexc_plugin.sandbox.venue_errors import Reason, RefusedError
from mexc_plugin.sandbox.vocabulary import Side

LEVELS = 20
TAKER_FEE = Decimal("0.0005")
MAKER_FEE = Decimal(0)

Level = tuple[Decimal, Decimal]
"""Price and quantity."""


@dataclass(frozen=True, slots=True)
class Market:
    """A spot market; `step` is the distance between two prices of its book."""

    symbol: str
    base: str
    quote: str
    mid: Decimal
    step: Decimal
    level_quantity: Decimal
    price_decimals: int
    quantity_decimals: int
    minimum_quantity: Decimal
    minimum_cost: Decimal
    maximum_cost: Decimal = Decimal(5_000_000)

    def side(self, side: Side) -> list[Level]:
        """The resting orders of one side, best price first; BUY gives the bids."""
        away = -self.step if side is Side.BUY else self.step
        return [(self.mid + away * n, self.level_quantity * n) for n in range(1, LEVELS + 1)]

    @property
    def bid(self) -> Level:
        return self.side(Side.BUY)[0]

    @property
    def ask(self) -> Level:
        return self.side(Side.SELL)[0]


@dataclass(frozen=True, slots=True)
class Contract:
    """A perpetual contract; it trades at the prices of the spot market `index`."""

    symbol: str
    index: Market
    contract_size: Decimal
    price_unit: Decimal
    maximum_leverage: int


def _market(
    symbol: str, base: str, quote: str, book: tuple[str, str, str], decimals: tuple[int, int]
) -> Market:
    mid, step, level_quantity = map(Decimal, book)
    return Market(
        symbol=symbol,
        base=base,
        quote=quote,
        mid=mid,
        step=step,
        level_quantity=level_quantity,
        price_decimals=decimals[0],
        quantity_decimals=decimals[1],
        minimum_quantity=Decimal(1).scaleb(-decimals[1]),
        minimum_cost=Decimal(1) if quote == "USDT" else Decimal("0.0001"),
    )


# LTCBTC is far from any real price so that the order of the venue's page
# (BUY 1 at 2.00000000) rests instead of filling.
MARKETS: Mapping[str, Market] = MappingProxyType(
    {
        market.symbol: market
        for market in (
            _market("LTCBTC", "LTC", "BTC", ("2.5", "0.0001", "100"), (8, 4)),
            _market("BTCUSDT", "BTC", "USDT", ("60000", "0.5", "1"), (2, 6)),
            _market("ETHUSDT", "ETH", "USDT", ("3000", "0.05", "20"), (2, 5)),
            _market("LTCUSDT", "LTC", "USDT", ("80", "0.01", "200"), (2, 4)),
        )
    }
)

CONTRACTS: Mapping[str, Contract] = MappingProxyType(
    {
        contract.symbol: contract
        for contract in (
            Contract("BTC_USDT", MARKETS["BTCUSDT"], Decimal("0.0001"), Decimal("0.5"), 125),
            Contract("ETH_USDT", MARKETS["ETHUSDT"], Decimal("0.01"), Decimal("0.05"), 100),
            Contract("LTC_USDT", MARKETS["LTCUSDT"], Decimal("0.1"), Decimal("0.01"), 50),
        )
    }
)

BALANCES: Mapping[str, Decimal] = MappingProxyType(
    {
        "BTC": Decimal(1_000),
        "ETH": Decimal(10_000),
        "LTC": Decimal(100_000),
        "USDT": Decimal(10_000_000),
    }
)
"""What an account starts with, unless it says otherwise."""


def market_of(symbol: str) -> Market:
    """The market of `symbol` (``LTCBTC``). Raises RefusedError (-1121) for any other text."""
    market = MARKETS.get(symbol)
    if market is None:
        raise RefusedError(Reason.INVALID_SYMBOL)
    return market


def contract_of(symbol: str) -> Contract:
    """The contract of `symbol` (``BTC_USDT``). Raises RefusedError (1001) for any other text."""
    contract = CONTRACTS.get(symbol)
    if contract is None:
        raise RefusedError(Reason.CONTRACT_UNKNOWN)
    return contract
