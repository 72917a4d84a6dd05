"""Whatever somebody sends as a bundle or a proof: a finding in words, from both verifiers, and nothing else."""

import base64
import io
import json
import random
import zipfile

from hypothesis import example, given, settings
from hypothesis import strategies as st

from . import bundles
from .bundles import KEY, contents, note
from .records import honest, sealed

CHAINS = [sealed(honest()) for _ in range(2)]
FIRST = note([chain[:9] for chain in CHAINS], 1, None)
RAW = bundles.packed(CHAINS, [FIRST, note(CHAINS, 2, FIRST)])
CONTENTS = dict(contents(RAW))
NAMES = sorted(CONTENTS)
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["{}", '{"seq":1}', CHAINS[0][0].writer_id, CHAINS[0][0].hash, FIRST.decode()]
    ),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
PROOF_KEYS = (
    "format",
    "cancel_id",
    "checkpoint",
    "chains",
    "writer_id",
    "first_seq",
    "prev_hash",
    "links",
)


def agree(raw: bytes) -> bool:
    """Whether both say something against it. Raises for whatever a verifier raises of its own."""
    found = bool(bundles.broken(raw))
    assert found == (bundles.objection(raw) is not None), bundles.objection(raw)
    return found


@given(st.binary(max_size=300))
@example(b"PK\x05\x06" + bytes(18))
@example(b"\xff\xfe{\x00}\x00")
@example(b"[" * 100_000)
@example(b"1" * 5_000)
def test_any_bytes_are_answered_in_words(raw: bytes) -> None:
    assert agree(raw)


@given(st.binary(max_size=300))
def test_any_bytes_with_a_seal_are_answered_in_words(body: bytes) -> None:
    assert agree(bundles.sealed(body + b"PK\x05\x06" + bytes(16)))


@settings(max_examples=40)
@given(st.randoms(use_true_random=False), st.binary(max_size=40))
def test_bytes_that_are_exchanged_below_a_new_seal_are_answered_in_words(
    chance: random.Random, piece: bytes
) -> None:
    body = RAW[:-66]
    start = chance.randrange(len(body))
    raw = bundles.sealed(body[:start] + piece + body[start + chance.choice((0, len(piece), 7)) :])
    assert agree(raw) or contents(raw) == contents(RAW)


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.sampled_from(NAMES)
        | st.sampled_from(
            ["../x", "/etc/passwd", "events/x.jsonl", "checkpoints/0003.txt", "", "a\x00b"]
        ),
        st.binary(max_size=80) | st.sampled_from([*CONTENTS.values(), b"\n", b"0" * 130]),
        max_size=3,
    )
)
def test_files_that_are_exchanged_are_answered_in_words(changed: dict[str, bytes]) -> None:
    whole = CONTENTS | changed == CONTENTS
    assert agree(bundles.zipped(CONTENTS | changed)) != whole


@settings(max_examples=40)
@given(st.integers(0, 14), HASHES | st.none(), json_values)
def test_lines_that_are_exchanged_are_answered_in_words(
    place: int, hash_: str | None, payload: object
) -> None:
    name = f"events/{CHAINS[0][0].writer_id}.jsonl"
    lines = CONTENTS[name].splitlines(keepends=True)
    event = CHAINS[0][place]
    text = json.dumps(payload)
    lines[place] = f"{event.prev_hash} {hash_ or event.hash} {text}\n".encode()
    assert agree(bundles.zipped(CONTENTS | {name: b"".join(lines)}))


@given(st.dictionaries(st.sampled_from(PROOF_KEYS) | st.text(max_size=3), json_values, max_size=5))
def test_any_json_as_a_proof_is_answered_in_words(document: dict[str, object]) -> None:
    assert agree(bundles.TOOL.canonical(document))


@given(
    st.fixed_dictionaries(
        {
            "format": st.just("mexc-plugin/proof/v1"),
            "cancel_id": st.text(max_size=3) | json_values,
            "checkpoint": st.just(FIRST.decode()) | json_values,
            "chains": st.lists(
                st.fixed_dictionaries(
                    {
                        "writer_id": st.sampled_from([chain[0].writer_id for chain in CHAINS])
                        | json_values,
                        "first_seq": st.integers(-1, 9) | json_values,
                        "prev_hash": HASHES | json_values,
                        "links": st.lists(HASHES | json_values, max_size=3) | json_values,
                    }
                )
                | json_values,
                max_size=2,
            )
            | json_values,
        }
    )
)
def test_any_shape_of_a_proof_is_answered_in_words(document: dict[str, object]) -> None:
    assert agree(bundles.TOOL.canonical(document))


@settings(max_examples=40)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(b"\n\n")
@example("\n\n— auditor AAAA\n".encode())
@example(b"mexc-plugin/checkpoint/v1\n")
def test_any_note_in_a_bundle_is_answered_in_words(raw: bytes) -> None:
    assert agree(bundles.packed(CHAINS, [raw]))


@settings(max_examples=40)
@given(
    st.text(max_size=200) | st.sampled_from(["", "\n", "mexc-plugin/checkpoint/v1\n"]), json_values
)
def test_any_text_that_the_key_signed_is_answered_in_words(text: str, more: object) -> None:
    """The key's owner may sign anything: nothing else than a statement is believed."""
    message = f"{text}{more}\n".encode("utf-8", "replace")
    signature = base64.b64encode(KEY.public.id + KEY.sign(message))
    raw = bundles.packed(CHAINS, [message + "\n— auditor ".encode() + signature + b"\n"])
    assert agree(raw)


def test_a_line_that_is_no_event_is_named() -> None:
    name = f"events/{CHAINS[0][0].writer_id}.jsonl"
    first, _, *others = CONTENTS[name].splitlines(keepends=True)
    lines = b"".join([first, b"x\n", *others])
    (found,) = bundles.findings(bundles.zipped(CONTENTS | {name: lines}))
    assert found.message == f"line 2 of {name} in it is no event"


def test_a_signature_with_something_between_its_letters_is_none() -> None:
    """Base64 is often read as if that was not there."""
    text, _, signature = FIRST.rpartition(b" ")
    note_ = text + b" " + signature[:8] + b"!" + signature[8:]
    assert agree(bundles.packed(CHAINS, [note_]))


def test_a_bundle_of_two_ends_is_read_as_one() -> None:
    """A ZIP within a ZIP: the seal is over all bytes, and what is before the first file is none of ours."""
    raw = bundles.sealed(b"PK\x03\x04" + RAW[:-66])
    with zipfile.ZipFile(io.BytesIO(raw)) as file:
        assert file.namelist()  # Python's reader alone takes it
    assert agree(raw)
