"""`audit serve`, as a user types it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mexc_plugin.cli.commands.watching import serve as command
from mexc_plugin.review.web.access import gate
from mexc_plugin.store.write.spool import spool_folder
from tests.cli.conftest import Ledger

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "mexc_plugin", "audit", "serve"]
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "error"}
TOKEN = "a-token-of-enough-characters"
PATIENCE_S = 60


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """The program, and the address that it says."""
    with subprocess.Popen(
        [*PROGRAM, "--port", "0", *arguments],
        env=os.environ | ENVIRONMENT | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            while line and "Serving at" not in line:
                line = process.stderr.readline()
            yield process, line.partition("Serving at ")[2].partition(";")[0]
        finally:
            process.kill()


def answer(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def test_the_command_knows_the_words_of_the_room() -> None:
    assert set(command.LOOPBACK) == gate.LOOPBACK
    assert command.LEAST_TOKEN == gate.LEAST_TOKEN


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_on_loopback_and_ends_quietly(url: str, number: signal.Signals) -> None:
    with serving("--database-url", url) as (process, address):
        assert address.startswith("http://127.0.0.1:")
        assert answer(address) == 200
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=PATIENCE_S)
    assert [process.returncode, stdout, stderr] == [0, "", ""]


def test_it_ends_although_somebody_watches(url: str) -> None:
    with (
        serving("--database-url", url) as (process, address),
        urllib.request.urlopen(f"{address}events") as events,
    ):
        events.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def test_it_ends_although_a_chart_is_being_drawn(url: str, ledger: Ledger) -> None:
    ledger.cancel()
    with serving("--database-url", url) as (process, address):
        port = int(address.rstrip("/").rpartition(":")[2])
        with closing(socket.create_connection(("127.0.0.1", port))) as asking:
            asking.sendall(b"GET /charts/heat.svg?span=all HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            stderr = process.communicate(timeout=PATIENCE_S)[1]
    assert [process.returncode, stderr] == [0, ""]


@pytest.mark.parametrize("way", ["option", "file", "environment"])
def test_a_token_is_taken_from_wherever_it_is(url: str, tmp_path: Path, way: str) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\nand what else is in there\n")
    arguments, environment = {
        "option": (["--auth-token", TOKEN], {}),
        "file": (["--auth-token-file", str(file)], {}),
        "environment": ([], {command.TOKEN_VARIABLE: TOKEN}),
    }[way]
    with serving("--database-url", url, *arguments, **environment) as (process, address):
        api = f"{address}api/cancels"
        answers = [answer(api), answer(api, Authorization=f"Bearer {TOKEN}")]
        process.send_signal(signal.SIGINT)
        said = "".join(process.communicate(timeout=PATIENCE_S))
    assert answers == [401, 200]
    assert TOKEN not in said


def test_beyond_this_machine_it_serves_with_a_token(url: str) -> None:
    with serving("--database-url", url, "--host", "0.0.0.0", "--auth-token", TOKEN) as (_, address):
        port = address.rstrip("/").rpartition(":")[2]
        assert answer(f"http://127.0.0.1:{port}/api/cancels") == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "audit.example"])
def test_beyond_this_machine_it_refuses_without_a_token(run, url: str, host: str) -> None:
    result = run("audit", "serve", "--host", host, "--database-url", url)
    assert [result.exit_code, len(result.stderr.splitlines())] == [2, 1]
    assert "--auth-token" in result.stderr


@pytest.mark.parametrize("token", ["", "short", "x" * 15, "with a \x07 bell in between"])
def test_a_token_that_is_none_is_refused_and_not_shown(run, url: str, token: str) -> None:
    result = run("audit", "serve", "--auth-token", token, "--database-url", url)
    assert [result.exit_code, len(result.stderr.splitlines())] == [2, 1]
    assert not token or token not in result.stderr


def test_two_tokens_are_one_too_many(run, url: str, tmp_path: Path) -> None:
    result = run(
        *("audit", "serve", "--database-url", url, "--auth-token", TOKEN),
        *("--auth-token-file", str(tmp_path / "token")),
    )
    assert [result.exit_code, TOKEN in result.stderr] == [2, False]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "at least 16"),
        (b"\xff" * 20, "no text"),
        (b"\n", "at least 16"),
    ],
)
def test_a_file_without_a_token_is_one_line(
    run, url: str, tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    result = run("audit", "serve", "--auth-token-file", str(file), "--database-url", url)
    assert [result.exit_code, len(result.stderr.splitlines())] == [2, 1]
    assert words in result.stderr


def test_it_opens_itself_in_the_browser(url: str, tmp_path: Path) -> None:
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{seen}.new"\nmv "{seen}.new" "{seen}"\n')
    browser.chmod(0o755)
    with serving("--database-url", url, "--open", BROWSER=f"{browser} %s") as (process, address):
        until = time.monotonic() + PATIENCE_S
        while not seen.exists() and time.monotonic() < until:
            time.sleep(0.05)
        assert seen.read_text() == address
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def test_a_port_that_is_taken_is_one_line(run, url: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        result = run("audit", "serve", "--port", port, "--database-url", url)
    assert [result.exit_code, len(result.stderr.splitlines())] == [1, 1]
    assert f"port {port} is in use; name another with --port" in result.stderr


def test_an_address_that_is_not_this_machine_s_is_one_line(run, url: str) -> None:
    result = run(
        "audit", "serve", "--host", "192.0.2.1", "--auth-token", TOKEN, "--database-url", url
    )
    assert [result.exit_code, len(result.stderr.splitlines())] == [1, 1]
    assert "cannot serve at 192.0.2.1" in result.stderr


def test_a_database_that_is_not_there_is_said_at_once(run, tmp_path: Path) -> None:
    result = run("audit", "serve", "--database-url", f"sqlite:///{tmp_path}/none.db")
    assert result.exit_code == 1
    assert "there is no audit database" in result.stderr
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("missing", ["starlette", "uvicorn", "jinja2", "itsdangerous"])
def test_without_the_extra_it_says_what_to_install(url: str, missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from mexc_plugin.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "audit", "serve", "--database-url", url],
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert [done.returncode, len(done.stderr.splitlines())] == [2, 1]
    assert (
        "pip install 'altair>=5.5' 'itsdangerous>=2.0' 'jinja2>=3.1' 'starlette>=0.46'"
        in done.stderr
    )


def test_the_help_needs_no_web_framework() -> None:
    code = (
        "import sys; sys.argv[1:] = ['audit', 'serve', '--help']\n"
        "from mexc_plugin.cli import main\n"
        "try: main()\n"
        "except SystemExit: print([n for n in ('starlette', 'sqlalchemy') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_serving_never_imports_ccxt(url: str) -> None:
    code = (
        "import sys\nfrom mexc_plugin.review.web import serving\n"
        "print([n for n in ('ccxt', 'altair') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | ENVIRONMENT, capture_output=True, text=True,
        timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    assert done.stdout == "[]\n"


def test_metrics_count_what_waits_in_the_folder_that_is_named_and_for_the_shipper(
    url: str, ledger: Ledger, tmp_path: Path
) -> None:
    ledger.cancel()
    spool, _ = spool_folder.place(url, tmp_path / "spool")
    spool.mkdir()
    name = spool_folder.place(url, spool)[1]
    (spool / f"{name}.w.spool").write_text("{}\n{}\n")
    with (
        serving("--db", url, "--spool", str(spool), "--ship-to", str(tmp_path / "central.db")) as (
            _,
            address,
        ),
        urllib.request.urlopen(f"{address}metrics") as answer,
    ):
        lines = answer.read().decode().splitlines()
    assert "mexc_plugin_spool_events 2.0" in lines
    assert "mexc_plugin_ship_lag_events 2.0" in lines
