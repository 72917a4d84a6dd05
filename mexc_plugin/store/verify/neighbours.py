"""Does the chain hold around a few events? Each as it stands, and its links to both neighbours."""

from collections.abc import Iterable

from sqlalchemy import Connection

from mexc_plugin.store.connect.rows import Row
from mexc_plugin.store.schema import tables
from mexc_plugin.store.verify import anchors
from mexc_plugin.store.verify.record import Fault, Finding, OrderRows, Verifier, as_stored

Place = tuple[str, int]


def findings(connection: Connection, events: Iterable[Row]) -> dict[Place, list[Finding]]:
    """What is wrong with each of the events, by writer and sequence; nothing where all holds."""
    return {
        (event["writer_id"], event["seq"]): _around(connection, event["writer_id"], event["seq"])
        for event in events
    }


def _around(connection: Connection, writer_id: str, seq: int) -> list[Finding]:
    before = _neighbour(connection, writer_id, seq, after=False)
    after = _neighbour(connection, writer_id, seq, after=True)
    event = _at(connection, writer_id, seq)
    verifier = Verifier()
    if before is not None:
        verifier.begin(writer_id, before["seq"], before["hash"])
    elif seq > 1:
        verifier.begin(writer_id, *anchors.read(connection).begin_of(writer_id, seq))
    found = [*verifier.check(event), *OrderRows(connection).check(event)]
    if after is not None:
        # Of the neighbour only its place and its link: the rest of it is another cancel's story.
        found += [
            Finding(
                finding.fault, f"event {after['seq']} after it: {finding.message}", writer_id, seq
            )
            for finding in verifier.check(after)
            if finding.fault in (Fault.GAP, Fault.LOST, Fault.LINK)
        ]
    return found


def _at(connection: Connection, writer_id: str, seq: int) -> Row:
    key = tables.cancel_audit.c
    query = as_stored(connection).where(key.writer_id == writer_id, key.seq == seq)
    return dict(connection.execute(query).mappings().one())


def _neighbour(connection: Connection, writer_id: str, seq: int, *, after: bool) -> Row | None:
    key = tables.cancel_audit.c
    query = as_stored(connection).where(key.writer_id == writer_id)
    query = query.where(key.seq > seq if after else key.seq < seq)
    query = query.order_by(key.seq.asc() if after else key.seq.desc()).limit(1)
    found = connection.execute(query).mappings().first()
    return None if found is None else dict(found)
