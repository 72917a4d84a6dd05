"""Shippers in processes of their own, with less patience than they have: tests wait for it."""

import os
from pathlib import Path

from mexc_plugin.cli import program
from mexc_plugin.cli.commands.watching import ship
from mexc_plugin.shipping import shipper
from mexc_plugin.store.write import destination

WARM = (shipper.Shipper,)


def follow(source: str, target: str, log: str, patience_ms: int = 1_000) -> None:
    """Ship until killed. log: takes what it says."""
    destination.PATIENCE_MS = patience_ms
    shipper.ANSWER_MS = patience_ms * 5
    ship.RETRY_S = 0.2
    ship.SAYING_S = 0.5
    with Path(log).open("ab") as file:
        os.dup2(file.fileno(), 2)
        program(
            ["audit", "ship", "--db", source, "--to", target, "--follow"], standalone_mode=False
        )
