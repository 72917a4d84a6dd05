"""Looks again and again, finds what is worth a call, and has it made; in a thread of its own.

So nothing that hangs stops it: not the terminal that somebody has stopped, for that is another thread's; not the database,
for a look is a thread's too; not a command or a web address.
"""

import socket
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mexc_plugin.cli.alerting import looks
from mexc_plugin.cli.alerting.alarms import Alarms, News, Row
from mexc_plugin.cli.alerting.calling import Caller
from mexc_plugin.cli.alerting.looks import Looker, Seen
from mexc_plugin.cli.options.display import count
from mexc_plugin.review.text import encode, visible

if TYPE_CHECKING:
    from concurrent.futures import Future

    from mexc_plugin.store.read.statistics.glances import Glance
    from mexc_plugin.store.write.spool.backlog import Backlog

TICK_S = 0.1
# A look that takes longer is trouble; so is what lasts longer: a spool of a moment is what spools are for.
SLOW_S = 10.0
LASTING = timedelta(seconds=10)
MOST_LINES = 10_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How often to look, and what is worth a call how often. Seconds, unless they are a timedelta."""

    every_s: float
    unresolved_after: timedelta
    at_most_every_s: float


@dataclass(frozen=True, slots=True)
class View:
    """What is known now. short: ids as they are shown; trouble: all of it, by kind; calls: what became of the last of each."""

    glance: "Glance | None" = None
    backlog: "Backlog | None" = None
    short: Mapping[str, str] = field(default_factory=dict)
    trouble: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[str, ...] = ()


@dataclass(slots=True)
class _Told:
    """One who is told: what is new for them, and from when on the next call may be made (monotonic seconds)."""

    caller: Caller
    news: News = field(default_factory=News)
    being_told: News | None = None
    not_before: float = 0.0
    last: str = "no call yet"


class Sentry(threading.Thread):
    """view: what to show; lines: what has changed, a row or words, oldest first; failure: why it has ended, where it has."""

    def __init__(
        self, looker: Looker, plan: Plan, callers: Sequence[Caller], database: str
    ) -> None:
        super().__init__(name="mexc-plugin-sentry", daemon=True)
        self.view = View()
        self.lines: deque[Row | str] = deque(maxlen=MOST_LINES)
        self.failure: BaseException | None = None
        self._looker = looker
        self._plan = plan
        self._told = [_Told(caller) for caller in callers]
        self._database = database
        self._alarms = Alarms(plan.unresolved_after, LASTING)
        self._stopped = threading.Event()
        self._look: Future[Seen] | None = None
        self._began = -plan.every_s
        self._has_looked = False

    def stop(self) -> None:
        """Look no more, and call nobody."""
        self._stopped.set()
        for told in self._told:
            told.caller.close()

    def run(self) -> None:
        try:
            while not self._stopped.wait(TICK_S):
                self._step()
        except BaseException as error:  # noqa: BLE001 - whoever draws raises it
            self.failure = error

    def _step(self) -> None:
        now = time.monotonic()
        if self._look is None:
            if now - self._began >= self._plan.every_s:
                self._began = now
                self._look = looks.start(self._looker)
        elif self._look.done():
            look, self._look = self._look, None
            self._take(look.result())
        elif now - self._began > SLOW_S:
            self._find_trouble(
                {**self.view.trouble, "database": f"{self._database} does not answer"}
            )
        for told in self._told:
            self._call(told, now)
        self.view = replace(
            self.view, calls=tuple(f"{t.caller.name}: {t.last}" for t in self._told)
        )

    def _take(self, seen: Seen) -> None:
        if seen.trouble is not None and not self._told and not self._has_looked:
            raise seen.trouble  # somebody has just started it, and sees why it ends
        glance = seen.glance
        if glance is not None and self.view.glance is None:
            self.lines.append(f"watching {self._database}")
        self.view = replace(self.view, backlog=seen.backlog)
        if glance is not None:
            self.view = replace(self.view, glance=glance, short=seen.short)
            lost = self._alarms.find_losses(glance.lost)
            self.lines.extend((*glance.changed, *lost.values()))
            failed = self._alarms.find_failures(glance.changed)
            overdue = self._alarms.overdue(glance.unresolved, glance.at)
            self._remember(failed, overdue, lost)
        self._find_trouble(_trouble(seen))
        self._has_looked = True

    def _find_trouble(self, trouble: dict[str, str]) -> None:
        before = self.view.trouble
        self.lines.extend(text for kind, text in trouble.items() if kind not in before)
        self.lines.extend(f"{kind}: that is over" for kind in before if kind not in trouble)
        self.view = replace(self.view, trouble=trouble)
        self._remember((), (), self._alarms.lasting(trouble, datetime.now(UTC)))

    def _remember(
        self, failed: Sequence[Row], overdue: Sequence[Row], trouble: Mapping[str, str]
    ) -> None:
        for told in self._told:
            told.news.add(failed, overdue, trouble)

    def _call(self, told: _Told, now: float) -> None:
        """See what became of a call, and begin the next one when it may be."""
        if told.caller.is_busy:
            return
        if told.being_told is not None:
            told.last = f"{datetime.now(UTC):%H:%M:%S} UTC " + (told.caller.failure or "told")
            if told.caller.failure:
                told.news = told.news.after(told.being_told)
                self.lines.append(f"{told.caller.name}: {told.caller.failure}; it is called again")
            told.being_told = None
        if told.news and now >= told.not_before:
            told.being_told, told.news = told.news, News()
            told.not_before = now + self._plan.at_most_every_s
            document = told.being_told.document(
                datetime.now(UTC), self._database, socket.gethostname(), self._plan.unresolved_after
            )
            told.caller.start(encode(document).encode())


def _trouble(seen: Seen) -> dict[str, str]:
    """What is wrong with the record now, in sentences by kind."""
    found = {}
    if seen.trouble is not None:
        found["database"] = visible(str(seen.trouble))
    backlog = seen.backlog
    if backlog is not None and backlog.files:
        waiting = count(backlog.events, "event waits", "events wait")
        files = count(backlog.files, "spool file", "spool files")
        unread = f", {backlog.unreadable} of them unreadable" if backlog.unreadable else ""
        found["spool"] = (
            f"{waiting} in {files}{unread}; stored when the bots reach the database, or with: "
            "mexc-plugin audit recover"
        )
    if backlog is not None and backlog.kept_aside:
        files = count(backlog.kept_aside, "file", "files")
        found["kept aside"] = (
            f"{files} of events that no replay could store; see: mexc-plugin doctor"
        )
    return found
