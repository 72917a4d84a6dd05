"""`--json` and `--csv` beside `--format`, on every command that takes it."""

import json

import click
import pytest

from mexc_plugin.cli import program
from mexc_plugin.cli.groups import LazyGroup


def commands(group: click.Group, *words: str):
    """Every command, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, LazyGroup | click.Group):
            yield from commands(command, *words, name)
        else:
            yield (*words, name), command


FORMATTED = {
    words: options["form"].type.choices
    for words, command in commands(program)
    for options in [{option.name: option for option in command.params}]
    if "form" in options
}


@pytest.mark.parametrize("words", FORMATTED, ids=" ".join)
def test_every_command_with_a_format_has_the_short_words_for_it_or_says_which_it_has(run, words):
    help_text = run(*words, "--help").stdout
    for short, formats in {"json": {"json", "jsonl"}, "csv": {"csv"}}.items():
        is_there = bool(formats & {*FORMATTED[words]})
        assert (f"  --{short} " in help_text) == is_there
        if not is_there:
            refused = run(*words, f"--{short}")
            assert (refused.exit_code, refused.stdout) == (2, "")
            assert f"prints no {short}; there are table, json" in refused.stderr


def test_the_short_words_mean_the_format(run, ledger, url):
    cancel_id = ledger.cancel()
    for words in (["list"], ["show", cancel_id], ["stats"], ["sql", "failed"], ["verify"]):
        long = run("audit", *words, "--format", "json", "--db", url)
        short = run("audit", *words, "--json", "--db", url)
        assert (short.stdout, short.exit_code) == (long.stdout, long.exit_code)
    (line,) = run("audit", "tail", "--json", "--db", url).stdout.splitlines()
    assert json.loads(line)["cancel_id"] == cancel_id
    assert run("audit", "--csv", "--db", url).stdout.startswith("cancel_id,")
    assert run("audit", "export", "--csv", "-o", "-", "--db", url).stdout.startswith("cancel_id,")


@pytest.mark.parametrize("second", [("--csv",), ("--format", "csv")])
def test_two_formats_at_once_are_refused_with_both_names(run, url, second):
    refused = run("audit", "list", "--json", *second, "--db", url)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "is asked to be csv and json; give one of them" in refused.stderr
    assert run("audit", "list", "--json", "--format", "json", "--db", url).exit_code == 0
