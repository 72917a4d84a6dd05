"""What the venue's word about an order says of a cancel whose outcome was unknown. Pure."""

from dataclasses import dataclass

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.venue.identity import CancelAck
from mexc_plugin.venue.requests import ParsedRequest
from mexc_plugin.venue.responses import Acknowledged, Refusal, decode
from mexc_plugin.venue.verdict import HttpAnswer, order_outcome, refusal_outcome

# After this, in milliseconds beyond its recvWindow, a request that was held up is refused.
CLOCK_MARGIN_MS = 2_000

# "No permission to access the endpoint."
NO_PERMISSION = "700007"
NO_PROOF = "the venue does not know the order (any more): that is no proof of a cancel"
STILL_OPEN = "the order is still open and the request has expired: the cancel had no effect"

OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})
# What an order that has ended says. PENDING and PENDING_CANCEL decide nothing yet.
CONCLUSIVE = frozenset({"CANCELED", "PARTIALLY_CANCELED", "FILLED", "EXPIRED", "REJECTED"})


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was learnt. outcome None: nothing that decides, and nothing is put on record."""

    outcome: Outcome | None
    reason: str | None = None
    order: CancelAck | None = None
    refusal: Refusal | None = None


def judge(asked: ParsedRequest, answer: HttpAnswer | None, *, expired: bool) -> Judgement:
    """Read the answer to GET /api/v3/order for the order that a cancel asked for. Total.

    expired: the cancel's own request can no longer take effect, its recvWindow is over.
    """
    if answer is None:
        return Judgement(None, "the venue could not be asked")
    if answer.status >= 500 or 300 <= answer.status < 400:
        return Judgement(None, f"HTTP {answer.status} says nothing of the order")
    # Here `clientOrderId` is the order's own: the identity rests on the id that was used to ask.
    reply = decode(asked._replace(client_order_ids=()), answer.body)
    if isinstance(reply, Refusal):
        if refusal_outcome(reply) is Outcome.NOT_FOUND:
            return Judgement(Outcome.NOT_FOUND, NO_PROOF, refusal=reply)
        return Judgement(
            None, f"the venue refused to say: {reply.code} {reply.message}{_advice(reply)}"
        )
    if not isinstance(reply, Acknowledged) or not reply.orders or answer.status >= 400:
        return Judgement(None, "the venue's answer cannot be read")
    found = reply.orders[0]
    order = found._replace(
        client_order_id=found.client_order_id or found.cancel_client_order_id,
        cancel_client_order_id=None,
    )
    if asked.client_order_ids and order.client_order_id not in (None, *asked.client_order_ids):
        return Judgement(None, "the venue's answer is about another order")
    if order.status in CONCLUSIVE:
        return Judgement(order_outcome(order), order=order)
    if order.status in OPEN and expired:
        return Judgement(Outcome.STILL_OPEN, STILL_OPEN, order=order)
    if order.status in OPEN:
        return Judgement(None, "the order is open; the request may still take effect: ask again")
    return Judgement(None, f"the order is {order.status}, which decides nothing")


def _advice(refusal: Refusal) -> str:
    if refusal.code != NO_PERMISSION:
        return ""
    return "; allow the API key to read spot orders (SPOT_DEAL_READ)"
