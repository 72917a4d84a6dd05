"""`cancel`: cancel orders through the adapter, as a bot would."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

from mexc_plugin.audit.outcome import UNRESOLVED
from mexc_plugin.cli.exit_codes import Alarm, Problem
from mexc_plugin.cli.options import common, exchange_options
from mexc_plugin.cli.output.terminal import Screen, emit
from mexc_plugin.config import FAILURE_POLICIES
from mexc_plugin.review.text import encode, visible

Orders = Sequence[Mapping[str, Any]]


@click.command()
@click.argument("order_ids", metavar="ORDER_ID...", nargs=-1, required=True)
@click.argument("symbol")
@click.option("--client-order-id", is_flag=True, help="ORDER_ID is your own id of the order.")
@exchange_options.base_url
@click.option("--bot", help="The label to record.")
@click.option(
    "--on-failure",
    type=click.Choice(FAILURE_POLICIES),
    default="spool",
    show_default=True,
    help="Where the audit database cannot be written: spool the record, or refuse to send.",
)
@click.option("--force", is_flag=True, help="Send it even so, whatever --on-failure says.")
@common.output("table", "json", piped="json")
@common.database
def cancel(
    order_ids: tuple[str, ...],
    symbol: str,
    client_order_id: bool,
    base_url: str | None,
    bot: str | None,
    on_failure: str,
    force: bool,
    form: str,
    database: common.Chosen,
) -> None:
    """Cancel the orders ORDER_ID... of SYMBOL (LTC/BTC) and put that on record.

    The key is read from MEXC_API_KEY and MEXC_API_SECRET. At most 12 a second are sent; after a 429 or 418
    it waits for as long as the venue says. Exit 1: one failed. Exit 3: the outcome of one is unknown, its
    cancel may have been executed.
    """
    settings = {
        **exchange_options.credentials(),
        **exchange_options.urls(base_url),
        # The pace of several cancels is the adapter's: ccxt's would hold the first one back.
        "enableRateLimit": False,
        "options": {"audit": {"url": database.url, "bot": bot, "on_failure": on_failure}},
    }
    cancelled = _cancel(settings, order_ids, symbol, by_client=client_order_id, force=force)
    succeeded = [order for order in cancelled if _outcome(order) is None]
    if succeeded:
        emit(_FORMATS[form](succeeded))
    _report_failures(cancelled, database, by_client=client_order_id)


def _cancel(
    settings: dict[str, Any], ids: tuple[str, ...], symbol: str, *, by_client: bool, force: bool
) -> Orders:
    """What became of each. Raises Problem where nothing was sent."""
    from ccxt.base.errors import BaseError

    from mexc_plugin.audit.redaction import Redactor
    from mexc_plugin.exchange.sync import mexc

    redact = Redactor((settings["apiKey"], settings["secret"])).text
    exchange: Any = mexc(settings)
    params = {"killSwitch": force} | ({"clientOrderIds": list(ids)} if by_client else {})
    try:
        exchange.load_markets()
        found: Orders = exchange.cancel_orders([] if by_client else list(ids), symbol, params)
    except BaseError as error:
        raise Problem(f"nothing was cancelled: {exchange_options.words(error, redact)}") from None
    return found


def _outcome(order: Mapping[str, Any]) -> str | None:
    """The outcome of one that failed, as on record; None for one that was cancelled."""
    info = order.get("info")
    return info.get("outcome") if order["status"] == "rejected" and isinstance(info, dict) else None


def _report_failures(cancelled: Orders, database: common.Chosen, *, by_client: bool) -> None:
    """Raise Alarm when nobody knows what happened to one, Problem when one failed."""
    failed = [order for order in cancelled if _outcome(order) is not None]
    unknown = [order for order in failed if _outcome(order) in UNRESOLVED]
    several = len(cancelled) > 1
    words = "; ".join(_words(order, by_client=by_client, several=several) for order in failed)
    if unknown:
        from mexc_plugin.store.connect.error_messages import option_of

        by = "clientOrderId" if by_client else "id"
        look = f"mexc-plugin audit list --{'client-' if by_client else ''}order-id {unknown[0][by]}"
        raise Alarm(
            f"the outcome is unknown, the cancel may have been executed: {words}; "
            f"ask the venue for the order, and see the record with: {look}"
            + (f" {option_of(database.url)}" if database.by == "option" else "")
        )
    if failed:
        raise Problem(words)


def _words(order: Mapping[str, Any], *, by_client: bool, several: bool) -> str:
    info = order["info"]
    code = info.get("code") or info.get("errorCode")
    said = " ".join(str(part) for part in (code, info.get("msg") or info.get("errorMsg")) if part)
    text = f"{info.get('error', 'InvalidOrder')}: {visible(said)}"
    return f"{order['clientOrderId' if by_client else 'id']}: {text}" if several else text


def _as_lines(cancelled: Orders) -> list[str]:
    screen = Screen.detect()
    lines = []
    for order in cancelled:
        status = visible(str(order.get("status") or "accepted"))
        lines.append(f"{screen.outcome(status, order.get('status'))}  {order.get('symbol')}")
        for name in ("id", "clientOrderId", "side", "type", "price", "amount", "filled"):
            value = order.get(name)
            if value is not None:
                lines.append(f"  {name}: {visible(str(value))}")
    return lines


_FORMATS: dict[str, Callable[[Orders], Iterable[str]]] = {
    "table": _as_lines,
    "json": lambda cancelled: map(encode, cancelled),
}
