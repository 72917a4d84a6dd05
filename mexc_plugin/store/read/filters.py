"""Which attempts are wanted, and what that is in SQL over `cancel_history`."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from mexc_plugin.store.connect.expressions import containing
from mexc_plugin.store.schema import tables

# Where a text is searched for. No index helps: every attempt of the window is read.
SEARCHED = (
    "venue_message",
    "cancel_id",
    "order_id",
    "client_order_id",
    "cancel_client_order_id",
)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which attempts are wanted: within one field any of its values, between fields all of them.

    since, until: naive UTC, since <= requested_at < until; symbols: unified or native;
    outcomes: final outcomes; codes: the venue's, as -2011; searches: texts that stand in the venue's
    message or in an id, capitals or not; latency_over_us: answered after more than that many microseconds.
    An empty tuple or None asks for nothing in particular.
    """

    since: datetime | None = None
    until: datetime | None = None
    symbols: tuple[str, ...] = ()
    order_ids: tuple[str, ...] = ()
    client_order_ids: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    bots: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    latency_over_us: int | None = None


def select_wanted(filters: Filters) -> sa.Select[Any]:
    """The rows that are wanted, with its columns in its order; in no order themselves."""
    view = tables.cancel_history
    query = sa.select(tables.cancel_history).where(*conditions(filters))
    drivers = [_cancels(name, values) for name, values in _ids(filters) if values]
    if drivers:
        driver = drivers[0].subquery()
        query = query.select_from(_CrossJoin(driver, view, sa.true()))
        query = query.where(driver.c.cancel_id == view.c.cancel_id)
        query = query.where(*(view.c.cancel_id.in_(others) for others in drivers[1:]))
    return query


def alternatives(filters: Filters) -> list[tuple[Filters, tuple[ColumnElement[bool], ...]]]:
    """The same attempts in parts, none in two of them, each with one value where an index begins.

    The first field that has several values is taken apart, and symbols always, for two columns have them.
    """
    if filters.symbols:
        kept, others = tables.cancel_history.c, replace(filters, symbols=())
        values = tuple(dict.fromkeys(filters.symbols))
        is_another = sa.or_(kept.symbol.is_(None), kept.symbol.not_in(filters.symbols))
        return [
            *((others, (kept.symbol == value,)) for value in values),
            *((others, (kept.native_symbol == value, is_another)) for value in values),
        ]
    for name in ("outcomes", "bots", "accounts"):
        values = getattr(filters, name)
        if len(values) > 1:
            single: list[dict[str, Any]] = [{name: (value,)} for value in dict.fromkeys(values)]
            return [(replace(filters, **change), ()) for change in single]
    return [(filters, ())]


def conditions(filters: Filters) -> list[ColumnElement[bool]]:
    """All but the orders' ids, which `wanted` joins."""
    view = tables.cancel_history.c
    # What has no request on record yet has no place in time.
    found: list[ColumnElement[bool]] = [view.requested_at.is_not(None)]
    if filters.since is not None:
        found.append(view.requested_at >= filters.since)
    if filters.until is not None:
        found.append(view.requested_at < filters.until)
    if filters.symbols:
        found.append(
            sa.or_(view.symbol.in_(filters.symbols), view.native_symbol.in_(filters.symbols))
        )
    if filters.accounts:
        found.append(view.account.in_(filters.accounts))
    if filters.bots:
        found.append(view.bot.in_(filters.bots))
    if filters.outcomes:
        found.append(view.final_outcome.in_(filters.outcomes))
    if filters.codes:
        found.append(view.venue_code.in_(filters.codes))
    if filters.searches:
        found.append(sa.or_(*map(_mentions, filters.searches)))
    if filters.latency_over_us is not None:
        found.append(view.latency_us > filters.latency_over_us)
    return found


def cancels_of_order(order_id: str) -> sa.CompoundSelect[tuple[str]]:
    """The cancel_ids of an order, by either of its ids."""
    return sa.union(_cancels("order_id", (order_id,)), _cancels("client_order_id", (order_id,)))


def _ids(filters: Filters) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("order_id", filters.order_ids), ("client_order_id", filters.client_order_ids)


def _cancels(column: str, values: tuple[str, ...]) -> sa.Select[tuple[str]]:
    # The second table knows the orders of requests that had several, such as a cancel-all.
    selects = [
        sa.select(table.c.cancel_id).where(
            table.c[column].in_(values), table.c.cancel_id.is_not(None)
        )
        for table in (tables.cancel_history.alias("of_order"), tables.cancel_audit_order)
    ]
    found = sa.union(*selects).subquery()
    return sa.select(found.c.cancel_id)


def _mentions(text: str) -> ColumnElement[bool]:
    view, orders = tables.cancel_history.c, tables.cancel_audit_order.c
    of_several = sa.select(orders.cancel_id).where(
        sa.or_(containing(orders.order_id, text), containing(orders.client_order_id, text))
    )
    here = (containing(view[name], text) for name in SEARCHED)
    return sa.or_(*here, view.cancel_id.in_(of_several))


class _CrossJoin(sa.Join):
    """CROSS JOIN, whose order SQLite keeps: else it walks every request, because they are sorted."""

    inherit_cache = True


@compiles(_CrossJoin)
def _cross_join(join: _CrossJoin, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's
    sides = (
        compiler.process(side, **options | {"asfrom": True}) for side in (join.left, join.right)
    )
    return " CROSS JOIN ".join(sides)
