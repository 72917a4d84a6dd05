"""Is the record whole? Each writer's sequence and hashes, the columns, and the guards.

What the events mean is read in `mexc_plugin.evidence`, which knows the venue.
"""

from collections.abc import Iterator, Mapping
from json import JSONDecoder
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mexc_plugin.audit import canonical, chain
from mexc_plugin.store.connect.rows import Row, read_any_text
from mexc_plugin.store.schema import tables, triggers
from mexc_plugin.store.verify.columns import (
    CHAIN,
    READ,
    OrderRows,
    agree,
    differing,
    odd_keys,
    plain,
)
from mexc_plugin.store.verify.findings import Fault, Finding

__all__ = [
    "Fault",
    "Finding",
    "OrderRows",
    "Verifier",
    "as_stored",
]

_NO_EVENT = (ValueError, TypeError, AttributeError, OverflowError, RecursionError)
_decode = JSONDecoder().raw_decode  # canonical JSON has no blanks around it to look for


class Verifier:
    """Reads rows in the order of writer and sequence, keeps only the last one. Pure.

    document: what the newest payload says; empty where it cannot be read.
    """

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self._writer: str | None = None
        self._seq = 0
        self._hash = chain.GENESIS

    def begin(self, writer_id: str, seq: int, hash_: str) -> None:
        """Go on behind that event of a writer, which is taken as it stands."""
        self._writer, self._seq, self._hash = writer_id, seq, hash_

    def check(self, row: Row) -> list[Finding]:
        """What is wrong with the next row. Total: a row that makes no sense is a finding."""
        return self.check_values(tuple(map(row.__getitem__, READ)))

    def check_values(self, values: tuple[Any, ...]) -> list[Finding]:
        """The same for a row as a tuple in the order of `READ`: nothing else is made for one that holds."""
        seq, prev_hash = values[2], values[-2]
        document = _whole(values)
        if (
            document is not None
            and seq == self._seq + 1
            and prev_hash == self._hash
            and values[1] == self._writer
            and "lost" not in document
        ):
            self._seq, self._hash, self.document = seq, values[-1], document
            return []
        return self._check_closely(dict(zip(READ, values, strict=True)))

    def check_chain(self, values: tuple[Any, ...]) -> list[Finding]:
        """Sequence and hashes alone, for a row in the order of `CHAIN`: columns are not read."""
        writer_id, seq, payload, prev_hash, hash_ = values
        if writer_id == self._writer and type(seq) is int and seq == self._seq + 1:
            try:
                good = prev_hash == self._hash and chain.link(prev_hash, payload) == hash_
            except _NO_EVENT:
                good = False
            if good:
                self._seq, self._hash = seq, hash_
                return []
        row = dict(zip(CHAIN, values, strict=True)) | {"cancel_id": None, "occurred_ns": None}
        return self._check_closely(row, columns=False)

    def check_in_file(self, document: Mapping[str, Any], values: tuple[Any, ...]) -> list[Finding]:
        """The same for an event without columns, in a file of its writer. document: what its payload says."""
        writer_id, occurred_ns = values[0], document.get("occurred_ns")
        is_named = document.get("writer_id") == writer_id and type(occurred_ns) is int
        if is_named and "lost" not in document:
            return self.check_chain(values)
        row = dict(zip(CHAIN, values, strict=True))
        row |= {"cancel_id": document.get("cancel_id"), "occurred_ns": occurred_ns}
        found = self._check_closely(row, columns=False)
        if not is_named:
            found.append(
                _finding(Fault.PAYLOAD, row, "payload is not that of an event of its writer")
            )
        return found

    @property
    def seq(self) -> int:
        """The number of the newest event, 0 before the first."""
        return self._seq

    def _check_closely(self, row: Row, *, columns: bool = True) -> list[Finding]:
        if row["writer_id"] != self._writer:
            self._writer, self._seq, self._hash = row["writer_id"], 0, chain.GENESIS
        odd = odd_keys(row)
        if odd:
            self.document = {}
            self._seq = row["seq"] if "seq" not in odd else self._seq
            self._hash = str(row["hash"])
            return [_odd_finding(row, odd)]
        self.document = _document(row["payload"])
        found = [*self._sequence(row, self.document), *_hashes(row)]
        if columns:
            found += _payload(row, self.document)
        self._seq, self._hash = row["seq"], row["hash"]
        return found

    def _sequence(self, row: Row, document: dict[str, Any]) -> Iterator[Finding]:
        missing = row["seq"] - self._seq - 1
        lost = document.get("lost", 0)
        if missing:
            yield _gap(row, self._seq, missing, lost)
        elif lost:
            yield _finding(Fault.LOST, row, f"says that {lost} events before it were lost; none is")
        if not missing and row["prev_hash"] != self._hash:
            before = "the event before it" if self._seq else "the start of a chain"
            yield _finding(Fault.LINK, row, f"prev_hash is not the hash of {before}")


def as_stored(connection: Connection) -> sa.Select[Any]:
    """Rows of the audit, read such that no value in them ends the reading."""
    audit = tables.cancel_audit
    columns = [column for column in audit.c if column is not audit.c.occurred_at]
    read_any_text(connection)
    return sa.select(*columns, _time_column(connection))


def _time_column(connection: Connection) -> sa.ColumnElement[Any]:
    """`occurred_at` such that a value that is no time does not end the reading."""
    column = tables.cancel_audit.c.occurred_at
    if connection.dialect.name == "sqlite":
        return sa.type_coerce(column, sa.String).label(column.name)
    return column


def _whole(values: tuple[Any, ...]) -> dict[str, Any] | None:
    """The document of an event that holds by itself: payload, hash and columns; else None."""
    payload, prev_hash = values[-3], values[-2]
    if type(values[2]) is not int or type(payload) is not str:
        return None
    try:
        document, end = _decode(payload)
        if (
            chain.link(prev_hash, payload) == values[-1]
            and end == len(payload)
            and agree(values, document)
        ):
            return document  # type: ignore[no-any-return]
    except _NO_EVENT:
        return None
    return None


def _gap(row: Row, last: int, missing: int, lost: object) -> Finding:
    if missing < 0:
        return _finding(Fault.GAP, row, "a sequence starts at 1")
    # Less may be missing: what a disk reported as failed, it may have kept.
    if type(lost) is int and lost >= missing:
        return _finding(Fault.LOST, row, f"{missing} events lost, said so by the writer itself")
    where = f"events {last + 1} to {row['seq'] - 1}" if missing > 1 else f"event {last + 1}"
    claim = f"; the writer says that {lost} were lost" if lost else ""
    return _finding(Fault.GAP, row, f"{where} missing before it{claim}")


def _hashes(row: Row) -> Iterator[Finding]:
    try:
        good = chain.link(row["prev_hash"], row["payload"]) == row["hash"]
    except UnicodeEncodeError:
        good = False
    if not good:
        yield _finding(Fault.HASH, row, "hash is not that of prev_hash and payload")


def _payload(row: Row, document: dict[str, Any]) -> Iterator[Finding]:
    try:
        different = differing(row)
    except _NO_EVENT:
        yield _finding(Fault.PAYLOAD, row, "payload is not that of an event")
        return
    for name in ("writer_id", "seq"):
        if document.get(name) != row[name]:
            yield _finding(Fault.PAYLOAD, row, f"payload names another {name}")
    for name in different:
        yield _finding(Fault.COLUMN, row, f"column {name} differs from the payload")


def _document(payload: str) -> dict[str, Any]:
    try:
        return canonical.decode(payload)
    except (ValueError, TypeError, RecursionError):
        return {}


def _finding(fault: Fault, row: Row, message: str) -> Finding:
    seq = row["seq"] if isinstance(row["seq"], int) else None
    cancel_id, occurred_ns = row["cancel_id"], row["occurred_ns"]
    return Finding(
        fault,
        plain(message),
        plain(str(row["writer_id"])),
        seq,
        cancel_id=plain(cancel_id) if isinstance(cancel_id, str) else None,
        occurred_ns=occurred_ns if isinstance(occurred_ns, int) else None,
    )


def _odd_finding(row: Row, odd: list[str]) -> Finding:
    where = "" if isinstance(row["seq"], int) else f" (seq {row['seq']!r:.40})"
    return _finding(Fault.PAYLOAD, row, f"no event: {', '.join(odd)} of a wrong type{where}")


def check_guards(connection: Connection) -> list[Finding]:
    """The guards that are missing, switched off, or no longer refuse anything."""
    return [Finding(Fault.GUARD, message) for message in triggers.missing(connection)]
