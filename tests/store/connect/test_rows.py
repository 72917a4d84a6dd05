"""Text that is none, as SQLite keeps it, and how it is asked for again."""

import pytest
import sqlalchemy as sa

from mexc_plugin.store.connect.rows import as_parameter, is_odd_text, read_any_text
from mexc_plugin.store.read import queries
from tests.conftest import Audit


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(
    ("written", "is_odd"),
    [
        ("CAST(x'80' AS TEXT)", True),
        ("CAST(x'7aff' AS TEXT)", True),
        ("'z'", False),
        ("'é😀'", False),
        ("x'ff'", False),
        ("1.5", False),
    ],
)
def test_what_was_read_is_found_again(audit: Audit, written: str, is_odd: bool) -> None:
    with queries.reading(audit.url) as connection:
        read_any_text(connection)
        value = connection.scalar(sa.text(f"SELECT {written}"))
        same = connection.scalar(sa.select(sa.literal_column(written) == as_parameter(value)))
    assert (is_odd_text(value), bool(same)) == (is_odd, True)
