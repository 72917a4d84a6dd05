"""Whether a writer's events are of whoever has the key that its start names. Pure."""

from collections.abc import Collection

from mexc_plugin.audit import ladders, signing_keys
from mexc_plugin.audit.signing_keys import PublicKey
from mexc_plugin.evidence.judging import Document

# Events in a row that may be missing between two that are tied.
_MOST_STEPS = ladders.LENGTH


class Authorship:
    """One writer's events in their order.

    expected: the keys of those who may record; none are anybody's, and then also no key is.
    start: the writer's first event, where it is not among those that are read; empty where nobody has it: then the
    key is that of the first ladder, and what is before that is taken as it stands. Right behind an archive
    (follows_archive) there is nothing before it.
    """

    def __init__(
        self,
        writer_id: str,
        expected: Collection[PublicKey] = (),
        start: Document | None = None,
        *,
        follows_archive: bool = False,
    ) -> None:
        self._writer_id = writer_id
        self._expected = expected
        self._is_rest = start is not None and not follows_archive
        self._began = bool(start)
        self._key: PublicKey | None = None
        self._rung: bytes | None = None
        self._seq = 0
        self._objection = self._begin(start) if start else None

    def object_to(self, document: Document, seq: int) -> str | None:
        """What is wrong with who wrote the next event, None where nothing is."""
        if not self._began:
            if self._is_rest and "key" not in document:
                return None
            self._began = True
            self._objection = self._begin(document)
        if self._objection is not None:
            # Said once: all that such a writer wrote is nobody's.
            objection, self._objection = self._objection, ""
            return objection or None
        if self._key is None:
            return "its writer has no key, and it shows one" if "key" in document else None
        if "ladder" in document:
            return self._read_ladder(self._key, document, seq)
        return self._read_rung(document, seq)

    def _begin(self, first: Document) -> str | None:
        try:
            self._key = signing_keys.parse_public(str(first["key"])) if "key" in first else None
        except ValueError:
            return "the writer's key cannot be read"
        if not self._expected or self._key in self._expected:
            return None
        name = "no key" if self._key is None else f"another key ({self._key.name})"
        return f"the writer's first event shows {name}: it is of nobody whose key was given"

    def _read_ladder(self, key: PublicKey, document: Document, seq: int) -> str | None:
        self._rung = ladders.read_anchor(document["ladder"], key, self._writer_id, seq)
        self._seq = seq
        if self._rung is None or document.get("key") != str(key):
            return f"its ladder is not signed with the writer's key ({key.name})"
        return None

    def _read_rung(self, document: Document, seq: int) -> str | None:
        rung, steps = ladders.read_rung(document.get("rung")), seq - self._seq
        before, was = self._rung, self._seq
        if rung is None:
            return "nothing ties it to the writer's key"
        self._rung, self._seq = rung, seq
        if before is None and self._is_rest:
            return None  # it is taken as it stands; the next ladder is signed
        if before is None or not 1 <= steps <= _MOST_STEPS or ladders.climb(rung, steps) != before:
            self._rung, self._seq = before, was
            return "it is not of whoever has the writer's key"
        return None
