"""The dashboards name metrics that there are, and ask questions that the database answers."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mexc_plugin.review import exposition
from mexc_plugin.shipping.lag import Lag, Shipped
from mexc_plugin.store.read.statistics.gauges import BUCKETS_US, Answered, Gauges
from mexc_plugin.store.write.spool.backlog import Backlog
from tests.store.audits import Audit

from .cli.conftest import NOON, Ledger

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "grafana"
NAME = re.compile(r"mexc_plugin_\w+")
AT = datetime(2026, 11, 23, 12)  # noqa: DTZ001 - naive UTC, as the record has its times
MACROS = {
    "$__timeFilter(requested_at)": "requested_at BETWEEN '2026-11-23T00:00:00Z' AND '2026-11-24T00:00:00Z'",
    "$__timeGroup(requested_at, $__interval)": "floor(extract(epoch from requested_at)/60)*60",
}


def dashboard(name: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / f"{name}.json").read_text()))


def targets(name: str) -> list[dict[str, Any]]:
    return [target for panel in dashboard(name)["panels"] for target in panel["targets"]]


def samples() -> set[str]:
    """The name of every sample of a record in which there is one of everything."""
    answered = Answered({"canceled": 1}, (1,) * (len(BUCKETS_US) + 1), 1)
    gauges = Gauges(answered, {"unknown": 1}, AT, {"canceled": AT}, NOON, 0)
    shipped = Shipped(Lag(1, NOON, 1))
    lines = exposition.expose(gauges, Backlog(), shipped).splitlines()
    return {re.split(r"[ {]", line)[0] for line in lines if not line.startswith("#")}


def test_every_metric_of_the_dashboard_exists_and_none_is_left_out() -> None:
    named = {name for target in targets("prometheus") for name in NAME.findall(target["expr"])}
    assert named == samples()


def test_every_metric_that_the_documents_name_exists_and_none_is_left_out() -> None:
    named = set(NAME.findall((ROOT / "docs" / "monitoring.md").read_text()))
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in samples()}
    assert named - {"mexc_plugin_prom"} == families


def test_panels_lie_side_by_side_and_have_names_of_their_own() -> None:
    for name in ("prometheus", "postgresql"):
        panels = dashboard(name)["panels"]
        cells = [
            (x, y)
            for panel in panels
            for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        ]
        assert len(set(cells)) == len(cells)
        assert max(x for x, _ in cells) < 24
        assert len({panel["id"] for panel in panels}) == len({p["title"] for p in panels})


@pytest.mark.server
@pytest.mark.parametrize("backend", ["postgresql"])
def test_every_question_of_the_sql_dashboard_is_answered(audit: Audit) -> None:
    ledger = Ledger(audit.url)
    ledger.cancel("rejected", answer={"venue_code": "30016"})
    ledger.cancel("unknown")
    for target in targets("postgresql"):
        sql = target["rawSql"]
        for macro, meaning in MACROS.items():
            sql = sql.replace(macro, meaning)
        assert "$" not in sql
        rows = audit.query(sql.replace("?", "%s"))
        assert rows, sql
        assert (target["format"] == "time_series") == ("time" in rows[0])
