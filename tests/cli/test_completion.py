"""Completion of values: in each shell's protocol, and in the shells that there are."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mexc_plugin.cli.options import completing

ROOT = Path(__file__).resolve().parents[2]
CANCEL = "01a20652-d3ab-70ca-8bc7-731c07817623"
WORDS = [
    ("audit show 01a2", CANCEL),
    ("audit reconcile --cancel-id 01a20652-", CANCEL),
    ("audit list --bot gr", "grid-7"),
    ("audit stats --bot gr", "grid-7"),
    ("audit sql refusals", "refusals-by-code"),
    ("audit list --columns bot,cancel_i", "bot,cancel_id"),
    ("audit tail --columns requested", "requested_at"),
]


@pytest.fixture
def environment(ledger, url, tmp_path):
    """A database with a cancel in it, and a program of our name in the path."""
    ledger.cancel(cancel_id=CANCEL, bot="grid-7")
    program = tmp_path / "bin" / "mexc-plugin"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mexc_plugin "$@"\n')
    program.chmod(0o755)
    found = {"PYTHONPATH": str(ROOT), "MEXC_PLUGIN_DATABASE_URL": url, "HOME": str(tmp_path)}
    return os.environ | found | {"PATH": f"{program.parent}:{os.environ['PATH']}"}


def output(*command, **options):
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True, **options
    )
    assert done.stderr == ""
    return done.stdout


def completed(environment, shell, words):
    variables = {"_MEXC_PLUGIN_COMPLETE": f"{shell}_complete", "COMP_WORDS": f"mexc-plugin {words}"}
    # What fish hands over is the word alone, the others its number.
    word = words.split()[-1] if shell == "fish" else str(len(words.split()))
    variables["COMP_CWORD"] = word
    return output(sys.executable, "-m", "mexc_plugin", env=environment | variables)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_values_are_completed_in_the_protocol_of_each_shell(environment, shell):
    words, expected = WORDS[0]
    assert expected in completed(environment, shell, words)


@pytest.mark.parametrize(("words", "expected"), WORDS)
def test_values_are_completed(environment, words, expected):
    assert f"plain,{expected}" in completed(environment, "bash", words).splitlines()


@pytest.mark.parametrize("words", ["audit show x", "audit list --columns bot,bo", "audit sql zz"])
def test_what_fits_nothing_is_completed_with_nothing(environment, words):
    assert completed(environment, "bash", words).strip() == ""


def test_the_database_is_the_one_that_the_words_name(environment, url):
    others = environment | {"MEXC_PLUGIN_DATABASE_URL": "sqlite:////nowhere/audit.db"}
    assert "grid-7" in completed(others, "bash", f"audit list --database-url {url} --bot gr")


@pytest.mark.parametrize(
    "where", ["sqlite:////nowhere/audit.db", "nonsense", "postgresql://@127.0.0.1:9/x"]
)
def test_a_database_that_cannot_be_read_completes_nothing_and_says_nothing(environment, where):
    others = environment | {"MEXC_PLUGIN_DATABASE_URL": where}
    assert completed(others, "bash", "audit show 01a2").strip() == ""


def test_a_slow_database_is_given_up(monkeypatch, ledger, url, run):
    monkeypatch.setattr(completing, "PATIENCE_S", 0.05)

    def slow(connection):
        endless = (
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT MAX(n) FROM t"
        )
        return list(connection.exec_driver_sql(endless))

    class Context:
        params = {"database": type("Chosen", (), {"url": url})}  # noqa: RUF012 - read once

    assert completing._ask(Context(), slow) == []


BASH = """
source <(mexc-plugin completion bash)
COMP_WORDS=(mexc-plugin {words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_mexc_plugin_completion mexc-plugin
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


ZSH = """
PS1='' PROMPT_EOL_MARK=''
bindkey -e
autoload -U compinit; compinit -D
eval "$(mexc-plugin completion zsh)"
echo READY
"""
TAB, TO_THE_START, ENTER = "\t", "\x01", "\n"


def shell(name):
    """Where a shell is; without it the test is skipped, and fails where all must be there."""
    found = shutil.which(name)
    if found is None:
        missing = f"no {name}; run: apt-get install -y {name}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)
    return found


@pytest.mark.parametrize(("words", "expected"), WORDS)
def test_bash_itself_completes(environment, words, expected):
    shown = output(shell("bash"), "-c", BASH.format(words=words), env=environment)
    assert expected in shown.splitlines()


@pytest.mark.parametrize(("words", "expected"), WORDS)
def test_fish_itself_completes(environment, words, expected):
    script = f'mexc-plugin completion fish | source; complete -C "mexc-plugin {words}"'
    shown = output(shell("fish"), "-c", script, env=environment)
    assert expected in [line.partition("\t")[0] for line in shown.splitlines()]


def read_until(terminal, line):
    """The first line of that pattern which a terminal shows."""
    shown = ""
    while (found := re.search(rf"\n{line}\r\n", shown)) is None:
        assert select.select([terminal], [], [], 30)[0], shown
        shown += os.read(terminal, 65_536).decode()
    return found


@pytest.mark.parametrize(("words", "expected"), WORDS)
def test_zsh_itself_completes(environment, words, expected):
    """Typed at a terminal, with a tab; `echo` before it shows what became of the line."""
    ours, its = pty.openpty()
    zsh = subprocess.Popen(
        [shell("zsh"), "-fi"], stdin=its, stdout=its, stderr=its,
        env=environment | {"TERM": "dumb"}, start_new_session=True,
    )  # fmt: skip
    try:
        os.write(ours, ZSH.encode())
        read_until(ours, "READY")
        os.write(ours, f"mexc-plugin {words}{TAB}{TO_THE_START}echo DONE {ENTER}".encode())
        line = read_until(ours, "DONE (mexc-plugin .*?) *")[1]
    finally:
        zsh.kill()
        zsh.wait(30)
        os.close(ours)
        os.close(its)
    assert line.split()[-1] == expected
