"""A frozen bot records its cancels as any other."""

import json
import re
from pathlib import Path

import pytest

from mexc_plugin.sandbox import Sandbox
from tests.conftest import BACKENDS, Audit, assert_complete

from .conftest import run


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def cancel(bot: Path, way: str, sandbox: Sandbox, audit: Audit) -> str:
    """Let the bot cancel an order; its id."""
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    own = {"url": audit.url, "bot": "frozen"}
    config = {**sandbox.ccxt_config(), "options": {"audit": own}}
    done = run(bot, way, json.dumps(config), order_id)
    assert (done.returncode, done.stdout) == (0, "canceled\n"), done.stderr
    assert done.stderr == ""
    return order_id


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("way", ["sync", "async", "pro", "install"])
def test_a_frozen_bot_s_cancel_is_on_record(
    bot: Path, way: str, sandbox: Sandbox, audit: Audit
) -> None:
    order_id = cancel(bot, way, sandbox, audit)
    (response,) = audit.events("response")
    assert [response[name] for name in ("bot", "order_id", "outcome")] == [
        "frozen",
        order_id,
        "canceled",
    ]
    assert_complete(sandbox, audit)


def test_it_records_in_every_kind_of_database(bot: Path, sandbox: Sandbox, audit: Audit) -> None:
    cancel(bot, "sync", sandbox, audit)
    assert [event["outcome"] for event in audit.events("response")] == ["canceled"]


@pytest.mark.parametrize("backend", ["sqlite"])
def test_it_knows_the_versions_that_it_was_made_of(
    bot: Path, sandbox: Sandbox, audit: Audit
) -> None:
    cancel(bot, "sync", sandbox, audit)
    (start,) = audit.payloads("start")
    assert sorted(start["versions"]) == ["ccxt", "mexc-plugin", "python", "sqlalchemy"]
    assert all(re.match(r"\d+\.", version) for version in start["versions"].values())


def test_a_bot_carries_no_pages_for_people(bot: Path) -> None:
    files = {path.name for path in (bot.parent / "_internal" / "mexc_plugin").iterdir()}
    assert files == {"migrations", "store"}


@pytest.mark.parametrize("backend", ["sqlite"])
def test_the_command_line_can_be_frozen_too(
    bot: Path, tool: Path, sandbox: Sandbox, audit: Audit, tmp_path: Path
) -> None:
    order_id = cancel(bot, "sync", sandbox, audit)
    database = ("--database-url", audit.url)
    listed = run(tool, "audit", "--format", "json", *database)
    assert [row["order_id"] for row in json.loads(listed.stdout)] == [order_id]
    asked = run(tool, "audit", "sql", "failed", *database)
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, "", "no rows\n")
    whole = run(tool, "audit", "verify", *database)
    assert (whole.returncode, whole.stderr) == (0, "")
    page = run(tool, "audit", "report", "-o", tmp_path / "page.html", *database)
    assert "pip install 'altair>=" in page.stderr  # the extras were not installed where it was made


def test_a_frozen_command_line_starts_no_bot(tool: Path) -> None:
    done = run(tool, "run", "--", "/usr/bin/env", "python3", "-c", "print('the bot runs')")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "mexc-plugin: not started: this mexc-plugin is a frozen program, which can look into no Python; "
        "use the one in the bot's own environment\n"
    )
