"""How ccxt and freqtrade are pointed at a sandbox. Text and dictionaries only; no ccxt here."""

import json
import pprint
import shlex

from mexc_plugin.sandbox.vocabulary import Json

DATABASE = "audit.db"
# One that rests in the sandbox's book, under an id that nobody has to copy.
ORDER = {
    "symbol": "LTCBTC",
    "side": "BUY",
    "type": "LIMIT",
    "quantity": "1",
    "price": "0.002",
    "newClientOrderId": "mine",
}


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


def configuration_lines(url: str, key: str, secret: str, database: str = DATABASE) -> str:
    """What a user copies: Python that records, the same in a shell, and freqtrade's config.json.

    database: where the cancels are recorded. freqtrade's websockets are turned off: the sandbox has none.
    """
    audit: dict[str, Json] = {"options": {"audit": {"url": database, "bot": "sandbox"}}}
    config = ccxt_config(url, key, secret) | audit
    freqtrade = {
        "exchange": {
            "name": "mexc",
            "key": key,
            "secret": secret,
            "enable_ws": False,
            "ccxt_config": {"urls": ccxt_urls(url), "enableRateLimit": False},
        }
    }
    named = shlex.quote(database)
    return "\n".join(
        [
            "# Python: the class of mexc_plugin, which records",
            "from mexc_plugin import mexc",
            f"exchange = mexc({pprint.pformat(config, sort_dicts=False, width=100)})",
            "",
            "# The shell: an order, its cancel, and what is on record of it",
            f"export MEXC_API_KEY={shlex.quote(key)} MEXC_API_SECRET={shlex.quote(secret)}",
            f"curl -X POST {url}/sandbox/place -d '{json.dumps(ORDER)}'",
            f"mexc-plugin cancel mine LTC/BTC --client-order-id --base-url {url} --db {named}",
            f"mexc-plugin audit list --db {named}",
            "",
            f"# freqtrade: start it with  mexc-plugin run --db {named} -- freqtrade trade",
            "# freqtrade: in config.json",
            json.dumps(freqtrade, indent=2),
            "",
        ]
    )
