"""Bundles and proofs: files that are whole or not there, as every export."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mexc_plugin.audit.events import timestamp_text
from mexc_plugin.cli.database.servers import reading, say_what_waits
from mexc_plugin.cli.exit_codes import Misuse
from mexc_plugin.cli.exporting.exports import in_units, new_file
from mexc_plugin.cli.options.common import Chosen
from mexc_plugin.cli.options.display import count
from mexc_plugin.cli.options.naming import find_one
from mexc_plugin.cli.output.progress import progress
from mexc_plugin.cli.output.terminal import say
from mexc_plugin.evidence import key_files
from mexc_plugin.evidence.offline import bundle_writing, proof_writing

STDOUT = "-"


def export_bundle(database: Chosen, output: str, *, force: bool) -> None:
    """The whole record as a bundle. Raises Misuse, Problem, StoreError."""
    if output == STDOUT and sys.stdout.isatty():
        raise Misuse("a bundle is not for a terminal; name a file")
    with reading(database.url):
        pass
    began = time.monotonic()
    with _target(output, force=force) as (put, size), progress("exporting") as tell:
        done = bundle_writing.write(database.url, put, tell)
    say_what_waits(database, "are not in it")
    if not done.notes:
        say(
            "no checkpoint is in it: nothing in it is signed; take one: mexc-plugin audit checkpoint"
        )
    rate = done.events / max(time.monotonic() - began, 1e-9)
    what = f"{count(done.events, 'event', 'events')} of {count(done.writers, 'writer', 'writers')}"
    notes = count(done.notes, "signed note", "signed notes")
    say(f"{what} and {notes} to {size()}, {rate:,.0f}/s; SHA-256 {done.sha256}")


def export_proof(
    database: Chosen, name: str, output: str, public_keys: tuple[str, ...], *, force: bool
) -> None:
    """The proof of one cancel. Raises Misuse, Problem, ConfigError, EvidenceError, StoreError."""
    keys = tuple(map(key_files.read_public, public_keys))
    with reading(database.url) as connection:
        cancel_id = find_one(connection, name)
        with _target(output, force=force) as (put, size):
            done = proof_writing.write(connection, cancel_id, keys, put)
    events = count(done.events, "event", "events")
    signed = timestamp_text(done.signed_ns)[:19]
    say(
        f"{events} of cancel {cancel_id} to {size()}, with {count(done.between, 'hash', 'hashes')} of "
        f"others up to the checkpoint of {signed} UTC"
    )


@contextlib.contextmanager
def _target(
    output: str, *, force: bool
) -> Iterator[tuple[Callable[[bytes], Any], Callable[[], str]]]:
    """What writes, and once it is over what says where to."""
    if output == STDOUT:
        yield sys.stdout.buffer.write, lambda: "stdout"
        sys.stdout.buffer.flush()
        return
    path, sizes = Path(output), [0]
    with new_file(path, force=force) as part:
        part.begin()
        yield part.write, lambda: f"{path} ({in_units(sizes[0])})"
        sizes[0] = part.publish()
