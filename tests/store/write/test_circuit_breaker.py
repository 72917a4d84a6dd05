"""Whether the database answers: what is said of an outage, and when."""

import logging
from pathlib import Path

import pytest

from mexc_plugin.store.write.circuit_breaker import CircuitBreaker
from mexc_plugin.store.write.spool.spool_file import Spool
from mexc_plugin.store.write.workers import QuietLog

WRITER = "00000000-0000-4000-8000-00000000000a"


def make(tmp_path: Path, log: QuietLog, *, is_permanent: bool = False) -> CircuitBreaker:
    url = f"sqlite:///{tmp_path}/audit.db"
    return CircuitBreaker(url, Spool(url, WRITER), log, is_permanent=is_permanent)


def test_it_is_open_from_a_failure_to_its_end_and_for_good_without_a_database(
    tmp_path: Path,
) -> None:
    log = QuietLog(logging.getLogger("mexc_plugin"))
    assert make(tmp_path, log, is_permanent=True).is_open
    breaker = make(tmp_path, log)
    states = [breaker.is_open]
    for change in (lambda: breaker.fail("it is not there"), breaker.close):
        change()
        states.append(breaker.is_open)
    assert states == [False, True, False]


def test_each_outage_is_said_once_as_an_error_and_its_end_as_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger("mexc_plugin")
    caplog.set_level(logging.DEBUG, logger.name)
    log = QuietLog(logger)
    breaker = make(tmp_path, log)
    for _ in range(2):
        breaker.fail("it is not there")
        breaker.fail("it is still not there")
        breaker.close()
        breaker.close()
    log.write(patience=20)
    assert [record.levelname for record in caplog.records] == 2 * ["ERROR", "DEBUG", "WARNING"]


@pytest.mark.parametrize(("is_permanent", "said"), [(False, ["ERROR"]), (True, [])])
def test_a_database_that_does_not_answer_is_said_once_and_one_that_there_is_not_never(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, is_permanent: bool, said: list[str]
) -> None:
    log = QuietLog(logging.getLogger("mexc_plugin"))
    breaker = make(tmp_path, log, is_permanent=is_permanent)
    breaker.miss()
    breaker.miss()
    log.write(patience=20)
    assert [record.levelname for record in caplog.records] == said
