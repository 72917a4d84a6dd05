"""Decimals as numbers, where the database has exact ones: never rounded, and null for what is none."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mexc_plugin.audit import chain, events
from mexc_plugin.audit.ids import uuid7
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import migrate
from mexc_plugin.store.write.open_database import Database
from tests.conftest import Audit
from tests.store.conftest import SERVERS
from tests.store.read.known import request, response

EXACT = [
    "0", "-0.5", "1.50", "12345678901234567890123456789012345.678901234567890123456789",
    "0.000000000000000000000000000001", "99999999999999999999999999999999999",
]  # fmt: skip
NONE = ["", "NaN", "Infinity", "1e5", "1,5", "0x10", " 1", "1 ", "--1", "1.", ".5", "１", "1\n"]


def stored(audit: Audit, *prices: str) -> list[object]:
    """What `cancel_facts` makes of prices, in their order."""
    writer, last, sealed = uuid7(), chain.GENESIS, []
    for number, price in enumerate(prices):
        asked = request(number, number) | {"cancel_id": uuid7()}
        for draft in (asked, response(asked, "canceled", price=price)):
            sealed.append(events.seal(draft, writer, len(sealed) + 1, last))
            last = sealed[-1].hash
    database = Database(audit.url, 5_000)
    database.insert(sealed)
    database.close()
    opened = engine.create(audit.url, read_only=True)
    with opened.connect() as connection:
        query = f"SELECT price FROM cancel_facts WHERE writer_id = '{writer}' ORDER BY seq"
        found = [row[0] for row in connection.exec_driver_sql(query)]
    opened.dispose()
    return found


@pytest.mark.parametrize("backend", SERVERS)
def test_a_decimal_is_a_number_with_all_its_digits(audit: Audit) -> None:
    assert stored(audit, *EXACT) == [Decimal(text) for text in EXACT]


@pytest.mark.parametrize("backend", SERVERS)
def test_what_is_no_decimal_is_null(audit: Audit) -> None:
    assert stored(audit, *NONE) == [None] * len(NONE)


@pytest.mark.parametrize("backend", SERVERS[1:])
def test_what_is_wider_than_mariadb_s_numbers_is_null_and_not_rounded(audit: Audit) -> None:
    assert stored(audit, "1" * 36, "0." + "1" * 31) == [None, None]


@pytest.mark.parametrize("backend", SERVERS)
def test_a_text_that_may_have_been_cut_is_no_number(audit: Audit) -> None:
    assert stored(audit, "0." + "1" * 62, "1" * 30 + "." + "1" * 40) == [None, None]


@pytest.mark.parametrize("backend", SERVERS[:1])
def test_postgresql_has_numbers_of_any_width(audit: Audit) -> None:
    wide = ["1" * 60, "0." + "1" * 60]
    assert stored(audit, *wide) == [Decimal(text) for text in wide]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_sqlite_keeps_the_text(database: Audit) -> None:
    opened = engine.create(database.url)
    migrate.ensure(opened)
    opened.dispose()
    assert stored(database, *EXACT, "NaN") == [*EXACT, "NaN"]


@pytest.mark.parametrize("backend", SERVERS)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    whole=st.integers(-(10**35) + 1, 10**35 - 1),
    fraction=st.from_regex(r"[0-9]{1,30}", fullmatch=True),
)
def test_every_decimal_up_to_65_digits_is_exact(audit: Audit, whole: int, fraction: str) -> None:
    text = f"{whole}.{fraction}" if fraction.isascii() else str(whole)
    text = text[:63].rstrip(".")
    assert stored(audit, text) == [Decimal(text)]
