"""The adapter in front of bots that look ccxt's classes up: installed, hooked in, started, examined.

Light on purpose: every Python below `mexc-plugin run` imports this package when it starts. ccxt and
everything that needs it is imported inside functions.
"""

from mexc_plugin.hosting.installing import install, uninstall

__all__ = ["install", "uninstall"]
