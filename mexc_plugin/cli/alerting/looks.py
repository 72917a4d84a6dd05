"""One look at the record and at what waits outside of it, in a thread of its own: a server may say nothing for ever."""

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mexc_plugin.audit import naive_utc
from mexc_plugin.cli.options.common import Chosen

if TYPE_CHECKING:
    from mexc_plugin.store.read.follow import Follower
    from mexc_plugin.store.read.statistics.glances import Glance
    from mexc_plugin.store.write.spool.backlog import Backlog

PATIENCE_S = 30.0


@dataclass(slots=True)
class Seen:
    """What a look has found. trouble: why the record could not be read, where it could not; short: ids as they are shown."""

    glance: "Glance | None" = None
    backlog: "Backlog | None" = None
    trouble: Exception | None = None
    short: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Looker:
    """What is remembered between looks. Belongs to one look at a time. shortens: ids are shown to people."""

    database: Chosen
    shortens: bool
    follower: "Follower | None" = field(default=None, init=False)

    def look(self) -> Seen:
        """Look once. Never raises what the database or the disk says: that is what it has found."""
        from mexc_plugin.errors import MexcPluginError
        from mexc_plugin.store.write.spool import backlog

        seen = Seen()
        try:
            seen.backlog = backlog.measure(self.database.url, self.database.spool)
            self._read(seen)
        except (MexcPluginError, OSError) as error:
            seen.trouble = error
            if seen.glance is not None and self.follower is not None:
                # It was read, and must not be believed: what was new in it is new next time.
                self.follower.owe(row["cancel_id"] for row in seen.glance.changed)
                seen.glance = None
        return seen

    def _read(self, seen: Seen) -> None:
        from mexc_plugin.store.connect.query_timeout import stopped_after
        from mexc_plugin.store.read import queries, short_ids
        from mexc_plugin.store.read.follow import Follower
        from mexc_plugin.store.read.statistics import glances

        with (
            queries.reading(self.database.url) as connection,
            stopped_after(connection, PATIENCE_S),
        ):
            if self.follower is None:
                self.follower = Follower(connection)
            now = naive_utc.now()
            seen.glance = glances.read(connection, self.follower, now)
            if self.shortens:
                seen.short = short_ids.shortest(connection, seen.glance.ids())


def start(looker: Looker) -> "Future[Seen]":
    """A look that somebody else may wait for, or not."""
    found: Future[Seen] = Future()

    def look() -> None:
        try:
            found.set_result(looker.look())
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result raises it
            found.set_exception(error)

    threading.Thread(target=look, name="mexc-plugin-look", daemon=True).start()
    return found
