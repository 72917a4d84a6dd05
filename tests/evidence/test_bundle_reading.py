"""What somebody may send as a bundle, to the byte: how large, and packed how."""

import io
import warnings
import zipfile

import pytest

from mexc_plugin.evidence.checkpoint_checks import Witnesses
from mexc_plugin.evidence.offline import bundle_reading
from mexc_plugin.evidence.offline.bundle_verifying import BundleCheck
from mexc_plugin.store.verify.findings import Degree, Fault

from . import bundles
from .bundles import KEY, contents, note
from .records import honest, sealed

CHAINS = [sealed(honest()) for _ in range(2)]
FIRST = note([chain[:9] for chain in CHAINS], 1, None)
RAW = bundles.packed(CHAINS, [FIRST, note(CHAINS, 2, FIRST)])
CONTENTS = dict(contents(RAW))
EVENTS = f"events/{CHAINS[0][0].writer_id}.jsonl"
# The writer is another in each process of the tests, where a test has the same name.
NAMES = pytest.mark.parametrize(
    "name",
    ["manifest.json", "checkpoints/0001.txt", EVENTS],
    ids=["manifest", "checkpoint", "events"],
)


def messages(raw: bytes) -> list[str]:
    return [found.message for found in bundles.findings(raw)]


# -- how large


@pytest.mark.parametrize(("more", "said"), [(0, False), (-1, True)])
@pytest.mark.parametrize("times", [0, 1])
def test_a_bundle_may_unpack_to_as_much_as_is_said_and_not_a_byte_more(
    monkeypatch: pytest.MonkeyPatch, times: int, more: int, said: bool
) -> None:
    unpacked = sum(map(len, CONTENTS.values()))
    monkeypatch.setattr(bundle_reading, "MOST_UNPACKED", times)
    monkeypatch.setattr(bundle_reading, "LARGEST", unpacked - times * len(RAW) + more)
    words = f"it unpacks to more than {times} times its size, as no bundle does"
    assert messages(RAW) == [words] * said


@NAMES
def test_a_part_of_a_bundle_may_be_as_large_as_is_said_and_not_a_byte_larger(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The part at hand is made the largest: a line of events, a note, or the manifest."""
    chains, notes = CHAINS, []
    if name == EVENTS:
        drafts = honest()
        drafts[4] |= {"host": "x" * 9_000}
        chains = [sealed(drafts, CHAINS[0][0].writer_id), CHAINS[1]]
        notes = [note(chains, 1, None)]
    elif name.startswith("checkpoints"):
        notes = [note([sealed(honest()[:1]) for _ in range(90)], 1, None)]
    raw = bundles.packed(chains, notes)
    parts = dict(contents(raw))
    size = max(map(len, parts[name].splitlines(keepends=True)))
    size = size if name == EVENTS else len(parts[name])
    too_large = (
        f"line 5 of {name} in it is no event" if name == EVENTS else f"{name} in it is too large"
    )
    for allowed in (size, size - 1):
        monkeypatch.setattr(bundle_reading, "LARGEST", allowed)
        assert (too_large in messages(raw)) == (allowed < size)


def test_a_file_that_becomes_shorter_while_it_is_read_was_cut() -> None:
    class Shrinking(io.BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            return super().seek(offset, whence) + (100 if whence == io.SEEK_END else 0)

    (found,) = BundleCheck(Shrinking(RAW), Witnesses((KEY.public,))).findings()
    assert found.message.startswith("it was damaged, cut or changed")


# -- packed how


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_is_packed_by_another_method_is_not_unpacked(method: int) -> None:
    """Methods that unpack to thousands of times their size, and whose errors are others."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in CONTENTS.items():
            file.writestr(name, content)
    raw = bundles.sealed(buffer.getvalue()[:-2])
    assert messages(raw) == ["it is no ZIP as bundles are: of a method that they do not use"]


def test_what_is_stored_and_not_packed_is_read_too() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, content in CONTENTS.items():
            file.writestr(name, content)
    raw = bundles.sealed(buffer.getvalue()[:-2])
    assert (messages(raw), bundles.objection(raw)) == ([], None)


def with_entries(changed: dict[int, bytes]) -> bytes:
    """The bundle with bytes of every entry of its directory set, by their place in the entry."""
    raw = bytearray(RAW[:-66])
    at = raw.find(b"PK\x01\x02")
    while at >= 0:
        for place, value in changed.items():
            raw[at + place : at + place + len(value)] = value
        at = raw.find(b"PK\x01\x02", at + 1)
    return bundles.sealed(bytes(raw))


@pytest.mark.parametrize(
    "changed",
    [{6: b"\xff\x00"}, {8: b"\x01\x00"}, {16: b"\x00\x00\x00\x00"}, {42: b"\xff\xff\xff\x7f"}],
    ids=["a newer form of ZIP", "encrypted", "another checksum", "a place that is not there"],
)
def test_a_directory_that_was_made_up_is_answered_in_words(changed: dict[int, bytes]) -> None:
    raw = with_entries(changed)
    (found,) = bundles.findings(raw)
    assert (found.fault, found.degree) == (Fault.BUNDLE, Degree.BROKEN)
    assert found.message.startswith("it is no ZIP as bundles are: ")
    assert bundles.objection(raw) is not None


@NAMES
def test_a_file_that_is_in_a_bundle_twice_is_none_of_a_bundle(name: str) -> None:
    """Which of the two is read, programs do not agree on."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for each, content in CONTENTS.items():
            for _ in range(1 + (each == name)):
                with warnings.catch_warnings(action="ignore"):
                    file.writestr(each, content)
    raw = bundles.sealed(buffer.getvalue()[:-2])
    assert messages(raw) == ["the files in it are not those of a bundle, in their order"]
    assert bundles.objection(raw) is not None
