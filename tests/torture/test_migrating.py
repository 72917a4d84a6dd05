"""The long form of tests/store/schema/test_migrations_in_threads.py."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from mexc_plugin.store.connect import engine
from tests.store.schema.bots_alembic import BotsAlembic

from . import migrating, servers
from .scale import DATABASES, LONG, keep

pytestmark = pytest.mark.skipif(not LONG, reason="the short form is in tests/store")

RUNS = 200
NewUrl = Callable[[], str]


@pytest.fixture(params=DATABASES)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def new_url(backend: str, tmp_path: Path, own_servers: servers.Running) -> NewUrl:
    """URLs of databases with nothing in them, each another one, with their driver."""
    number = itertools.count()

    def new() -> str:
        if backend == "sqlite":
            return f"sqlite:///{tmp_path / str(next(number))}.db"
        made = engine.parse(own_servers.of(backend).fresh())
        return made.render_as_string(hide_password=False)

    return new


def test_two_threads_make_two_new_records(backend: str, new_url: NewUrl) -> None:
    found = migrating.runs(RUNS, migrating.two_new_records, lambda: (new_url(), new_url()))
    keep(f"migrating_two_{backend}", runs=RUNS, faults=found)
    assert found == []


def test_a_record_and_the_bot_s_tables_are_made_in_two_threads(
    backend: str, new_url: NewUrl, tmp_path: Path
) -> None:
    bot = BotsAlembic(tmp_path)
    urls = lambda: (new_url(), bot, new_url())  # noqa: E731
    found = migrating.runs(RUNS, migrating.beside_the_bots_own, urls)
    keep(f"migrating_beside_{backend}", runs=RUNS, faults=found)
    assert found == []
