"""Keys, signed notes and what they state: each is read as it was written, and everything else is refused in words."""

import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.audit import signing_keys
from mexc_plugin.errors import ConfigError, EvidenceError
from mexc_plugin.evidence import key_files, signed_notes, statements
from mexc_plugin.evidence.statements import Archive, Checkpoint, Head, Left, Statement
from tests.command_line import invoke

KEY = signing_keys.PrivateKey("notary", bytes(range(32)))
OTHER = signing_keys.PrivateKey("notary", bytes(32))
MAXIMUM = statements.MAX_NUMBER
WRITER = "00000000-0000-4000-8000-000000000001"

hashes = st.text("0123456789abcdef", min_size=64, max_size=64)
numbers = st.integers(1, MAXIMUM)
times = st.integers(0, 4_000_000_000_000_000).map(lambda microseconds: microseconds * 1000)
previous = st.none() | hashes
common = {"events": st.integers(0, MAXIMUM), "taken_ns": times, "previous": previous}


def sorted_writers(values: st.SearchStrategy) -> st.SearchStrategy:
    of = st.dictionaries(st.uuids().map(str), values, max_size=4)
    return of.map(lambda found: tuple(found[name](name) for name in sorted(found)))


heads = sorted_writers(st.builds(lambda seq, h: lambda name: Head(name, seq, h), numbers, hashes))
left = sorted_writers(
    st.builds(
        lambda a, b, h: lambda name: Left(name, min(a, b), max(a, b), h), numbers, numbers, hashes
    )
)
stated = st.builds(Checkpoint, **common, writers=heads) | st.builds(
    Archive, **common, bundle=hashes, writers=left
)
CHECKPOINT = Checkpoint(3, 1_795_680_000_000_000_000, None, (Head(WRITER, 3, "ab" * 32),))
NOTE = signed_notes.sign(statements.write(CHECKPOINT), KEY)


def test_a_checkpoint_is_written_as_the_page_says() -> None:
    assert NOTE.decode() == (
        "mexc-plugin/checkpoint/v1\nevents 3\ntime 2026-11-26T08:00:00.000000Z\nprevious -\n"
        f"writer {WRITER} 3 {'ab' * 32}\n\n— notary "
        + base64.b64encode(KEY.public.id + KEY.sign(NOTE[: NOTE.index(b"\n\n") + 1])).decode()
        + "\n"
    )


def test_keys_are_those_of_the_form_s_own_example() -> None:
    """The public key in the documentation of golang.org/x/mod/sumdb/note."""
    line = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    note = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    key = signing_keys.parse_public(line)
    assert str(key) == line
    assert signed_notes.verify(note.encode(), [key]).startswith("If you think")


@given(stated)
def test_what_is_stated_is_read_as_it_was_written(statement: Statement) -> None:
    note = signed_notes.sign(statements.write(statement), KEY)
    assert statements.parse(signed_notes.verify(note, [KEY.public])) == statement


@given(st.data())
def test_a_text_is_read_only_if_it_would_be_written_so(data: st.DataObject) -> None:
    text = statements.write(data.draw(stated))
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 2)) :]
    try:
        found = statements.parse(changed)
    except EvidenceError:
        return
    assert statements.write(found) == changed


@given(
    st.binary() | st.text().map(str.encode) | st.just(NOTE).map(lambda n: n.replace(b"w", b"\xff"))
)
def test_anything_else_is_no_note(content: bytes) -> None:
    with pytest.raises(EvidenceError):
        signed_notes.verify(content, [KEY.public])


@given(st.text())
def test_any_text_is_a_statement_or_refused(text: str) -> None:
    with pytest.raises(EvidenceError):
        statements.parse(text)


def test_every_flipped_bit_of_a_note_is_found() -> None:
    for position in range(len(NOTE) * 8):
        flipped = bytearray(NOTE)
        flipped[position // 8] ^= 1 << position % 8
        with pytest.raises(EvidenceError):
            signed_notes.verify(bytes(flipped), [KEY.public])


@pytest.mark.parametrize(
    ("note", "words"),
    [
        (NOTE.replace(b"events 3", b"events 4"), "changed after notary had signed it"),
        (signed_notes.sign(statements.write(CHECKPOINT), OTHER), "another key (notary)"),
        (NOTE[:-1], "its end is missing"),
        (b"", "no signed note"),
        (NOTE.replace(b"\n", b"\r\n"), "control characters"),
        (b"\xff", "no UTF-8"),
    ],
)
def test_what_is_wrong_with_a_note_is_said(note: bytes, words: str) -> None:
    with pytest.raises(EvidenceError) as raised:
        signed_notes.verify(note, [KEY.public])
    assert words in str(raised.value)


def test_the_signature_of_another_key_beside_is_left_alone() -> None:
    other = signed_notes.sign(statements.write(CHECKPOINT), OTHER).split(b"\n\n")[1]
    assert signed_notes.verify(NOTE + other, [KEY.public]) == statements.write(CHECKPOINT)


@given(st.text())
def test_any_line_is_a_key_or_refused(line: str) -> None:
    for parse in (signing_keys.parse_private, signing_keys.parse_public):
        with pytest.raises(ValueError, match="key"):
            parse(line)


@pytest.mark.parametrize("line", [KEY.line(), str(KEY.public)])
def test_a_key_whose_line_was_changed_is_refused(line: str) -> None:
    parse = signing_keys.parse_private if line == KEY.line() else signing_keys.parse_public
    assert parse(line) is not None
    for position in range(len(line)):
        changed = line[:position] + ("A" if line[position] != "A" else "B") + line[position + 1 :]
        with pytest.raises(ValueError, match="key"):
            parse(changed)


def test_keygen_makes_a_key_that_signs(tmp_path: Path) -> None:
    result = invoke(["audit", "keygen", "-o", str(tmp_path / "notary.key")])
    assert result.exit_code == 0
    key = key_files.read_private(tmp_path / "notary.key")
    assert result.stdout == f"{key.public}\n"
    assert key.name == "notary"
    assert key.public.is_signed(b"x", key.sign(b"x"))
    assert stat.S_IMODE((tmp_path / "notary.key").stat().st_mode) == 0o600
    assert key.line() not in result.output


def test_keygen_never_overwrites_anything(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("there", "link"):
        result = invoke(["audit", "keygen", "-o", str(tmp_path / name)])
        assert (result.exit_code, result.stdout) == (2, "")
        assert "no key is ever overwritten" in result.stderr
    assert (tmp_path / "there").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["-o", "{}/a b.key"], 2),
        (["-o", "{}/a.key", "--name", "a+b"], 2),
        (["-o", "{}/a.key", "--name", ""], 2),
        (["-o", "{}/none/a.key"], 1),
        (["-o", ""], 2),
    ],
)
def test_keygen_says_in_a_line_what_it_cannot_do(
    tmp_path: Path, arguments: list[str], code: int
) -> None:
    result = invoke(["audit", "keygen", *(each.format(tmp_path) for each in arguments)])
    assert (result.exit_code, result.stdout) == (code, "")
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_public_key_is_given_as_its_line_or_its_file(tmp_path: Path) -> None:
    (tmp_path / "notary.pub").write_text(f"{KEY.public}\n")
    assert key_files.read_public(str(KEY.public)) == KEY.public
    assert key_files.read_public(str(tmp_path / "notary.pub")) == KEY.public
    (tmp_path / "notary.key").write_text(f"{KEY.line()}\n")
    for name in ("notary.key", "none.pub", ".", "\0"):
        given = name if name == "\0" else str(tmp_path / name)
        with pytest.raises(ConfigError) as raised:
            key_files.read_public(given)
        assert KEY.line() not in str(raised.value)


@pytest.mark.parametrize("content", ["", "x", str(KEY.public), KEY.line()[:-1], "\xff"])
def test_a_file_that_holds_no_private_key_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "key").write_text(content, encoding="latin-1")
    with pytest.raises(ConfigError, match="cannot be used"):
        key_files.read_private(tmp_path / "key")
    with pytest.raises(ConfigError, match="cannot be read"):
        key_files.read_private(tmp_path / "none")
