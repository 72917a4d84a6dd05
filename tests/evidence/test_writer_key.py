"""A bot that has a key: what others insert in whatever name is found, and its own record is whole."""

import json
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin import mexc
from mexc_plugin.audit import ladders, signing_keys
from mexc_plugin.audit.events import Event
from mexc_plugin.audit.ladders import Ladder
from mexc_plugin.errors import ConfigError
from mexc_plugin.evidence import key_files, verifying
from mexc_plugin.evidence.authorship import Authorship
from mexc_plugin.evidence.checkpoint_checks import Witnesses
from mexc_plugin.store.verify.findings import Degree, Fault
from mexc_plugin.store.write import recorders, writer_keys
from mexc_plugin.store.write.sealer import Sealer
from mexc_plugin.store.write.writer import Writer
from tests.command_line import invoke
from tests.conftest import Audit, placed
from tests.store.write.test_store import draft

from .matrix.keyed import INVENTED, KEY, OTHER, keyed
from .records import honest, sealed, store


def found(url: str, *keys: signing_keys.PrivateKey, **how: Any) -> list[tuple[Degree, int | None]]:
    witnesses = Witnesses(writer_keys=tuple(key.public for key in keys))
    plan = verifying.make_plan(url)
    findings = verifying.verify(url, plan, witnesses=witnesses, **how)
    return [(item.degree, item.seq) for item in findings if item.fault is Fault.KEY]


def test_a_record_of_a_bot_with_a_key_is_whole_with_and_without_it(audit: Audit) -> None:
    store(audit.url, keyed(honest()), keyed(honest()))
    plan = verifying.make_plan(audit.url)
    assert list(verifying.verify(audit.url, plan)) == []
    assert (
        found(audit.url, KEY) == found(audit.url, OTHER, KEY) == found(audit.url, KEY, jobs=2) == []
    )


def test_where_keys_are_named_a_writer_without_or_with_another_is_broken(audit: Audit) -> None:
    store(audit.url, sealed(honest()))
    assert found(audit.url) == []
    assert found(audit.url, KEY) == found(audit.url, KEY, jobs=2) == [(Degree.BROKEN, 1)]
    store(audit.url, keyed(honest(), OTHER))
    assert found(audit.url) == []
    assert found(audit.url, KEY) == 2 * [(Degree.BROKEN, 1)]


def test_what_was_lost_is_stepped_over_and_a_lost_ladder_is_begun_anew() -> None:
    writer_id = str(uuid.uuid4())
    sealer = Sealer(writer_id, 0, Ladder(writer_id, KEY))
    made = [sealer.seal({"kind": "start", "occurred_ns": 1}) for _ in range(600)]
    assert sum('"ladder"' in event.payload for event in made) == 3
    again = [event for event in made if '"ladder"' in event.payload][1]
    sealer.count_lost(made[100:120])
    assert '"ladder"' not in sealer.seal({"occurred_ns": 1}).payload
    sealer.count_lost([again])
    assert '"ladder"' in sealer.seal({"occurred_ns": 1}).payload
    kept = [event for n, event in enumerate(made) if not 100 <= n < 120]
    assert objections(kept) == []


def test_a_draft_that_cannot_be_sealed_shows_nothing() -> None:
    writer_id = str(uuid.uuid4())
    sealer = Sealer(writer_id, 0, Ladder(writer_id, KEY))
    made = []
    for number in range(6):
        with pytest.raises(TypeError):
            sealer.seal({"occurred_ns": 1.5})
        made.append(sealer.seal({"occurred_ns": number}))
    assert objections(made) == []


def objections(made: Iterable[Event]) -> list[str]:
    made = list(made)
    authorship = Authorship(made[0].writer_id, {KEY.public})
    said = (authorship.object_to(json.loads(each.payload), each.seq) for each in made)
    return [words for words in said if words is not None]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.lists(
        st.fixed_dictionaries({}, optional=dict.fromkeys(("key", "rung", "ladder"), json_values)),
        max_size=4,
    ),
    st.booleans(),
)
def test_whatever_an_event_says_of_its_key_is_judged_and_never_an_error(
    documents: list[dict[str, Any]], is_begun: bool
) -> None:
    first = [{"key": str(KEY.public)}] if is_begun else []
    authorship = Authorship("x", {KEY.public})
    for seq, document in enumerate(first + documents, 1):
        assert authorship.object_to(document, seq) is None or seq > 0


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "grid.key"
    key_files.write_private(path, KEY)
    return path


def test_a_bot_s_record_is_tied_to_its_key_also_through_the_spool(
    audit: Audit, key_file: Path
) -> None:
    writer = Writer(audit.url, key=writer_keys.load(key_file))
    assert writer.submit(draft(), 20).wait(20)
    with audit.locked():
        placed(writer, draft(1))
    for number in range(2, 300):
        writer.submit(draft(number), 20)
    writer.close()
    payloads = audit.payloads()
    assert len(payloads) == 302
    assert payloads[0]["key"] == str(KEY.public)
    assert sum("ladder" in payload for payload in payloads) == 2
    assert found(audit.url, KEY) == []
    result = invoke(["audit", "verify", "--db", audit.url, "--writer-key", str(OTHER.public)])
    assert "broken: key: writer" in result.stdout
    assert result.exit_code == 3


def test_an_exchange_takes_the_key_from_its_options(audit: Audit, key_file: Path, sandbox) -> None:
    config = sandbox.ccxt_config()
    config["options"] = config.get("options", {}) | {"audit": {"url": audit.url, "key": key_file}}
    exchange = mexc(config)
    order_id = sandbox.place("BTCUSDT", "BUY", "0.01", "20000")
    exchange.cancel_order(order_id, "BTC/USDT")
    recorders.close_all()
    assert [row["kind"] for row in audit.events()] == ["start", "request", "response", "stop"]
    assert found(audit.url, KEY) == []
    assert found(audit.url, OTHER) == [(Degree.BROKEN, 1)]


@pytest.mark.parametrize(
    "content",
    [None, "", "nonsense", str(KEY.public)],
    ids=["missing", "empty", "nonsense", "public"],
)
def test_a_key_that_cannot_be_read_is_said_when_an_exchange_is_made(
    audit: Audit, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "bad.key"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"the key .*bad\.key cannot be"):
        mexc({"options": {"audit": {"url": audit.url, "key": str(path)}}})


def test_a_key_that_was_read_leaves_no_file_open(key_file: Path) -> None:
    assert writer_keys.read_private(key_file) == KEY
    assert key_file not in [fd.resolve() for fd in Path("/proc/self/fd").iterdir()]


def test_a_key_that_goes_away_stops_nothing(audit: Audit, tmp_path: Path, caplog) -> None:
    """As in another process, to which an exchange was handed on."""
    writer = recorders.recorder_for(audit.url, None, tmp_path / "gone.key")
    assert writer.submit(draft(), 20).wait(20)
    recorders.close_all()
    assert "key" not in audit.payloads()[0]
    assert [record.message for record in caplog.records if "is tied to no key" in record.message]


def test_quick_looks_at_no_key(audit: Audit) -> None:
    store(audit.url)
    result = invoke(
        ["audit", "verify", "--quick", "--db", audit.url, "--writer-key", str(KEY.public)]
    )
    assert (result.exit_code, "leave it out, or --writer-key" in result.stderr) == (2, True)


def test_a_writer_whose_beginning_is_archived_is_known_by_its_next_ladder() -> None:
    drafts = [next(iter(honest())), *(INVENTED | {"n": str(n)} for n in range(ladders.LENGTH + 3))]
    rest = [json.loads(event.payload) for event in keyed(drafts)][2:]
    assert [first for first, each in enumerate(rest) if "ladder" in each] == [ladders.LENGTH - 1]

    def objections(documents: list[Any], *expected: signing_keys.PrivateKey) -> list[str]:
        reader = Authorship(rest[0]["writer_id"], [key.public for key in expected], {})
        said = (reader.object_to(each, each["seq"]) for each in documents)
        return [each for each in said if each is not None]

    assert objections(rest) == objections(rest, KEY) == []
    assert objections(rest, OTHER) == [
        "the writer's first event shows another key (grid): it is of nobody whose key was given"
    ]
    forged = [*rest[:-1], rest[-1] | {"rung": "00" * ladders.BYTES}]
    assert objections(forged) == ["it is not of whoever has the writer's key"]


def test_a_private_key_in_the_place_of_its_file_is_refused_and_shown_nowhere(
    monkeypatch: pytest.MonkeyPatch, audit: Audit, tmp_path: Path
) -> None:
    secret = KEY.line()
    shown = []
    for name in (secret, f"./{secret}", f"/etc/{secret}"):
        with pytest.raises(ConfigError, match="has to be the name of the file") as raised:
            mexc({"options": {"audit": {"url": audit.url, "key": name}}})
        shown.append(str(raised.value))
    monkeypatch.setenv("MEXC_PLUGIN_KEY", secret)
    for words in (["config"], ["doctor", "--base-url", "http://127.0.0.1:9"], ["audit"]):
        shown.append(invoke([*words, "--db", audit.url]).output)
    for words in (
        ["checkpoint", "--key", secret, "--to", "-"],
        ["archive", "--key", secret, "--before", "2020-01-01", "-o", str(tmp_path)],
    ):
        result = invoke(["audit", *words, "--db", audit.url])
        assert (result.exit_code, "has to be the name of the file" in result.stderr) == (2, True)
        shown.append(result.output)
    assert [text for text in shown if secret[-20:] in text] == []
