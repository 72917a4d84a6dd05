"""Reads a COMMAND through its launchers and the texts of its shells: what it starts in the end.

Pure: words in, `Reading`s out. A shell's text is read as far as its plain words go: no variables,
no functions. Whatever is not understood is a command of its own, which nobody finds fault with.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from mexc_plugin.hosting.launchers import LAUNCHERS, Launcher
from mexc_plugin.hosting.passage import PYTHONPATH, Passage

SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish"})
_SHELL_VALUES = ("rcfile", "init-file")
_SU = Launcher(
    short="cswgGuC",
    long="command session-command shell whitelist-environment group supp-group user",
)
_NAME = re.compile(r"\w+=.*", re.DOTALL)
_CONTROL = re.compile(r"[;&|()\n]+")
_OPENING = frozenset({"if", "then", "elif", "else", "while", "until", "do", "!", "{", "time"})
_CLOSING = frozenset({"fi", "done", "esac", "}"})
# What is written behind a bot, and is none.
_AFTERWARDS = frozenset({"echo", "exit", "printf", "read", "return", "sleep", "true", "wait", ":"})
_BUILTINS = frozenset({"exec", "command", "builtin"})
_SUBSTITUTION = re.compile(r"\$\([^()]*\)|`[^`]*`")


@dataclass(frozen=True, slots=True)
class Reading:
    """A command that is started in the end, as far as can be seen.

    words: the command itself; before: the words of its launchers; passage: what of the environment
    arrives; is_in_text: it stands in a shell's text; is_last: it is the last one there that may be a bot; shells: the
    shells on the way, each up to where its script or text would stand.
    """

    words: tuple[str, ...]
    before: tuple[str, ...] = ()
    passage: Passage = field(default_factory=Passage)
    is_in_text: bool = False
    is_last: bool = True
    shells: tuple[tuple[str, ...], ...] = ()


def read(command: Sequence[str], passage: Passage | None = None) -> Iterator[Reading]:
    """What a command starts in the end: one reading, or one for each command of a shell's text."""
    return _read(Reading(tuple(command), passage=passage or Passage()))


def _read(reading: Reading) -> Iterator[Reading]:
    while reading.words:
        name = PurePath(reading.words[0]).name
        if name in SHELLS:
            yield from _shell(reading)
            return
        if name in ("su", "runuser"):
            yield from _su(reading)
            return
        launcher = LAUNCHERS.get(name)
        line = launcher.read((name, *reading.words[1:])) if launcher else None
        if launcher is None or line is None:
            break
        reading = _past(reading, line.command, launcher.effect(reading.passage, line))
        if launcher.is_blind:
            break
    yield reading


def _past(reading: Reading, command: tuple[str, ...], passage: Passage) -> Reading:
    words = reading.words[: len(reading.words) - len(command)]
    return replace(reading, words=command, before=reading.before + words, passage=passage)


# -- shells


def _shell(reading: Reading) -> Iterator[Reading]:
    options, rest, has_text, is_interactive = _shell_options(reading.words)
    asked = (*options, "-i") if is_interactive else options
    reading = replace(reading, shells=(*reading.shells, asked))
    if has_text and rest:
        yield from _text(reading, rest[0], rest[2:])
    else:
        yield reading


def _shell_options(
    words: tuple[str, ...],
) -> tuple[tuple[str, ...], tuple[str, ...], bool, bool]:
    """The shell with its options but -c, what follows, whether that is a text, and a terminal's."""
    kept, index, has_text = [words[0]], 1, False
    while index < len(words) and words[index][:1] in ("-", "+"):
        word = words[index]
        index += 1
        if word == "--":
            break
        if word.startswith("--"):
            count = int(word[2:] in _SHELL_VALUES)
        else:
            has_text |= "c" in word
            count = sum(word.count(letter) for letter in "oO")
            word = word.replace("c", "") if word.startswith("-") else word
        if word != "-":
            kept += [word, *words[index : index + count]]
        index += count
    rest = words[index:]
    return tuple(kept), rest, has_text, not rest


def _su(reading: Reading) -> Iterator[Reading]:
    """`su` and `runuser`: a login clears the environment, anything else passes it on."""
    name = PurePath(reading.words[0]).name
    line = _SU.read((name, *reading.words[1:]))
    if line is None:
        return
    if line.has("u", "user"):  # runuser -u USER COMMAND: neither a shell nor a login
        yield from _read(_past(reading, line.command, reading.passage))
        return
    # Options may follow the user, but for a lone dash.
    more = _SU.read((name, *line.command[1:]))
    if more is None:
        return
    passage = replace(reading.passage, has_path=False)
    is_login = line.has("-", "l", "login") or more.has("l", "login")
    line = replace(line, options=line.options + more.options)
    if is_login:
        kept = ",".join(line.values("w", "whitelist-environment")).split(",")
        passage = passage.losing_all(f"{name} -", kept)
    reading = replace(reading, passage=passage)
    text = "".join(line.values("c", "command", "session-command")[-1:])
    yield from _text(reading, text, ()) if text else iter([reading])


# -- the text of a shell


def _text(shell: Reading, text: str, arguments: tuple[str, ...]) -> Iterator[Reading]:
    commands = _commands(text)
    if not commands:
        yield shell
        return
    passage = _expanding(shell.passage)
    end = max((n for n, words in enumerate(commands) if words[0] not in _AFTERWARDS), default=0)
    for number, command in enumerate(commands):
        given = (part for word in command for part in (arguments if word == "$@" else (word,)))
        last = shell.is_last and number >= end
        here = replace(shell, before=(), is_in_text=True, is_last=last)
        before, words, passage, own = _simple(tuple(given), passage)
        if words:
            yield from _read(replace(here, words=words, before=before, passage=own))


def _simple(
    words: tuple[str, ...], passage: Passage
) -> tuple[tuple[str, ...], tuple[str, ...], Passage, Passage]:
    """A simple command: its assignments, its words, and what arrives at those behind it and at it."""
    while words and words[0] in _OPENING and not _is_program(words):
        words = words[1:]
    count = next((n for n, word in enumerate(words) if not _NAME.fullmatch(word)), len(words))
    own = passage
    for word in words[:count]:
        name, _, value = word.partition("=")
        own = own.assigning(name, value, "")
    before, words = words[:count], words[count:]
    if not words:  # the shell's own from here on
        return before, (), _expanding(own), own
    if words[0] in ("export", "unset"):
        return before, (), _expanding(_after(words, passage)), passage
    while words and words[0] in _BUILTINS:
        builtin, words = words[0], words[1:]
        while words and words[0].startswith("-"):
            if builtin == "exec" and "c" in words[0]:
                own = own.losing_all("exec -c")
            words = words[2:] if builtin == "exec" and words[0].endswith("a") else words[1:]
    return before, words, passage, own


def _is_program(words: tuple[str, ...]) -> bool:
    """With an option, `time` is the program and no word of the shell's."""
    return words[0] == "time" and "".join(words[1:2]).startswith("-")


def _after(words: tuple[str, ...], passage: Passage) -> Passage:
    """What arrives behind `export NAME=VALUE …` and `unset NAME …`."""
    builtin, *names = words
    for word in names:
        name, given, value = word.partition("=")
        if builtin == "unset":
            passage = passage.unsetting(name, builtin)
        elif given:
            passage = passage.assigning(name, value, builtin)
    return passage


def _expanding(passage: Passage) -> Passage:
    return replace(passage, expands=PYTHONPATH not in passage.lost)


def _commands(text: str) -> list[list[str]]:
    """The simple commands of a shell's text, in order; none where it cannot be read."""
    before = None
    while before != text:
        before, text = text, _SUBSTITUTION.sub(_placeholder, text)
    if "$(" in text or ("<<" in text and "<<<" not in text):
        return []
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars=";&|()<>\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        tokens = list(lexer)
    except ValueError:
        return []
    commands: list[list[str]] = [[]]
    is_comment = is_redirection = False
    for token in tokens:
        if _CONTROL.fullmatch(token):
            is_comment = is_comment and "\n" not in token
            commands.append([])
        elif is_comment or is_redirection:
            is_redirection = False
        elif re.fullmatch("[<>&|]+", token):
            is_redirection = True
            if commands[-1] and commands[-1][-1] in "12":  # the 2 of 2>
                commands[-1].pop()
        elif token.startswith("#"):
            is_comment = True
        else:
            commands[-1].append(token)
    return [words for words in commands if words and words[0] not in _CLOSING]


def _placeholder(found: re.Match[str]) -> str:
    return f"${PYTHONPATH}" if PYTHONPATH in found[0] else "$_"
