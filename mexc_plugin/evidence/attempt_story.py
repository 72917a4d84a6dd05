"""One writer's events in their order: does each make sense after those before it? Pure but for looking up."""

import functools
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mexc_plugin import distributions
from mexc_plugin.audit.events import FORMAT, fits_columns, timestamp_text
from mexc_plugin.audit.signing_keys import PublicKey
from mexc_plugin.evidence import clock_checks
from mexc_plugin.evidence.authorship import Authorship
from mexc_plugin.evidence.judging import Document, Objection, find, object_to_response
from mexc_plugin.evidence.reconciled import check_reconciliation
from mexc_plugin.store.verify.findings import Degree, Fault, Finding

# Requests without a response that are remembered; older ones are looked up.
OPEN_LIMIT = 5_000
# How long a writer that ends may still write what was under way: it drains for as long.
DRAIN_NS = 10 * clock_checks.SECOND
# What request and response of one attempt share.
_SHARED = (
    "account",
    "bot",
    "host",
    "market_type",
    "symbol",
    "native_symbol",
    "method",
    "path",
    "order_ids",
    "client_order_ids",
)
MARKS = ("spooled", "late")

Key = tuple[str, int]
# Reading it takes as long as a hundred events.
_own_version = functools.cache(lambda: distributions.version("mexc-plugin"))
# Gives the events of an attempt, of whatever writer: writer, seq, kind and document of each.
LookUp = Callable[[str, int], list[tuple[str, int, str, Document]]]


class Story:
    """What is known of a writer so far.

    start: the writer's first event, where it is not among those that are read;
    writer_keys: of those who may record, none is anybody; follows_archive: what was before left, all of it.
    """

    def __init__(
        self,
        writer_id: str,
        look_up: LookUp,
        start: Document | None = None,
        writer_keys: Collection[PublicKey] = (),
        *,
        follows_archive: bool = False,
    ) -> None:
        self._writer_id = writer_id
        self._look_up = look_up
        self._other_version = None if start is None else self._read_version(start)
        self._began = start is not None
        self._authorship = Authorship(
            writer_id, writer_keys, start, follows_archive=follows_archive
        )
        self._open: dict[Key, Document] = {}
        self._stopped_ns: int | None = None
        self._last_ns = 0
        self._before_step_ns = 0
        self._straddling: tuple[Finding, str] | None = None
        self._lost = 0
        self._marked: dict[str, tuple[int, int, int]] = {}
        self._alone: list[Finding] = []

    def read(self, document: Document) -> list[Finding]:
        """What is odd about the next event. Total: the document may be any JSON object."""
        kind = document.get("kind")
        occurred_ns = document.get("occurred_ns")
        found: list[Finding] = []
        if type(occurred_ns) is not int or type(document.get("seq")) is not int:
            return found  # the payload's own finding says it
        if not fits_columns(document):  # nothing can be reckoned with it
            words = "a number in it is larger than any that is recorded, or is none"
            return [find(Fault.PAYLOAD, self._writer_id, document, words)]
        if not self._began or self._stopped_ns is not None or kind in ("start", "stop"):
            found += self._read_ends(document, kind, occurred_ns)
        if self._straddling is not None:
            found += self._settle_straddling(occurred_ns)
        found += self._read_time(document, occurred_ns)
        objection = self._authorship.object_to(document, document["seq"])
        if objection is not None:
            found += self._find(Fault.KEY, document, objection)
        if document.get("v") != FORMAT:
            found += self._find(
                Fault.PAYLOAD, document, "of a format that is not known", Degree.DOUBTFUL
            )
        try:
            found += self._read_kind(kind, document)
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError, ArithmeticError):
            found += self._find(Fault.PAYLOAD, document, f"no {kind} that this program writes")
        if "lost" in document or "spooled" in document or "late" in document:
            self._count(document)
        return found

    def end(self) -> Iterator[Finding]:
        """What can be said only when all was read."""
        if self._straddling is not None:
            yield self._straddling[0]
        for finding in self._alone:
            if self._lost:
                message = f"{finding.message}; the writer says that {self._lost} events were lost"
                yield replace(finding, message=message, degree=Degree.DOUBTFUL)
            else:
                yield finding
        for mark, (count, first, last) in self._marked.items():
            words = {"spooled": "kept in the spool at first", "late": "durable only later"}[mark]
            which = (
                f"event {first} was"
                if first == last
                else f"{count} events between {first} and {last} were"
            )
            message = f"{which} {words}, says the writer"
            yield Finding(Fault.MARKED, message, self._writer_id, degree=Degree.NOTED)
        if self._stopped_ns is None and self._began:
            message = f"ended without stop; its newest event is of {timestamp_text(self._last_ns)}"
            yield Finding(
                Fault.NO_STOP,
                message,
                self._writer_id,
                degree=Degree.NOTED,
                occurred_ns=self._last_ns,
            )

    def _read_kind(self, kind: object, document: Document) -> Iterator[Finding]:
        if kind == "request":
            return self._read_request(document)
        if kind == "response":
            return self._read_response(document)
        if kind == "reconciliation":
            known = self._look_up(document["cancel_id"], document["attempt"])
            return check_reconciliation(document, known, self._other_version)
        if kind in ("start", "stop"):
            return iter(())
        return self._find(Fault.PAYLOAD, document, f"its kind is none: {kind!r:.40}")

    def _read_ends(self, document: Document, kind: object, occurred_ns: int) -> Iterator[Finding]:
        if not self._began:
            self._began = True
            if kind != "start":
                yield from self._find(Fault.START, document, "the chain does not begin with start")
        elif kind == "start":
            yield from self._find(Fault.START, document, "a start within the chain")
        if kind == "start":
            self._other_version = self._read_version(document)
        if self._stopped_ns is not None:
            yield from self._read_after_stop(document, occurred_ns, self._stopped_ns)
        if kind == "stop":
            self._stopped_ns = occurred_ns

    def _read_after_stop(
        self, document: Document, occurred_ns: int, stopped_ns: int
    ) -> Iterator[Finding]:
        if (document.get("cancel_id"), document.get("attempt")) in self._open:
            message = "after stop: the answer to what was under way when the writer ended"
            yield from self._find(Fault.AFTER_STOP, document, message, Degree.NOTED)
        elif abs(occurred_ns - stopped_ns) <= DRAIN_NS:
            message = "after stop, within the time that a writer has to end"
            yield from self._find(Fault.AFTER_STOP, document, message, Degree.DOUBTFUL)
        else:
            yield from self._find(Fault.AFTER_STOP, document, "an event after stop")

    def _read_request(self, document: Document) -> Iterator[Finding]:
        key = document["cancel_id"], document["attempt"]
        if len(self._open) >= OPEN_LIMIT:
            del self._open[next(iter(self._open))]
        self._open[key] = document
        problem = clock_checks.object_to_id(key[0], document["occurred_ns"])
        if problem is None:
            return
        for finding in self._find(Fault.TIME, document, problem, Degree.DOUBTFUL):
            if clock_checks.may_straddle(key[0], self._before_step_ns, document["occurred_ns"]):
                self._straddling = finding, key[0]  # as the next event says
            else:
                yield finding

    def _settle_straddling(self, occurred_ns: int) -> Iterator[Finding]:
        """An id from before the clock was set: where what follows is of the new time, too, it was."""
        if self._straddling is not None:
            finding, cancel_id = self._straddling
            self._straddling = None
            stays = clock_checks.object_to_id(cancel_id, occurred_ns) is not None
            yield replace(finding, degree=Degree.NOTED) if stays else finding

    def _read_response(self, document: Document) -> Iterator[Finding]:
        request = self._open.pop((document["cancel_id"], document["attempt"]), None)
        if request is None:
            request = yield from self._find_request(document)
            if request is None:
                return
        if tuple(map(request.get, _SHARED)) != tuple(map(document.get, _SHARED)):
            name = next(name for name in _SHARED if request.get(name) != document.get(name))
            fault = Fault.ACCOUNT if name == "account" else Fault.ATTEMPT
            yield from self._find(fault, document, f"{name} is another than its request's")
        problem = clock_checks.object_to_latency(request, document)
        if problem is not None:
            yield from self._find(Fault.TIME, document, problem, Degree.NOTED)
        objection = object_to_response(request, document, self._other_version)
        if objection is not None:
            yield from self._object(Fault.OUTCOME, document, objection)

    def _find_request(self, document: Document) -> Any:  # noqa: ANN401 - a generator that returns it
        """The request of a response that is not among those that are open."""
        there = self._look_up(document["cancel_id"], document["attempt"])
        requests = [(writer, seq, found) for writer, seq, kind, found in there if kind == "request"]
        for writer, seq, found in requests:
            if writer == self._writer_id and seq < document["seq"]:
                return found
        if requests:
            where = f"writer {requests[0][0]} seq {requests[0][1]}"
            message = f"a response, and another writer asked: {where}"
            yield from self._find(Fault.ATTEMPT, document, message)
        else:
            message = "a response to a request that is not on record"
            self._alone += self._find(Fault.ATTEMPT, document, message)
        return None

    def _read_time(self, document: Document, occurred_ns: int) -> Iterator[Finding]:
        before_ns, self._last_ns = self._last_ns, occurred_ns
        if clock_checks.is_step(before_ns, occurred_ns):
            self._before_step_ns = before_ns
        if occurred_ns < before_ns - clock_checks.STEP_NS:
            back = (before_ns - occurred_ns) / clock_checks.SECOND
            message = f"its time is {back:,.0f} s before that of the event before it"
            yield from self._find(Fault.TIME, document, message, Degree.NOTED)

    def _count(self, document: Document) -> None:
        lost = document.get("lost", 0)
        self._lost += lost if type(lost) is int else 0
        for mark in MARKS:
            said = document.get(mark)
            if isinstance(said, Mapping):
                count, first, last = (said.get(name, 0) for name in ("count", "first", "last"))
                if type(count) is type(first) is type(last) is int:
                    known = self._marked.get(mark, (0, first, last))
                    self._marked[mark] = (
                        known[0] + count,
                        min(known[1], first),
                        max(known[2], last),
                    )

    def _read_version(self, start: Document) -> str | None:
        versions = start.get("versions")
        found = versions.get("mexc-plugin") if isinstance(versions, Mapping) else None
        return None if found == _own_version() else str(found or "of no version")

    def _object(self, fault: Fault, document: Document, objection: Objection) -> Iterator[Finding]:
        return self._find(fault, document, objection.message, objection.degree)

    def _find(
        self, fault: Fault, document: Document, message: str, degree: Degree = Degree.BROKEN
    ) -> Iterator[Finding]:
        yield find(fault, self._writer_id, document, message, degree)
