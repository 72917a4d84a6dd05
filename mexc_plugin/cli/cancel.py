"""`cancel`: cancel one order through the adapter, as a bot would."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click

from mexc_plugin.audit.outcome import UNRESOLVED
from mexc_plugin.cli import options, venue
from mexc_plugin.cli.options import Chosen
from mexc_plugin.cli.problems import Alarm, Problem
from mexc_plugin.cli.terminal import Screen, emit
from mexc_plugin.config import FAILURE_POLICIES
from mexc_plugin.review.text import encode, visible


@click.command()
@click.argument("order_id")
@click.argument("symbol")
@click.option("--client-order-id", is_flag=True, help="ORDER_ID is your own id of the order.")
@venue.base_url
@click.option("--bot", help="The label to record.")
@click.option(
    "--on-failure",
    type=click.Choice(FAILURE_POLICIES),
    default="spool",
    show_default=True,
    help="Where the audit database cannot be written: spool the record, or refuse to send.",
)
@click.option("--force", is_flag=True, help="Send it even so, whatever --on-failure says.")
@options.output("table", "json", piped="json")
@options.database
def cancel(
    order_id: str,
    symbol: str,
    client_order_id: bool,
    base_url: str | None,
    bot: str | None,
    on_failure: str,
    force: bool,
    form: str,
    database: Chosen,
) -> None:
    """Cancel the order ORDER_ID of SYMBOL (LTC/BTC) and put it on record.

    The key is read from MEXC_API_KEY and MEXC_API_SECRET. Exit 3: the outcome is unknown, the
    cancel may have been executed.
    """
    settings = {
        **venue.credentials(),
        **venue.urls(base_url),
        # One cancel needs no pacing: ccxt's would hold it back for more than a second.
        "enableRateLimit": False,
        "options": {"audit": {"url": database.url, "bot": bot, "on_failure": on_failure}},
    }
    order = _sent(settings, order_id, symbol, database, by_client=client_order_id, force=force)
    emit(_FORMATS[form](order))


def _sent(
    settings: dict[str, Any],
    order_id: str,
    symbol: str,
    database: Chosen,
    *,
    by_client: bool,
    force: bool,
) -> Mapping[str, Any]:
    """The cancelled order. Raises Alarm when nobody knows what happened, Problem when it failed."""
    from ccxt.base.errors import BaseError

    from mexc_plugin.audit.redaction import Redactor
    from mexc_plugin.exchange.sync import mexc

    redact = Redactor((settings["apiKey"], settings["secret"])).text
    exchange: Any = mexc(settings)
    try:
        # Before the cancel: what fails here has cancelled nothing.
        exchange.load_markets()
    except BaseError as error:
        raise Problem(f"nothing was cancelled: {venue.words(error, redact)}") from None
    since = datetime.now(UTC).replace(tzinfo=None)
    params = {"killSwitch": force} | ({"clientOrderId": order_id} if by_client else {})
    arguments = (None if by_client else order_id, symbol, params)
    try:
        order: Mapping[str, Any] = exchange.cancel_order(*arguments)
    except BaseError as error:
        words = venue.words(error, redact)
        if not _is_unknown(error, database.url, order_id, since, by_client=by_client):
            raise Problem(words) from None
        look = f"mexc-plugin audit list --{'client-' if by_client else ''}order-id {order_id}"
        raise Alarm(
            f"the outcome is unknown, the cancel may have been executed: {words}; "
            f"ask the venue for the order, and see the record with: {look}"
            + (" --database-url URL" if database.by == "option" else "")
        ) from None
    return order


def _is_unknown(
    error: Exception, url: str, order_id: str, since: datetime, *, by_client: bool
) -> bool:
    """What the record says of this cancel; where it says nothing, what the error's class allows."""
    from ccxt.base.errors import BadResponse, DDoSProtection, InvalidNonce, NetworkError

    from mexc_plugin.errors import MexcPluginError
    from mexc_plugin.exchange.errors import NotRecorded
    from mexc_plugin.store import queries

    if isinstance(error, NotRecorded):
        return False
    ids = {"client_order_ids" if by_client else "order_ids": (order_id,)}
    try:
        with queries.reading(url) as connection:
            filters = queries.Filters(since=since, **ids)  # type: ignore[arg-type]
            newest = next(iter([*queries.history(connection, filters, limit=1)]), None)
    except MexcPluginError:
        newest = None
    if newest is not None:
        return newest["final_outcome"] in UNRESOLVED
    refused = isinstance(error, DDoSProtection | InvalidNonce)
    return isinstance(error, NetworkError | BadResponse) and not refused


def _as_lines(order: Mapping[str, Any]) -> list[str]:
    screen = Screen.detect()
    status = visible(str(order.get("status")))
    lines = [f"{screen.outcome(status, order.get('status'))}  {order.get('symbol')}"]
    for name in ("id", "clientOrderId", "side", "type", "price", "amount", "filled"):
        value = order.get(name)
        if value is not None:
            lines.append(f"  {name}: {visible(str(value))}")
    return lines


def _as_json(order: Mapping[str, Any]) -> list[str]:

    return [encode(order)]


_FORMATS = {"table": _as_lines, "json": _as_json}
