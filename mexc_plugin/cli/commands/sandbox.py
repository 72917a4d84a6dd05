"""`sandbox`: a MEXC on this machine, for bots that are being tried."""

import errno
import sys
from pathlib import Path

import click

from mexc_plugin.cli.exit_codes import Problem
from mexc_plugin.cli.options import common
from mexc_plugin.cli.output.terminal import emit, say

# The sandbox's own words, which are not imported for --help; a test compares them.
HOSTS = ("127.0.0.1", "localhost", "::1")
ANSWERS = ("page", "page_2026", "pre_cancel", "short")
IDS = ("numeric", "text", "prefixed", "hex")
BAN_S = 120


@click.command()
@click.option(
    "--host", type=click.Choice(HOSTS), default=HOSTS[0], show_default=True, help="Loopback only."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8080,
    show_default=True,
    help="0: a free one.",
)
@click.option(
    "--answers",
    type=click.Choice(ANSWERS),
    default="page",
    show_default=True,
    help="What a cancel is answered: as documented, as in 2026, with the status before it, or short.",
)
@click.option(
    "--ids", type=click.Choice(IDS), default="text", show_default=True, help="How order ids look."
)
@click.option(
    "--log",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append each cancel that arrives to this file.",
)
@click.option(
    "--rate-limit",
    type=click.IntRange(1),
    metavar="N",
    help="Let N order requests a second through, as MEXC does with 12: then 429, then 418.",
)
@click.option(
    "--ban",
    type=click.IntRange(1),
    metavar="SECONDS",
    help="With --rate-limit: how long who goes on after a 429 is answered with 418.  [default: 120]",
)
@click.option("--key", help="The API key that it knows.")
@click.option("--secret", help="The secret of that key.")
@click.pass_context
def sandbox(
    ctx: click.Context,
    host: str,
    port: int,
    answers: str,
    ids: str,
    log: Path | None,
    rate_limit: int | None,
    ban: int | None,
    key: str | None,
    secret: str | None,
) -> None:
    """Serve a MEXC on loopback until Ctrl-C, and print how to point a bot at it, on record."""
    import mexc_plugin.sandbox as room

    if ban is not None and rate_limit is None:
        raise click.UsageError("--ban says how a --rate-limit is enforced: give that too")
    limit = None if rate_limit is None else room.RateLimit(rate_limit, ban=ban or BAN_S)
    database = common.given_before(ctx) or room.configuration.DATABASE
    key, secret = key or room.DEFAULT_KEY, secret or room.DEFAULT_SECRET

    def announce(url: str) -> None:
        emit(room.configuration_lines(url, key, secret, database).splitlines())
        sys.stdout.flush()
        say(f"Serving at {url}; end with Ctrl-C.")

    try:
        room.run(
            host,
            port,
            answer_style=answers,
            id_style=ids,
            log_path=log,
            credentials={key: secret},
            rate_limit=limit,
            on_started=announce,
        )
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise Problem(
            f"port {port} is in use; name another with --port, or 0 for a free one"
        ) from None
