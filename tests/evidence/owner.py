"""Whoever owns the database: takes the guards down, changes what there is, and puts them up again."""

import contextlib
from collections.abc import Iterator

from tests.conftest import Audit

TABLES = ("cancel_audit", "cancel_audit_order", "cancel_history", "audit_checkpoint")


@contextlib.contextmanager
def unguarded(audit: Audit, backend: str) -> Iterator[None]:
    """No trigger stands meanwhile; afterwards they stand as before."""
    down, up = _TRIGGERS[backend](audit)
    audit.execute(*down)
    yield
    audit.execute(*up)


def _sqlite(audit: Audit) -> tuple[list[str], list[str]]:
    found = audit.query("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    return [f"DROP TRIGGER {row['name']}" for row in found], [row["sql"] for row in found]


def _postgresql(audit: Audit) -> tuple[list[str], list[str]]:
    tables = ", ".join(f"'{table}'::regclass" for table in TABLES)
    found = audit.query(
        "SELECT tgname AS name, tgrelid::regclass::text AS place FROM pg_trigger "
        f"WHERE tgrelid IN ({tables}) AND NOT tgisinternal"
    )
    return tuple(
        [f"ALTER TABLE {row['place']} {how} TRIGGER {row['name']}" for row in found]
        for how in ("DISABLE", "ENABLE ALWAYS")
    )


def _mariadb(audit: Audit) -> tuple[list[str], list[str]]:
    names = [row["Trigger"] for row in audit.query("SHOW TRIGGERS")]
    made = [
        audit.query(f"SHOW CREATE TRIGGER {name}")[0]["SQL Original Statement"] for name in names
    ]
    return [f"DROP TRIGGER {name}" for name in names], made


_TRIGGERS = {"sqlite": _sqlite, "postgresql": _postgresql, "mariadb": _mariadb}
