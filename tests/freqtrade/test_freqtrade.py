"""A real bot in live mode, unmodified: every cancel that reaches the venue is on record."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mexc_plugin import mexc
from mexc_plugin.sandbox import Fault, FaultKind, Sandbox
from mexc_plugin.store.write import recorders
from tests.conftest import Audit, assert_complete

from .conftest import (
    PROGRAMS,
    THIRTY_SECONDS_STOP,
    UNFILLED_TIMEOUT_S,
    Freqtrade,
    Refused,
    configuration,
    environment,
    running,
    wait_for,
)

LABEL = "freqtrade"
SYMBOL = "BTC/USDT"
# Long enough to change the order at the venue while its cancel is on the way.
ON_THE_WAY = Fault(FaultKind.DELAY_BEFORE, times=1, seconds=1)
# freqtrade would have repeated a cancel long before.
QUIET_S = 2.5


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox().serve() as running_sandbox:
        yield running_sandbox


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    return Audit(tmp_path_factory.mktemp("record") / "audit.db")


@pytest.fixture(scope="module")
def audited(
    sandbox: Sandbox, record: Audit, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Freqtrade]:
    """freqtrade below `mexc-plugin run`; in the end, the record is what arrived, and is whole."""
    folder = tmp_path_factory.mktemp("audited")
    run = ("mexc-plugin", "run", "--audit-url", record.url, "--bot", LABEL, "--")
    with running(sandbox, folder, *run) as bot:
        yield bot
    recorders.close_all()
    assert not (folder / "elsewhere.log").exists()
    assert THIRTY_SECONDS_STOP not in bot.log
    assert_complete(sandbox, record)
    assert program("audit", "verify", "--database-url", record.url, folder=folder).returncode == 0


def program(*arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run `mexc-plugin …` of freqtrade's environment."""
    return subprocess.run(
        [f"{PROGRAMS}/mexc-plugin", *arguments],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def outcomes(record: Audit, order_id: str) -> list[str]:
    """What is on record of the cancels of an order, oldest first."""
    rows = [row for row in record.history() if row["order_id"] == order_id]
    assert {row["bot"] for row in rows} <= {LABEL}
    return [row["final_outcome"] for row in rows]


def cancels_once_it_is_quiet(bot: Freqtrade, order_id: str) -> int:
    """How many cancels of the order arrived, when no more of them come."""
    count, since = wait_for(lambda: bot.cancels_of(order_id)), time.monotonic()
    while time.monotonic() - since < QUIET_S:
        time.sleep(0.05)
        if (now := bot.cancels_of(order_id)) > count:
            count, since = now, time.monotonic()
    return count


def test_an_order_that_is_not_filled_in_time_is_cancelled_once(
    audited: Freqtrade, record: Audit
) -> None:
    order_id = audited.new_order()
    wait_for(lambda: audited.cancels_of(order_id), UNFILLED_TIMEOUT_S + 5)
    assert cancels_once_it_is_quiet(audited, order_id) == 1
    assert outcomes(record, order_id) == ["canceled"]


CALLS: dict[str, Callable[[Freqtrade, int], object]] = {
    "cancel open order": lambda bot, trade: bot.call("DELETE", f"trades/{trade}/open-order"),
    "force exit": lambda bot, trade: bot.call("POST", "forceexit", {"tradeid": str(trade)}),
    "delete trade": lambda bot, trade: bot.call("DELETE", f"trades/{trade}"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_cancel_over_the_rest_api_is_on_record(
    audited: Freqtrade, record: Audit, name: str
) -> None:
    order_id = audited.new_order()
    # freqtrade cancels, removes the trade of which nothing was filled, and then complains that
    # there is none: with plain ccxt too.
    with contextlib.suppress(Refused):
        CALLS[name](audited, audited.trade_of(order_id))
    assert audited.cancels_of(order_id) == 1
    assert outcomes(record, order_id) == ["canceled"]


def fill_on_the_way(bot: Freqtrade, sandbox: Sandbox) -> str:
    """An order that is filled while freqtrade's cancel of it is on the way; its id."""
    order_id = bot.new_order()
    sandbox.inject(ON_THE_WAY)
    wait_for(lambda: bot.cancels_of(order_id))
    sandbox.fill(order_id)
    return order_id


def test_an_order_that_was_filled_costs_one_cancel(
    audited: Freqtrade, sandbox: Sandbox, record: Audit
) -> None:
    order_id = fill_on_the_way(audited, sandbox)
    try:
        assert cancels_once_it_is_quiet(audited, order_id) == 1
        assert outcomes(record, order_id) == ["not_found"]
    finally:
        audited.call("DELETE", f"trades/{audited.trade_of(order_id)}")


def test_an_order_that_the_venue_no_longer_knows_costs_one_cancel(
    audited: Freqtrade, sandbox: Sandbox, record: Audit
) -> None:
    by_hand = mexc(
        {**sandbox.ccxt_config(), "options": {"audit": {"url": record.url, "bot": "by hand"}}}
    )
    by_hand.load_markets()
    order_id = audited.new_order()
    sandbox.inject(ON_THE_WAY)
    wait_for(lambda: audited.cancels_of(order_id))
    by_hand.cancel_order(order_id, SYMBOL)
    by_hand.session.close()
    assert cancels_once_it_is_quiet(audited, order_id) == 1 + 1
    rows = [row for row in record.history() if row["order_id"] == order_id]
    assert {row["bot"]: row["final_outcome"] for row in rows} == {
        LABEL: "not_found",
        "by hand": "canceled",
    }


def test_a_cancel_whose_answer_is_lost_costs_two(
    audited: Freqtrade, sandbox: Sandbox, record: Audit
) -> None:
    order_id = audited.new_order()
    sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))
    wait_for(lambda: audited.cancels_of(order_id))
    assert cancels_once_it_is_quiet(audited, order_id) == 2
    assert outcomes(record, order_id) == ["unknown", "not_found"]


def with_audit(sandbox: Sandbox, folder: Path, audit: dict[str, object]) -> dict[str, object]:
    """The section `exchange` of freqtrade's configuration with settings of ours."""
    exchange: dict[str, object] = configuration(sandbox, folder, 0)["exchange"]
    return exchange | {"ccxt_config": {"options": {"audit": audit}}}


def test_settings_in_freqtrade_s_own_configuration_say_where_the_record_goes(
    tmp_path: Path,
) -> None:
    mine = Audit(tmp_path / "mine.db")
    with Sandbox().serve() as sandbox:
        exchange = with_audit(sandbox, tmp_path, {"url": str(mine.path), "bot": LABEL})
        with running(sandbox, tmp_path, "mexc-plugin", "run", "--", exchange=exchange) as bot:
            order_id = bot.new_order()
            with contextlib.suppress(Refused):
                bot.call("DELETE", f"trades/{bot.trade_of(order_id)}/open-order")
            wait_for(lambda: bot.cancels_of(order_id))
    assert outcomes(mine, order_id) == ["canceled"]


def test_a_typo_in_these_settings_is_reported_as_freqtrade_reports_its_own(
    tmp_path: Path,
) -> None:
    with Sandbox().serve() as sandbox:
        exchange = with_audit(sandbox, tmp_path, {"ulr": "audit.db"})
        with (
            pytest.raises(RuntimeError, match="freqtrade ended with 2") as ended,
            running(sandbox, tmp_path, "mexc-plugin", "run", "--", exchange=exchange),
        ):
            pytest.fail("it started")
    log = str(ended.value)
    assert "Traceback" not in log
    (line,) = (line for line in log.splitlines() if "ERROR" in line)
    assert "Initialization of ccxt failed. Reason: " in line
    assert "ulr" in line
    assert not [*tmp_path.glob("*.db")]


def test_the_doctor_finds_the_adapter_in_freqtrade(
    audited: Freqtrade, sandbox: Sandbox, record: Audit, tmp_path: Path
) -> None:
    done = program(
        *("doctor", "--base-url", sandbox.url, "--database-url", record.url),
        *("--", "freqtrade", "trade"),
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    assert "ccxt.mexc is the audited class" in done.stdout


def test_without_the_adapter_an_order_that_was_filled_costs_five_cancels_and_a_stop(
    tmp_path: Path,
) -> None:
    with Sandbox().serve() as sandbox, running(sandbox, tmp_path) as bot:
        order_id = fill_on_the_way(bot, sandbox)
        assert cancels_once_it_is_quiet(bot, order_id) == 5
        assert THIRTY_SECONDS_STOP in bot.log
    assert not (tmp_path / "elsewhere.log").exists()
