"""Bundles and proofs of small records, whoever makes them; and both verifiers, called in this process."""

import hashlib
import importlib.util
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa

from mexc_plugin.audit import signing_keys
from mexc_plugin.audit.events import Event
from mexc_plugin.audit.signing_keys import PrivateKey
from mexc_plugin.evidence import signed_notes, statements
from mexc_plugin.evidence.checkpoint_checks import Witnesses, read_note
from mexc_plugin.evidence.offline import bundle_format, bundle_writing, proof_writing
from mexc_plugin.evidence.offline.bundle_verifying import BundleCheck
from mexc_plugin.evidence.offline.proof_verifying import ProofCheck
from mexc_plugin.evidence.statements import Archive, Checkpoint, Head, Left
from mexc_plugin.store.connect import engine as engines
from mexc_plugin.store.read import queries
from mexc_plugin.store.schema.tables import audit_checkpoint
from mexc_plugin.store.verify.findings import Degree, Finding

from . import records

ROOT = Path(__file__).resolve().parents[2]
KEY = signing_keys.PrivateKey("auditor", bytes(range(32)))
OTHER_KEY = signing_keys.PrivateKey("auditor", bytes(range(1, 33)))
HOUR = 3_600 * records.SECOND


def tool() -> ModuleType:
    """tools/verify_bundle.py, loaded as nothing of the package."""
    spec = importlib.util.spec_from_file_location(
        "verify_bundle", ROOT / "tools" / "verify_bundle.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = tool()


def note(
    chains: Iterable[Sequence[Event]], number: int, previous: bytes | None, key: PrivateKey = KEY
) -> bytes:
    """A checkpoint of chains as they are given, the number-th one."""
    heads = sorted(
        (Head(chain[-1].writer_id, chain[-1].seq, chain[-1].hash) for chain in chains),
        key=lambda head: head.writer_id,
    )
    before = None if previous is None else signed_notes.digest(previous)
    events = sum(head.seq for head in heads)
    taken_ns = records.NOON + number * HOUR
    return signed_notes.sign(
        statements.write(Checkpoint(events, taken_ns, before, tuple(heads))), key
    )


def anchor(chain: Sequence[Event], previous: bytes, bundle: str = "0" * 64) -> bytes:
    """The note of an archive that took these events away."""
    left = Left(chain[0].writer_id, chain[0].seq, chain[-1].seq, chain[-1].hash)
    before = signed_notes.digest(previous)
    said = Archive(len(chain), records.NOON + 9 * HOUR, before, bundle, (left,))
    return signed_notes.sign(statements.write(said), KEY)


def keep(url: str, *notes: bytes) -> None:
    """Put notes into the table of a database."""
    engine = engines.create(url)
    with engine.begin() as connection:
        for each in notes:
            said = statements.parse(signed_notes.read(each))
            row = {"sha256": signed_notes.digest(each), "kind": said.kind, "events": said.events}
            row |= {"taken_ns": said.taken_ns, "previous": said.previous, "note": each.decode()}
            connection.execute(sa.insert(audit_checkpoint).values(row))
    engine.dispose()


def exported(url: str) -> bytes:
    """The bundle of a database."""
    buffer = io.BytesIO()
    bundle_writing.write(url, buffer.write, lambda _events, _share: None)
    return buffer.getvalue()


def proven(url: str, cancel_id: str) -> bytes:
    buffer = io.BytesIO()
    with queries.reading(url) as connection:
        proof_writing.write(connection, cancel_id, (), buffer.write)
    return buffer.getvalue()


def packed(chains: Iterable[Sequence[Event]], notes: Sequence[bytes]) -> bytes:
    """A bundle, made without a database and without the writer, of whatever somebody wants to say."""
    contents = {}
    entries = []
    chains = sorted(chains, key=lambda chain: chain[0].writer_id)
    for chain in chains:
        lines = "".join(f"{event.prev_hash} {event.hash} {event.payload}\n" for event in chain)
        contents[f"events/{chain[0].writer_id}.jsonl"] = lines.encode()
        entries.append(
            bundle_format.Chain(
                chain[0].writer_id, chain[0].seq, chain[-1].seq, chain[0].prev_hash, chain[-1].hash
            )
        )
    contents |= {f"checkpoints/{n:04}.txt": each for n, each in enumerate(notes, 1)}
    parts = [
        bundle_format.Part(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    ]
    events = sum(map(len, chains))
    contents["manifest.json"] = bundle_format.manifest(events, entries, parts)
    return zipped(contents)


def zipped(contents: dict[str, bytes]) -> bytes:
    """A sealed ZIP of any files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents.items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return sealed(buffer.getvalue()[:-2])


def sealed(body: bytes) -> bytes:
    """A ZIP, but for the length of its comment, with the seal."""
    return body + b"\x40\x00" + hashlib.sha256(body).hexdigest().encode()


def findings(raw: bytes, key: PrivateKey = KEY, kept: Sequence[bytes] = ()) -> list[Finding]:
    """What `audit verify` finds in a bundle or a proof."""
    keys = (key.public,)
    witnesses = Witnesses(keys, tuple(read_note(each, keys) for each in kept))
    file = io.BytesIO(raw)
    check = BundleCheck if zipfile.is_zipfile(file) else ProofCheck
    file.seek(0)
    return list(check(file, witnesses).findings())


def broken(raw: bytes, key: PrivateKey = KEY, kept: Sequence[bytes] = ()) -> list[Finding]:
    return [each for each in findings(raw, key, kept) if each.degree is Degree.BROKEN]


def objection(raw: bytes, key: PrivateKey = KEY, kept: Sequence[bytes] = ()) -> str | None:
    """What the single file says against a bundle or a proof; None where it is whole."""
    public = TOOL.Key(f"{key.public}\n")
    file = io.BytesIO(raw)
    check = TOOL.check_bundle if zipfile.is_zipfile(file) else TOOL.check_proof
    try:
        check(file, public, kept)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def hide(document: dict[str, object], chain: dict[str, object], place: int) -> bytes:
    """A proof in which an event of the cancel is told as one between."""
    links = list(chain["links"])  # type: ignore[call-overload]
    links[place] = hashlib.sha256(links[place].encode()).hexdigest()
    changed: bytes = TOOL.canonical(document | {"chains": [chain | {"links": links}]})
    return changed


def packed_by_program(chains: Iterable[Sequence[Event]], folder: Path) -> bytes:
    """The bundle of a database that holds these chains and nothing else."""
    url = f"sqlite:///{folder}/only.db"
    records.store(url, *chains)
    return exported(url)


def contents(raw: bytes) -> list[tuple[str, bytes]]:
    """Name and content of every file in a bundle, in their order."""
    with zipfile.ZipFile(io.BytesIO(raw)) as file:
        return [(name, file.read(name)) for name in file.namelist()]


def decoded(raw: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(raw)
    return document


def cancel_of(event: Event) -> str:
    """The cancel that an event is of."""
    return str(decoded(event.payload.encode())["cancel_id"])
