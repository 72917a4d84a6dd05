"""Neither the database nor the spool takes an event: it is lost, and the next one says how many were."""

import threading
from pathlib import Path
from typing import Any

import pytest

from mexc_plugin.audit.recorder import Place
from mexc_plugin.store.verify.record import Fault
from mexc_plugin.store.write.writer import Writer

from . import ledger

PATIENCE = 10


def wait_for_a_probe(writer: Writer) -> None:
    """Until the storer has nothing in its hands of what it was given before: that may still get into a database."""
    ask, done = writer._storer.database.insert_missing, threading.Event()

    def asking(*given: Any) -> int:
        try:
            return ask(*given)
        finally:
            done.set()

    writer._storer.database.insert_missing = asking  # type: ignore[method-assign]
    assert done.wait(PATIENCE)


@pytest.mark.parametrize("lost", [1, 2, 5])
def test_the_first_event_that_can_be_kept_names_all_that_were_lost_before_it(
    tmp_path: Path, lost: int
) -> None:
    database = tmp_path / "audit.db"
    database.write_bytes(b"this is no database" * 100)
    writer = Writer(f"sqlite:///{database}")
    in_the_way = tmp_path / f"audit.db.{writer.writer_id}.spool"
    in_the_way.mkdir()
    drafts = ({"kind": "request", "occurred_ns": number} for number in range(1, 100))
    assert [writer.commit(next(drafts), PATIENCE) for _ in range(lost)] == [Place.LOST] * lost
    in_the_way.rmdir()
    assert writer.commit(next(drafts), PATIENCE) is Place.SPOOL
    wait_for_a_probe(writer)
    database.unlink()
    writer.close()
    url = f"sqlite:///{database}"
    ledger.replay(url)
    (finding,) = ledger.findings(url)
    assert finding.fault is Fault.LOST
    assert f"{lost + 1} events lost" in finding.message  # `start` went with the first of them
