"""A record with something of everything, and the page about it."""

import contextlib
import shutil
from pathlib import Path

import pytest

from mexc_plugin.audit.outcome import FAILED, Outcome
from tests.browser import browse, browser
from tests.cli.conftest import Ledger, ledger, path, prepared, run, url
from tests.command_line import invoke

__all__ = ["browse", "browser", "ledger", "path", "prepared", "run", "url"]

HOSTILE = (
    "</script><script>document.title = 'taken'</script><img src=x onerror=alert(1)>\u202e\x1b[31m"
)
DAY = 86_400


def fill(ledger: Ledger, days: int = 6) -> None:
    """Every outcome on several days, from two bots; what a hostile venue might say among it."""
    for day in range(days):
        for number, outcome in enumerate(Outcome):
            at = day * DAY + number * 60
            failed = outcome in FAILED
            answer = {"latency_us": 900 * 3**number}
            if failed:
                answer |= {"venue_code": f"-{2011 + number}", "venue_message": f"no: {outcome}"}
                answer |= {"error_type": "OrderNotFound"}
            ledger.cancel(
                None if outcome is Outcome.PENDING else outcome.value,
                at=at,
                bot="grid-7" if number % 2 else "<b>maker</b>",
                symbol="LTC/BTC" if number % 3 else "BTC/USDT",
                order_id=f"13373482383444{day:02}{number:02}",
                answer=answer,
            )
        for again in range(8):
            ledger.cancel(at=day * DAY + 7_200 + again / 10, order_id="133734823834440000")
    ledger.cancel("rejected", at=90, order_id="hostile", answer={"venue_message": HOSTILE})


@pytest.fixture(scope="session")
def page(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: drawing takes longer than looking."""
    folder = tmp_path_factory.mktemp("report")
    shutil.copy(prepared, folder / "audit.db")
    fill(Ledger(f"sqlite:///{folder}/audit.db"))
    target = folder / "report.html"
    arguments = ["audit", "report", "-o", str(target), "--database-url", "sqlite:///audit.db"]
    with contextlib.chdir(folder):  # so that the page names no folder of this machine
        result = invoke(arguments)
    assert result.exit_code == 0, result.output
    return target
