"""Programs that start other programs: how their command lines are written, and what they let through.

Pure. What is not in the table is taken for the bot itself; its environment reaches it, as far as can
be seen. Where a launcher's own configuration decides (sudoers, a tmux server that runs already), the
adapter may not get in, and so it is taken not to: a bot without its record is worse than one that
does not start.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from mexc_plugin.hosting.passage import PYTHONPATH, Passage

_ASSIGNMENT = re.compile(r"([^-=][^=]*)=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Line:
    """A launcher's command line: its name, options, words before the command, and the command."""

    name: str
    options: tuple[tuple[str, str], ...] = ()
    operands: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()

    def has(self, *names: str) -> bool:
        """Whether one of these options is there."""
        return any(name in names for name, _ in self.options)

    def values(self, *names: str) -> list[str]:
        """The values of these options, in order."""
        return [value for name, value in self.options if name in names]


Effect = Callable[[Passage, Line], Passage]


def _keep(passage: Passage, _line: Line) -> Passage:
    return passage


def _assign(passage: Passage, line: Line) -> Passage:
    for name, value in line.variables:
        passage = passage.assigning(name, value, line.name)
    return passage


def _env(passage: Passage, line: Line) -> Passage:
    if line.has("i", "ignore-environment", "-"):
        passage = passage.losing_all("env -i")
    for name in line.values("u", "unset"):
        passage = passage.unsetting(name, "env -u")
    return _assign(passage, line)


def _sudo(passage: Passage, line: Line) -> Passage:
    """env_reset keeps what is listed; even with -E, env_delete takes PYTHONPATH (sudoers(5))."""
    listed = [name for value in line.values("preserve-env") for name in value.split(",") if name]
    passage = replace(passage, has_path=False)  # secure_path
    if line.has("E") or "" in line.values("preserve-env"):
        passage = passage.losing({PYTHONPATH}.difference(listed), "sudo -E")
    else:
        passage = passage.losing_all("sudo", listed)
    return _assign(passage, line)


def _systemd_run(passage: Passage, line: Line) -> Passage:
    if line.has("scope"):
        return passage
    variables = [value.partition("=") for value in line.values("E", "setenv")]
    passage = passage.losing_all("systemd-run", [name for name, given, _ in variables if not given])
    for name, given, value in variables:
        passage = passage.assigning(name, value, "systemd-run -E") if given else passage
    return passage


def _setpriv(passage: Passage, line: Line) -> Passage:
    return passage.losing_all("setpriv --reset-env") if line.has("reset-env") else passage


def _strace(passage: Passage, line: Line) -> Passage:
    for value in line.values("E", "env"):
        name, given, text = value.partition("=")
        by = "strace -E"
        passage = passage.assigning(name, text, by) if given else passage.unsetting(name, by)
    return passage


def _lose_all(passage: Passage, line: Line) -> Passage:
    return passage.losing_all(line.name)


def _lose_path(passage: Passage, line: Line) -> Passage:
    return replace(passage.losing({PYTHONPATH}, line.name), has_path=False)


def _other_python(passage: Passage, line: Line) -> Passage:
    """The tools of Python environments: they put their own Python first on PATH."""
    if line.has("clean-env"):
        return passage.losing_all(f"{line.name} --clean-env")
    return replace(passage, has_path=False)


def _other_root(passage: Passage, line: Line) -> Passage:
    roots = {*line.operands, *line.values("R", "root", "r")}
    inside = line.has("m", "mount", "a", "all") and line.name == "nsenter"
    return passage.elsewhere(line.name) if inside or roots - {"/", ""} else passage


def _elsewhere(passage: Passage, line: Line) -> Passage:
    return passage.elsewhere(line.name)


@dataclass(frozen=True, slots=True)
class Launcher:
    """How a launcher's command line is written.

    short, long: the options that take a value, which may be the next word: letters, and names with
    blanks between; operands: what the words before the command look like; verb: the subcommand that
    starts one; takes_variables: NAME=VALUE may stand before it; splits: the options whose value is
    more of the command line; is_blind: the command is not looked for.
    """

    effect: Effect = _keep
    short: str = ""
    long: str = ""
    operands: tuple[str, ...] = ()
    verb: str = ""
    takes_variables: bool = False
    splits: tuple[str, ...] = ()
    is_blind: bool = False

    def read(self, words: Sequence[str]) -> Line | None:
        """A command line that begins with the launcher; None where it starts nothing by it."""
        name, *rest = words
        if self.is_blind:
            return Line(name)
        options: list[tuple[str, str]] = []
        rest = self._options(rest, options)
        if self.verb:
            if rest[:1] != [self.verb]:
                return None
            rest = self._options(rest[1:], options)
        operands = []
        for pattern in self.operands:
            if rest and re.fullmatch(pattern, rest[0]):
                operands.append(rest[0])
                rest = rest[1:]
        variables = []
        while self.takes_variables and rest and (found := _ASSIGNMENT.fullmatch(rest[0])):
            variables.append((found[1], found[2]))
            rest = rest[1:]
        return Line(name, tuple(options), tuple(operands), tuple(variables), tuple(rest))

    def _options(self, words: list[str], found: list[tuple[str, str]]) -> list[str]:
        """Take the options off; what they are goes to `found`."""
        while words and words[0].startswith("-"):
            word, words = words[0], words[1:]
            if word == "--":
                break
            for name, attached in self._of_a_word(word):
                if attached is None:
                    value, words = "".join(words[:1]), words[1:]
                else:
                    value = attached
                if name in self.splits:
                    words = [*_split(value), *words]
                found.append((name, value))
        return words

    def _of_a_word(self, word: str) -> Iterator[tuple[str, str | None]]:
        """The options that a word holds, each with its value: None is the next word."""
        if word == "-":
            yield "-", ""
        elif word.startswith("--"):
            name, given, value = word[2:].partition("=")
            yield name, value if given or name not in self.long.split() else None
        else:
            for index, letter in enumerate(word[1:], 2):
                if letter in self.short:
                    yield letter, word[index:] or None
                    return
                yield letter, ""


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return [text]


_PROJECT = "directory project config-file cache-dir color manifest-path python environment env "
_UV = f"""{_PROJECT} extra no-extra group no-group only-group env-file with with-editable
    with-requirements package index default-index index-url extra-index-url find-links index-strategy
    keyring-provider upgrade-package upgrade-group resolution prerelease exclude-newer
    reinstall-package refresh-package link-mode config-setting no-build-package no-binary-package
    python-platform allow-insecure-host fork-strategy"""
_SYSTEMD_RUN = """unit property description slice service-type uid gid nice working-directory setenv
    host machine on-active on-boot on-startup on-unit-active on-unit-inactive on-calendar
    timer-property"""
_SETPRIV = """ambient-caps inh-caps bounding-set ruid euid rgid egid reuid regid groups securebits
    pdeathsig selinux-label apparmor-profile"""
_SUDO = "close-from chdir group host prompt chroot role command-timeout type other-user user"
_UNSHARE = """root wd setuid setgid map-user map-group map-users map-groups propagation setgroups
    monotonic boottime"""
_ELSEWHERE = """docker docker-compose podman podman-compose nerdctl kubectl oc lxc lxc-attach incus
    machinectl flatpak vagrant ssh mosh tmux systemctl service supervisorctl"""

LAUNCHERS: dict[str, Launcher] = {
    # what changes the environment
    "env": Launcher(
        _env,
        short="uCSa",
        long="unset chdir split-string argv0",
        takes_variables=True,
        splits=("S", "split-string"),
    ),
    "sudo": Launcher(_sudo, short="CDghpRrTtUu", long=_SUDO, takes_variables=True),
    "doas": Launcher(_lose_all, short="aCu"),
    "pkexec": Launcher(_lose_all, long="user"),
    "setpriv": Launcher(_setpriv, long=_SETPRIV),
    "systemd-run": Launcher(_systemd_run, short="HMupEC", long=_SYSTEMD_RUN),
    "strace": Launcher(_strace, short="abEeIoOpPsSuUX", long="env output trace user"),
    "pipx": Launcher(_lose_path, long="spec python pip-args with", verb="run"),
    # what starts it elsewhere
    **dict.fromkeys(_ELSEWHERE.split(), Launcher(_elsewhere, is_blind=True)),
    "chroot": Launcher(_other_root, long="userspec groups", operands=(".+",)),
    "unshare": Launcher(_other_root, short="RwSG", long=_UNSHARE),
    "nsenter": Launcher(_other_root, short="tSG", long="target setuid setgid"),
    # what passes everything on
    "nice": Launcher(short="n", long="adjustment"),
    "ionice": Launcher(short="cnpPu", long="class classdata pid pgid uid"),
    "chrt": Launcher(
        short="TPD", long="sched-runtime sched-period sched-deadline", operands=(r"\d+",)
    ),
    "taskset": Launcher(operands=(".+",)),
    "timeout": Launcher(short="ks", long="kill-after signal", operands=(".+",)),
    "stdbuf": Launcher(short="ioe", long="input output error"),
    "prlimit": Launcher(short="p", long="pid"),
    "numactl": Launcher(short="iCNmp", long="interleave cpunodebind physcpubind membind preferred"),
    "cpulimit": Launcher(short="lpePc", long="limit pid exe path cpu"),
    "time": Launcher(short="fo", long="format output"),
    "flock": Launcher(short="wE", long="timeout wait conflict-exit-code", operands=(".+",)),
    "tini": Launcher(short="pe"),
    "dumb-init": Launcher(short="r", long="rewrite"),
    "chpst": Launcher(short="uUeE/ncmdoptfr"),
    "softlimit": Launcher(short="acdfglmnoprst"),
    "faketime": Launcher(short="f", operands=(".+",)),
    **dict.fromkeys(("proxychains", "proxychains4"), Launcher(short="f")),
    **dict.fromkeys(("gosu", "su-exec", "setuidgid", "s6-setuidgid"), Launcher(operands=(".+",))),
    **dict.fromkeys(
        ("nohup", "setsid", "catatonit", "eatmydata", "torsocks", "busybox", "toybox"), Launcher()
    ),
    # the same, with a Python of their own
    "uv": Launcher(_other_python, short="pwifPCm", long=_UV, verb="run"),
    **dict.fromkeys(
        ("poetry", "pdm", "pipenv", "hatch", "rye", "pixi"),
        Launcher(_other_python, short="CPpe", long=_PROJECT, verb="run"),
    ),
    **dict.fromkeys(
        ("conda", "mamba", "micromamba"),
        Launcher(
            _other_python, short="nprae", long="name prefix root-prefix cwd env attach", verb="run"
        ),
    ),
}
