"""What stands between `run` and a bot: how it is written, what it lets through, and whether that is so."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mexc_plugin.hosting.command_lines import read
from mexc_plugin.hosting.launchers import LAUNCHERS
from mexc_plugin.hosting.passage import PYTHONPATH, Passage

SITE = "/the/adapter"
BOT = "MEXC_PLUGIN_BOT"
NEEDED = frozenset({PYTHONPATH, BOT})
BOTH, PATH_ALONE, LABEL_ALONE, NEITHER = NEEDED, {PYTHONPATH}, {BOT}, frozenset()
# Launchers whose command is not looked for: what it is does not matter.
BLIND = [name for name, launcher in LAUNCHERS.items() if launcher.is_blind]

# What stands before a command, and which of the two variables reach it.
EXAMPLES = {
    "env": BOTH,
    "env A=1 'B=x y'": BOTH,
    "env -v -C / A=1": BOTH,
    "env -i": NEITHER,
    "env -": NEITHER,
    "env -i A=1": NEITHER,
    "env --ignore-environment PATH=/usr/bin:/bin": NEITHER,
    "env -u PYTHONPATH": LABEL_ALONE,
    "env -uPYTHONPATH A=1": LABEL_ALONE,
    "env --unset=PYTHONPATH": LABEL_ALONE,
    "env --unset PYTHONPATH": LABEL_ALONE,
    "env -u OTHER": BOTH,
    "env PYTHONPATH=/x": LABEL_ALONE,
    "env PYTHONPATH=": LABEL_ALONE,
    f"env PYTHONPATH=/x:{SITE}": BOTH,
    f"env -i PYTHONPATH={SITE} {BOT}=b": BOTH,
    "env -S 'A=1 nice'": BOTH,
    "env -S '-i A=1'": NEITHER,
    "sudo": NEITHER,
    "sudo -n -u nobody": NEITHER,
    "sudo -E": LABEL_ALONE,
    "sudo -nHE -u root A=1": LABEL_ALONE,
    "sudo --preserve-env": LABEL_ALONE,
    "sudo --preserve-env=PYTHONPATH": PATH_ALONE,
    f"sudo --preserve-env=PYTHONPATH,{BOT} -u nobody --": BOTH,
    "sudo -E --preserve-env=PYTHONPATH": BOTH,
    f"sudo PYTHONPATH=/x:{SITE}": PATH_ALONE,
    "sudo -i": NEITHER,
    "doas": NEITHER,
    "doas -n -u root": NEITHER,
    "pkexec --user bot": NEITHER,
    "setpriv --nnp": BOTH,
    "setpriv --reuid 0 --clear-groups --inh-caps=-all": BOTH,
    "setpriv --reuid=0 --clear-groups --reset-env": NEITHER,
    "systemd-run --user --unit bot -p Restart=no": NEITHER,
    "systemd-run --user --scope -q": BOTH,
    "systemd-run -E PYTHONPATH --setenv=OTHER=1": PATH_ALONE,
    f"systemd-run -E PYTHONPATH=/x -E {BOT}": {BOT},
    "strace -f -o /dev/null": BOTH,
    "strace -o /dev/null -E PYTHONPATH": LABEL_ALONE,
    "strace -o /dev/null -E PYTHONPATH=/x": LABEL_ALONE,
    "pipx run --spec freqtrade": LABEL_ALONE,
    "chroot /": BOTH,
    "chroot --userspec=0:0 /": BOTH,
    "chroot /srv/jail": NEITHER,
    "unshare -m --propagation private": BOTH,
    "unshare -R /srv/jail": NEITHER,
    "nsenter -t 1 -n": BOTH,
    "nsenter --target 1 --mount": NEITHER,
    "nice": BOTH,
    "nice -n 5": BOTH,
    "nice -n5": BOTH,
    "nice -5": BOTH,
    "nice --adjustment=5": BOTH,
    "ionice -c 2 -n7": BOTH,
    "ionice -c3 -t": BOTH,
    "chrt -o 0": BOTH,
    "chrt --other -v 0": BOTH,
    "taskset 0x1": BOTH,
    "taskset -c 0": BOTH,
    "timeout 30": BOTH,
    "timeout -k 5 --signal INT 30s": BOTH,
    "timeout --foreground --kill-after=5 30": BOTH,
    "stdbuf -oL -e 0": BOTH,
    "stdbuf --output=L": BOTH,
    "prlimit --nofile=512": BOTH,
    "numactl -C 0 --membind 0": BOTH,
    "cpulimit -l 50 --": BOTH,
    "time -o /dev/null -f %e": BOTH,
    "flock -w 5 /tmp": BOTH,
    "tini -s -p SIGTERM --": BOTH,
    "tini -g": BOTH,
    "dumb-init --single-child -r 15:3": BOTH,
    "chpst -u nobody -n 5": BOTH,
    "softlimit -m 100000000": BOTH,
    "faketime -f +1d 2026-01-01": BOTH,
    "proxychains -q -f /dev/null": BOTH,
    "proxychains4 -q": BOTH,
    "gosu nobody": BOTH,
    "su-exec nobody:nobody": BOTH,
    "setuidgid nobody": BOTH,
    "s6-setuidgid nobody": BOTH,
    "nohup": BOTH,
    "setsid -w": BOTH,
    "catatonit --": BOTH,
    "eatmydata": BOTH,
    "torsocks": BOTH,
    "busybox nice -n 5": BOTH,
    "toybox": BOTH,
    "uv --directory /x run --with ccxt --python 3.12 -q --": BOTH,
    "poetry -C /x run": BOTH,
    "pdm run -p /x": BOTH,
    "pipenv run": BOTH,
    "hatch -e bot run": BOTH,
    "rye run": BOTH,
    "pixi run -e bot": BOTH,
    "conda run -n bot --no-capture-output": BOTH,
    "mamba run -p /x": BOTH,
    "micromamba run -n bot": BOTH,
    "micromamba run --clean-env -n bot": NEITHER,
    "runuser -u nobody": BOTH,
    "runuser -u nobody -g nogroup --": BOTH,
    "nice -n 5 env A=1 timeout -k 5 30": BOTH,
    "timeout 30 nice env -u PYTHONPATH stdbuf -oL": LABEL_ALONE,
    "env -i nohup": NEITHER,
} | dict.fromkeys(BLIND, NEITHER)
EVERY = pytest.mark.parametrize("before", EXAMPLES)


def reading(words: list[str]):
    (found,) = read(words, Passage(NEEDED, SITE))
    return found


def test_every_launcher_has_an_example() -> None:
    names = {word for before in EXAMPLES for word in shlex.split(before)}
    assert set() == {*LAUNCHERS} - names


@EVERY
def test_what_a_launcher_starts_and_what_it_lets_through(before: str) -> None:
    command = ["python", "-I", "bot.py", "--", "env", "-i"]
    found = reading([*shlex.split(before), *command])
    assert NEEDED - found.passage.lost == EXAMPLES[before]
    assert found.words == (() if before in BLIND else tuple(command))
    if "-S" not in before:
        assert [*found.before, *found.words] == [*shlex.split(before), *command]


# These are there on every Linux; others are asked where they are.
ALWAYS_THERE = {"env", "nice", "nohup", "stdbuf", "timeout"}


def arriving(command: list[str], tmp_path: Path) -> set[str] | None:
    """Which variables reach the `printenv` in a command; None where that does not start here."""
    environ = {**os.environ, PYTHONPATH: SITE, BOT: "b", "HOME": str(tmp_path)}
    done = subprocess.run(
        command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    found = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    if "PATH" not in found and "PWD" not in found and done.returncode != 0:
        return None
    return ({PYTHONPATH} if SITE in found.get(PYTHONPATH, "").split(":") else set()) | (
        {BOT} & {*found}
    )


@pytest.mark.parametrize(
    "before",
    [
        before
        for before in EXAMPLES
        if before not in BLIND and shutil.which(shlex.split(before)[0]) is not None
    ],
)
def test_the_programs_that_are_here_let_through_what_the_table_says(
    before: str, tmp_path: Path
) -> None:
    words = shlex.split(before)
    arrived = arriving([*words, "printenv"], tmp_path)
    if arrived is None and words[0] not in ALWAYS_THERE:
        pytest.skip(f"{before} starts nothing here")
    assert arrived == EXAMPLES[before]


SU = {
    "su root -c {}": BOTH,
    "su -c {}": BOTH,
    "su -m root -c {}": BOTH,
    "su nobody -s /bin/sh -c {}": BOTH,
    "su - root -c {}": NEITHER,
    "su -l -c {}": NEITHER,
    "su --login root --command={}": NEITHER,
    "su -lc {} root": NEITHER,
    "su root - -c {}": BOTH,
    "su -p - root -c {}": NEITHER,
    "su - -w PYTHONPATH root -c {}": PATH_ALONE,
    f"su - --whitelist-environment=PYTHONPATH,{BOT} root -c {{}}": BOTH,
    "runuser root -c {}": BOTH,
    "runuser -l root -c {}": NEITHER,
    "runuser - root -c {}": NEITHER,
}


@pytest.mark.parametrize("line", SU)
def test_a_login_clears_the_environment_and_another_su_does_not(line: str, tmp_path: Path) -> None:
    command = shlex.split(line.format("printenv"))
    found = reading(command)
    assert NEEDED - found.passage.lost == SU[line]
    assert (found.words, found.is_in_text) == (("printenv",), True)
    if os.geteuid() == 0 and shutil.which(command[0]):
        assert arriving(command, tmp_path) in (SU[line], None)


# -- the texts of shells

HERE, GONE = NEEDED, LABEL_ALONE
TEXTS = [
    ("python -E bot.py", [("python -E bot.py", HERE)]),
    ("exec python bot.py", [("python bot.py", HERE)]),
    ("exec -a bot python bot.py", [("python bot.py", HERE)]),
    ("exec -c python bot.py", [("python bot.py", NEITHER)]),
    ("command nice -n 5 python bot.py", [("python bot.py", HERE)]),
    (
        "cd /x && python bot.py > log 2>&1 &",
        [("cd /x", HERE), ("python bot.py", HERE)],
    ),
    ("python bot.py 2>>log | tee x", [("python bot.py", HERE), ("tee x", HERE)]),
    ("A=1 B='2 3' python bot.py", [("python bot.py", HERE)]),
    ("PYTHONPATH=/x python bot.py", [("python bot.py", GONE)]),
    ("PYTHONPATH=. python a.py; python b.py", [("python a.py", GONE), ("python b.py", HERE)]),
    ("PYTHONPATH=/x:$PYTHONPATH python bot.py", [("python bot.py", HERE)]),
    ('PYTHONPATH="$(pwd):${PYTHONPATH}" python bot.py', [("python bot.py", HERE)]),
    ("PYTHONPATH=$(pwd):$PYTHONPATH python bot.py", [("python bot.py", HERE)]),
    ("PYTHONPATH=$(pwd) python bot.py", [("python bot.py", GONE)]),
    ("PYTHONPATH=`pwd`:$PYTHONPATH python bot.py", [("python bot.py", HERE)]),
    (
        "PYTHONPATH=/x${PYTHONPATH:+:$PYTHONPATH} python bot.py",
        [("python bot.py", HERE)],
    ),
    ("PYTHONPATH=/x; python bot.py", [("python bot.py", GONE)]),
    ("export PYTHONPATH=/x\npython bot.py", [("python bot.py", GONE)]),
    ("export A=1 PYTHONPATH=/x:$PYTHONPATH\npython bot.py", [("python bot.py", HERE)]),
    ("export PYTHONPATH\npython bot.py", [("python bot.py", HERE)]),
    (
        "unset PYTHONPATH && PYTHONPATH=$PYTHONPATH:/x python bot.py",
        [("python bot.py", GONE)],
    ),
    ("env -u PYTHONPATH python bot.py", [("python bot.py", GONE)]),
    ('env -i PYTHONPATH="$PYTHONPATH" python bot.py', [("python bot.py", PATH_ALONE)]),
    (
        "while true; do env -i python bot.py; sleep 5; done",
        [("true", HERE), ("python bot.py", NEITHER), ("sleep 5", HERE)],
    ),
    ("if true; then\n  python bot.py\nfi", [("true", HERE), ("python bot.py", HERE)]),
    ("{ python bot.py; }", [("python bot.py", HERE)]),
    ("(cd /x; python bot.py)", [("cd /x", HERE), ("python bot.py", HERE)]),
    ("# env -i python a.py\npython b.py # env -i", [("python b.py", HERE)]),
    ("bash -c 'env -i sh -c \"python bot.py\"'", [("python bot.py", NEITHER)]),
    ("time python bot.py", [("python bot.py", HERE)]),
    ("time A=1 nice python bot.py", [("python bot.py", HERE)]),
    ("time -p env -u PYTHONPATH python bot.py", [("python bot.py", GONE)]),
    ("python bot.py \\\n --its-option", [("python bot.py --its-option", HERE)]),
    ('exec "$@"', [("python -E bot.py", HERE)]),
    # What is not understood says nothing.
    ("echo 'half", [("sh -c 'echo '\"'\"'half' name python -E bot.py", HERE)]),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_the_text_of_a_shell_is_read(text: str, expected: list[tuple[str, set[str]]]) -> None:
    command = ["sh", "-c", text, "name", "python", "-E", "bot.py"]
    found = [(r.words, NEEDED - r.passage.lost) for r in read(command, Passage(NEEDED, SITE))]
    assert found == [(tuple(shlex.split(words)), arriving) for words, arriving in expected]


@pytest.mark.parametrize(("text", "expected"), TEXTS[:-1])
def test_a_shell_that_runs_it_agrees(text: str, expected, tmp_path: Path) -> None:
    """Each python of the text says what reaches it; what else the text does is left to the shell."""
    programs = tmp_path / "bin"
    programs.mkdir()
    python = programs / "python"
    python.write_text(f'#!/bin/sh\necho "$PYTHONPATH $MEXC_PLUGIN_BOT" >> {tmp_path}/said\n')
    python.chmod(0o755)
    text = text.replace("while true", "for n in 1").replace("sleep 5", "true").replace("/x ", "/ ")
    environ = {
        **os.environ, PYTHONPATH: SITE, BOT: "b", "PATH": f"{programs}:{os.environ['PATH']}"
    }  # fmt: skip
    # env -i empties PATH, too.
    text = text.replace("python ", f"{python} ")
    subprocess.run(
        ["bash", "-c", text, "name", str(python), "-E", "bot.py"],
        env=environ, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    said = [line.split(" ") for line in (tmp_path / "said").read_text().splitlines()]
    arrived = [
        ({PYTHONPATH} if SITE in path.split(":") else set()) | ({BOT} if label else set())
        for path, label in said
    ]
    assert arrived == [names for words, names in expected if words.startswith("python")]


# -- properties

PASSING = sorted(
    before
    for before, arriving in EXAMPLES.items()
    if arriving == BOTH and before not in BLIND and "-S" not in before
)
WORD = st.text(alphabet="abc -=./'\"\\\t:,%@é", max_size=6)


@given(st.lists(st.sampled_from(PASSING), max_size=4), st.lists(WORD, max_size=4))
def test_any_row_of_launchers_that_pass_all_on_is_seen_through(before, arguments) -> None:
    words = [word for line in before for word in shlex.split(line)]
    found = reading([*words, "python3", *arguments])
    assert found.words == ("python3", *arguments)
    assert found.before == tuple(words)
    assert not found.passage.lost


@given(
    st.lists(st.sampled_from(sorted({*EXAMPLES}.difference(BLIND))), max_size=3),
    st.lists(WORD, max_size=3),
)
@example(["time -o /dev/null -f %e"], [])
def test_a_shell_around_it_changes_nothing(before, arguments) -> None:
    assume(not any("PYTHONPATH=$" in line for line in before))
    words = [word for line in before for word in shlex.split(line)]
    plain = reading([*words, "python3", *arguments])
    shell = reading(["sh", "-ec", shlex.join([*words, "python3", *arguments])])
    assert (shell.words, shell.before) == (plain.words, plain.before)
    assert shell.passage.lost == plain.passage.lost
    assert shell.is_in_text
    assert shell.is_last


@given(
    st.lists(
        st.sampled_from(
            [*sorted(LAUNCHERS), "sh", "su", "-c", "-", "--", "-i", "A=1", "", "-S", "$@"]
        )
        | st.text(max_size=8),
        max_size=8,
    )
)
def test_no_command_line_is_too_odd_to_be_read(words: list[str]) -> None:
    for found in read(words, Passage(NEEDED, SITE)):
        assert found.passage.lost <= NEEDED
    for _ in read(["sh", "-c", " ".join(words)], Passage(NEEDED, SITE)):
        pass
