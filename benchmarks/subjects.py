"""What is compared: plain ccxt, the adapter, and the naive recorder that everybody writes first."""

import json
import time
import uuid
from typing import Any

import ccxt
import ccxt.async_support
import sqlalchemy as sa
from sqlalchemy import orm

from mexc_plugin.sandbox import DEFAULT_KEY, DEFAULT_SECRET, Sandbox
from mexc_plugin.sandbox.configuration import ccxt_urls

SYMBOL = "LTC/BTC"


def markets() -> dict[str, Any]:
    """ccxt's markets, read once from the sandbox."""
    with Sandbox().serve() as sandbox:
        exchange = ccxt.mexc(sandbox.ccxt_config())
        found: dict[str, Any] = exchange.load_markets()
        exchange.session.close()
    return found


def config(url: str, audit_url: str | None = None) -> dict[str, Any]:
    options = {"audit": {"url": audit_url, "deadline_ms": 2_500}} if audit_url else {}
    return {
        "apiKey": DEFAULT_KEY,
        "secret": DEFAULT_SECRET,
        "enableRateLimit": False,
        "urls": ccxt_urls(url),
        "options": options,
    }


class Base(orm.DeclarativeBase):
    pass


class NaiveRow(Base):
    __tablename__ = "naive"
    id: orm.Mapped[str] = orm.mapped_column(primary_key=True)
    at: orm.Mapped[float]
    order_id: orm.Mapped[str]
    request: orm.Mapped[str]
    response: orm.Mapped[str | None]


def naive_recorder(audit_url: str) -> type:
    """super() and an ORM session: insert, call, update. SQLite with its defaults made durable."""
    engine = sa.create_engine(audit_url)
    Base.metadata.create_all(engine)

    class Naive(ccxt.mexc):  # type: ignore[misc]
        def cancel_order(self, id: str, symbol: Any = None, params: Any = None) -> Any:  # noqa: A002
            key = str(uuid.uuid4())
            with orm.Session(engine) as session:
                row = NaiveRow(
                    id=key,
                    at=time.time(),
                    order_id=id,
                    request=json.dumps([id, symbol]),
                    response=None,
                )
                session.add(row)
                session.commit()
            answer = super().cancel_order(id, symbol, params or {})
            with orm.Session(engine) as session:
                session.get_one(NaiveRow, key).response = json.dumps(answer)
                session.commit()
            return answer

    return Naive
