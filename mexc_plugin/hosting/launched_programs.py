"""Which Python runs a command, and whether that Python would let the adapter in."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from mexc_plugin.hosting.command_lines import Reading, read

# Options that keep PYTHONPATH, or the module that is run at the start, away.
ISOLATING = {"E": "-E", "I": "-I", "S": "-S"}
OPTIONS_WITH_VALUE = "WX"
LONG_OPTIONS_WITH_VALUE = ("--check-hash-based-pycs",)
ENDS_OPTIONS = "cm"
# With one of these a Python runs no program.
INFORMING = frozenset({"-V", "-VV", "-h", "-?", "--version", "--help", "--help-all"})

_PYTHON = re.compile(r"(python|pypy)(\d[\d.]*t?)?")
# How pip and uv write the first lines where the path is too long for a #! line.
_LONG_SHEBANG = re.compile(r"""^'''exec' ["']?([^"'\n]+?)["']? "\$0" "\$@"$""", re.MULTILINE)
_HEAD = 4096


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python that a command starts: its path, its own options, and what follows those."""

    path: str
    options: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()

    @property
    def only_informs(self) -> bool:
        """Whether it prints something about itself, and runs no program."""
        return not INFORMING.isdisjoint(self.options)

    @property
    def is_run(self) -> bool:
        """Whether it runs `mexc-plugin run`, which lets the adapter in itself."""
        return self.rest[:3] == ("-m", "mexc_plugin", "run")

    @property
    def isolated_by(self) -> tuple[str, ...]:
        """Those of -E, -I and -S that are among the options."""
        letters = "".join(
            re.split(f"[{OPTIONS_WITH_VALUE}]", option)[0]
            for option in self.options
            if re.match("-[^-]", option)
        )
        return tuple(flag for letter, flag in ISOLATING.items() if letter in letters)


def interpreter_of(command: Sequence[str], search_path: str | None = None) -> Interpreter | None:
    """The Python that a command starts, past its launchers; None where it cannot be seen which."""
    reading = next(read(command))
    words = reading.words
    if reading.is_in_text or not words or not (reading.passage.has_path or "/" in words[0]):
        return None
    found = python_of(reading, search_path)
    return found if found and shutil.which(found.path, path=search_path) else None


def python_of(reading: Reading, search_path: str | None = None) -> Interpreter | None:
    """The Python that is named by a command or by the first line of a script.

    Its path is only a name where another PATH decides, or the file is not there.
    """
    if not reading.words:
        return None
    name, *arguments = reading.words
    found = shutil.which(name, path=search_path)
    if is_python(name):
        options, rest = split_options(arguments)
        return Interpreter(found or name, options, rest)
    line = next(read(_shebang(Path(found)))).words if found else ()
    if not line or not is_python(line[0]):
        return None
    python = shutil.which(line[0], path=search_path)
    return Interpreter(python or line[0], split_options(line[1:])[0], (str(found), *arguments))


def split_options(arguments: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A Python's arguments, parted into its own options and the script, -c or -m with the rest."""
    index = 0
    while index < len(arguments):
        word = arguments[index]
        if not word.startswith("-") or word == "-":
            break
        if word == "--":
            return tuple(arguments[:index]), tuple(arguments[index + 1 :])
        letters = "" if word.startswith("--") else word[1:]
        taking = next((char for char in letters if char in OPTIONS_WITH_VALUE + ENDS_OPTIONS), "")
        if taking and taking in ENDS_OPTIONS:
            break
        has_value = letters.endswith(taking) if taking else word in LONG_OPTIONS_WITH_VALUE
        index += 2 if has_value else 1
    return tuple(arguments[:index]), tuple(arguments[index:])


def is_python(program: str) -> bool:
    """Whether a program's name is a Python's."""
    return _PYTHON.fullmatch(PurePath(program).name) is not None


def _shebang(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return []
    if not head.startswith("#!"):
        return []
    long = _LONG_SHEBANG.search(head)
    return [long[1]] if long else head[2:].partition("\n")[0].split()
