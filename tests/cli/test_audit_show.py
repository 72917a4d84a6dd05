import json
from collections import defaultdict

import pytest

from mexc_plugin.audit import chain
from mexc_plugin.audit.ids import uuid7
from mexc_plugin.audit.outcome import UNRESOLVED, Outcome
from mexc_plugin.review.summary import summarize
from mexc_plugin.store.schema.tables import HISTORY_COLUMNS
from tests.cli.tampering import tamper

BODY = '{"symbol":"LTCBTC","orderId":4,"price":"2.00000000","executedQty":1.50}'


@pytest.fixture
def show(run, url):
    def showing(*arguments):
        return run("audit", "show", "--database-url", url, *arguments)

    return showing


def test_every_event_of_all_attempts_is_shown_oldest_first(ledger, show):
    cancel_id = ledger.cancel("unknown")
    ledger.cancel("canceled", cancel_id=cancel_id, attempt=2, at=1)
    ledger.reconcile(cancel_id, "canceled", at=2)
    ledger.cancel("rejected")
    found = [json.loads(line) for line in show(cancel_id, "--format", "jsonl").stdout.splitlines()]
    assert [(event["kind"], event["attempt"]) for event in found] == [
        ("request", 1),
        ("response", 1),
        ("request", 2),
        ("response", 2),
        ("reconciliation", 1),
    ]


@pytest.mark.parametrize(
    ("code", "market", "says", "advises"),
    [
        ("700007", "spot", "has no permission for this endpoint", "trade spot (SPOT_DEAL_WRITE)"),
        ("700007", "swap", "has no permission", "trade futures (CONTRACT_DEAL_WRITE)"),
        ("700006", "spot", "does not take the API key from this machine", "bound to, or unbind it"),
        ("700002", "spot", "did not accept the API key", None),
    ],
)
def test_why_a_key_was_refused_and_what_to_allow_is_said(ledger, show, code, market, says, advises):
    answer = {"venue_code": code, "venue_message": "No."}
    cancel_id = ledger.cancel("unauthorized", market_type=market, answer=answer)
    text = " ".join(show(cancel_id, "--format", "table").stdout.partition("Timeline")[0].split())
    assert says in text
    assert f"({code} No.)" in text
    assert (advises or "Allow") in text or advises is None
    assert ("at MEXC" in text) == (advises is not None)


@pytest.mark.parametrize("width", [80, 120])
def test_what_happened_is_wrapped_between_words_and_a_command_is_not(ledger, url, width):
    from mexc_plugin.cli.commands.show import as_text
    from mexc_plugin.cli.output.terminal import Screen, cells
    from mexc_plugin.store.read import queries

    order = "C02__442859222808420353049"
    cancel_id = ledger.cancel("unknown", bot="b" * 30, order_id=order)
    with queries.reading(url) as connection:
        rows, attempts = (
            queries.events(connection, cancel_id),
            queries.attempts(connection, cancel_id),
        )
        lines = list(as_text(rows, defaultdict(tuple), attempts, Screen(width=width)))
    told = lines[1 : lines.index("")]
    assert max(map(cells, told)) <= width
    assert f"  mexc-plugin audit reconcile --cancel-id {cancel_id}" in told
    assert " ".join(told).startswith(f"The bot {'b' * 30} asked to cancel order {order} on LTC/BTC")


def test_json_is_the_documents_with_their_hashes(ledger, show):
    documents = json.loads(show(ledger.cancel(), "--format", "json").stdout)
    assert documents[0]["prev_hash"] == chain.GENESIS
    assert documents[0]["hash"] == documents[1]["prev_hash"]
    assert documents[0]["request"]["method"] == "DELETE"


def test_people_see_what_was_sent_what_came_back_and_what_changed(ledger, show):
    cancel_id = ledger.cancel(body=BODY, answer={"order_status": "CANCELED", "symbol": "LTC/USDT"})
    text = show(cancel_id, "--format", "table").stdout
    for expected in (
        "2026-11-23 12:00:00.000  request  attempt 1",
        "response  attempt 1  canceled  after 1.50 ms",
        "X-MEXC-APIKEY: [redacted]",
        '      "executedQty": 1.50\n',
        "  order_status: CANCELED",
        "  symbol: LTC/BTC → LTC/USDT",
        f"  writer: {ledger.writer_id} seq 2",
        f"  hash: {ledger.hash}",
    ):
        assert expected in text
    assert text.count("order_id: 4") == 1


def test_what_no_column_has_is_shown_too(ledger, show):
    cancel_id = ledger.cancel(
        answer={"reason": "HTTP 502 does not say what happened", "orders": [{"order_id": "9"}]}
    )
    text = show(cancel_id, "--format", "table").stdout
    assert "reason: HTTP 502 does not say what happened" in text
    assert '{"order_id": "9"}' in text


@pytest.mark.parametrize("body", ["\x1b[2J\x9b\u202e", '{"a":"\x1b[2J"}', "\x07\n\x1b]0;x\x07"])
def test_a_venue_cannot_control_the_terminal(ledger, show, body):
    text = show(
        ledger.cancel(body=body, answer={"venue_message": body}), "--format", "table"
    ).stdout
    assert all(line.isprintable() for line in text.splitlines())
    assert "\\x1b" in text


def test_a_unique_beginning_of_an_id_is_enough(ledger, show):
    cancel_id = ledger.cancel(cancel_id="01a20652-d3ab-70ca-8bc7-731c07817623")
    ledger.cancel(cancel_id="01a20652-d3ab-70ca-8bc7-831c07817623")
    assert show(cancel_id[:25].upper(), "--format", "jsonl").exit_code == 0


def test_a_beginning_of_several_ids_says_so_and_names_them(ledger, show):
    ids = [ledger.cancel(cancel_id=f"01a20652-d3ab-70ca-8bc7-{n}31c07817623") for n in range(7)]
    result = show("01a20652-d3ab")
    assert [result.exit_code, result.stdout] == [1, ""]
    assert "stands for several cancels" in result.stderr
    assert ids[0] in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "wanted", ["nonsense", "01a20652", "%", "", "\x1b[2J", "01a20652-d3ab-7" * 9]
)
def test_an_unknown_id_is_one_line_that_says_how_to_find_ids(show, wanted):
    result = show(wanted)
    assert [result.exit_code, result.stdout] == [1, ""]
    assert "mexc-plugin audit list" in result.stderr
    assert result.stderr.removesuffix("\n").isprintable()


def test_a_payload_that_was_tampered_with_is_shown_as_it_stands(ledger, show, path):
    cancel_id = ledger.cancel()
    tamper(path, "UPDATE cancel_audit SET payload = 'gone' WHERE seq = 2")
    assert (
        json.loads(show(cancel_id, "--format", "jsonl").stdout.splitlines()[1])["payload"] == "gone"
    )
    assert "  payload: gone\n" in show(cancel_id, "--format", "table").stdout


def test_a_cancel_is_shown_by_the_ids_of_its_order(ledger, show):
    cancel_id = ledger.cancel(order_id="C02__7", client_order_id="mine")
    for name in ("C02__7", "mine"):
        result = show(name, "--format", "jsonl")
        assert (result.exit_code, cancel_id in result.stdout) == (0, True)


def test_an_order_that_was_cancelled_twice_names_both_cancels(ledger, show):
    ids = [ledger.cancel(order_id="C02__8") for _ in range(2)]
    result = show("C02__8")
    assert result.exit_code == 1
    assert all(cancel_id in result.stderr for cancel_id in ids)


# -- the chain around it


def faults(result):
    documents = json.loads(result.stdout)
    return [[finding["fault"] for finding in document["chain"]] for document in documents]


def test_a_chain_that_holds_is_said_to_hold(ledger, show):
    ledger.cancel()
    cancel_id = ledger.cancel()
    ledger.cancel()
    result = show(cancel_id, "--format", "json")
    assert [result.exit_code, faults(result)] == [0, [[], []]]
    text = show(cancel_id, "--format", "table").stdout
    assert text.count("  chain: holds, as do the links to its neighbours\n") == 2


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE cancel_audit SET outcome = 'closed' WHERE seq = 4", [[], ["column"]]),
        ("UPDATE cancel_audit SET hash = prev_hash WHERE seq = 3", [["hash", "link"], ["link"]]),
        ("UPDATE cancel_audit SET prev_hash = hash WHERE seq = 5", [[], ["link"]]),
        ("UPDATE cancel_audit SET hash = prev_hash WHERE seq = 2", [["link"], []]),
        ("DELETE FROM cancel_audit WHERE seq = 2", [["gap"], []]),
        ("DELETE FROM cancel_audit WHERE seq IN (1, 2)", [["gap"], []]),
        ("DELETE FROM cancel_audit WHERE seq = 5", [[], ["gap"]]),
        ("UPDATE cancel_audit SET payload = '{}' WHERE seq = 4", [[], ["hash", "payload"]]),
        ("UPDATE cancel_audit SET occurred_at = 'never' WHERE seq = 6", [[], []]),
        ("UPDATE cancel_audit SET hash = 'x' WHERE seq = 1", [[], []]),
    ],
)
def test_what_is_broken_around_a_cancel_is_named_and_exits_3(
    ledger, show, path, statement, expected
):
    ledger.cancel()
    cancel_id = ledger.cancel()  # events 3 and 4 of 6
    ledger.cancel()
    tamper(path, statement)
    result = show(cancel_id, "--format", "json")
    assert faults(result) == expected
    assert result.exit_code == (3 if any(expected) else 0)
    if any(expected):
        assert "the chain is broken here" in result.stderr
        assert "  chain: " in show(cancel_id, "--format", "table").stdout


def test_the_first_and_the_last_event_of_a_writer_have_one_neighbour(ledger, show):
    assert faults(show(ledger.cancel(), "--format", "json")) == [[], []]


def test_a_timeline_says_the_time_between_events(ledger, show):
    cancel_id = ledger.cancel("unknown")
    ledger.reconcile(cancel_id, "canceled", at=90)
    lines = show(cancel_id, "--format", "table").stdout.splitlines()
    assert "2026-11-23 12:00:00.001  +1.50 ms  response  attempt 1  unknown  after 1.50 ms" in lines
    assert any("+90.0 s  reconciliation" in line for line in lines)


def test_a_clock_that_was_set_back_is_shown_as_it_was(ledger, show):
    cancel_id = ledger.cancel(None)
    ledger.store(
        ledger.seal(kind="response", cancel_id=cancel_id, attempt=1, outcome="canceled", at=-2)
    )
    text = show(cancel_id, "--format", "table").stdout
    assert "2026-11-23 12:00:00.000  +2.00 s  request" in text


def test_a_timeline_has_the_time_of_this_place(ledger, show, berlin):
    text = show(ledger.cancel(), "--local", "--format", "table").stdout
    assert "2026-11-23 13:00:00.000  request" in text
    assert "Timeline (local)" in text
    assert "at 2026-11-23 13:00:00.000 local; " in text


# -- what happened, in a sentence


def told(show, cancel_id):
    head, *lines = show(cancel_id, "--format", "table").stdout.splitlines()
    assert head == f"cancel {cancel_id}"
    return lines[: lines.index("")]


ASKED = "The bot grid asked to cancel order 4 on LTC/BTC at 2026-11-23 12:00:00.000 UTC; "


def test_it_begins_with_a_sentence_and_ends_with_raw_words(ledger, show):
    cancel_id = ledger.cancel(body=BODY)
    assert told(show, cancel_id) == [f"{ASKED}MEXC confirmed after 1.50 ms: the order is canceled."]
    text = show(cancel_id, "--format", "table").stdout
    assert text.index(ASKED) < text.index("Timeline (UTC)") < text.index("Raw words: request")


def test_a_refusal_is_told_with_its_code_and_message(ledger, show):
    refused = {"venue_code": "-2011", "venue_message": "Unknown \x1border"}
    (sentence,) = told(show, ledger.cancel("not_found", answer=refused))
    assert sentence.endswith("there is no such open order (-2011 Unknown \\x1border).")


def test_an_unknown_is_no_response_and_says_what_to_do(ledger, show):
    common = {"cancel_id": uuid7(), "attempt": 1, "order_id": "4"}
    ledger.store(
        ledger.seal(kind="request", **common),
        ledger.seal(kind="response", outcome="unknown", error_type="RequestTimeout", **common),
    )
    sentence, *advice = told(show, common["cancel_id"])
    assert "nobody knows yet" in sentence
    assert "(RequestTimeout)" in sentence
    assert f"mexc-plugin audit reconcile --cancel-id {common['cancel_id']}" in advice[-1]
    text = show(common["cancel_id"], "--format", "table").stdout
    assert "no answer  attempt 1  unknown" in text
    assert "response  attempt" not in text


def test_what_was_never_sent_is_not_headed_response(ledger, show):
    common = {"cancel_id": uuid7(), "attempt": 1, "order_id": "4"}
    ledger.store(
        ledger.seal(kind="request", **common),
        ledger.seal(kind="response", outcome="not_sent", error_type="NetworkError", **common),
    )
    text = show(common["cancel_id"], "--format", "table").stdout
    assert "not sent  attempt 1  not_sent" in text
    assert "never left this machine (NetworkError)" in text


def test_a_reconciled_cancel_is_told_from_first_to_last(ledger, show):
    cancel_id = ledger.cancel("unknown")
    ledger.reconcile(cancel_id, "canceled")
    later = "it was unknown at first, and at 2026-11-23 12:01:00.000 UTC MEXC confirmed"
    assert told(show, cancel_id) == [f"{ASKED}{later}: the order is canceled."]


def test_an_attempt_that_stays_unknown_is_not_forgotten(ledger, show):
    cancel_id = ledger.cancel("unknown")
    ledger.cancel("not_found", cancel_id=cancel_id, attempt=2, at=1)
    sentence, second, *advice = told(show, cancel_id)
    assert "after 2 attempts it had no effect" in sentence
    assert second == "What became of attempt 1 is not known."
    assert len(advice) == 3


@pytest.mark.parametrize("outcome", [outcome.value for outcome in Outcome])
def test_every_outcome_has_its_sentence(outcome):
    row = dict.fromkeys(HISTORY_COLUMNS) | {"final_outcome": outcome, "outcome": outcome}
    sentence, *advice = summarize([row], str)
    assert "ended as" not in sentence
    assert bool(advice) == (outcome in UNRESOLVED)
    assert summarize([], str) == []
