"""Everything that the handlers share: both exchanges, the known keys, the styles of the answers, what goes wrong."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mexc_plugin.sandbox.arrivals import Arrivals
from mexc_plugin.sandbox.faults import Faults
from mexc_plugin.sandbox.futures_state import Futures
from mexc_plugin.sandbox.keys import KeyInfo
from mexc_plugin.sandbox.limits import RateLimit, RateLimiter
from mexc_plugin.sandbox.markets import BALANCES
from mexc_plugin.sandbox.spot.orders import Ids
from mexc_plugin.sandbox.spot.state import Exchange
from mexc_plugin.sandbox.vocabulary import AnswerStyle, IdStyle


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """How a venue behaves; fixed for its life. `Sandbox` says what each is."""

    credentials: Mapping[str, str]
    answer_style: AnswerStyle = AnswerStyle.PAGE
    id_style: IdStyle = IdStyle.TEXT
    answer_filled: bool = False
    rate_limit: RateLimit | None = None
    clock: Callable[[], int] = wall_clock_ms


class Venue:
    """What is behind one sandbox. Hold `lock` while touching it, but for `limiter`, `faults` and `arrivals`."""

    def __init__(self, settings: Settings, faults: Faults, arrivals: Arrivals) -> None:
        self.settings = settings
        self.faults = faults
        self.arrivals = arrivals
        self.lock = threading.RLock()
        self.ids = Ids(settings.id_style, settings.clock())
        self.spot = Exchange(self.ids, settings.clock)
        self.futures = Futures(self.ids, settings.clock)
        self.limiter = RateLimiter(settings.rate_limit, settings.clock)
        self.keys = dict.fromkeys(settings.credentials, KeyInfo(created_ms=settings.clock()))
        for api_key in settings.credentials:
            self.spot.open_account(api_key, BALANCES)

    @property
    def now_ms(self) -> int:
        return self.settings.clock()
