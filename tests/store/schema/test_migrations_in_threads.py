"""A migration of ours beside another one in the same process. The long form: tests/torture."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mexc_plugin.store.connect import engine
from tests.store.schema.bots_alembic import BotsAlembic
from tests.store.servers import Servers
from tests.torture import migrating

RUNS, ON_SERVERS = 20, 5

NewUrl = Callable[[], str]


@pytest.fixture
def new_url(backend: str, servers: Servers, tmp_path: Path) -> Iterator[NewUrl]:
    """URLs of databases with nothing in them, each another one, with their driver."""
    made: list[str] = []
    number = itertools.count()

    def new() -> str:
        if backend == "sqlite":
            return f"sqlite:///{tmp_path / str(next(number))}.db"
        audit = servers.of(backend).fresh(migrated=False)
        made.append(audit.name)
        return engine.parse(audit.url).render_as_string(hide_password=False)

    yield new
    for name in made:
        servers.of(backend).drop(name)


@pytest.fixture
def count(backend: str) -> int:
    return RUNS if backend == "sqlite" else ON_SERVERS


def test_two_threads_make_two_new_records(new_url: NewUrl, count: int) -> None:
    assert migrating.runs(count, migrating.two_new_records, lambda: (new_url(), new_url())) == []


def test_a_record_and_the_bot_s_tables_are_made_in_two_threads(
    new_url: NewUrl, count: int, tmp_path: Path
) -> None:
    bot = BotsAlembic(tmp_path)
    urls = lambda: (new_url(), bot, new_url())  # noqa: E731
    assert migrating.runs(count, migrating.beside_the_bots_own, urls) == []
