"""Asking the venue what became of cancels whose outcome is unknown, and putting its word on record."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from ccxt.base import errors as ccxt_errors

from mexc_plugin.audit import events
from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.audit.redaction import account_fingerprint
from mexc_plugin.exchange.cancels.unified_orders import build_order
from mexc_plugin.exchange.context import Lookup, Scope, looking_up
from mexc_plugin.exchange.drafts import ack_fields, host_name
from mexc_plugin.exchange.interceptor import Interceptor
from mexc_plugin.exchange.stored_request import Unresolved, parse_unresolved
from mexc_plugin.exchange.waiting import resolve
from mexc_plugin.venue import requests
from mexc_plugin.venue.reconciliation import Judgement, judge
from mexc_plugin.venue.verdict import HttpAnswer

PATH = "/api/v3/order"
CLOSED = frozenset({Outcome.CANCELED, Outcome.PARTIALLY_CANCELED, Outcome.CLOSED})


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What asking about one attempt brought. outcome None: it is as unknown as before, see reason."""

    cancel_id: str
    attempt: int
    symbol: str | None
    order_id: str | None
    client_order_id: str | None
    was: str
    outcome: str | None
    reason: str | None


class Reconcile(Interceptor):
    """`reconcile_cancels`, and what `cancel_order` does for params['confirm']."""

    async def reconcile_cancels(
        self,
        *,
        dry_run: bool = False,
        cancel_id: str | None = None,
        on_progress: Callable[[int, int, dict[str, Any]], object] | None = None,
    ) -> list[dict[str, Any]]:
        """Ask the venue about every cancel of this account whose outcome is unknown or pending.

        Each is asked for with GET /api/v3/order (weight 2, ccxt's rate limit) by the id that was
        used; what the venue says is appended as a `reconciliation` event, and `final_outcome` in
        the view follows it. Idempotent: what is resolved is not asked again.

        dry_run: only list them; cancel_id: only this one; on_progress: called with how many are
        done, how many there are, and the newest result. Returns a list of dicts: cancel_id, attempt,
        symbol, order_id, client_order_id, was, outcome (None: still unknown), reason.
        Raises AuthenticationError without a key, and errors.StoreError when the audit cannot be read.
        """
        account = account_fingerprint(self.apiKey)
        if account is None:
            raise ccxt_errors.AuthenticationError(f"{self.id} reconcileCancels() requires apiKey")
        from mexc_plugin.store.read.unresolved import (
            read_unresolved,  # reading is for those who ask
        )

        found = await self._audit_in_thread(
            read_unresolved, self._audit_settings.url, account, cancel_id
        )
        waiting = [parse_unresolved(payload, outcome) for payload, outcome in found]
        done: list[dict[str, Any]] = []
        for item in waiting:
            if dry_run:
                judgement = Judgement(None, "not asked: dry run")
            else:
                judgement, _ = await self._audit_ask(item)
            done.append(asdict(_result(item, judgement)))
            if on_progress is not None:
                on_progress(len(done), len(waiting), done[-1])
        return done

    async def _audit_ask(self, item: Unresolved) -> tuple[Judgement, Lookup]:
        if not item.can_be_asked or item.asked is None:
            return Judgement(
                None, "it names no single spot order that could be asked about"
            ), Lookup()
        # The answer that an error stands for, if there was one, is in the lookup.
        with looking_up() as lookup, contextlib.suppress(ccxt_errors.BaseError):
            await resolve(self.spotPrivateGetOrder(_question(item.asked)))
        expired = self.milliseconds() > item.expires_ms
        judgement = judge(item.asked, lookup.answer, expired=expired)
        if judgement.outcome is not None and lookup.answer is not None:
            await self._audit_record_judgement(item, judgement, judgement.outcome, lookup.answer)
        return judgement, lookup

    async def _audit_record_judgement(
        self, item: Unresolved, judgement: Judgement, outcome: Outcome, answer: HttpAnswer
    ) -> None:
        redactor = self._audit_redactor()
        refusal, asked = judgement.refusal, item.asked
        draft = {
            "kind": "reconciliation",
            "occurred_ns": time.time_ns(),
            "cancel_id": item.cancel_id,
            "attempt": item.attempt,
            "account": account_fingerprint(self.apiKey),
            "bot": item.bot,
            "host": host_name(),
            "market_type": item.market_type,
            "symbol": item.symbol,
            "native_symbol": item.native_symbol,
            "order_id": next(iter(asked.order_ids), None) if asked else None,
            "client_order_id": next(iter(asked.client_order_ids), None) if asked else None,
            "method": "GET",
            "path": PATH,
            "http_status": answer.status,
            "outcome": outcome.value,
            "reason": judgement.reason,
            "venue_code": redactor.text(refusal.code) if refusal else None,
            "venue_message": redactor.text(refusal.message) if refusal else None,
            "response": {
                "status": answer.status,
                **events.body_fields(answer.body, redactor.text),
            },
        }
        if judgement.order is not None:
            draft |= ack_fields(judgement.order, redactor)
        recording = self._audit_recording()
        await recording.record(draft)

    async def _audit_confirm_unknown(self, scope: Scope, market: Any) -> Any:
        """The order if the venue says that it is gone, else None. Never an error of its own."""
        if scope.asked is None:
            return None
        item = Unresolved(
            cancel_id=scope.cancel_id,
            attempt=scope.attempts,
            outcome=Outcome.UNKNOWN.value,
            bot=self._audit_settings.bot,
            market_type=scope.asked.endpoint.market_type,
            symbol=scope.symbol,
            native_symbol=scope.asked.symbol,
            asked=scope.asked,
            expires_ms=self.milliseconds() + requests.MAX_RECV_WINDOW,
        )
        judgement, lookup = await self._audit_ask(item)
        if judgement.outcome not in CLOSED or judgement.order is None or lookup.answer is None:
            return None
        info = self.parse_json(lookup.answer.body)
        return build_order(self, scope.asked, judgement.order, market, info)


def _question(asked: requests.ParsedRequest) -> dict[str, str]:
    name, ids = (
        ("orderId", asked.order_ids)
        if asked.order_ids
        else ("origClientOrderId", asked.client_order_ids)
    )
    return {"symbol": str(asked.symbol), name: ids[0]}


def _result(item: Unresolved, judgement: Judgement) -> Reconciled:
    asked = item.asked
    return Reconciled(
        cancel_id=item.cancel_id,
        attempt=item.attempt,
        symbol=item.symbol,
        order_id=next(iter(asked.order_ids), None) if asked else None,
        client_order_id=next(iter(asked.client_order_ids), None) if asked else None,
        was=item.outcome,
        outcome=judgement.outcome.value if judgement.outcome else None,
        reason=judgement.reason,
    )
