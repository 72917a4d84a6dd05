"""Settings that are given and not read are named, once, and stop nothing."""

import logging

import pytest

from mexc_plugin import misspellings
from mexc_plugin.config import VARIABLES
from mexc_plugin.exchange.sync import mexc
from mexc_plugin.misspellings import find_misplaced, find_unknown_variables


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was said yet."""
    monkeypatch.setattr(misspellings, "_said", set())


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MEXC_PLUGIN_DATABASE", "did you mean MEXC_PLUGIN_DATABASE_URL?"),
        ("MEXC_PLUGIN_DB_URL", "did you mean MEXC_PLUGIN_DATABASE_URL?"),
        ("MEXC_PLUGIN_URL", "did you mean MEXC_PLUGIN_DATABASE_URL?"),
        ("mexc_plugin_bot", "did you mean MEXC_PLUGIN_BOT?"),
        ("MEXC_PLUGIN_XYZZY", "there are MEXC_PLUGIN_DATABASE_URL, "),
    ],
)
def test_a_variable_that_is_none_of_ours_is_named(name: str, meant: str) -> None:
    (sentence,) = find_unknown_variables({name: "x", "PATH": "/bin"})
    assert sentence.startswith(f"the variable {name} is not read; {meant}")


def test_what_is_read_and_what_is_none_of_ours_is_no_matter() -> None:
    known = {
        *VARIABLES.values(),
        *misspellings.OTHERS,
        "MEXC_PLUGIN_TEST_MYSQL_URL",
        "MEXC_API_KEY",
    }
    assert list(find_unknown_variables(dict.fromkeys(known, "x"))) == []


def test_audit_in_the_wrong_place_is_named() -> None:
    audit = {"url": "sqlite:///audit.db"}
    (options,) = find_misplaced({}, {"Audit": audit, "recvWindow": 1, 7: 1})
    assert options == 'options["Audit"] is not read; did you mean options["audit"]?'
    (beside,) = find_misplaced({"audit": audit, "apiKey": "x"}, {})
    assert 'write "options": {"audit": {…}}' in beside
    assert list(find_misplaced({"options": {"audit": audit}}, {"audit": audit})) == []
    assert list(find_misplaced(None, {})) == []


def test_a_bot_is_told_once_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MEXC_PLUGIN_BOTS", "x")
    with caplog.at_level(logging.WARNING, "mexc_plugin"):
        for _ in range(2):
            mexc({"options": {"Audit": {"url": "sqlite:///x"}}, "audit": {"url": "y"}})
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 3
    assert all(line.startswith("audit: check the settings: ") for line in said)


def test_what_raises_on_the_way_stops_no_bot(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise RuntimeError

    monkeypatch.setenv("MEXC_PLUGIN_BOTS", "x")
    monkeypatch.setattr(misspellings.log, "warning", fail)
    mexc({})
