"""Up to where writers' beginnings left the record, as the notes of archives in it say."""

from collections import defaultdict
from collections.abc import Iterable

from sqlalchemy import Connection

from mexc_plugin.audit import chain
from mexc_plugin.audit.archive_notes import Left
from mexc_plugin.store.schema import archives


class Anchors:
    """By writer, number and hash of the last event of each archive. Whose word that is, others ask."""

    def __init__(self, left: Iterable[Left]) -> None:
        self._ends: dict[str, dict[int, str]] = defaultdict(dict)
        for each in left:
            self._ends[each.writer_id][each.last] = each.hash

    def took(self, writer_id: str, seq: int) -> bool:
        """Whether the event left the record with an archive."""
        return any(last >= seq for last in self._ends.get(writer_id, ()))

    def begin_of(self, writer_id: object, first: object) -> tuple[int, str]:
        """Number and hash of the event that a chain goes on behind, of which `first` is the first that is there."""
        ends = self._ends.get(writer_id, {}) if isinstance(writer_id, str) else {}
        before = [last for last in ends if isinstance(first, int) and last < first]
        return (max(before), ends[max(before)]) if before else (0, chain.GENESIS)


def read(connection: Connection) -> Anchors:
    """What the notes say."""
    try:
        return Anchors(archives.read_left(connection))
    finally:
        connection.rollback()
