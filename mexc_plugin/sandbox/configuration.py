"""How ccxt and freqtrade are pointed at a sandbox. Text and dictionaries only; no ccxt here."""

import json
import pprint

from mexc_plugin.sandbox.words import Json


def ccxt_urls(url: str) -> dict[str, Json]:
    """``urls`` for ccxt's constructor: every section of mexc, the websockets of ccxt.pro too."""
    websocket = url.replace("http", "ws", 1)
    return {
        "api": {
            "spot": {"public": url, "private": url},
            "spot2": {"public": f"{url}/open/api/v2", "private": f"{url}/open/api/v2"},
            "contract": {
                "public": f"{url}/api/v1/contract",
                "private": f"{url}/api/v1/private",
            },
            "broker": {"private": f"{url}/api/v3/broker"},
            "ws": {"spot": f"{websocket}/ws", "swap": f"{websocket}/edge"},
        }
    }


def ccxt_config(url: str, api_key: str, secret: str) -> dict[str, Json]:
    """The dictionary for the constructor of ``ccxt.mexc`` and its async and pro classes."""
    return {
        "apiKey": api_key,
        "secret": secret,
        "urls": ccxt_urls(url),
        "enableRateLimit": False,
    }


def configuration_lines(url: str, key: str, secret: str) -> str:
    """What a user copies: the Python for ccxt, then the JSON for freqtrade's config.json.

    freqtrade's websockets are turned off: the sandbox has none.
    """
    config = pprint.pformat(ccxt_config(url, key, secret), sort_dicts=False, width=100)
    freqtrade = {
        "exchange": {
            "name": "mexc",
            "key": key,
            "secret": secret,
            "enable_ws": False,
            "ccxt_config": {"urls": ccxt_urls(url), "enableRateLimit": False},
        }
    }
    return "\n".join(
        [
            "# Python",
            "import ccxt",
            f"exchange = ccxt.mexc({config})",
            "",
            "# freqtrade: in config.json",
            json.dumps(freqtrade, indent=2),
            "",
        ]
    )
