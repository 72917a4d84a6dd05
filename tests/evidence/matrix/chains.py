"""What is done to events, with all later hashes of the chain made anew, or by writing more of them.

`how` gets a writer's honest drafts, of which `before` are on record, and gives the chains that are there afterwards: that
writer's (none where all of it is gone), and those of new writers.
"""

import time
from collections.abc import Callable

from mexc_plugin.audit.ids import uuid7
from mexc_plugin.store.verify.findings import Degree, Fault
from tests.evidence import records
from tests.evidence.records import Draft, common

from .rows import INSERT, OWNER, By, Row

DOUBTFUL, NOTED = Degree.DOUBTFUL, Degree.NOTED
Chain = list[Draft]
Change = Callable[[Chain], list[Chain]]
FOREIGN = "f" * 16


def change(place: int, **fields: object) -> Change:
    return lambda d: [[*d[:place], d[place] | fields, *d[place + 1 :]]]


def without(*places: int) -> Change:
    return lambda d: [[draft for n, draft in enumerate(d) if n not in places]]


def slip_in(place: int, make: Callable[[Chain], list[Draft]]) -> Change:
    return lambda d: [[*d[:place], *make(d), *d[place:]]]


def append(*makers: Callable[[Chain], Draft], before: int = 15) -> Change:
    return lambda d: [[*d[:before], *(make(d) for make in makers)]]


def by_another(*makers: Callable[[Chain], Draft], start: bool = True) -> Change:
    """In the name of a new writer."""

    def make(drafts: Chain) -> list[Chain]:
        forged = [each(drafts) for each in makers]
        return [drafts, [records.start(), *forged, records.stop()] if start else forged]

    return make


def shared(draft: Draft) -> Draft:
    names = common("4", 0)
    return {name: value for name, value in draft.items() if name in names}


def said(drafts: Chain, outcome: str, status: str) -> Draft:
    """A reconciliation of the attempt that was reconciled already."""
    return records.reconciled(shared(drafts[3]), 95, outcome, status)


def rewrite(drafts: Chain) -> list[Chain]:
    """The cancel that worked was of an order that was not there."""
    forged = records.refused(common("4", 10, drafts[1]["cancel_id"]), 10)
    return [[drafts[0], *forged, *drafts[3:]]]


def backdate(drafts: Chain) -> list[Chain]:
    year = 365 * 86_400 * records.SECOND
    ids = {draft["cancel_id"] for draft in drafts if "cancel_id" in draft}
    early = {name: uuid7(int(name.replace("-", "")[:12], 16) - year // 1_000_000) for name in ids}
    return [
        [
            draft
            | {"occurred_ns": draft["occurred_ns"] - year}
            | ({"cancel_id": early[draft["cancel_id"]]} if "cancel_id" in draft else {})
            for draft in drafts
        ]
    ]


def exchange_accounts(drafts: Chain) -> list[Chain]:
    return [[d | {"account": FOREIGN} if "account" in d else d for d in drafts]]


def now(later: float = 5) -> float:
    return (time.time_ns() - records.NOON) / records.SECOND + later


def invent_cancel(drafts: Chain) -> list[Chain]:
    at = now()
    invented = [records.start(at), *records.canceled(common("77", at), at), records.stop(at + 9)]
    return [drafts, invented]


def invent_reconciliation(drafts: Chain) -> list[Chain]:
    at = now()
    told = records.reconciled(shared(drafts[3]), at, "closed", "FILLED")
    return [drafts[:5], [records.start(at), told, records.stop(at + 9)]]


def claim_version(drafts: Chain) -> list[Chain]:
    at = now()
    request, answer = records.canceled(common("78", at), at)
    invented = [records.start(at, version="0.0.1"), request, answer | {"outcome": "closed"}]
    return [drafts, [*invented, records.stop(at + 9)]]


def skip_answer(d: Chain) -> list[Chain]:
    bare = shared(d[2]) | {"kind": "response", "outcome": "canceled"}
    return [[d[0], d[1], bare | {"occurred_ns": d[2]["occurred_ns"]}, *d[3:]]]


FILLED = '{"orderId":"4","symbol":"LTCBTC","status":"FILLED"}'
ANSWER = {"status": 200, "headers": {}, "body": FILLED}
CUT = {"status": 200, "body": "{", "body_characters": 300_000}
SECRET = {"status": 200, "body": '{"orderId":"[redacted]"}'}
OLD = {"versions": {"mexc-plugin": "0.0.1"}}
STATED = "one at least of the events 1 to 15"


def owner(does: str, how: Change, *place: object, **more: object) -> Row:
    return Row(does, "events, rehashed", OWNER, how, *place, **more)  # type: ignore[arg-type]


def insert(does: str, how: Change, *place: object, **more: object) -> Row:
    return Row(does, "events", INSERT, how, *place, **more)  # type: ignore[arg-type]


def covered(does: str, how: Change, words: str) -> Row:
    return owner(does, how, Fault.CHECKPOINT, 15, by=By.CHECKPOINT, words=words)


ROWS = [
    owner("removes the start and numbers the rest anew", without(0), Fault.START, 1),
    owner("slips in a second start", slip_in(3, lambda _: [records.start(12)]), Fault.START, 4),
    owner("cuts off the stop", without(14), Fault.NO_STOP, None, NOTED),
    owner("changes an outcome", change(2, outcome="closed"), Fault.OUTCOME, 3),
    owner("makes an unknown a success", change(4, outcome="canceled"), Fault.OUTCOME, 5),
    owner("makes a refusal a success", change(7, outcome="canceled"), Fault.OUTCOME, 8),
    owner("makes a success unknown", change(2, outcome="unknown"), Fault.OUTCOME, 3),
    owner("changes what was filled", change(2, filled="0"), Fault.OUTCOME, 3),
    owner("changes the venue's code", change(7, venue_code="30016"), Fault.OUTCOME, 8),
    owner("changes the HTTP status", change(7, http_status=200), Fault.OUTCOME, 8),
    owner("changes the answer", change(2, response=ANSWER), Fault.OUTCOME, 3),
    owner(
        "changes which order the request names",
        lambda d: [[d[0], d[1] | {"request": d[6]["request"]}, *d[2:]]],
        Fault.OUTCOME,
        3,
    ),
    owner(
        "removes an order of several",
        change(13, orders=[{"order_id": "11", "outcome": "canceled"}]),
        Fault.OUTCOME,
        14,
    ),
    owner(
        "changes an outcome, and the version in start",
        lambda d: [[d[0] | OLD, d[1], d[2] | {"outcome": "closed"}, *d[3:]]],
        Fault.OUTCOME,
        3,
        DOUBTFUL,
    ),
    owner("replaces an answer by a cut one", change(2, response=CUT), Fault.OUTCOME, 3, DOUBTFUL),
    owner(
        "replaces a part of an answer as if it were secret",
        change(2, response=SECRET),
        Fault.OUTCOME,
        3,
        DOUBTFUL,
    ),
    owner("removes an answer", skip_answer, Fault.OUTCOME, 3, DOUBTFUL),
    owner("slips in a second response", slip_in(3, lambda d: [d[2]]), Fault.ATTEMPT, 4),
    owner("slips in a second request", slip_in(2, lambda d: [d[1]]), Fault.ATTEMPT, 3),
    owner("removes a request and numbers the rest anew", without(1), Fault.ATTEMPT, 2),
    owner(
        "removes a first attempt and numbers the rest anew",
        without(8, 9),
        Fault.ATTEMPT,
        None,
        DOUBTFUL,
    ),
    owner(
        "removes a request and claims a loss",
        lambda d: [[d[0], d[2] | {"lost": 1}, *d[3:]]],
        Fault.LOST,
        2,
    ),
    owner("moves a response to another account", change(2, account=FOREIGN), Fault.ACCOUNT, 3),
    owner(
        "moves a reconciliation to another account", change(5, account=FOREIGN), Fault.ACCOUNT, 6
    ),
    owner("moves a response to another bot", change(2, bot="other"), Fault.ATTEMPT, 3),
    owner("changes what a reconciliation says", change(5, outcome="closed"), Fault.RECONCILED, 6),
    owner(
        "makes a still_open before the request had expired",
        lambda d: [[*d[:5], records.reconciled(shared(d[3]), 21, "still_open", "NEW"), *d[6:]]],
        Fault.RECONCILED,
        6,
        DOUBTFUL,
    ),
    owner(
        "backdates a request by hours",
        change(1, occurred_ns=records.moment(-90_000)),
        Fault.TIME,
        2,
        DOUBTFUL,
    ),
    owner(
        "backdates a response by hours",
        change(2, occurred_ns=records.moment(-90_000)),
        Fault.TIME,
        3,
        NOTED,
    ),
    owner("changes a latency", change(2, latency_us=90_000_000), Fault.TIME, 3, NOTED),
    owner("makes an event of a kind that is none", change(2, kind="reply"), Fault.PAYLOAD, 3),
    owner(
        "slips in an event with nothing in it",
        slip_in(1, lambda _: [{"kind": "response", "occurred_ns": records.moment(5)}]),
        Fault.PAYLOAD,
        2,
    ),
    owner(
        "claims that events waited in a spool",
        change(3, spooled={"count": 2, "first": 2, "last": 3}),
        Fault.MARKED,
        None,
        NOTED,
    ),
    insert(
        "writes as a writer without start",
        by_another(lambda d: said(d, "canceled", "CANCELED"), start=False),
        Fault.START,
        1,
    ),
    insert(
        "writes long after a stop",
        append(lambda _: records.request(common("8", 5_000), 5_000)),
        Fault.AFTER_STOP,
        16,
    ),
    insert(
        "writes within ten seconds after a stop",
        append(lambda _: records.request(common("8", 901), 901)),
        Fault.AFTER_STOP,
        16,
        DOUBTFUL,
    ),
    insert(
        "writes a second response behind a chain",
        append(lambda d: d[2], before=12),
        Fault.ATTEMPT,
        13,
        before=12,
    ),
    insert(
        "writes a second response as a new writer", by_another(lambda d: d[2]), Fault.ATTEMPT, 2
    ),
    insert("writes a second request as a new writer", by_another(lambda d: d[1]), Fault.ATTEMPT, 2),
    insert(
        "reconciles without an answer",
        by_another(lambda d: said(d, "closed", "FILLED") | {"response": None}),
        Fault.RECONCILED,
        2,
    ),
    insert(
        "reconciles what was known",
        by_another(lambda d: records.reconciled(shared(d[1]), 95, "closed", "FILLED")),
        Fault.RECONCILED,
        2,
    ),
    insert(
        "reconciles what never was",
        by_another(lambda _: records.reconciled(common("9", 90), 95, "closed", "FILLED")),
        Fault.RECONCILED,
        2,
    ),
    insert(
        "reconciles once more, and says something else",
        by_another(lambda d: said(d, "closed", "FILLED")),
        Fault.RECONCILED,
        2,
    ),
    insert(
        "reconciles once more, and says the same",
        by_another(lambda d: said(d, "canceled", "CANCELED")),
        Fault.RECONCILED,
        2,
        NOTED,
    ),
    insert(
        "invents a cancel and its answer as a new writer",
        invent_cancel,
        Fault.KEY,
        1,
        by=By.WRITER_KEY,
    ),
    insert(
        "invents a reconciliation of an unresolved attempt, and its answer, as a new writer",
        invent_reconciliation,
        Fault.KEY,
        1,
        by=By.WRITER_KEY,
        before=5,
    ),
    insert(
        "invents a cancel as a new writer of another version",
        claim_version,
        Fault.OUTCOME,
        3,
        DOUBTFUL,
    ),
    covered("changes a text that nothing contradicts", change(0, host="there"), STATED),
    covered("changes only the last event", change(14, host="there"), STATED),
    covered("rewrites request, answer and outcome together", rewrite, STATED),
    covered("backdates one event by a second", change(0, occurred_ns=records.moment(-1)), STATED),
    covered("backdates a whole chain, ids included", backdate, STATED),
    covered("exchanges the account in all events of a chain", exchange_accounts, STATED),
    covered(
        "removes all events of a cancel and numbers the rest anew", without(6, 7), "events 14 to 15"
    ),
    covered("removes a reconciliation and numbers the rest anew", without(5), "events 15 to 15"),
    covered("cuts off the newest ten events", lambda d: [d[:5]], "events 6 to 15"),
    covered(
        "cuts off events and writes others in their place",
        lambda d: [[*d[:12], *records.canceled(common("99", 300), 300), d[14]]],
        STATED,
    ),
    covered(
        "slips in a request",
        slip_in(14, lambda _: [records.request(common("98", 400), 400)]),
        STATED,
    ),
    covered("removes a whole writer", lambda _: [[]], "all its 15 events"),
]
