"""Canaries: a key, a secret and every signature made, searched for wherever anything is written."""

import contextlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from mexc_plugin.cli import program
from mexc_plugin.cli.exit_codes import Exit
from mexc_plugin.sandbox import Fault, FaultKind, Sandbox
from tests.command_line import invoke

from .scale import keep

KEY = "mx0canaryKey4fd1c2e6"
SECRET = "canarySecret9b7a+/=&%20é"
ROOT = Path(__file__).resolve().parents[2]
SIGNING = ROOT / "tests/fixtures/worth-nothing.key"
FAULTS = [
    Fault(FaultKind.SERVER_ERROR, times=1),
    Fault(FaultKind.BAD_GATEWAY, times=1),
    Fault(FaultKind.DROP_BEFORE, times=1),
    Fault(FaultKind.DROP_AFTER, times=1),
    Fault(FaultKind.DROP_MID_ANSWER, times=1),
    Fault(FaultKind.TRUNCATED, times=1),
    Fault(FaultKind.RATE_LIMIT, times=1),
    Fault(FaultKind.REDIRECT, times=1),
    Fault(FaultKind.HTML, times=1),
    Fault(FaultKind.RAW, times=1, body=f'{{"echo": "{KEY} {SECRET}"}}'.encode()),
    Fault(FaultKind.REFUSAL, times=1, code=700002, message=f"bad signature of {KEY}"),
    Fault(FaultKind.DELAY_AFTER, times=1, seconds=2),
]
# Whatever shows or writes the record; OUT, ID, SANDBOX and SIGNING stand for a folder, a cancel, a URL, a key.
COMMANDS = [
    "audit list --format json",
    "audit list --format csv",
    "audit tail",
    "audit show ID",
    "audit show ID --format jsonl",
    "audit stats",
    "audit stats --by outcome --format json",
    "audit export -o OUT/export.jsonl",
    "audit export -o OUT/export.csv",
    "audit export --what events -o OUT/events.jsonl",
    "audit report -o OUT/report.html",
    "audit sql failed",
    "audit metrics",
    "audit watch --once",
    "audit checkpoint --key SIGNING --to OUT/checkpoint.txt",
    "audit prove ID -o OUT/proof.json",
    "audit export --bundle OUT/record.zip",
    "audit ship --to OUT/central.db",
    "audit verify",
    "db check",
    "db current",
    "doctor --base-url SANDBOX",
    "audit recover",
    "audit verify --format json",
    "audit archive --before 2000-01-01 --key SIGNING -o OUT",
]


@dataclass
class Canaries:
    """What must be nowhere, and every text that was written: by name, as bytes."""

    secrets: list[bytes]
    texts: dict[str, bytes]

    def hits(self) -> list[str]:
        return [
            f"{name}: {secret.decode()[:12]}…"
            for name, text in self.texts.items()
            for secret in self.secrets
            if secret in text
        ]


def config_of(sandbox: Sandbox, path: Path) -> dict[str, object]:
    audit = {"url": f"sqlite:///{path}", "bot": "canary", "deadline_ms": 300, "key": str(SIGNING)}
    return {**sandbox.ccxt_config(), "timeout": 1_000, "options": {"audit": audit}}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(credentials={KEY: SECRET}).serve() as running:
        yield running


def run_bot(texts: dict[str, bytes], *arguments: str) -> None:
    command = [sys.executable, "-m", "tests.torture.canary_bot", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=120)
    texts["bot: stdout"], texts["bot: stderr"] = done.stdout, done.stderr


def run(texts: dict[str, bytes], line: str, url: str, folder: Path, shown: dict[str, str]) -> None:
    """One command in this process. It has to do its work: a usage error shows no secret either."""
    words = [shown.get(word, word.replace("OUT", str(folder))) for word in line.split()]
    environment = {"MEXC_API_KEY": KEY, "MEXC_API_SECRET": SECRET}
    result = invoke([*words, "--database-url", url], env=environment)
    assert result.exit_code in (Exit.FINE, Exit.ATTENTION), f"{line}: {result.output[-500:]}"
    texts[f"{line}: stdout"] = result.stdout_bytes
    texts[f"{line}: stderr"] = result.stderr_bytes


def released(sandbox: Sandbox, tmp_path: Path) -> Canaries:
    """Let the canaries fly through everything, and collect what was written."""
    texts: dict[str, bytes] = {}
    folder = tmp_path / "audit"
    folder.mkdir()
    config = config_of(sandbox, folder / "audit.db")
    counts = {"sync": len(FAULTS) + 2, "locked": 3, "async": 2, "pro": 2}
    orders = {
        name: [sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(count)]
        for name, count in counts.items()
    }
    signatures = tmp_path / "signatures"
    sandbox.inject(*FAULTS)
    run_bot(texts, json.dumps(config), json.dumps(orders), str(signatures))
    collect(texts, "after the bot", folder)
    with contextlib.closing(sqlite3.connect(folder / "audit.db")) as connection:
        (cancel_id,) = connection.execute("SELECT max(cancel_id) FROM cancel_audit").fetchone()
    shown = {"ID": cancel_id, "SANDBOX": sandbox.url, "SIGNING": str(SIGNING)}
    for line in COMMANDS:
        run(texts, line, f"sqlite:///{folder / 'audit.db'}", folder, shown)
    collect(texts, "after the commands", folder)
    made = signatures.read_bytes().split()
    quoted = [SECRET.encode(), json.dumps(SECRET)[1:-1].encode()]
    signing = SIGNING.read_bytes().strip().rpartition(b"+")[2]
    return Canaries([KEY.encode(), signing, *quoted, *made], texts)


def collect(texts: dict[str, bytes], when: str, folder: Path) -> None:
    for path in folder.iterdir():
        texts[f"{when}: {path.name}"] = path.read_bytes()


def test_no_secret_is_in_any_file_log_exception_or_output(sandbox: Sandbox, tmp_path: Path) -> None:
    canaries = released(sandbox, tmp_path)
    keep(
        "canary",
        signatures=len(canaries.secrets) - 4,
        texts=len(canaries.texts),
        bytes=sum(len(text) for text in canaries.texts.values()),
        hits=len(canaries.hits()),
    )
    for name in ("bot: stdout", "bot: stderr", "after the bot: audit.db"):
        assert len(canaries.texts[name]) > 10_000, f"{name} shows nothing of what happened"
    assert any(name.endswith(".spool") for name in canaries.texts), "nothing was spooled"
    assert len(canaries.secrets) > 20
    assert canaries.hits() == []


def test_every_command_of_the_audit_is_searched() -> None:
    group = program.get_command(click.Context(program), "audit")
    assert isinstance(group, click.Group)
    elsewhere = {"keygen", "reconcile", "serve"}  # no record; a venue; a browser
    named = {line.split()[1] for line in COMMANDS if line.startswith("audit ")}
    assert named == set(group.list_commands(click.Context(group))) - elsewhere
