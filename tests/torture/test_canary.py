"""Canaries: a key, a secret and every signature made, searched for wherever anything is written."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mexc_plugin.sandbox import Fault, FaultKind, Sandbox

from .scale import keep

KEY = "mx0canaryKey4fd1c2e6"
SECRET = "canarySecret9b7a+/=&%20é"
ROOT = Path(__file__).resolve().parents[2]
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
COMMANDS = [
    ["audit", "list", "--format", "json"],
    ["audit", "stats"],
    ["audit", "export", "--format", "jsonl"],
    ["audit", "verify"],
    ["db", "check"],
    ["db", "current"],
    ["doctor"],
    ["audit", "recover"],
    ["audit", "list", "--format", "csv"],
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
    audit = {"url": f"sqlite:///{path}", "bot": "canary", "deadline_ms": 300}
    return {**sandbox.ccxt_config(), "timeout": 1_000, "options": {"audit": audit}}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(credentials={KEY: SECRET}).serve() as running:
        yield running


def run(texts: dict[str, bytes], name: str, command: list[str], **environment: str) -> None:
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, timeout=120
    )
    texts[f"{name}: stdout"], texts[f"{name}: stderr"] = done.stdout, done.stderr


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
    bot = [sys.executable, "-m", "tests.torture.canary_bot", json.dumps(config)]
    run(texts, "bot", [*bot, json.dumps(orders), str(signatures)])
    collect(texts, "after the bot", folder)
    environment = {"MEXC_API_KEY": KEY, "MEXC_API_SECRET": SECRET}
    database = ["--database-url", f"sqlite:///{folder / 'audit.db'}"]
    for words in COMMANDS:
        command = [sys.executable, "cli.py", *words, *database]
        run(texts, " ".join(words), command, **environment)
    collect(texts, "after the commands", folder)
    made = signatures.read_bytes().split()
    quoted = [SECRET.encode(), json.dumps(SECRET)[1:-1].encode()]
    return Canaries([KEY.encode(), *quoted, *made], texts)


def collect(texts: dict[str, bytes], when: str, folder: Path) -> None:
    for path in folder.iterdir():
        texts[f"{when}: {path.name}"] = path.read_bytes()


def test_no_secret_is_in_any_file_log_exception_or_output(sandbox: Sandbox, tmp_path: Path) -> None:
    canaries = released(sandbox, tmp_path)
    keep(
        "canary",
        signatures=len(canaries.secrets) - 3,
        texts=len(canaries.texts),
        bytes=sum(len(text) for text in canaries.texts.values()),
        hits=len(canaries.hits()),
    )
    for name in ("bot: stdout", "bot: stderr", "after the bot: audit.db"):
        assert len(canaries.texts[name]) > 10_000, f"{name} shows nothing of what happened"
    assert any(name.endswith(".spool") for name in canaries.texts), "nothing was spooled"
    assert len(canaries.secrets) > 20
    assert canaries.hits() == []
