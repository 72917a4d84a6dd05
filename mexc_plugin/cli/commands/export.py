"""`audit export`: the record in a file, whole or filtered, once or every night."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from mexc_plugin.cli.exit_codes import Misuse
from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.filter_options import filters as filter_options

if TYPE_CHECKING:
    from mexc_plugin.store.read.queries import Filters

FORMATS = ("jsonl", "csv", "parquet")
WHATS = ("history", "events")
ENDINGS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}
STDOUT = "-"


def _take_name(_ctx: click.Context, _option: click.Parameter, bundle: str | None) -> str | None:
    """The name that follows --bundle: people write -o between them, as for other exports."""
    if bundle is not None and bundle != STDOUT and bundle.startswith("-"):
        raise click.BadParameter("the file's name follows it: --bundle record.zip")
    return bundle


@click.command()
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Where to: its ending chooses the format, with .gz behind it is compressed. - is stdout.",
)
@common.format_option(FORMATS, common.named_format, "Default: by the ending of FILE.")
@click.option(
    "--what",
    type=click.Choice(WHATS),
    help="history: a row for each attempt, as `audit list` has them (the default); "
    "events: what is recorded, with its hashes.",
)
@filter_options
@click.option(
    "--cursor",
    metavar="STATE",
    help="Export the events that no export with this file had yet; it is made if it is not there.",
)
@click.option(
    "--bundle",
    metavar="FILE.zip",
    callback=_take_name,
    help="Export the whole record for a stranger to check, instead of -o: events, chains, checkpoints.",
)
@click.option("--resume", is_flag=True, help="Continue what an interrupted export left of FILE.")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@common.spool
@common.database
@click.pass_context
def export(
    ctx: click.Context,
    output: str | None,
    form: str | None,
    what: str | None,
    filters: "Filters",
    cursor: str | None,
    bundle: str | None,
    resume: bool,
    force: bool,
    database: common.Chosen,
) -> None:
    """Export the record to a file: jsonl, csv or parquet, as its name ends.

    FILE appears when it is complete, never before; until then it is FILE.part. Filters are those of
    `audit list`. The last line on stderr says how many rows there are, and up to where.
    """
    if bundle is not None:
        _require_nothing_else(
            ctx, ("bundle", "force"), "--bundle takes the whole record into a file of its own"
        )
        from mexc_plugin.cli.exporting import evidence_files

        evidence_files.export_bundle(database, bundle, force=force)
        return
    if output is None:
        raise Misuse(
            "name the file: -o record.jsonl, or --bundle record.zip for a stranger to check"
        )
    from mexc_plugin.cli.exporting import exports

    if resume:
        _require_nothing_else(
            ctx,
            ("output", "resume", "force"),
            "--resume goes on with what the export was begun with",
        )
        if output == STDOUT:
            raise Misuse("stdout cannot be resumed; name the file")
        exports.resume(database, Path(output), force=force)
        return
    path = None if output == STDOUT else Path(output)
    form, gzipped = _form(output, form)
    if cursor is not None:
        cursor = str(Path(cursor).absolute())
    job = exports.Job(what or ("events" if cursor else "history"), form, gzipped, filters, cursor)
    job.require_sense()
    exports.begin(database, job, path, force=force)


def _form(output: str, given: str | None) -> tuple[str, bool]:
    """The format, and whether it is compressed. Raises Misuse."""
    name = output.lower()
    gzipped = name.endswith(".gz")
    form = given or ENDINGS.get(Path(name.removesuffix(".gz")).suffix)
    if output == STDOUT:
        form = form or "jsonl"
    if form is None:
        raise Misuse(
            f"{output!r} does not say which format; "
            f"end it with one of {', '.join(ENDINGS)}, or name one with --format"
        )
    if gzipped and form == "parquet":
        raise Misuse("parquet is compressed by itself; leave .gz out")
    if form == "parquet" and output == STDOUT and sys.stdout.isatty():
        raise Misuse("parquet is not for a terminal; name a file")
    return form, gzipped


def _require_nothing_else(ctx: click.Context, allowed: tuple[str, ...], why: str) -> None:
    """Raise Misuse for an option that was given and is neither allowed nor about the database."""
    for parameter in ctx.command.params:
        given = ctx.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and parameter.name not in (*allowed, "database", "spool"):
            raise Misuse(f"{why}; leave {parameter.opts[0]} out")
