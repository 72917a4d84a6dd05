"""Says when the database is opened, and not when events are lost by it, that a spool cannot be written."""

import logging
import threading

from mexc_plugin.config import SPOOL_VARIABLE
from mexc_plugin.store.spool import Spool

log = logging.getLogger("mexc_plugin")


def start(spool: Spool) -> threading.Thread | None:
    """Try a spool in a thread of its own: a disk that hangs must hold nobody up. None: no thread."""
    trial = threading.Thread(target=_try, args=(spool,), name="mexc-plugin-spool", daemon=True)
    try:
        trial.start()
    except (RuntimeError, MemoryError):  # as Python ends, or there are too many
        return None
    return trial


def _try(spool: Spool) -> None:
    try:
        spool.try_to_write()
    except Exception as error:  # noqa: BLE001 - no more than a warning comes of it
        log.warning(
            "audit: the spool %s cannot be written (%s): events are lost whenever the database "
            "is out of reach; name a folder for it with %s",
            spool,
            getattr(error, "strerror", None) or error,
            SPOOL_VARIABLE,
        )
