"""The exchange that commands talk to the venue through: credentials, address, words of errors."""

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import click

KEY_VARIABLE = "MEXC_API_KEY"
SECRET_VARIABLE = "MEXC_API_SECRET"  # noqa: S105 - the name of one, not one


def credentials() -> dict[str, str]:
    """The key and secret of the environment, as ccxt names them. Raises UsageError."""
    found = {"apiKey": os.environ.get(KEY_VARIABLE), "secret": os.environ.get(SECRET_VARIABLE)}
    missing = [
        variable
        for variable, value in zip((KEY_VARIABLE, SECRET_VARIABLE), found.values(), strict=True)
        if not value
    ]
    if missing:
        raise click.UsageError(
            f"set {' and '.join(missing)} in the environment: the API key of the account"
        )
    return {name: value for name, value in found.items() if value}


def urls(address: str | None) -> dict[str, Any]:
    """ccxt's configuration for another address than the venue's."""
    if address is None:
        return {}
    from mexc_plugin.sandbox.configuration import ccxt_urls

    return {"urls": ccxt_urls(address)}


def words(error: Exception, redact: Callable[[str], str]) -> str:
    """An error of ccxt in one line, without secrets."""
    return redact(f"{type(error).__name__}: {error}")


def _check(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise click.BadParameter("write it like http://127.0.0.1:8080")
    return value.rstrip("/")


# A decorator; the command is called with `base_url`, an address or None.
base_url = click.option(
    "--base-url",
    metavar="URL",
    callback=_check,
    help="A sandbox to talk to. Default: the real venue.",
)
