"""`audit keygen`: a key that signs, in a file of its owner's alone."""

from pathlib import Path

import click

from mexc_plugin.cli.exit_codes import Misuse
from mexc_plugin.cli.output.terminal import emit, say


@click.command(short_help="Make a key that signs checkpoints, or what a bot records.")
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    help="The private key's file: made with mode 0600, and never overwritten.",
)
@click.option(
    "--name", metavar="NAME", help="Whose it is, for people. Default: the name of FILE, no ending."
)
def keygen(output: str, name: str | None) -> None:
    """Make a key (Ed25519). The private one goes to FILE, the public one to stdout.

    A key for checkpoints is meant for another user than the bot's, best on another machine. Give
    the public key to whoever verifies, by another way than the database.
    """
    from mexc_plugin.audit import signing_keys
    from mexc_plugin.evidence import key_files

    path = Path(output)
    try:
        key = signing_keys.make(path.stem if name is None else name)
    except ValueError as error:
        raise Misuse(f"{error}; name it with --name") from None
    if "\0" in output:
        raise Misuse("the file's name holds a NUL")
    key_files.write_private(path, key)
    emit([str(key.public)])
    say(
        f"the private key is in {path}, for whoever signs; above is the public one, for who verifies"
    )
