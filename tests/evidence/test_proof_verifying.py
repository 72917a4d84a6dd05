"""What somebody may send as a proof: each thing in it that is not as it has to be, and how large it may be."""

import hashlib
import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mexc_plugin.evidence.checkpoint_checks import Witnesses
from mexc_plugin.evidence.offline import proof_verifying
from mexc_plugin.evidence.offline.proof_verifying import ProofCheck
from mexc_plugin.store.verify.findings import Degree, Fault

from . import bundles, records
from .bundles import note
from .records import honest, sealed

CHAINS = sorted((sealed(honest()) for _ in range(2)), key=lambda chain: chain[0].writer_id)
CHECKPOINT = note([chain[:9] for chain in CHAINS], 1, None)
WRITER = CHAINS[0][0].writer_id
CANCEL = bundles.cancel_of(CHAINS[0][3])
DEEP = '{"a":' * 100_000 + "1" + "}" * 100_000
NO_CHAIN = "it is no proof: a chain in it is none"
NO_PROOF = "it is neither a bundle nor a proof, or it was damaged: a proof is canonical JSON with "
NAMES_NONE = "it is no proof: it names no cancel, no checkpoint or no events"


@cache
def chain_() -> dict[str, Any]:
    """Events 4 to 9 of the first writer, the first three of one cancel."""
    links = [event.payload for event in CHAINS[0][3:6]]
    links += [hashlib.sha256(event.payload.encode()).hexdigest() for event in CHAINS[0][6:9]]
    return {
        "writer_id": WRITER,
        "first_seq": 4,
        "prev_hash": CHAINS[0][3].prev_hash,
        "links": links,
    }


def proof(**fields: object) -> bytes:
    document = {
        "format": "mexc-plugin/proof/v1",
        "cancel_id": CANCEL,
        "checkpoint": CHECKPOINT.decode(),
        "chains": [chain_()],
    }
    made: bytes = bundles.TOOL.canonical(document | fields)
    return made


def with_chain(**fields: object) -> bytes:
    return proof(chains=[chain_() | fields])


def with_links(*links: object) -> bytes:
    return with_chain(links=[*chain_()["links"], *links])


def messages(raw: bytes) -> list[str]:
    return [found.message for found in bundles.findings(raw)]


def test_a_proof_that_was_made_by_hand_is_whole() -> None:
    assert (messages(proof()), bundles.objection(proof())) == ([], None)


@pytest.mark.parametrize(
    "fields",
    [
        {"writer_id": 7},
        {"writer_id": None},
        {"writer_id": WRITER[:-1]},
        {"writer_id": f"{WRITER}\n"},
        {"writer_id": WRITER.upper().replace("0", "A")},
        {"prev_hash": 7},
        {"prev_hash": None},
        {"prev_hash": "0" * 63},
        {"prev_hash": "0" * 64 + "\n"},
        {"prev_hash": "A" * 64},
        {"first_seq": "4"},
        {"first_seq": None},
        {"first_seq": True},
        {"links": "0" * 64},
        {"links": []},
        {"links": None},
        {"links": {"0" * 64: 1}},
        {"links": [7]},
        {"links": ["0" * 64, None]},
        {"more": 1},
    ],
)
def test_a_chain_of_which_one_thing_is_odd_is_none(fields: dict[str, object]) -> None:
    assert messages(with_chain(**fields)) == [NO_CHAIN]
    assert bundles.objection(with_chain(**fields)) is not None


@pytest.mark.parametrize("given", [None, [], "x", 7, True], ids=str)
def test_what_is_no_chain_at_all_is_none(given: object) -> None:
    assert messages(proof(chains=[given])) == [NO_CHAIN]
    assert messages(proof(chains=[chain_(), given])) == [NO_CHAIN]


@pytest.mark.parametrize(
    "fields",
    [
        {"cancel_id": None},
        {"cancel_id": 7},
        {"cancel_id": CANCEL[:-1]},
        {"cancel_id": f"{CANCEL}\n"},
        {"checkpoint": None},
        {"checkpoint": []},
        {"chains": None},
        {"chains": []},
        {"chains": {}},
        {"chains": "x"},
        {"chains": {"x": 1}},
    ],
)
def test_a_proof_that_names_nothing_is_none(fields: dict[str, object]) -> None:
    assert messages(proof(**fields)) == [NAMES_NONE]
    assert bundles.objection(proof(**fields)) is not None


def test_what_was_made_up_is_not_printed_as_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody signed the names in a proof that tells no event; a terminal would do what they say."""
    (tmp_path / "auditor.pub").write_text(f"{bundles.KEY.public}\n")
    hidden = ["0" * 64]
    for number, raw in enumerate(
        (
            proof(cancel_id="x\r\x1b[Kwhole: all that you like"),
            with_chain(writer_id="x\r\x1b[Kwhole: all that you like", links=hidden),
        )
    ):
        path = tmp_path / f"{number}.json"
        path.write_bytes(raw)
        assert bundles.TOOL.main([str(path), str(tmp_path / "auditor.pub")]) == 3
        printed = capsys.readouterr().out
        assert (printed[:8], printed[:-1].isprintable()) == ("broken: ", True)
        assert all(message.isprintable() for message in messages(raw))


def with_all_hidden(**fields: object) -> bytes:
    """A proof of which every event is told by its SHA-256: names in it are compared with nothing else."""
    hidden = [hashlib.sha256(event.payload.encode()).hexdigest() for event in CHAINS[0][:9]]
    begin = {"first_seq": 1, "prev_hash": CHAINS[0][0].prev_hash, "links": hidden}
    return proof(chains=[chain_() | begin | fields.pop("chain", {})], **fields)  # type: ignore[operator]


def test_both_take_no_proof_that_says_more_or_says_it_otherwise() -> None:
    """What is not looked at may say anything, and a reader may believe it."""
    assert (messages(with_all_hidden()), bundles.objection(with_all_hidden())) == ([], None)
    links = json.loads(with_all_hidden())["chains"][0]["links"]
    odd = {
        "another key of a chain": {"chain": {"note": "believe me"}},
        "true for 1": {"chain": {"first_seq": True}},
        "an object for a list": {"chain": {"links": dict.fromkeys(links, "believe me")}},
        "a number for a name": {"cancel_id": 7},
        "a sentence for a name": {"cancel_id": "the one that you asked for"},
    }
    for name, fields in odd.items():
        raw = with_all_hidden(**fields)
        assert bundles.broken(raw) != [], name
        assert bundles.objection(raw) is not None, name


def test_a_writer_that_is_in_a_proof_twice_is_said() -> None:
    assert messages(proof(chains=[chain_(), chain_()])) == [
        "it is no proof: a writer is in it twice"
    ]


def test_another_format_is_named() -> None:
    for format_ in ("mexc-plugin/proof/v2", None, 7):
        assert messages(proof(format=format_)) == [
            "it is a proof of another format than mexc-plugin/proof/v1, the one that is known"
        ]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b'{"a":1.5}\n',
        b'{"a":NaN}\n',
        DEEP.encode() + b"\n",
        b"1" * 5_000 + b"\n",
        proof()[:-1],
        proof() + b"\n",
        b" " + proof(),
        proof(more=1),
        proof(checkpoint="\\ud800").replace(b"\\\\ud800", b"\\ud800"),
        proof().replace(b'"cancel_id"', b'"cancel_id":1,"cancel_id"'),
        json.dumps(json.loads(proof())).encode() + b"\n",
    ],
    ids=lambda raw: f"{len(raw)} bytes",
)
def test_what_is_no_canonical_document_is_no_proof(raw: bytes) -> None:
    (message,) = messages(raw)
    assert message == f"{NO_PROOF}cancel_id, chains, checkpoint, format"
    assert bundles.objection(raw) is not None


def test_a_proof_may_be_as_large_as_is_said_and_not_a_byte_larger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proof_verifying, "LARGEST", len(proof()))
    assert messages(proof()) == []
    monkeypatch.setattr(proof_verifying, "LARGEST", len(proof()) - 1)
    assert messages(proof()) == ["it is no proof: it is too large"]


@pytest.mark.parametrize("link", ["{", "{}", "{x}", DEEP], ids=["open", "empty", "no JSON", "deep"])
def test_an_event_of_a_proof_that_is_no_document_is_of_something_else(link: str) -> None:
    assert messages(with_links(link)) == [f"event 10 of writer {WRITER} in it is of something else"]
    assert bundles.objection(with_links(link)) is not None


@pytest.mark.parametrize("link", ["", "x", "0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n", "[]"])
def test_a_link_that_is_no_event_is_a_sha256_or_no_proof(link: str) -> None:
    words = "it is no proof: what it says of event 10 is no SHA-256"
    assert messages(with_links(link)) == [words]
    assert bundles.objection(with_links(link)) is not None


@pytest.mark.parametrize(
    ("place", "name"), [(0, "another cancel"), (7, "a start"), (2, "the end of another")]
)
def test_an_event_of_another_cancel_is_of_something_else(place: int, name: str) -> None:
    event = CHAINS[0][place]
    assert messages(with_links(event.payload)) == [
        f"event 10 of writer {WRITER} in it is of something else"
    ], name


@pytest.mark.parametrize("moved", [-(10**30), -4, 0, 3, 5, 10**30])
def test_numbers_that_are_moved_are_not_those_of_the_events(moved: int) -> None:
    raw = with_chain(first_seq=moved)
    assert messages(raw) == [f"event {moved} of writer {WRITER} in it is of something else"]
    hidden = with_chain(first_seq=moved, links=["0" * 64])
    (found,) = bundles.findings(hidden)
    assert (found.fault, found.seq) == (Fault.CHECKPOINT, moved)
    assert bundles.objection(hidden) is not None


def test_a_proof_is_read_from_its_begin_wherever_the_file_is() -> None:
    file = io.BytesIO(proof())
    file.seek(9)
    check = ProofCheck(file, Witnesses((bundles.KEY.public,)))
    assert (list(check.findings()), check.events, check.writers) == ([], 3, 1)


def test_who_gives_no_key_hears_that_nobody_looked_who_signed() -> None:
    for raw, more in ((proof(), 0), (with_links("0" * 64), 1)):
        found = list(ProofCheck(io.BytesIO(raw), Witnesses()).findings())
        words = "no public key was given: who signed its checkpoint was not looked at"
        assert (found[0].fault, found[0].degree, found[0].message) == (
            Fault.UNCOVERED,
            Degree.NOTED,
            words,
        )
        assert [each.fault for each in found[1:]] == [Fault.CHECKPOINT] * more


def test_a_checkpoint_that_is_none_is_said() -> None:
    for checkpoint in ("", "x", CHECKPOINT.decode().replace("events 18", "events 19")):
        (found,) = bundles.findings(proof(checkpoint=checkpoint))
        assert (found.fault, found.message.partition(": ")[0]) == (Fault.NOTE, "its checkpoint")
    archive = bundles.anchor(CHAINS[0], CHECKPOINT).decode()
    assert messages(proof(checkpoint=archive)) == [
        "it is no proof: what is signed in it is no checkpoint"
    ]


def test_what_a_proof_says_is_judged_like_a_record() -> None:
    """What its outcome cannot be is said; that the bot's stop is not in it is not."""
    drafts = honest()
    drafts[4] |= {"outcome": "canceled"}
    chain = sealed(drafts, WRITER)
    links = [event.payload for event in chain[3:6]]
    raw = proof(
        cancel_id=bundles.cancel_of(chain[3]),
        checkpoint=note([chain[:6]], 1, None).decode(),
        chains=[chain_() | {"prev_hash": chain[3].prev_hash, "links": links}],
    )
    assert Fault.OUTCOME in [found.fault for found in bundles.findings(raw)]
    assert Fault.NO_STOP not in [found.fault for found in bundles.findings(raw)]


def test_what_can_be_said_at_the_end_of_a_proof_is_said() -> None:
    """But that its writer did not stop: where that is, nobody sees here."""
    request, response = records.canceled(records.common("4", 10), 10)
    chain = sealed(
        [records.start(), request, response | {"late": {"count": 1, "first": 2, "last": 2}}], WRITER
    )
    raw = proof(
        cancel_id=bundles.cancel_of(chain[1]),
        checkpoint=note([chain], 1, None).decode(),
        chains=[
            {
                "writer_id": WRITER,
                "first_seq": 2,
                "prev_hash": chain[0].hash,
                "links": [event.payload for event in chain[1:]],
            }
        ],
    )
    assert [(found.fault, found.message) for found in bundles.findings(raw)] == [
        (Fault.MARKED, "event 2 was durable only later, says the writer")
    ]
