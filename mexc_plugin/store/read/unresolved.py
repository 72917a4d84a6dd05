"""Attempts whose outcome nobody knows yet: the requests that are waiting for the venue's word."""

import sqlalchemy as sa

from mexc_plugin.audit.outcome import UNRESOLVED
from mexc_plugin.store.read import queries
from mexc_plugin.store.schema.tables import cancel_audit, cancel_history


def read_unresolved(url: str, account: str, cancel_id: str | None = None) -> list[tuple[str, str]]:
    """Payload of the request and final outcome of an account's unresolved attempts, oldest first; of one cancel if named.

    Raises what `queries.reading` raises.
    """
    view = cancel_history.c
    query = (
        sa.select(view.cancel_id, view.attempt, view.final_outcome)
        .where(view.account == account, view.final_outcome.in_([o.value for o in UNRESOLVED]))
        .order_by(view.requested_at, view.cancel_id, view.attempt)
    )
    if cancel_id is not None:
        query = query.where(view.cancel_id == cancel_id)
    with queries.reading(url) as connection:
        found = connection.execute(query).all()
        return [
            (payload, outcome)
            for id_, attempt, outcome in found
            for payload in connection.scalars(
                sa.select(cancel_audit.c.payload).where(
                    cancel_audit.c.cancel_id == id_,
                    cancel_audit.c.attempt == attempt,
                    cancel_audit.c.kind == "request",
                )
            )
        ]


def count_of_others(
    url: str, account: str, cancel_id: str | None = None
) -> list[tuple[str | None, int]]:
    """Other accounts' unresolved attempts, by fingerprint, those with the most first; of one cancel if named."""
    view, number = cancel_history.c, sa.func.count()
    query = (
        sa.select(view.account, number)
        .where(
            sa.or_(view.account.is_(None), view.account != account),
            view.final_outcome.in_([o.value for o in UNRESOLVED]),
        )
        .group_by(view.account)
        .order_by(number.desc(), view.account)
    )
    if cancel_id is not None:
        query = query.where(view.cancel_id == cancel_id)
    with queries.reading(url) as connection:
        return [(name, int(count)) for name, count in connection.execute(query)]
