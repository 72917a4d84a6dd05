"""The sandbox as its users see it: a context manager in tests, `run` in the shell."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from os import PathLike
from pathlib import Path
from typing import Self

from mexc_plugin.sandbox import configuration
from mexc_plugin.sandbox.arrivals import Arrival, Arrivals
from mexc_plugin.sandbox.faults import Fault, Faults
from mexc_plugin.sandbox.futures_state import Family, FuturesOrder, NewFuturesOrder
from mexc_plugin.sandbox.http.server import Server
from mexc_plugin.sandbox.keys import KeyInfo
from mexc_plugin.sandbox.limits import RateLimit
from mexc_plugin.sandbox.markets import BALANCES
from mexc_plugin.sandbox.simulated_venue import Settings, Venue, wall_clock_ms
from mexc_plugin.sandbox.spot.orders import NewOrder, Order
from mexc_plugin.sandbox.spot.state import Balance
from mexc_plugin.sandbox.vocabulary import AnswerStyle, IdStyle, Json, OrderType, Side, StpMode

DEFAULT_KEY = "mx0sandboxkey"
DEFAULT_SECRET = "sandbox-secret-worth-nothing"  # noqa: S105 - it opens nothing
CREDENTIALS = {DEFAULT_KEY: DEFAULT_SECRET}

Amount = Decimal | str | int


class Sandbox:
    """A MEXC exchange on loopback. Every method may be called from any thread.

    ::

        with Sandbox().serve() as sandbox:
            exchange = ccxt.mexc(sandbox.ccxt_config())
            order_id = sandbox.place("LTCBTC", "BUY", "1", "2")
            sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))

    - `answer_style`, `id_style`: how cancels are answered and ids look
    - `credentials`: secret by API key, one account each; the first is the default account
    - `log_path`: each cancel that arrived is appended here as one line of JSON, on the disk
      before its answer leaves
    - `answer_filled`: a cancel of a FILLED order is answered with that order instead of -2011
    - `rate_limit`: `RateLimit()` for the venue's own; None lets everything through
    - `clock`: the venue's time in milliseconds since the epoch
    """

    def __init__(
        self,
        *,
        answer_style: AnswerStyle | str = AnswerStyle.PAGE,
        id_style: IdStyle | str = IdStyle.TEXT,
        credentials: Mapping[str, str] | None = None,
        log_path: str | PathLike[str] | None = None,
        answer_filled: bool = False,
        rate_limit: RateLimit | None = None,
        clock: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._credentials = dict(credentials or CREDENTIALS)
        settings = Settings(
            self._credentials,
            AnswerStyle(answer_style),
            IdStyle(id_style),
            answer_filled,
            rate_limit,
            clock,
        )
        self._faults = Faults()
        self._arrivals = Arrivals(None if log_path is None else Path(log_path))
        self._venue = Venue(settings, self._faults, self._arrivals)
        self._server = Server(self._venue)
        self._url: str | None = None

    @contextmanager
    def serve(self, host: str = "127.0.0.1", port: int = 0) -> Iterator[Self]:
        """Serves until the block ends. Raises ValueError (not loopback), OSError (port taken)."""
        with self._server.in_thread(host, port) as url:
            self._url = url
            try:
                yield self
            finally:
                self._url = None

    async def until_signalled(
        self, host: str, port: int, on_started: Callable[[str], object] | None = None
    ) -> None:
        """Serves in the running event loop until SIGINT or SIGTERM."""
        await self._server.until_signalled(host, port, on_started)

    @property
    def url(self) -> str:
        """``http://127.0.0.1:port``. Raises RuntimeError while it is not serving."""
        if self._url is None:
            raise RuntimeError("the sandbox is not serving")
        return self._url

    @property
    def default_key(self) -> str:
        return next(iter(self._credentials))

    def ccxt_config(self, api_key: str | None = None) -> dict[str, Json]:
        """The dictionary for ccxt's constructor; nothing in it leads to the real venue."""
        key = api_key or self.default_key
        return configuration.ccxt_config(self.url, key, self._credentials[key])

    # What happened

    @property
    def arrivals(self) -> list[Arrival]:
        """Every cancel request that arrived so far, whether or not it was honoured."""
        return self._arrivals()

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Method and path of every request to the venue (the newest 10,000), oldest first."""
        return self._server.requests

    # What goes wrong

    def inject(self, *faults: Fault) -> None:
        """Puts faults in force, behind those that already are."""
        self._faults.inject(*faults)

    def clear_faults(self) -> None:
        self._faults.clear()

    def set_rate_limit(self, limit: RateLimit | None) -> None:
        """Another limit from now on, or none; bans are lifted."""
        self._venue.limiter.set_limit(limit)

    def set_key_info(self, info: KeyInfo, api_key: str | None = None) -> None:
        """What a key may do, and how long it lives, from now on."""
        with self._venue.lock:
            self._venue.keys[api_key or self.default_key] = info

    # Orders, past HTTP

    def place(
        self,
        symbol: str,
        side: Side | str,
        quantity: Amount,
        price: Amount | None = None,
        client_order_id: str | None = None,
        *,
        order_type: OrderType | str = OrderType.LIMIT,
        stop_price: Amount | None = None,
        stp_mode: StpMode | str = StpMode.NONE,
        api_key: str | None = None,
    ) -> str:
        """Places a spot order and gives its id. Raises RefusedError as the venue would.

        A STOP_MARKET_ORDER has a `stop_price` and no price, and waits for `fill`.
        """
        new = NewOrder(
            symbol,
            Side(side),
            OrderType(order_type),
            Decimal(quantity),
            None if price is None else Decimal(price),
            client_order_id=client_order_id,
            stop_price=None if stop_price is None else Decimal(stop_price),
            stp_mode=StpMode(stp_mode),
        )
        with self._venue.lock:
            return self._venue.spot.place(api_key or self.default_key, new).order_id

    def place_futures(
        self,
        symbol: str,
        side: int,
        volume: Amount,
        price: Amount,
        external_oid: str | None = None,
        *,
        family: Family | str = Family.ORDER,
        api_key: str | None = None,
    ) -> str:
        """Places a futures limit order (``BTC_USDT``; side 1 to 4) and gives its id."""
        new = NewFuturesOrder(symbol, side, 1, Decimal(volume), Decimal(price), external_oid)
        with self._venue.lock:
            key = api_key or self.default_key
            return self._venue.futures.create(key, new, Family(family)).order_id

    def fill(self, order_id: str, quantity: Amount | None = None) -> Order:
        """Executes a spot order at its price: `quantity` of it, or all that remains.

        Raises KeyError (unknown), ValueError (not open, or more than what remains).
        """
        amount = None if quantity is None else Decimal(quantity)
        with self._venue.lock:
            return self._venue.spot.fill(order_id, amount)

    def fill_futures(self, order_id: str, volume: Amount | None = None) -> FuturesOrder:
        """The same for a futures order."""
        amount = None if volume is None else Decimal(volume)
        with self._venue.lock:
            return self._venue.futures.fill(order_id, amount)

    def cancel_by_stp(self, order_id: str) -> Order:
        """Self-trade prevention cancels a spot order: its look-ups say ``stp_cancel``.

        Raises KeyError (unknown), ValueError (not open).
        """
        with self._venue.lock:
            return self._venue.spot.cancel_by_stp(order_id)

    def order(self, order_id: str) -> Order:
        """A spot order as it is now. Raises KeyError."""
        with self._venue.lock:
            return self._venue.spot.order(order_id)

    def orders(self, api_key: str | None = None) -> list[Order]:
        """All spot orders of an account, oldest first."""
        with self._venue.lock:
            return self._venue.spot.orders(api_key or self.default_key)

    def futures_order(self, order_id: str) -> FuturesOrder:
        """A futures order as it is now. Raises KeyError."""
        with self._venue.lock:
            return self._venue.futures.order(order_id)

    def balance(self, asset: str, api_key: str | None = None) -> Balance:
        """Free and locked; both 0 for an asset that the account never had."""
        with self._venue.lock:
            return self._venue.spot.balances(api_key or self.default_key).get(asset, Balance())

    def set_balances(
        self, balances: Mapping[str, Amount] | None = None, api_key: str | None = None
    ) -> None:
        """Starts an account over with these free balances (None: the generous defaults)."""
        free = {asset: Decimal(amount) for asset, amount in (balances or BALANCES).items()}
        with self._venue.lock:
            self._venue.spot.open_account(api_key or self.default_key, free)


def run(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    answer_style: AnswerStyle | str = AnswerStyle.PAGE,
    id_style: IdStyle | str = IdStyle.TEXT,
    log_path: str | PathLike[str] | None = None,
    credentials: Mapping[str, str] | None = None,
    rate_limit: RateLimit | None = None,
    on_started: Callable[[str], object] | None = None,
) -> None:
    """Serves in the foreground until SIGINT or SIGTERM; `on_started` gets the URL.

    Raises ValueError (`host` is not loopback), OSError (the port is taken).
    """
    sandbox = Sandbox(
        answer_style=answer_style,
        id_style=id_style,
        log_path=log_path,
        credentials=credentials,
        rate_limit=rate_limit,
    )
    asyncio.run(sandbox.until_signalled(host, port, on_started))
