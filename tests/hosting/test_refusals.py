"""`run` in front of what would keep the adapter out: refused, with a command that works instead."""

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from mexc_plugin.hosting import checks, starting, why_not
from mexc_plugin.hosting.why_not import find
from mexc_plugin.sandbox import Sandbox
from tests.conftest import DEADLINE_VARIABLE, Audit

from .conftest import LEAN, Result, program, start
from .test_run import BOT

pytestmark = LEAN

PYTHON = sys.executable
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody takes root")


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")


# {} is where the bot's words stand: python bot.py ORDER.
REFUSED = [
    "env -i {}",
    "env - HOME=/ {}",
    "env -u PYTHONPATH {}",
    "env PYTHONPATH=/x A=geheim {}",
    "nice env -i timeout 50 {}",
    "sh -c 'PYTHONPATH=/x {}'",
    "sh -c 'cd / && exec env -i {}'",
    "sh -c 'unset PYTHONPATH; {}'",
    "env -i sh -c '{}'",
    pytest.param("setpriv --reset-env {}", marks=[ROOT, needs("setpriv")]),
    pytest.param("su - root -c '{}'", marks=[ROOT, needs("su")]),
    pytest.param("sudo {}", marks=[ROOT, needs("sudo")]),
    pytest.param("sudo -E {}", marks=[ROOT, needs("sudo")]),
]
ISOLATED = [
    "nice {}",
    "timeout -k 5 50 {}",
    "nohup setsid -w {}",
    "env A=1 stdbuf -oL {}",
    "sh -c 'exec {}'",
    "bash -c 'cd / && {} | cat'",
]
FINE = [
    "env A=1 {}",
    "env -u OTHER nice -n 1 {}",
    "timeout -k 5 50 nohup {}",
    "stdbuf -oL setsid -w {}",
    "sh -c '{}'",
    "sh -c 'env -i true; PYTHONPATH=/:$PYTHONPATH {}'",
    "sh -c '{}; env -i true'",
    "bash -lc '{}'",
    pytest.param("su root -c '{}'", marks=[ROOT, needs("su")]),
    pytest.param(
        "sudo --preserve-env=PYTHONPATH,MEXC_PLUGIN_DATABASE_URL {}", marks=[ROOT, needs("sudo")]
    ),
]


class Bot:
    """A bot that cancels one order, and whether it did."""

    def __init__(self, script, sandbox: Sandbox, audit: Audit, tmp_path: Path) -> None:
        # Where a launcher clears the environment, the user's own notes would get the test's database.
        own = f"import os; os.environ['XDG_STATE_HOME'] = {str(tmp_path / 'state')!r}\n"
        self.path = script(own + BOT.format(config=sandbox.ccxt_config()))
        self.order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
        self.sandbox, self.audit, self.home = sandbox, audit, tmp_path

    def words(self, *flags: str) -> str:
        return shlex.join([PYTHON, *flags, str(self.path), self.order_id])

    def run(self, line: str, *flags: str) -> Result:
        return program(
            *("run", "--", *shlex.split(line.format(self.words(*flags)))),
            MEXC_PLUGIN_DATABASE_URL=self.audit.url,
            HOME=str(self.home),
        )

    def type(self, line: str) -> Result:
        return start("sh", "-c", line, HOME=str(self.home), MEXC_PLUGIN_DATABASE_URL=self.audit.url)

    @property
    def is_on_record(self) -> bool:
        return [row["order_id"] for row in self.audit.history()] == [self.order_id]


@pytest.fixture
def bot(script, sandbox: Sandbox, audit: Audit, tmp_path: Path) -> Bot:
    return Bot(script, sandbox, audit, tmp_path)


def advice(done: Result) -> str:
    """The command that a refusal says to type."""
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("mexc-plugin: not started: ")
    return done.stderr.rstrip("\n").rpartition(": ")[2]


@pytest.mark.parametrize("line", REFUSED)
def test_a_launcher_that_clears_the_environment_is_refused_and_what_it_says_works(
    line: str, bot: Bot
) -> None:
    said = advice(bot.run(line))
    assert bot.sandbox.arrivals == []
    assert "geheim" not in said
    typed = said.replace("URL", bot.audit.url).replace("A=…", "A=1").replace("…", "/x")
    if "sh -c '{}'" in line:  # where it is to be written, and not only a part of the text
        typed = line.format(typed)
    done = bot.type(typed)
    assert (done.returncode, bot.is_on_record) == (0, True), done.stderr


@pytest.mark.parametrize(("line", "flag"), [*zip(ISOLATED, ["-I", "-E"] * 3, strict=True)])
def test_a_python_that_shuts_the_adapter_out_is_seen_behind_launchers(
    line: str, flag: str, bot: Bot
) -> None:
    said = advice(bot.run(line, flag))
    assert bot.sandbox.arrivals == []
    done = bot.type(said)
    assert (done.returncode, bot.is_on_record) == (0, True), done.stderr


@pytest.mark.parametrize("line", FINE)
def test_what_lets_the_adapter_in_is_started(line: str, bot: Bot) -> None:
    done = bot.run(line)
    assert (done.returncode, bot.is_on_record) == (0, True), done.stderr
    assert done.stderr == ""


# -- without starting anything


def given() -> dict[str, str]:
    """An environment without a setting."""
    return {name: value for name, value in os.environ.items() if name != DEADLINE_VARIABLE}


def refusal(line: str, **environ: str) -> str | None:
    return find(shlex.split(line), starting.with_adapter(given() | environ))


@pytest.mark.parametrize(
    "line",
    [
        "docker run --rm image python bot.py",
        "podman exec bot python bot.py",
        "docker-compose up",
        "kubectl exec pod -- python bot.py",
        "ssh host python bot.py",
        "tmux new-session -d -s bot 'python bot.py'",
        "chroot /srv/jail python bot.py",
        "nsenter -t 1 -a python bot.py",
        "nice docker run image",
    ],
)
def test_what_starts_it_elsewhere_is_refused_and_says_where_run_belongs(line: str) -> None:
    found = refusal(line)
    assert found is not None
    assert found.endswith("let it start the adapter there: mexc-plugin run -- COMMAND")


@pytest.mark.parametrize(
    "line",
    [
        "sh -c 'sudo chown -R bot /data; exec ./start.sh'",
        "sh -c 'sudo chown -R bot /data; exec python3 bot.py'",
        "sh -c 'python3 bot.py; docker stop redis'",
        "sh -c 'docker pull image && ./start.sh'",
        "sudo -u bot mexc-plugin run -- python bot.py",
        "env -i /opt/bin/mexc-plugin run -- python bot.py",
        f"env -i {PYTHON} -m mexc_plugin run -- bot.py",
        f"{PYTHON} -I -m mexc_plugin run --in-process -- bot.py",
        f"env -i {PYTHON} --version",
        "uv run python bot.py",
        "./start.sh env -i python",
        "uv pip install ccxt",
        "env",
        "nice",
        "sh -c ''",
    ],
)
def test_what_works_is_not_refused(line: str) -> None:
    assert refusal(line) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("env -i ./start.sh", "env -i keeps PYTHONPATH from the bot"),
        ("sudo -u bot ./start.sh", "sudo keeps PYTHONPATH from the bot"),
        ("sudo -i", "sudo keeps PYTHONPATH from the bot"),
        ("sh -c 'cd /bot && sudo ./start.sh'", "sudo keeps PYTHONPATH from the bot"),
        ("sh -c 'sudo ./start.sh; echo done'", "sudo keeps PYTHONPATH from the bot"),
        ("doas -u bot python3 bot.py", "doas keeps PYTHONPATH from the bot"),
        ("pipx run freqtrade trade", "pipx keeps PYTHONPATH from the bot"),
        ("systemd-run --user python3 bot.py", "systemd-run keeps PYTHONPATH from the bot"),
        ("uv run python -E bot.py", "python -E does not let the adapter in; use --in-process: uv run"),
        ("sh -c 'python4 -I bot.py'", "python4 -I does not let the adapter in"),
    ],
)  # fmt: skip
def test_what_is_seen_is_named(line: str, said: str) -> None:
    found = refusal(line)
    assert found is not None
    assert found.startswith(said)


def test_settings_that_do_not_arrive_are_missed_like_the_adapter() -> None:
    line = "sudo --preserve-env=PYTHONPATH python3 bot.py"
    assert refusal(line) is None
    found = refusal(line, MEXC_PLUGIN_DATABASE_URL="sqlite:////a.db", MEXC_PLUGIN_BOT="b")
    assert found is not None
    assert (
        "keeps MEXC_PLUGIN_BOT and MEXC_PLUGIN_DATABASE_URL from the bot, and so the set" in found
    )
    assert "run --audit-url URL --bot LABEL -- python3 bot.py" in found
    # What somebody says himself is meant.
    said = "env -u MEXC_PLUGIN_BOT MEXC_PLUGIN_DATABASE_URL=sqlite:////b.db python3 bot.py"
    assert refusal(said, MEXC_PLUGIN_DATABASE_URL="x", MEXC_PLUGIN_BOT="b") is None


def test_no_secret_of_the_command_line_is_repeated() -> None:
    for line in (
        "env -i MEXC_API_SECRET=geheim python3 bot.py --url postgresql://me:geheim@host/x",
        "sh -c 'MEXC_API_SECRET=geheim exec env -i A=geheim python3 bot.py secret=geheim'",
        "env A=geheim python3 -I bot.py token=geheim",
    ):
        found = refusal(line)
        assert found is not None
        assert "geheim" not in found


# -- the start-up files of shells


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (".bash_profile", "bash -lc 'python3 bot.py'"),
        (".bash_profile", "bash --login start.sh"),
        (".bash_profile", "nice bash -l start.sh"),
        (".bash_profile", "sh -c \"bash -lc 'python3 bot.py'\""),
        (".bashrc", "bash"),
        (".bashrc", "bash -ic 'python3 bot.py'"),
        (".profile", "sh -lc 'python3 bot.py'"),
    ],
)
@pytest.mark.parametrize(
    ("content", "is_refused"),
    [
        ("export PYTHONPATH=/x", True),
        ("echo welcome\nunset PYTHONPATH", True),
        ("export PYTHONPATH=/x:$PYTHONPATH", False),
        ("exit 3", False),
    ],
)
def test_a_shell_whose_start_up_files_replace_pythonpath_is_refused(
    home: Path, file: str, line: str, content: str, is_refused: bool
) -> None:
    (home / file).write_text(content + "\n")
    found = refusal(line)
    assert (found is not None) is is_refused
    assert found is None or re.match(r"the start-up files of \w+ -.* replace PYTHONPATH", found)


def test_a_shell_that_does_not_end_is_not_waited_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(why_not.probe, "SHELL_TIMEOUT_S", 0.2)
    (home / ".bash_profile").write_text("sleep 20\n")
    assert refusal("bash -lc 'python3 bot.py'") is None


def test_doctor_says_the_same_in_front_of_the_same_command() -> None:
    for line in ("env -i python3 bot.py", "docker run x", f"nice {PYTHON} -I bot.py"):
        (finding,) = checks.adapter(shlex.split(line), given())
        assert (finding.text, finding.needs_attention) == (refusal(line), True)
