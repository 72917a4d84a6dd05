"""POSIX's file locks and user names; one sentence on a system that has none.

Whoever locks a file takes `fcntl` from here, and the store imports this before all else: so nothing is
recorded, half or otherwise, where the locks that the record rests on are missing.
"""

from mexc_plugin.errors import UnsupportedPlatform

try:
    import fcntl
    import pwd
except ImportError:
    raise UnsupportedPlatform(
        "the record needs the file locks of a POSIX system (flock), which this Python does not have; "
        "on Windows, run the bot and mexc-plugin in WSL"
    ) from None

__all__ = ["fcntl", "pwd"]
