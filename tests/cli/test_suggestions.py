"""A misspelt word gets a suggestion that makes sense, or none."""

import pytest

from mexc_plugin.cli.suggestions import COMMANDS, OPTIONS


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("audti", "mexc-plugin audit"),
        ("list", "mexc-plugin audit list"),
        ("tail", "mexc-plugin audit tail"),
        ("ls", "mexc-plugin audit list"),
        ("migrate", "mexc-plugin db upgrade"),
        ("audit lst", "mexc-plugin audit list"),
        ("audit current", "mexc-plugin db current"),
        ("audit list --symbl x", "--symbol"),
        ("audit list --from 1h", "--since"),
        ("audit --outcom failed", "--outcome"),
        ("audit --li 3", "--limit"),
        ("audit list --jsonl", "--format jsonl"),
        ("audit list --grep x", "--search"),
        ("audit stats --pair LTC/BTC", "--symbol"),
    ],
)
def test_what_is_like_it_is_named(run, words, meant):
    result = run(*words.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith(f"Did you mean {meant}?\n")


@pytest.mark.parametrize(
    "words", ["xyzzy", "audit xyzzy", "audit list --zzz", "audit show x --pair y"]
)
def test_what_is_like_nothing_gets_no_guess(run, words):
    result = run(*words.split())
    assert result.exit_code == 2
    assert "Did you mean" not in result.stderr


def test_what_is_written_out_of_habit_is_no_option_or_command_of_ours(run):
    helps = "".join(run("audit", name, "--help").stdout for name in ("list", "tail"))
    assert all(f" {option} " not in helps for option in {*OPTIONS} - {"-n"})
    assert all(f"  {name} " not in run("audit", "--help").stdout for name in COMMANDS)


def test_a_variable_that_is_not_read_is_said(run, monkeypatch, url):
    monkeypatch.setenv("MEXC_PLUGIN_DB_URL", url)
    result = run("db", "path")
    assert result.exit_code == 0
    assert "warning: the variable MEXC_PLUGIN_DB_URL is not read" in result.stderr
