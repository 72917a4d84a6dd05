"""A MEXC exchange on loopback, for the venue has no testnet.

Point a ccxt bot at it (`configuration_lines`, `Sandbox.ccxt_config`), break it on purpose
(`Fault`), and read which cancels really arrived (`Arrival`). It has real order state, checks
signatures, and needs neither ccxt nor the rest of this package.
"""

from mexc_plugin.sandbox.arrivals import Arrival
from mexc_plugin.sandbox.configuration import configuration_lines
from mexc_plugin.sandbox.faults import Fault, FaultKind
from mexc_plugin.sandbox.keys import KeyInfo
from mexc_plugin.sandbox.limits import RateLimit
from mexc_plugin.sandbox.sandbox import DEFAULT_KEY, DEFAULT_SECRET, Sandbox, run
from mexc_plugin.sandbox.vocabulary import AnswerStyle, IdStyle

__all__ = [
    "DEFAULT_KEY",
    "DEFAULT_SECRET",
    "AnswerStyle",
    "Arrival",
    "Fault",
    "FaultKind",
    "IdStyle",
    "KeyInfo",
    "RateLimit",
    "Sandbox",
    "configuration_lines",
    "run",
]
