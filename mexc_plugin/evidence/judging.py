"""Does an outcome follow from the stored answer? Judged again by the program's own rules. Pure."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.audit.redaction import REPLACEMENT
from mexc_plugin.store.verify.findings import Degree, Fault, Finding
from mexc_plugin.venue.endpoints import Endpoint, classify
from mexc_plugin.venue.fields import FIELDS, event_fields
from mexc_plugin.venue.identity import CancelAck
from mexc_plugin.venue.reconciliation import CLOCK_MARGIN_MS, judge
from mexc_plugin.venue.requests import ParsedRequest, read_request
from mexc_plugin.venue.responses import Refusal
from mexc_plugin.venue.verdict import HttpAnswer, Verdict, decide, order_outcome

Document = Mapping[str, Any]

_IDS = ("order_id", "client_order_id", "cancel_client_order_id")
# Of an order, only an answer says what comes before the ids.
_FIELDS = (*(name for name in FIELDS if name not in _IDS), *_IDS)
_WITHOUT_ANSWER = (Outcome.UNKNOWN, Outcome.NOT_SENT)


@dataclass(frozen=True, slots=True)
class Objection:
    """Why what an event says cannot be, or cannot be told."""

    degree: Degree
    message: str


def find(
    fault: Fault, writer_id: str, document: Document, message: str, degree: Degree = Degree.BROKEN
) -> Finding:
    """A finding about an event."""
    cancel_id = document.get("cancel_id")
    return Finding(
        fault,
        message,
        writer_id,
        document["seq"],
        degree,
        cancel_id if isinstance(cancel_id, str) else None,
        document["occurred_ns"],
    )


def object_to_response(
    request: Document, response: Document, other_version: str | None
) -> Objection | None:
    """Why the outcome of a response does not follow from its answer; None where it does.

    other_version: of this program, where it was not this one that gave the outcome.
    """
    answer, outcome = response.get("response"), response.get("outcome")
    if answer is None:
        return _object_without_answer(response, outcome)
    status = answer.get("status")
    if status != response.get("http_status"):
        return Objection(Degree.BROKEN, "http_status is not that of the stored answer")
    asked = read_asked(request)
    if asked is None:
        problem = "its request is none that cancels"
    else:
        # An answer that was not seen on the wire was judged as a success's.
        seen = HttpAnswer(200 if status is None else status, answer.get("body") or "")
        verdict = decide(asked, seen, may_have_left=True)
        if verdict.outcome == outcome:
            odd = _differing(response, verdict)
            if odd is None:
                return None
            problem = f"the stored answer says another {odd}"
        else:
            problem = f"the stored answer means {verdict.outcome.value}, the event says {outcome}"
    return _weigh(problem, request, answer, other_version)


def object_to_reconciliation(
    request: Document, event: Document, other_version: str | None
) -> Objection | None:
    """Why the outcome of a reconciliation does not follow from the venue's stored word."""
    answer, outcome = event.get("response"), event.get("outcome")
    if not isinstance(answer, Mapping) or not isinstance(answer.get("status"), int):
        return Objection(Degree.BROKEN, "it holds no answer of the venue")
    asked = read_asked(request)
    if asked is None or not asked.endpoint.one or asked.endpoint.market_type != "spot":
        problem = "its request names no single spot order that the venue can be asked about"
    else:
        still = outcome == Outcome.STILL_OPEN
        seen = HttpAnswer(answer["status"], answer.get("body") or "")
        judged = judge(asked, seen, expired=still)
        if judged.outcome == outcome:
            waited_ns = event["occurred_ns"] - request["occurred_ns"]
            if still and waited_ns < CLOCK_MARGIN_MS * 1_000_000:
                return Objection(Degree.DOUBTFUL, "still_open before the request had expired")
            odd = _differing_ack(event, judged.order, judged.refusal)
            if odd is None:
                return None
            problem = f"the stored answer says another {odd}"
        else:
            means = judged.outcome.value if judged.outcome else f"nothing ({judged.reason})"
            problem = f"the stored answer means {means}, the event says {outcome}"
    return _weigh(problem, request, answer, other_version)


def read_asked(request: Document) -> ParsedRequest | None:
    """What a stored request asked for; None where it is none that cancels."""
    sent = request.get("request")
    if not isinstance(sent, dict):
        return None
    method, url = str(sent.get("method") or ""), str(sent.get("url") or "")
    endpoint = _endpoint(method, url)
    return None if endpoint is None else read_request(endpoint, url, sent.get("body"))


def _endpoint(method: str, url: str) -> Endpoint | None:
    address, _, query = url.partition("?")
    # Only an address within the query could make it another's.
    return classify(method, url) if ":" in query or "%" in query else _classify(method, address)


_classify = functools.lru_cache(maxsize=1024)(classify)


def _object_without_answer(response: Document, outcome: object) -> Objection | None:
    if outcome in _WITHOUT_ANSWER:
        return None
    if "error" in response or "latency_us" in response:
        return Objection(Degree.BROKEN, f"it says {outcome}, and holds no answer of the venue")
    # What the program writes where an answer cannot be described.
    return Objection(Degree.DOUBTFUL, f"it says {outcome}; its answer was not kept")


def _weigh(
    problem: str, request: Document, answer: Document, other_version: str | None
) -> Objection:
    """How bad it is that the same rules say something else now."""
    sent = request.get("request")
    sent = sent if isinstance(sent, Mapping) else {}
    if "undescribed" in request:
        return Objection(Degree.DOUBTFUL, f"{problem}; the request could not be described")
    if "body_characters" in answer or "body_characters" in sent:
        return Objection(Degree.DOUBTFUL, f"{problem}; only the beginning of a body is kept")
    shown = str(sent.get("url")).replace(f"signature={REPLACEMENT}", "")
    if any(REPLACEMENT in str(text) for text in (shown, sent.get("body"), answer.get("body"))):
        return Objection(Degree.DOUBTFUL, f"{problem}; a secret was replaced in what it rests on")
    if other_version is not None:
        return Objection(
            Degree.DOUBTFUL,
            f"{problem}; mexc-plugin {other_version} judged it, by rules of its own",
        )
    return Objection(Degree.BROKEN, problem)


def _differing(response: Document, verdict: Verdict) -> str | None:
    """A field that the answer gives another value than the event."""
    orders = verdict.orders
    if len(orders) <= 1:
        if "orders" in response:
            return "number of orders"
        return _differing_ack(response, orders[0] if orders else None, verdict.refusal)
    named = [event_fields(ack) | {"outcome": order_outcome(ack).value} for ack in orders]
    return None if response.get("orders") == named else "order"


def _differing_ack(event: Document, ack: CancelAck | None, refusal: Refusal | None) -> str | None:
    named = event_fields(ack) if ack is not None else {}
    if refusal is not None:
        named |= {"venue_code": refusal.code, "venue_message": refusal.message}
    for name in _FIELDS:
        if event.get(name) != named.get(name) and (name in named or name not in _IDS):
            return name
    return None
