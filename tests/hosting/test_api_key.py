"""`doctor` with a key: what the venue says of it, and nothing where it says nothing."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from mexc_plugin.cli import program as command_line
from mexc_plugin.hosting import api_key, clocks
from mexc_plugin.hosting.checks import Finding
from mexc_plugin.sandbox import DEFAULT_KEY, DEFAULT_SECRET, Fault, FaultKind, KeyInfo, Sandbox

from .conftest import LEAN, program

pytestmark = LEAN

KEY = {"MEXC_API_KEY": DEFAULT_KEY, "MEXC_API_SECRET": DEFAULT_SECRET}
INFO = KeyInfo(permissions=("SPOT_DEAL_READ", "SPOT_DEAL_WRITE"), remaining_validity=82)
FINE = [
    "key: may cancel spot orders (SPOT_DEAL_WRITE)",
    "key: may look spot orders up (SPOT_DEAL_READ)",
]


def found(url: str, **environ: str) -> list[Finding]:
    findings = list(api_key.check(url, KEY | environ, "MEXC_API_KEY", "MEXC_API_SECRET"))
    for finding in findings:
        assert DEFAULT_KEY not in finding.text
        assert DEFAULT_SECRET not in finding.text
        assert "signature=" not in finding.text
    return findings


def alarms(url: str, **environ: str) -> list[str]:
    return [finding.text for finding in found(url, **environ) if finding.needs_attention]


def test_what_a_good_key_may_do_is_said_and_is_fine(sandbox: Sandbox) -> None:
    sandbox.set_key_info(INFO)

    assert found(sandbox.url) == [Finding(text) for text in (*FINE, "key: expires in 82 days")]
    assert sandbox.requests == [("GET", "/api/v3/apiKeyInfo")]


def test_other_permissions_are_named(sandbox: Sandbox) -> None:
    sandbox.set_key_info(KeyInfo(permissions=(*INFO.permissions, "SPOT_WITHDRAW_WRITE", "A")))

    assert "key: has these permissions too: A, SPOT_WITHDRAW_WRITE" in [
        finding.text for finding in found(sandbox.url)
    ]


@pytest.mark.parametrize(
    ("permissions", "expected"),
    [
        (("SPOT_DEAL_READ",), ["key: may not cancel spot orders: SPOT_DEAL_WRITE is missing"]),
        (("SPOT_DEAL_WRITE",), ["key: may not look spot orders up: SPOT_DEAL_READ is missing"]),
        (("XSPOT_DEAL_WRITE", "SPOT_DEAL_READS"), ["key: may not cancel", "key: may not look"]),
        ((), ["key: may not cancel", "key: may not look"]),
    ],
)
def test_a_permission_that_is_missing_needs_attention(
    sandbox: Sandbox, permissions: tuple[str, ...], expected: list[str]
) -> None:
    sandbox.set_key_info(KeyInfo(permissions=permissions))

    said = alarms(sandbox.url)
    assert len(said) == len(expected)
    assert all(text.startswith(start) for text, start in zip(said, expected, strict=True))


@pytest.mark.parametrize(
    ("days", "text", "needs_attention"),
    [
        (-999, "key: does not expire", False),
        (90, "key: expires in 90 days", False),
        (14, "key: expires in 14 days", False),
        (13, "key: expires in 13 day(s): renew it", True),
        (1, "key: expires in 1 day(s): renew it", True),
        (0, "key: has expired", True),
        (-1, "key: how long it lives was not said in days: -1", True),
    ],
)
def test_how_long_a_key_lives(
    sandbox: Sandbox, days: int, text: str, needs_attention: bool
) -> None:
    sandbox.set_key_info(KeyInfo(INFO.permissions, remaining_validity=days))

    last = found(sandbox.url)[-1]
    assert (last.text[: len(text)], last.needs_attention) == (text, needs_attention)


@pytest.mark.parametrize("status", ["FROZEN", "DELETE", ""])
def test_a_key_that_is_not_valid_needs_attention(sandbox: Sandbox, status: str) -> None:
    sandbox.set_key_info(KeyInfo(INFO.permissions, 82, status))

    assert alarms(sandbox.url) == [f"key: its status is {status}, and not VALID"]


def answering(sandbox: Sandbox, body: Any, status: int = 200, **fields: Any) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    fault = Fault(
        FaultKind.RAW, path="/api/v3/apiKeyInfo", status=status, body=raw, times=1, **fields
    )
    sandbox.inject(fault)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"permissions": ["SPOT_DEAL_READ", "SPOT_DEAL_WRITE"]}, ["how long", "its status was not said"]),
        (
            {"permissions": "SPOT_DEAL_READ, SPOT_DEAL_WRITE,", "status": "VALID"},
            ["how long it lives was not said in days: None"],
        ),
        (
            {"permissions": None, "status": "VALID", "remainingValidity": "82"},
            ["may not cancel", "may not look"],
        ),
        (
            {"permissions": {"a": 1}, "status": "VALID", "remainingValidity": True},
            ["may not cancel", "may not look", "how long"],
        ),
        (
            {"permissions": "SPOT_DEAL_READ,SPOT_DEAL_WRITE", "status": "VALID", "remainingValidity": "x"},
            ["how long"],
        ),
    ],
)  # fmt: skip
def test_what_the_answer_does_not_say_is_not_said_either(
    sandbox: Sandbox, answer: dict[str, Any], said: list[str]
) -> None:
    answering(sandbox, answer)

    texts = alarms(sandbox.url)
    assert len(texts) == len(said)
    assert all(text.startswith(f"key: {start}") for text, start in zip(texts, said, strict=True))


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"code": 700007, "msg": "No permission"}, 400, "answered 400: 700007 No permission"),
        ({"code": 10072, "msg": "Api key info invalid"}, 200, "answered 200: 10072 Api key info"),
        ({"code": 26, "data": "operation not allowed"}, 200, "answered 200: 26 operation not"),
        ({"code": 404, "msg": "Not found"}, 404, "answered 404: 404 Not found"),
        (b"<h1>Access Denied</h1>", 403, "answered 403, and not with a JSON object"),
        (b"", 500, "answered 500, and not with a JSON object"),
        (b'{"permissions": "SPOT_D', 200, "answered 200, and not with a JSON object"),
        ([], 200, "answered 200, and not with a JSON object"),
        ({}, 200, "answered 200, and says nothing of a key"),
        ({"permissions": "SPOT_DEAL_WRITE"}, 503, "answered 503, and says nothing of a key"),
    ],
)
def test_a_refusal_is_told_and_is_not_fine(
    sandbox: Sandbox, body: Any, status: int, said: str
) -> None:
    answering(sandbox, body, status)

    (text,) = alarms(sandbox.url)
    assert text.startswith(f"key: could not be asked about: {sandbox.url} {said}")
    assert len(found(sandbox.url)) > 1  # the next time it is answered


@pytest.mark.parametrize("form", [DEFAULT_KEY, DEFAULT_SECRET, f"?accessKey={DEFAULT_KEY}"])
def test_a_venue_that_repeats_key_or_secret_is_not_repeated(sandbox: Sandbox, form: str) -> None:
    answering(sandbox, {"code": 1, "msg": f"no such key: {form}"}, 400)
    (refused,) = alarms(sandbox.url)  # which looks for both
    answering(sandbox, {"permissions": form, "status": form, "remainingValidity": form})

    assert "[redacted]" in refused
    assert len(alarms(sandbox.url)) == 4


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (FaultKind.DROP_BEFORE, "no answer: "),
        (FaultKind.DROP_MID_ANSWER, "http://127.0.0.1:"),
        (FaultKind.TRUNCATED, "http://127.0.0.1:"),
    ],
)
def test_a_connection_that_drops_is_told(sandbox: Sandbox, kind: FaultKind, said: str) -> None:
    sandbox.inject(Fault(kind, path="/api/v3/apiKeyInfo"))

    (text,) = alarms(sandbox.url)
    assert text.startswith(f"key: could not be asked about: {said}")


def test_a_venue_out_of_reach_is_told() -> None:
    (text,) = alarms("http://127.0.0.1:9")
    assert "could not be asked about: no answer: [Errno 111]" in text


def test_a_wrong_secret_is_told_in_the_venue_s_words(sandbox: Sandbox) -> None:
    (text,) = alarms(sandbox.url, MEXC_API_SECRET="another-secret")
    assert "answered 400: 700002 Signature for this request is not valid." in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in KEY for value in ("mx0key\n", "mx0key\udcff", "mx0\x00key")),
        ("MEXC_API_KEY", "mx0кey-кey"),
    ],
)
def test_what_can_be_no_key_or_secret_is_neither_sent_nor_shown(
    sandbox: Sandbox, name: str, value: str
) -> None:
    (text,) = alarms(sandbox.url, **{name: value})
    assert text == f"key: could not be asked about: {name} has a character that none has"
    assert sandbox.requests == []


def test_a_secret_of_any_letters_signs() -> None:
    with Sandbox(credentials={DEFAULT_KEY: "sécret-of-€"}).serve() as sandbox:
        assert alarms(sandbox.url, MEXC_API_SECRET="sécret-of-€") == []


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A server of somebody else's, and the keys that it was sent."""
    keys: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            keys.append(str(self.headers["X-MEXC-APIKEY"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"permissions": "SPOT_DEAL_READ,SPOT_DEAL_WRITE"}')

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", keys
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_with_the_key(
    sandbox: Sandbox, elsewhere: tuple[str, list[str]], status: int
) -> None:
    url, keys = elsewhere
    answering(sandbox, b"", status, headers={"Location": url})

    (text,) = alarms(sandbox.url)
    assert (keys, f"answered {status}" in text) == ([], True)


def test_without_a_key_nothing_is_asked_and_nothing_said(sandbox: Sandbox) -> None:
    assert found(sandbox.url, MEXC_API_KEY="", MEXC_API_SECRET="") == []
    assert sandbox.requests == []


@pytest.mark.parametrize("missing", ["MEXC_API_SECRET", "MEXC_API_KEY"])
def test_half_a_key_needs_attention_and_nothing_is_asked(sandbox: Sandbox, missing: str) -> None:
    (text,) = alarms(sandbox.url, **{missing: ""})
    assert text == f"key: could not be asked about: {missing} is not set"
    assert sandbox.requests == []


# The command


def test_doctor_with_a_key_asks_once_more_and_prints_no_secret(sandbox: Sandbox) -> None:
    sandbox.set_key_info(INFO)

    done = program("doctor", "--base-url", sandbox.url, **KEY)

    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if " key: " in line] == [
        f"ok         {text}" for text in (*FINE, "key: expires in 82 days")
    ]
    assert sandbox.requests == [("GET", "/api/v3/time")] * clocks.SAMPLES + [
        ("GET", "/api/v3/apiKeyInfo")
    ]
    assert DEFAULT_KEY not in done.stdout + done.stderr
    assert DEFAULT_SECRET not in done.stdout + done.stderr


def test_doctor_without_a_key_asks_for_the_time_only(sandbox: Sandbox) -> None:
    done = program("doctor", "--base-url", sandbox.url)

    assert " key: " not in done.stdout
    assert set(sandbox.requests) == {("GET", "/api/v3/time")}


def test_doctor_exits_with_3_for_a_key_that_may_not_cancel(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.set_key_info(KeyInfo(permissions=("SPOT_DEAL_READ",)))
    for name, value in KEY.items():
        monkeypatch.setenv(name, value)

    result = CliRunner().invoke(command_line, ["doctor", "--base-url", sandbox.url])

    assert result.exit_code == 3
    assert "attention  key: may not cancel spot orders: SPOT_DEAL_WRITE is missing" in result.output


@pytest.mark.parametrize("url", ["http://127.0.0.1:port", "http://", "http://["])
def test_an_address_that_is_none_is_a_finding_and_no_traceback(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEY.items():
        monkeypatch.setenv(name, value)

    result = CliRunner().invoke(command_line, ["doctor", "--base-url", url])

    assert (result.exit_code, type(result.exception)) == (3, SystemExit)
    assert result.output.count("attention  ") == 2
