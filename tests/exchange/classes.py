"""The three classes of ccxt and ours, by colour."""

import ccxt
import ccxt.async_support
import ccxt.pro

import mexc_plugin
import mexc_plugin.async_support
import mexc_plugin.pro

KEYS = {"apiKey": "key-of-nobody", "secret": "secret-of-nobody"}
THEIRS = {"sync": ccxt.mexc, "async": ccxt.async_support.mexc, "pro": ccxt.pro.mexc}
OURS = {
    "sync": mexc_plugin.mexc,
    "async": mexc_plugin.async_support.mexc,
    "pro": mexc_plugin.pro.mexc,
}
