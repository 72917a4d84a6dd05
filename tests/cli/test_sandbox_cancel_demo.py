"""The commands that talk to a venue: always one on loopback."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from mexc_plugin.cli.commands import sandbox as command
from mexc_plugin.sandbox import (
    DEFAULT_KEY,
    DEFAULT_SECRET,
    AnswerStyle,
    Fault,
    FaultKind,
    IdStyle,
    RateLimit,
)
from mexc_plugin.sandbox.http.server import LOOPBACK
from mexc_plugin.store.write import recorders

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "mexc_plugin"]
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def cancel(run, monkeypatch, sandbox, url):
    """`cancel` at the sandbox, with its credentials."""
    monkeypatch.setenv("MEXC_API_KEY", DEFAULT_KEY)
    monkeypatch.setenv("MEXC_API_SECRET", DEFAULT_SECRET)

    def cancelling(*arguments, base_url=sandbox.url):
        result = run("cancel", *arguments, "--base-url", base_url, "--database-url", url)
        assert DEFAULT_SECRET not in result.output
        assert DEFAULT_KEY not in result.output
        return result

    yield cancelling
    recorders.close_all()


@pytest.fixture
def recorded(run, url):
    def listing():
        result = run("audit", "--database-url", url)
        return [json.loads(line) for line in result.stdout.splitlines()]

    return listing


def test_the_sandbox_command_knows_the_words_of_the_sandbox() -> None:
    assert [style.value for style in AnswerStyle] == list(command.ANSWERS)
    assert [style.value for style in IdStyle] == list(command.IDS)
    assert set(command.HOSTS) == LOOPBACK
    assert RateLimit().ban == command.BAN_S


def test_the_sandbox_prints_how_to_reach_it_and_ends_with_ctrl_c(tmp_path):
    log = tmp_path / "arrivals.jsonl"
    with subprocess.Popen(
        [*PROGRAM, "sandbox", "--port", "0", "--ids", "hex", "--log", str(log)],
        env=os.environ | ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "Serving at http://127.0.0.1:" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=10)
    assert [process.returncode, stderr] == [0, ""]
    assert "from mexc_plugin import mexc" in stdout
    assert DEFAULT_KEY in stdout


def test_what_the_sandbox_prints_records_as_typed(tmp_path):
    """In Python and in the shell, in the database that was named before the command."""
    with subprocess.Popen(
        [*PROGRAM, "--db", "my own.db", "sandbox", "--port", "0"],
        env=os.environ | ENVIRONMENT,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        process.stderr.readline()
        lines = []
        while "config.json" not in (line := process.stdout.readline()):
            lines.append(line)
        python, _, shell = "".join(lines).partition("# The shell")
        python += (
            "order = exchange.create_order('LTC/BTC', 'limit', 'buy', 1, 0.002)\n"
            "exchange.cancel_order(order['id'], 'LTC/BTC')\n"
        )
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        for words in ([sys.executable, "-c", python], ["sh", "-e", "-c", f"# The shell{shell}"]):
            done = subprocess.run(
                words,
                env=os.environ | ENVIRONMENT | {"PATH": path},
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert (tmp_path / "my own.db").exists()
    rows = [json.loads(line) for line in done.stdout.splitlines() if '"outcome"' in line]
    assert [(row["bot"], row["final_outcome"]) for row in rows] == [
        (None, "canceled"),
        ("sandbox", "canceled"),
    ]


def test_the_sandbox_has_the_venue_s_limit_on_request():
    with subprocess.Popen(
        [*PROGRAM, "sandbox", "--port", "0", "--rate-limit", "1", "--ban", "9"],
        env=os.environ | ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[2].rstrip(";")
        headers = {"X-MEXC-APIKEY": DEFAULT_KEY}
        answers = []
        for _ in range(3):
            request = urllib.request.Request(
                f"{url}/api/v3/order", headers=headers, method="DELETE"
            )
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request, timeout=5)
            answers.append((caught.value.code, caught.value.headers["Retry-After"]))
            caught.value.close()
        process.send_signal(signal.SIGINT)
    assert answers == [(400, None), (429, "1"), (418, "9")]


def test_a_port_that_is_taken_is_one_line(run, sandbox):
    port = sandbox.url.rpartition(":")[2]
    result = run("sandbox", "--port", port)
    assert [result.exit_code, len(result.stderr.splitlines())] == [1, 1]
    assert "--port" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--host", "0.0.0.0"], ["--port", "70000"], ["--answers", "x"], ["--ids", "x"]),
        *(["--rate-limit", "0"], ["--rate-limit", "1", "--ban", "0"], ["--ban", "5"]),
    ],
)
def test_the_sandbox_refuses_what_it_cannot_serve(run, arguments):
    assert run("sandbox", *arguments).exit_code == 2


def test_a_cancelled_order_is_printed_and_on_record(cancel, sandbox, recorded):
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    result = cancel(order_id, "LTC/BTC", "--bot", "by-hand")
    order = json.loads(result.stdout)
    assert [0, order_id, "canceled"] == [result.exit_code, order["id"], order["status"]]
    assert [(order_id, "by-hand", "canceled")] == [
        (row["order_id"], row["bot"], row["final_outcome"]) for row in recorded()
    ]


def test_people_get_a_few_lines(cancel, sandbox):
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    lines = cancel(order_id, "LTC/BTC", "--format", "table").stdout.splitlines()
    assert lines[:2] == ["canceled  LTC/BTC", f"  id: {order_id}"]


def test_an_order_is_cancelled_by_its_client_order_id(cancel, sandbox, recorded):
    sandbox.place("LTCBTC", "BUY", "1", "0.002", "mine")
    assert cancel("mine", "LTC/BTC", "--client-order-id").exit_code == 0
    assert recorded()[0]["client_order_id"] == "mine"


def test_a_refused_cancel_is_one_line_and_exit_code_1(cancel, recorded):
    result = cancel("4", "LTC/BTC")
    assert [result.exit_code, result.stdout, len(result.stderr.splitlines())] == [1, "", 1]
    assert "OrderNotFound" in result.stderr
    assert recorded()[0]["final_outcome"] == "not_found"


@pytest.mark.parametrize(
    "kind", [FaultKind.DROP_AFTER, FaultKind.SERVER_ERROR, FaultKind.HTML, FaultKind.TRUNCATED]
)
def test_an_unknown_outcome_is_exit_code_3_and_says_where_to_look(cancel, sandbox, recorded, kind):
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    sandbox.inject(Fault(kind))
    result = cancel(order_id, "LTC/BTC")
    assert [result.exit_code, result.stdout, len(result.stderr.splitlines())] == [3, "", 1]
    assert "may have been executed" in result.stderr
    assert f"mexc-plugin audit list --order-id {order_id}" in result.stderr
    assert recorded()[0]["final_outcome"] == "unknown"


@pytest.mark.parametrize("kind", [FaultKind.RATE_LIMIT, FaultKind.TRADING_DISABLED])
def test_a_network_error_that_is_a_refusal_is_not_unknown(cancel, sandbox, kind):
    sandbox.inject(Fault(kind))
    result = cancel("4", "LTC/BTC")
    assert result.exit_code == 1
    assert "may have been executed" not in result.stderr


def test_several_orders_are_cancelled_and_each_that_failed_is_named(cancel, sandbox, recorded):
    ids = [sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(2)]
    result = cancel(ids[0], "4", ids[1], "LTC/BTC")
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ids
    assert [result.exit_code, len(result.stderr.splitlines())] == [1, 1]
    assert "4: OrderNotFound: -2011 Unknown order sent." in result.stderr
    assert len(recorded()) == 3


def test_one_of_several_that_is_unknown_is_exit_code_3_and_named(cancel, sandbox):
    ids = [sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(2)]
    sandbox.inject(Fault(FaultKind.DROP_AFTER, times=1))
    result = cancel(*ids, "LTC/BTC")
    assert [result.exit_code, len(result.stdout.splitlines())] == [3, 1]
    assert f"{ids[0]}: NetworkError" in result.stderr
    assert f"audit list --order-id {ids[0]}" in result.stderr


def test_more_orders_than_the_venue_takes_in_a_second_are_all_cancelled(cancel, sandbox, recorded):
    sandbox.set_rate_limit(RateLimit())
    ids = [sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(14)]
    result = cancel(*ids, "LTC/BTC")
    assert [result.exit_code, len(result.stdout.splitlines())] == [0, 14]
    assert {row["final_outcome"] for row in recorded()} == {"canceled"}


def test_after_a_429_it_waits_and_cancels_what_was_refused(cancel, sandbox, recorded):
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    sandbox.inject(Fault(FaultKind.RATE_LIMIT, times=1, headers={"Retry-After": "0"}))
    assert cancel(order_id, "LTC/BTC").exit_code == 0
    assert [(row["attempt"], row["final_outcome"]) for row in recorded()] == [
        (2, "canceled"),
        (1, "rate_limited"),
    ]


def test_futures_orders_say_what_became_of_each(cancel, sandbox):
    order_id = sandbox.place_futures("BTC_USDT", 1, "1", "20000")
    result = cancel(order_id, "999", "BTC/USDT:USDT", "--format", "table")
    assert result.stdout.splitlines() == ["accepted  BTC/USDT:USDT", f"  id: {order_id}"]
    assert result.exit_code == 1
    assert "999: InvalidOrder: 2040" in result.stderr


def test_a_venue_that_is_not_there_has_cancelled_nothing(cancel, recorded):
    result = cancel("4", "LTC/BTC", base_url="http://127.0.0.1:1")
    assert [result.exit_code, len(result.stderr.splitlines())] == [1, 1]
    assert "nothing was cancelled" in result.stderr
    assert recorded() == []


def test_a_missing_key_is_a_usage_error_that_names_the_variables(run):
    result = run("cancel", "4", "LTC/BTC")
    assert result.exit_code == 2
    assert "MEXC_API_KEY and MEXC_API_SECRET" in result.stderr


@pytest.mark.parametrize(
    "base_url", ["127.0.0.1:8080", "ftp://127.0.0.1", "http://", "http://[", ""]
)
def test_a_base_url_that_is_none_is_a_usage_error(cancel, base_url):
    assert cancel("4", "LTC/BTC", base_url=base_url).exit_code == 2


def test_the_demo_tells_its_story_and_leaves_nothing_behind(tmp_path):
    environment = os.environ | ENVIRONMENT | {"TMPDIR": str(tmp_path), "PYTHONWARNINGS": "error"}
    found = subprocess.run(
        [*PROGRAM, "demo"], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert [found.returncode, list(tmp_path.glob("mexc*"))] == [0, []], found.stderr
    for outcome in ("canceled", "partially_canceled", "not_found", "unknown"):
        assert f"  {outcome} " in found.stdout
    assert "from mexc_plugin import mexc" in found.stdout
    assert "Traceback" not in found.stderr


def test_the_demo_keeps_its_record_where_it_is_told_to_and_runs_again(run, recorded, url):
    for runs in (1, 2):
        result = run("demo", "--database-url", url)
        assert [result.exit_code, len(recorded())] == [0, 4 * runs]
        assert result.stdout.count("  demo  ") == 4
    assert run("audit", "verify", "--database-url", url).exit_code == 0
