"""May this reconciliation be? Only of an attempt that was unresolved, and with the venue's own word."""

from collections.abc import Iterator, Mapping, Sequence

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.evidence.judging import Document, find, object_to_reconciliation
from mexc_plugin.store.verify.findings import Degree, Fault, Finding

_ENDED: frozenset[str] = frozenset({Outcome.CANCELED, Outcome.PARTIALLY_CANCELED, Outcome.CLOSED})
# What the venue may say of an order after it had said this, and both be true: an answer that waited in a spool, or
# another one's reconciliation, may come to the record when the venue was asked already. It forgets orders, too.
_MAY_FOLLOW: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            *(Outcome.REJECTED, Outcome.UNAUTHORIZED, Outcome.RATE_LIMITED, Outcome.NOT_SENT),
            Outcome.STILL_OPEN,
        ),
        _ENDED | {Outcome.STILL_OPEN, Outcome.NOT_FOUND},
    ),
    Outcome.NOT_FOUND: _ENDED,
    Outcome.CANCELED: frozenset({Outcome.PARTIALLY_CANCELED, Outcome.NOT_FOUND}),
    Outcome.PARTIALLY_CANCELED: frozenset({Outcome.NOT_FOUND}),
    Outcome.CLOSED: frozenset({Outcome.NOT_FOUND}),
}

# An event of an attempt: its writer, its number, its kind and its document.
Known = tuple[str, int, str, Document]


def check_reconciliation(
    event: Document, known: Sequence[Known], other_version: str | None
) -> Iterator[Finding]:
    """What is wrong with a reconciliation. known: every event of its attempt, oldest first."""
    request = next((found for _, _, kind, found in known if kind == "request"), None)
    if request is None:
        yield _find(event, Degree.BROKEN, "of an attempt whose request is not on record")
        return
    if event.get("account") != request.get("account"):
        yield _find(
            event, Degree.BROKEN, "account is another than its request's", fault=Fault.ACCOUNT
        )
    yield from _check_need(event, known)
    objection = object_to_reconciliation(request, event, other_version)
    if objection is not None:
        yield _find(event, objection.degree, objection.message)


def _check_need(event: Document, known: Sequence[Known]) -> Iterator[Finding]:
    """Whether its attempt was unresolved then. Of what came late, only a contradiction is one."""
    outcome = event.get("outcome")
    for writer_id, seq, kind, found in known:
        earlier = found["occurred_ns"] <= event["occurred_ns"]
        if (writer_id, seq) == (event["writer_id"], event["seq"]) or not earlier:
            continue
        said = found.get("outcome")
        if kind not in ("response", "reconciliation") or said == Outcome.UNKNOWN:
            continue
        where = f"a {kind} at writer {writer_id} seq {seq} said {said} before"
        if said == outcome:
            # Two may ask at once, and an answer may have waited in a spool.
            degree = Degree.NOTED if kind == "reconciliation" else Degree.DOUBTFUL
            yield _find(event, degree, f"of an attempt that was resolved: {where}")
        elif str(outcome) in _MAY_FOLLOW.get(str(said), ()):
            yield _find(event, Degree.DOUBTFUL, f"of an attempt that was resolved: {where}")
        else:
            yield _find(event, Degree.BROKEN, f"it contradicts what was known: {where}")


def _find(
    event: Document, degree: Degree, message: str, *, fault: Fault = Fault.RECONCILED
) -> Finding:
    return find(fault, event["writer_id"], event, message, degree)
