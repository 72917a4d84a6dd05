"""A database that freezes: cancels go on, nothing is lost, nothing is there twice."""

from dataclasses import asdict
from pathlib import Path

import pytest

from mexc_plugin.sandbox import Sandbox
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate

from . import frozen, ledger, servers
from .scale import DATABASES, keep, scaled

SECONDS = scaled(3, 10)


@pytest.fixture(params=DATABASES)
def database(
    request: pytest.FixtureRequest, tmp_path: Path, own_servers: servers.Running
) -> frozen.Database:
    return frozen.database(request.param, tmp_path, own_servers)


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_frozen_database_delays_no_cancel_beyond_the_deadline(
    database: frozen.Database, sandbox: Sandbox, colour: str
) -> None:
    figures = frozen.freeze_while_cancelling(database, sandbox, colour, SECONDS)
    ledger.replay(database.url)
    keep(
        f"frozen_{database.name}_{colour}",
        seconds=SECONDS,
        tolerance_ms=frozen.TOLERANCE_MS,
        **asdict(figures),
    )
    assert figures.met > 0, "no cancel met the freeze"
    assert figures.late == 0, figures
    # Where the machine is too busy for that without a freeze, the freeze must at least not add to it.
    assert figures.lag_p99 < max(frozen.LAG_MS, figures.lag_p99_before), figures
    assert ledger.spooled(database.url) == []
    assert ledger.events(database.url, "request") == figures.cancels == len(sandbox.arrivals)
    assert ledger.events(database.url, "response") == figures.cancels
    assert ledger.doubled(database.url) == 0
    assert ledger.findings(database.url) == []


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_bot_that_starts_beside_a_frozen_database_cancels_in_time(
    database: frozen.Database, sandbox: Sandbox, colour: str
) -> None:
    made = engine.create(database.url)
    migrate.ensure(made)
    made.dispose()
    figures = frozen.start_while_frozen(database, sandbox, colour)
    keep(f"late_{database.name}_{colour}", **figures)
    limit = (frozen.DEADLINE_MS + frozen.TOLERANCE_MS) / 1000
    assert figures["longest"] < limit, figures
    ledger.replay(database.url)
    assert ledger.events(database.url, "request") == 5 == len(sandbox.arrivals)
    assert ledger.doubled(database.url) == 0
    assert ledger.findings(database.url) == []
