"""`audit prove`: one cancel in a file that a stranger can check, and nothing else of the record."""

import click

from mexc_plugin.cli.options import common
from mexc_plugin.cli.options.completing import complete_cancels
from mexc_plugin.cli.options.filter_options import storable


@click.command(short_help="Write the proof of one cancel, for a stranger to check.")
@click.argument("cancel_id", callback=storable, shell_complete=complete_cancels)
@click.option(
    "-o", "--output", required=True, metavar="FILE", help="Where to: proof.json. - is stdout."
)
@click.option(
    "--public-key",
    "public_keys",
    multiple=True,
    metavar="KEY|FILE",
    help="Only take a checkpoint that this key signed. May be given several times.",
)
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@common.database
def prove(
    cancel_id: str, output: str, public_keys: tuple[str, ...], force: bool, database: common.Chosen
) -> None:
    """Write the proof of one cancel: its events, and only hashes from there to a signed checkpoint.

    CANCEL_ID is named as for `audit show`. Whoever has the file and the public key checks it with
    `audit verify FILE --public-key KEY`, or with tools/verify_bundle.py.
    """
    from mexc_plugin.cli.exporting import evidence_files

    evidence_files.export_proof(database, cancel_id, output, public_keys, force=force)
