"""How somebody is told: what a command and a web address are given, and that neither can stop anything."""

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mexc_plugin.cli.alerting import calling
from mexc_plugin.cli.alerting.calling import Caller, CallFailed, Execute, Webhook

DOCUMENT = json.dumps({"text": "1 cancel failed – é", "padding": "x" * 200_000}).encode()
LIMIT_S = 1.0
PATIENCE_S = 20


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")


class Post:
    """A web address on loopback, and what was posted to it."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}/hook/secret?token=secret"
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.answer = 200


@contextmanager
def posts() -> Iterator[Post]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            post.headers.append(dict(self.headers))
            post.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(post.answer)
            self.send_header("Location", f"{post.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        post = Post(server)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield post
        server.shutdown()
        thread.join()


@pytest.fixture
def post() -> Iterator[Post]:
    with posts() as running:
        yield running


# -- a web address


def test_a_webhook_gets_the_document_as_json(post):
    Webhook(post.url).call(DOCUMENT, LIMIT_S)
    assert post.bodies == [DOCUMENT]
    assert post.headers[0]["Content-Type"] == "application/json"
    assert post.headers[0]["User-Agent"].startswith("mexc-plugin/")


@pytest.mark.parametrize("status", [302, 307, 404, 500])
def test_an_answer_that_is_no_success_is_a_failure_and_no_redirect_is_followed(post, status):
    post.answer = status
    with pytest.raises(CallFailed, match=f"answered {status}"):
        Webhook(post.url).call(DOCUMENT, LIMIT_S)
    assert len(post.bodies) == 1


@contextmanager
def answering(*parts: bytes, forever: bool = False) -> Iterator[str]:
    """A server that answers with bytes, and then hangs up or goes on with the last of them for ever."""
    ended = threading.Event()

    def serve() -> None:
        with listening.accept()[0] as connection:
            for part in parts:
                connection.sendall(part)
            while forever and not ended.wait(0.05):
                try:
                    connection.sendall(parts[-1] if parts else b"")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/secret"
        ended.set()
        thread.join()


@pytest.mark.parametrize(
    "parts", [[], [b"nonsense\r\n\r\n"], [b"HTTP/1.1 200"], [b"\xff" * 99_999]]
)
def test_an_answer_that_is_none_is_a_failure(parts):
    with answering(*parts) as url, pytest.raises(CallFailed) as found:
        Webhook(url).call(b"{}", LIMIT_S)
    assert "secret" not in str(found.value)


def test_an_address_where_nobody_listens_is_a_failure():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/secret"
    with pytest.raises(CallFailed, match="cannot be reached: Connection refused"):
        Webhook(url).call(b"{}", LIMIT_S)


@pytest.mark.parametrize("drip", [(), (b"X: y\r\n",)])
def test_an_address_that_hangs_or_drips_is_given_up(drip):
    with answering(*(b"HTTP/1.1 200 OK\r\n" for _ in drip), *drip, forever=True) as url:
        caller = Caller(Webhook(url), LIMIT_S)
        caller.start(b"{}")
        assert ended(caller) < LIMIT_S + 3
    assert caller.failure is not None


@pytest.mark.parametrize(
    "url",
    ["ftp://x/", "file:///etc/passwd", "hooks.example", "http://", "http://x:port/", "http://x/ y",
     "http://x/\n", "http://me:secret@x/", "http://[::1", "http://x:0/", "http://é/"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_showing_it(url):
    with pytest.raises(ValueError, match="write") as found:
        Webhook(url)
    assert "secret" not in str(found.value)


# -- a command


def python(code: str) -> Execute:
    return Execute((sys.executable, "-c", code))


def test_a_command_gets_the_document_on_its_standard_input_and_no_secret(tmp_path, monkeypatch):
    for name in calling.SECRETS:
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("MEXC_PLUGIN_DATABASE_URL", "audit.db")
    file = tmp_path / "given"
    code = f"import sys, os, json; json.dump([sys.stdin.read(), dict(os.environ)], open({str(file)!r}, 'w'))"
    python(code).call(DOCUMENT, PATIENCE_S)
    document, environment = json.loads(file.read_text())
    assert document.encode() == DOCUMENT
    assert "secret" not in environment.values()
    assert environment["MEXC_PLUGIN_DATABASE_URL"] == "audit.db"


def test_a_command_that_reads_nothing_is_told_all_the_same():
    python("").call(DOCUMENT, PATIENCE_S)


def test_a_command_that_fails_is_a_failure():
    with pytest.raises(CallFailed, match="ended with 7"):
        python("raise SystemExit(7)").call(DOCUMENT, PATIENCE_S)


def test_a_command_that_hangs_is_killed_with_what_it_started(tmp_path):
    file = tmp_path / "pid"
    line = f"sleep 600 & echo $! > {file}; wait"
    with pytest.raises(CallFailed, match="took more than"):
        Execute(("sh", "-c", line)).call(DOCUMENT, 0.5)
    pid, until = int(file.read_text()), time.monotonic() + 5
    while time.monotonic() < until and is_alive(pid):
        time.sleep(0.02)
    assert not is_alive(pid)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_command_that_is_gone_is_a_failure(tmp_path):
    with pytest.raises(CallFailed, match="cannot be started: No such file"):
        Execute((str(tmp_path / "gone"),)).call(DOCUMENT, LIMIT_S)


@pytest.mark.parametrize(
    ("line", "why"), [("", "no command"), ("no-such-program -x", "sh -c"), ("'", "quot")]
)
def test_a_command_that_cannot_be_meant_is_refused(line, why):
    with pytest.raises(ValueError, match=why):
        Execute.of(line)


def test_what_a_command_prints_goes_to_stderr_or_nowhere(capfd):
    line = f"{sys.executable} -c \"print('said')\""
    Execute.of(line).call(b"{}", PATIENCE_S)
    Execute.of(line, is_quiet=True).call(b"{}", PATIENCE_S)
    assert tuple(capfd.readouterr()) == ("", "said\n")


# -- one call at a time


def ended(caller: Caller) -> float:
    began = time.monotonic()
    while caller.is_busy:
        assert time.monotonic() - began < PATIENCE_S
        time.sleep(0.01)
    return time.monotonic() - began


def test_a_caller_says_what_became_of_the_last_call(post):
    caller = Caller(Webhook(post.url))
    assert not caller.is_busy
    for status, failure in ((200, None), (500, "it answered 500"), (200, None)):
        post.answer = status
        caller.start(b"{}")
        ended(caller)
        assert caller.failure == failure
    assert "secret" not in caller.name


class Stuck:
    """A call that heeds no limit, as one that waits for a name server."""

    name = "the stuck one"

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def call(self, document: bytes, limit_s: float) -> None:
        self.let_go.wait(PATIENCE_S)
        raise RuntimeError("too late")

    def stop(self) -> None:
        pass


def hanging() -> int:
    return sum(thread.name == "mexc-plugin-call" for thread in threading.enumerate())


def test_a_call_that_heeds_no_limit_is_left_behind_and_there_are_few_of_them(monkeypatch):
    stuck = Stuck()
    caller = Caller(stuck, limit_s=-1.0)
    for _ in range(calling.MOST_HANGING):
        caller.start(b"{}")
        ended(caller)
        assert "took more than" in caller.failure
    caller.start(b"{}")
    assert not caller.is_busy
    assert "still hang" in caller.failure
    assert hanging() == calling.MOST_HANGING
    stuck.let_go.set()
    while hanging():
        time.sleep(0.01)
    assert "still hang" in caller.failure


def test_a_bug_in_a_call_is_a_failure_of_it():
    stuck = Stuck()
    stuck.let_go.set()
    caller = Caller(stuck)
    caller.start(b"{}")
    ended(caller)
    assert caller.failure == "RuntimeError"
