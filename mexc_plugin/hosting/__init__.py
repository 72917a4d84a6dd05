"""The adapter in front of bots that look ccxt's classes up: installed, hooked in, started, examined.

Light on purpose: every Python below `mexc-plugin run` imports this package when it starts. ccxt and
everything that needs it is imported inside functions.
"""

from mexc_plugin.hosting.installing import install, put_back

__all__ = ["install", "uninstall"]


def uninstall() -> None:
    """Put back what `install()` replaced, and its defaults. Exchanges already built stay audited."""
    from mexc_plugin.hosting import hook

    hook.disarm()
    put_back()
