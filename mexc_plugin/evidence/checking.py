"""Checks parts of the record: the chain and the columns by the store's verifier, the meaning by a `Story`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from mexc_plugin.audit import canonical
from mexc_plugin.audit.signing_keys import PublicKey
from mexc_plugin.evidence.attempt_story import Story
from mexc_plugin.evidence.judging import Document
from mexc_plugin.store.connect.rows import read_any_text
from mexc_plugin.store.read import queries
from mexc_plugin.store.schema import history_rows
from mexc_plugin.store.verify import anchors, attempts, columns, record
from mexc_plugin.store.verify.anchors import Anchors
from mexc_plugin.store.verify.columns import CHAIN, READ, OrderRows
from mexc_plugin.store.verify.findings import Fault, Finding
from mexc_plugin.store.verify.record import Verifier
from mexc_plugin.store.verify.stretches import Reader, Stretch, Values

TELL_EVERY = 2_000

# Called with how many events more were read.
Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class HistoryRange:
    """A part of `cancel_history`. events: how many are verified in the time that comparing it takes, about."""

    bounds: history_rows.Bounds
    events: int = history_rows.BATCH // 10


# What one process can verify while others verify the rest.
Part = Stretch | HistoryRange


def check_whole(url: str, *, quick: bool) -> Iterator[Finding]:
    """What is asked of the database as a whole: its guards, and unless quick attempts and rows of no event."""
    with queries.reading(url) as connection:
        yield from record.check_guards(connection)
        if not quick:
            yield from attempts.find_doubles(connection)
            yield from attempts.find_skipped(connection)
            yield from columns.find_orphans(connection)


def divide_history(url: str) -> list[HistoryRange]:
    """All of `cancel_history`, in parts."""
    with queries.reading(url) as connection:
        read_any_text(connection)
        return [HistoryRange(bounds) for bounds in history_rows.ranges(connection)]


def check_parts(
    url: str,
    parts: Sequence[Part],
    tell: Tell,
    *,
    quick: bool,
    writer_keys: Sequence[PublicKey] = (),
) -> Iterator[Finding]:
    """Every finding about some parts. The rest is told as to `check_stretches`."""
    wanted = [part for part in parts if isinstance(part, Stretch)]
    yield from check_stretches(url, wanted, tell, quick=quick, writer_keys=writer_keys)
    yield from check_history(url, [part for part in parts if isinstance(part, HistoryRange)])


def check_history(url: str, parts: Sequence[HistoryRange]) -> Iterator[Finding]:
    """The rows of `cancel_history` that are not as the events say."""
    with queries.reading(url) as connection:
        read_any_text(connection)
        for part in parts:
            for (cancel_id, attempt), what in history_rows.compare(connection, part.bounds).items():
                where = columns.plain(str(cancel_id))
                message = f"attempt {attempt} of the history {what}"
                yield Finding(Fault.HISTORY, message, cancel_id=where)


def check_stretches(
    url: str,
    wanted: Sequence[Stretch],
    tell: Tell,
    *,
    quick: bool,
    writer_keys: Sequence[PublicKey] = (),
) -> Iterator[Finding]:
    """Every finding about some stretches. writer_keys: of those who may record, none is anybody."""
    with queries.reading(url) as connection, queries.reading(url) as second:
        # By the second one: it reads any text from then on, which takes a tenth longer.
        left = anchors.read(second)
        for stretch in wanted:
            if quick:
                yield from _check_chain(connection, stretch, left, tell)
            else:
                yield from _check_meaning(connection, second, stretch, left, tell, writer_keys)


def _check_chain(
    connection: Connection, stretch: Stretch, left: Anchors, tell: Tell
) -> Iterator[Finding]:
    reader = Reader(connection, CHAIN)
    verifier = _beginning(reader, stretch, left)
    for values in _tell_progress(reader.rows(stretch), tell):
        found = verifier.check_chain(values)
        if found:
            yield from found


def _check_meaning(
    connection: Connection,
    second: Connection,
    stretch: Stretch,
    left: Anchors,
    tell: Tell,
    writer_keys: Sequence[PublicKey],
) -> Iterator[Finding]:
    reader = Reader(connection)
    verifier = _beginning(reader, stretch, left)
    orders = OrderRows(second, (stretch.writer_id, stretch.first, stretch.last))
    orders.begin()
    story = Story(
        columns.plain(str(stretch.writer_id)),
        lambda cancel_id, attempt: look_up(second, cancel_id, attempt),
        _start_before(reader, stretch, left),
        writer_keys,
        follows_archive=0 < left.begin_of(stretch.writer_id, stretch.first)[0] == verifier.seq,
    )
    for values in _tell_progress(reader.rows(stretch), tell):
        found = verifier.check_values(values)
        document = verifier.document
        if "orders" in document or "order_ids" in document or "client_order_ids" in document:
            found += orders.check(dict(zip(READ, values, strict=True)))
        found += story.read(document)
        if found:
            yield from found
    yield from story.end()
    yield from orders.check_total()


def _tell_progress(rows: Iterator[Values], tell: Tell) -> Iterator[Values]:
    number = 0
    for number, values in enumerate(rows, 1):
        yield values
        if number % TELL_EVERY == 0:
            tell(TELL_EVERY)
    tell(number % TELL_EVERY)


def _beginning(reader: Reader, stretch: Stretch, left: Anchors) -> Verifier:
    """A verifier that knows the event before the stretch, there or archived, which is taken as it stands."""
    verifier = Verifier()
    before = reader.before(stretch)
    if before is None:
        seq, hash_ = left.begin_of(stretch.writer_id, stretch.first)
        if seq:
            verifier.begin(stretch.writer_id, seq, hash_)
    else:
        writer_id, seq, hash_ = (
            before[reader.columns.index(name)] for name in ("writer_id", "seq", "hash")
        )
        verifier.begin(writer_id, seq, hash_)
    return verifier


def _start_before(reader: Reader, stretch: Stretch, left: Anchors) -> Document | None:
    """The first event of a writer of whom only the rest is read; empty where it left for an archive."""
    if stretch.first == 1:
        return None
    first = next(reader.rows(Stretch(stretch.writer_id, 1, 1, 1)), None)
    if first:
        return decode(first[READ.index("payload")])
    return {} if left.begin_of(stretch.writer_id, stretch.first)[0] else None


def look_up(
    connection: Connection, cancel_id: str, attempt: int
) -> list[tuple[str, int, str, Document]]:
    """Every event of an attempt, oldest first: writer, seq, kind and document of each."""
    if type(cancel_id) is not str or type(attempt) is not int or not -(2**31) <= attempt < 2**31:
        return []
    if "\x00" in cancel_id or columns.plain(cancel_id) != cancel_id:
        return []
    found = attempts.events_of(connection, cancel_id, attempt)
    documents = ((item, decode(item.payload)) for item in found)
    return [
        (item.writer_id, item.seq, item.kind, document)
        for item, document in documents
        if type(document.get("occurred_ns")) is int
    ]


def decode(payload: str) -> Document:
    """What a payload says; empty where it is no document."""
    try:
        return canonical.decode(payload)
    except (ValueError, TypeError, RecursionError):
        return {}
