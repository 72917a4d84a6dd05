"""`audit serve`: the record as a live page."""

import errno
import os
import threading
import webbrowser
from pathlib import Path
from typing import Any

import click

from mexc_plugin import distributions
from mexc_plugin.cli.database.servers import reading
from mexc_plugin.cli.exit_codes import Misuse, Problem
from mexc_plugin.cli.options import common
from mexc_plugin.cli.output.terminal import say

TOKEN_VARIABLE = "MEXC_PLUGIN_AUTH_TOKEN"  # noqa: S105 - a name
LEAST_TOKEN = 16
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@click.command()
@click.option(
    "--host", default=LOOPBACK[0], show_default=True, help="Any but loopback needs a token."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8_640,
    show_default=True,
    help="0: a free one.",
)
@click.option(
    "--auth-token",
    metavar="TOKEN",
    help=f"What opens the page; others on this machine see it in the list of processes. "
    f"Better: ${TOKEN_VARIABLE}, or a file.",
)
@click.option(
    "--auth-token-file",
    type=click.Path(path_type=Path),
    help="A file whose first line is the token.",
)
@click.option("--open", "opens", is_flag=True, help="Open it in your browser.")
@common.ship_to
@common.database
@common.spool
def serve(
    database: common.Chosen,
    target: str | None,
    host: str,
    port: int,
    auth_token: str | None,
    auth_token_file: Path | None,
    opens: bool,
) -> None:
    """Serve the record as a live page on this machine, until Ctrl-C. It only reads."""
    token = _token(auth_token, auth_token_file)
    if token is None and host not in LOOPBACK:
        raise Misuse(
            f"--host {host} lets others look: it needs a token of at least {LEAST_TOKEN} "
            f"characters, in a file (--auth-token-file), in ${TOKEN_VARIABLE}, or as --auth-token"
        )
    from mexc_plugin.shipping import lag
    from mexc_plugin.store.write.spool import backlog

    serving = _room()
    with reading(database.url):
        pass  # what every page would say is said at once

    def announce(url: str) -> None:
        if host not in LOOPBACK:
            say("what is served here is not encrypted; put a proxy with TLS in front of it")
        say(f"Serving at {url}; end with Ctrl-C.")
        if opens:
            # A browser in a terminal would keep us from answering it.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

    def measure() -> Any:  # noqa: ANN401 - an Outside
        shipped = lag.look(database.url, target) if target else None
        return backlog.measure(database.url, database.spool), shipped

    try:
        serving.run(database.url, host, port, token, announce, measure)
    except OSError as error:
        raise Problem(_why_not(error, host, port)) from None


def _token(given: str | None, file: Path | None) -> str | None:
    """The token: as an option, in a file, or in the environment. Raises Misuse; never shows it."""
    if given is not None and file is not None:
        raise Misuse("--auth-token and --auth-token-file are both given; give one of them")
    if file is not None:
        token: str | None = _first_line(file)
    else:
        token = os.environ.get(TOKEN_VARIABLE) or None if given is None else given
    if token is not None and (len(token) < LEAST_TOKEN or not token.isprintable()):
        raise Misuse(
            f"the token must be at least {LEAST_TOKEN} printable characters; make one with: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return token


def _first_line(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as lines:
            return lines.readline(4096).strip()
    except UnicodeDecodeError:
        raise Misuse(f"{file} is no text; write the token in its first line") from None
    except OSError as error:
        raise Misuse(
            f"{file} cannot be read ({error.strerror}); the token was to be in it"
        ) from None


def _room() -> Any:  # noqa: ANN401 - a module
    try:
        from mexc_plugin.review.web import serving
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("mexc_plugin"):
            raise
        raise Misuse(
            f"{error.name} is not installed; run: {distributions.install_command('web')}"
        ) from None
    return serving


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use; name another with --port, or 0 for a free one"
    return f"cannot serve at {host} port {port}: {error.strerror or error}"
