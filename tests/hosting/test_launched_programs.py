"""Which Python a command starts, read from the command and from the first lines of a script."""

import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.hosting.launched_programs import interpreter_of, split_options

PYTHON = sys.executable


@pytest.mark.parametrize(
    ("arguments", "options", "isolated"),
    [
        ("bot.py -I", "", ""),
        ("-I bot.py", "-I", "-I"),
        ("-IB bot.py", "-IB", "-I"),
        ("-u -sE bot.py", "-u -sE", "-E"),
        ("-S -E -m bot -I", "-S -E", "-E -S"),
        ("-uc code -I", "", ""),
        ("-X dev -W error bot.py -E", "-X dev -W error", ""),
        ("-Xdev -Werror::ImportWarning bot.py", "-Xdev -Werror::ImportWarning", ""),
        ("-BX importtime -I bot.py", "-BX importtime -I", "-I"),
        ("--check-hash-based-pycs always -I bot.py", "--check-hash-based-pycs always -I", "-I"),
        ("- -I", "", ""),
        ("-O -- -I", "-O", ""),
        ("", "", ""),
    ],
)
def test_options_of_python_end_where_the_script_begins(arguments, options, isolated) -> None:
    found = interpreter_of([PYTHON, *arguments.split()])
    assert found is not None
    assert " ".join(found.options) == options
    assert " ".join(found.isolated_by) == isolated
    assert split_options(arguments.split())[0] == found.options


@given(st.lists(st.text(alphabet="-IESWXcmu ab=", max_size=4), max_size=6))
def test_no_argument_is_lost_or_reordered_but_the_double_dash(arguments: list[str]) -> None:
    options, rest = split_options(arguments)
    assert [*options, *rest] == arguments or [*options, "--", *rest] == arguments


@pytest.mark.parametrize(
    ("first_lines", "options"),
    [
        (f"#!{PYTHON}", ()),
        (f"#!{PYTHON} -I", ("-I",)),
        ("#! /usr/bin/env python3", ()),
        ("#!/usr/bin/env -S python3 -sE", ("-sE",)),
        (f"#!/bin/sh\n'''exec' \"{PYTHON}\" \"$0\" \"$@\"\n' '''", ()),
        (f"#!/bin/sh\n'''exec' {PYTHON} \"$0\" \"$@\"\n' '''", ()),
    ],
)
def test_the_first_lines_of_a_script_name_its_python(script, first_lines, options) -> None:
    path = script("print()", first_line=first_lines)
    found = interpreter_of([str(path), "--its-own"])
    assert found is not None
    assert found.path == (shutil.which("python3") if "/env " in first_lines else PYTHON)
    assert found.options == options
    assert found.rest == (str(path), "--its-own")


def test_env_with_assignments_before_a_python_is_seen_through() -> None:
    found = interpreter_of(["env", "A=1", "B=x y", PYTHON, "-I", "x.py"])
    assert found is not None
    assert (found.path, found.isolated_by) == (PYTHON, ("-I",))


def test_what_is_no_python_is_not_taken_for_one(script, tmp_path: Path) -> None:
    shell = script("python3 bot.py", "start.sh", "#!/bin/sh")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\x7fELF\xff\xfe")
    binary.chmod(0o700)
    for command in (
        ["sh", "-c", "python"],
        [str(shell)],
        [str(binary)],
        ["not-there"],
        ["env"],
        [],
    ):
        assert interpreter_of(command) is None
