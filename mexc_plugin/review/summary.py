"""What happened to one cancel, in a sentence, and what to do now. Pure.

Rows of `cancel_history`, one for each attempt in their order, go in.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from mexc_plugin.audit.outcome import UNRESOLVED, Outcome
from mexc_plugin.review.showing import duration

Row = Mapping[str, Any]

# {after}: how long the answer took, {why}: the venue's code and words or what the bot saw, each with
# a blank in front or empty.
SENTENCES: Mapping[str, str] = {
    Outcome.CANCELED: "MEXC confirmed{after}: the order is canceled",
    Outcome.PARTIALLY_CANCELED: "MEXC confirmed{after}: the rest of the order is canceled{filled}",
    Outcome.CLOSED: "it came too late: MEXC says{after} that the order had ended by itself{status}",
    Outcome.ACCEPTED: "MEXC accepted it{after}, and says nothing of single orders",
    Outcome.NOT_FOUND: "it had no effect: MEXC says{after} that there is no such open order{why}",
    Outcome.REJECTED: "it failed: MEXC refused{after}{why}",
    Outcome.UNAUTHORIZED: "it failed: MEXC did not accept the API key{after}{why}",
    Outcome.RATE_LIMITED: "it failed: MEXC refused{after} because of too many requests{why}",
    Outcome.NOT_SENT: "it failed: the request never left this machine{why}",
    Outcome.STILL_OPEN: "it had no effect: MEXC says that the order is still open",
    Outcome.UNKNOWN: "nobody knows yet whether it was executed: no clear answer came{after}{why}",
    Outcome.PENDING: "nothing more is on record: it is under way, or its process was stopped",
}
# What a refusal of the key means, where the venue says more than that.
OF_THE_KEY: Mapping[str, str] = {
    "700006": "it failed: MEXC does not take the API key from this machine's address{after}{why}",
    "700007": "it failed: the API key has no permission for this endpoint, said MEXC{after}{why}",
}
KEY_ADVICE: Mapping[str, str] = {
    "700006": "Add the address to those that the API key is bound to, or unbind it, at MEXC.",
    "700007": "Allow the API key at MEXC to {what}. What it may do now: mexc-plugin doctor",
}
PERMISSIONS: Mapping[str, str] = {
    "spot": "trade spot (SPOT_DEAL_WRITE)",
    "margin": "trade spot (SPOT_DEAL_WRITE)",
    "swap": "trade futures (CONTRACT_DEAL_WRITE)",
}
ADVICE = (
    "The order may be canceled or may still be open: do not place it again yet.",
    "Ask MEXC what became of it:",
    "  mexc-plugin audit reconcile --cancel-id {cancel_id}",
)


def summarize(attempts: Sequence[Row], time: Callable[[datetime], str]) -> list[str]:
    """One sentence, and advice where nobody knows what happened. time: how a time is written."""
    if not attempts:
        return []
    first, last = attempts[0], attempts[-1]
    lines = [f"{_say_what_was_asked(first, time)}; {_times(len(attempts))}{_became(last, time)}."]
    open_before = [row for row in attempts[:-1] if row["final_outcome"] in UNRESOLVED]
    lines += [f"What became of attempt {row['attempt']} is not known." for row in open_before]
    if open_before or last["final_outcome"] in UNRESOLVED:
        lines += [line.format(cancel_id=first["cancel_id"]) for line in ADVICE]
    if advice := KEY_ADVICE.get(_key_refusal(last)):
        what = PERMISSIONS.get(str(last["market_type"]), "trade")
        lines.append(advice.format(what=what))
    return lines


def _say_what_was_asked(row: Row, time: Callable[[datetime], str]) -> str:
    bot = f"the bot {row['bot']}" if row["bot"] else "a bot"
    order = row["order_id"] or row["client_order_id"]
    what = f"order {order}" if order else "all orders that a request names"
    where = f" on {row['symbol'] or row['native_symbol']}" if row["native_symbol"] else ""
    when = f" at {time(row['requested_at'])}" if row["requested_at"] else ""
    return f"{bot[:1].upper()}{bot[1:]} asked to cancel {what}{where}{when}"


def _times(attempts: int) -> str:
    return f"after {attempts} attempts " if attempts > 1 else ""


def _became(row: Row, time: Callable[[datetime], str]) -> str:
    final = str(row["final_outcome"])
    reconciled = final != row["outcome"] and row["reconciled_at"] is not None
    latency = row["latency_us"]
    parts = {
        "after": "" if latency is None or reconciled else f" after {duration(latency)}",
        "filled": f", {row['filled']} of {row['amount']} was filled" if row["filled"] else "",
        "status": f" as {row['order_status']}" if row["order_status"] else "",
        "why": "" if reconciled else _why(row),
    }
    # A database that was written to by others may hold any word.
    words = OF_THE_KEY.get(_key_refusal(row)) or SENTENCES.get(final, f"it ended as {final}")
    words = words.format(**parts)
    if not reconciled:
        return words
    return f"it was {row['outcome']} at first, and at {time(row['reconciled_at'])} {words}"


def _key_refusal(row: Row) -> str:
    """The code with which the venue refused the key; empty where it did not."""
    return str(row["venue_code"]) if row["final_outcome"] == Outcome.UNAUTHORIZED else ""


def _why(row: Row) -> str:
    said = " ".join(str(row[name]) for name in ("venue_code", "venue_message") if row[name])
    why = said or row["error_type"]
    return f" ({why})" if why else ""
