"""The documents are true: what they show runs, what they name exists, and nothing is left out."""

import ast
import contextlib
import os
import pty
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click
import pytest

from mexc_plugin import config, settings_file
from mexc_plugin.audit import events
from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.cli import program
from mexc_plugin.cli.exit_codes import Exit
from mexc_plugin.cli.groups import DefaultGroup
from mexc_plugin.sandbox import AnswerStyle, FaultKind, IdStyle, Sandbox
from mexc_plugin.store.schema import tables
from mexc_plugin.store.verify import record

from .command_line import invoke

ROOT = Path(__file__).resolve().parents[1]
DECISIONS = ROOT / "docs" / "decisions"
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
)
STRICT = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}

# What a reader fills in, and what stands there while the documents are tested.
CREDENTIALS = re.compile(r'"apiKey": "…",\s+"secret": "…"')
ORDER_ID = re.compile(r"133734823834447\d{3}")
MACHINES = re.compile(r"/(?:root|home|Users|work|tmp|mnt|opt)/")

_BLOCK = re.compile(r"^(<!-- not run: .+ -->\n)?```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")
_COLUMN = re.compile(r"\S+(?: \S+)*")


@dataclass(frozen=True)
class Block:
    document: str
    language: str
    text: str
    runs: bool


def read(document: str) -> str:
    return (ROOT / document).read_text()


def blocks(document: str, language: str) -> list[Block]:
    found = [
        Block(document, match[2], match[3], runs=match[1] is None)
        for match in _BLOCK.finditer(read(document))
    ]
    return [block for block in found if block.language == language]


def documents_with(language: str) -> list[str]:
    return [name for name in DOCUMENTS if any(block.runs for block in blocks(name, language))]


@dataclass(frozen=True)
class Demo:
    path: Path
    output: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    path = tmp_path_factory.mktemp("demo") / "audit.db"
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "mexc_plugin", "demo", "--database-url", f"sqlite:///{path}"],
        env=os.environ | STRICT | {"COLUMNS": "80", "NO_COLOR": "1"},
        stdout=theirs,
    ) as process:
        os.close(theirs)
        output = b""
        with contextlib.suppress(OSError):  # how Linux says that the other side was closed
            while chunk := os.read(ours, 65_536):
                output += chunk
    os.close(ours)
    assert process.returncode == 0
    return Demo(path, output.decode().replace("\r\n", "\n"))


# -- what is shown runs


def filled_in(block: Block, sandbox: Sandbox) -> str:
    """The block with a sandbox's credentials, and with orders that are there to be cancelled."""
    ids = {
        name: sandbox.place("BTCUSDT", "BUY", "0.01", "20000")
        for name in set(ORDER_ID.findall(block.text))
    }
    text = ORDER_ID.sub(lambda match: ids[match[0]], block.text)
    text = CREDENTIALS.sub(lambda _: f"**{sandbox.ccxt_config()!r}", text)
    assert "…" not in text, "what is not filled in would be sent to the real venue"
    return text


@pytest.mark.parametrize("document", documents_with("python"))
def test_the_python_of_a_document_runs_from_top_to_bottom(
    document: str, sandbox: Sandbox, demo: Demo, tmp_path: Path
) -> None:
    shutil.copy(demo.path, tmp_path / "audit.db")
    script = tmp_path / "document.py"
    shown = [filled_in(block, sandbox) for block in blocks(document, "python") if block.runs]
    script.write_text("\n\n".join(shown))
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=os.environ | STRICT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert [done.returncode, *done.stderr.splitlines()] == [0]


def test_a_settings_file_that_a_document_shows_can_be_used_and_has_every_key(
    tmp_path: Path,
) -> None:
    (shown,) = [block for name in DOCUMENTS for block in blocks(name, "toml")]
    file = tmp_path / "mexc-plugin.toml"
    file.write_text(shown.text)
    config.resolve({}, {settings_file.VARIABLE: str(file), "HOME": str(tmp_path)})
    assert [*tomllib.loads(shown.text)] == [*config.OPTION_KEYS]


def test_one_cancel_from_the_shell_works_as_typed(sandbox: Sandbox, tmp_path: Path) -> None:
    (shown,) = [b for b in blocks("docs/sandbox.md", "sh") if "mexc-plugin cancel" in b.text]
    script = shown.text.replace("http://127.0.0.1:8080", sandbox.url)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for times in (1, 2):
        done = subprocess.run(
            ["sh", "-e", "-c", script],
            cwd=tmp_path,
            env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout.count('"client_order_id": "mine"') == times
    assert len(sandbox.arrivals) == 2


def first_check(document: str) -> list[str]:
    """The words after `mexc-plugin` of the first look at the record that a document shows."""
    shown = [line for block in blocks(document, "sh") for line in block.text.splitlines()]
    return shlex.split(next(line for line in shown if line.startswith("mexc-plugin audit")))[1:]


@pytest.mark.parametrize("document", ["README.md", "docs/bots/own-scripts.md", "docs/sandbox.md"])
def test_the_first_check_of_a_document_looks_where_its_script_recorded(
    document: str, demo: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = next(block for block in blocks(document, "python") if '"url"' in block.text)
    assert '"url": "sqlite:///audit.db"' in script.text
    shutil.copy(demo.path, tmp_path / "audit.db")
    monkeypatch.chdir(tmp_path)
    found = invoke(first_check(document))
    assert (found.exit_code, "order_id" in found.stdout) == (0, True), found.output


@pytest.mark.parametrize("bot", ["freqtrade", "octobot", "passivbot"])
def test_the_first_check_of_a_bot_s_page_looks_where_its_bot_recorded(bot: str) -> None:
    document = f"docs/bots/{bot}.md"
    told = re.findall(r"^export MEXC_PLUGIN_DATABASE_URL=(\S+)$", read(document), re.MULTILINE)
    words = first_check(document)
    assert [words[words.index("--db") + 1]] == told


@pytest.mark.parametrize("document", documents_with("sql"))
def test_the_sql_of_a_document_runs_on_a_record(document: str, demo: Demo) -> None:
    with closing(sqlite3.connect(f"file:{demo.path}?mode=ro", uri=True)) as connection:
        for block in blocks(document, "sql"):
            for statement in block.text.split(";\n") if block.runs else ():
                connection.execute(statement, Anything()).fetchall()


class Anything(dict[str, int]):
    """A value for every parameter."""

    def __missing__(self, name: str) -> int:
        return 1


def curls(document: str) -> Iterator[list[str]]:
    """The words after each `curl` that a document shows."""
    for block in blocks(document, "sh"):
        words = shlex.split(block.text.replace("\\\n", " "), comments=True)
        starts = [index for index, word in enumerate(words) if word == "curl"]
        for start, end in pairwise([*starts, len(words)]):
            yield words[start + 1 : end]


def test_the_sandbox_takes_every_request_that_its_document_shows(sandbox: Sandbox) -> None:
    filled, prevented = (sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(2))
    shown = {"179540368092900001": filled, "179540368092900002": prevented}
    statuses = []
    for words in curls("docs/sandbox.md"):
        given = dict(pairwise(words))
        body = given.get("-d", "")
        for example, order_id in shown.items():
            body = body.replace(example, order_id)
        url = next(word for word in words if word.startswith("http"))
        request = urllib.request.Request(
            url.replace("http://127.0.0.1:8080", sandbox.url),
            body.encode() or None,
            method=given.get("-X", "GET"),
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            statuses.append(answer.status)
    assert statuses
    assert set(statuses) == {200}
    assert sandbox.order(filled).status == "PARTIALLY_FILLED"
    assert sandbox.order(prevented).cancel_reason == "stp_cancel"


def test_the_queries_that_find_what_is_broken_find_nothing_in_a_whole_record(demo: Demo) -> None:
    links = next(block for block in blocks("docs/record.md", "sql") if "LAG(" in block.text)
    with closing(sqlite3.connect(demo.path)) as connection:
        assert connection.execute(links.text).fetchall() == []


def rows(table: str) -> list[dict[str, str]]:
    """The rows of a printed table, by heading."""
    head, *lines = table.splitlines()
    starts = [(match[0], match.start()) for match in _COLUMN.finditer(head)]
    ends = [start for _, start in starts[1:]] + [None]
    return [
        {name: line[start:end].strip() for (name, start), end in zip(starts, ends, strict=True)}
        for line in lines
    ]


def test_the_readme_s_table_is_the_demo_s(demo: Demo) -> None:
    shown = blocks("README.md", "text")[0].text
    printed = demo.output[demo.output.index("requested") : demo.output.index("from mexc_plugin")]
    names = ("requested (UTC)", "symbol", "outcome", "cancel")
    assert all(names == (*row,) for row in (*rows(shown), *rows(printed.strip())))
    assert max(map(len, shown.splitlines())) <= 80
    # How much of the reason there is room for depends on how short the ids can be.
    same = [
        [(row["symbol"], row["outcome"][:26]) for row in rows(t)] for t in (shown, printed.strip())
    ]
    assert same[0] == same[1]


def test_a_block_that_does_not_run_says_why() -> None:
    assert all(
        block.runs or block.language in ("python", "sql")
        for document in DOCUMENTS
        for language in ("sh", "text", "diff", "python", "sql")
        for block in blocks(document, language)
    )


# -- what is named exists


def commands(document: str) -> Iterator[list[str]]:
    """The words after `mexc-plugin` of every command that a document shows or names."""
    text = read(document)
    for block in blocks(document, "sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
            if line.startswith("mexc-plugin "):
                yield shlex.split(line, comments=True)[1:]
    for span in _SPAN.findall(_BLOCK.sub("", text)):
        if re.match(r"mexc-plugin\s", span):
            yield shlex.split(span)[1:]


def what_is_wrong(words: list[str]) -> str | None:
    """Why the program would not take these words, None if it would. Arguments are not looked at."""
    command: click.Command = program
    rest = list(words)
    while rest[:1] in (["--db"], ["--config"]):  # also before the command
        del rest[:2]
    while isinstance(command, click.Group):
        context = click.Context(command)
        named = bool(rest) and not rest[0].startswith("-")
        if not named and not isinstance(command, DefaultGroup):
            break
        name = rest.pop(0) if named else getattr(command, "default", "")
        found = command.get_command(context, name)
        if found is None:
            return f"no command {name!r}"
        command = found
    known = {"-h", "--help", "--version"} | {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    own = rest[: rest.index("--")] if "--" in rest else rest
    options = {word.partition("=")[0] for word in own if word.startswith("-") and word != "-"}
    return ", ".join(sorted(options - known)) or None


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_names_only_commands_and_options_that_exist(document: str) -> None:
    wrong = {" ".join(words): what_is_wrong(words) for words in commands(document)}
    assert {words: why for words, why in wrong.items() if why} == {}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("audit list --limit 3", None),
        ("audit --limit 3", None),
        ("--db audit.db audit --limit 3", None),
        ("--db audit.db audit --unheard-of", "--unheard-of"),
        ("run --bot x -- bot --unheard-of", None),
        ("audit unheard-of", "no command 'unheard-of'"),
        ("audit --unheard-of", "--unheard-of"),
    ],
)
def test_a_command_that_does_not_exist_is_noticed(words: str, why: str | None) -> None:
    assert why == what_is_wrong(words.split())


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, (*path, name))


@pytest.mark.parametrize("name", list(leaves(program)))
def test_every_command_is_documented(name: str) -> None:
    assert any(
        words[: len(name.split())] == name.split()
        for document in DOCUMENTS
        for words in commands(document)
    ), f"no document mentions: mexc-plugin {name}"


def found(pattern: re.Pattern[str], text: str) -> set[str]:
    return {match[match.lastindex or 0] for match in pattern.finditer(text)}


def test_every_make_target_is_documented_and_no_other() -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    named = re.compile(r"^`?make ([a-z-]+)|`make ([a-z-]+)", re.MULTILINE)
    everywhere = {name for document in DOCUMENTS for name in found(named, read(document))}
    assert (found(named, read("CONTRIBUTING.md")), everywhere - targets) == (targets, set())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_relative_link_of_a_document_leads_to_a_file(document: str) -> None:
    folder = (ROOT / document).parent
    targets = [link for link in _LINK.findall(read(document)) if "://" not in link]
    assert [link for link in targets if not (folder / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_document_names_a_path_of_this_machine(document: str) -> None:
    text = read(document)
    assert None is MACHINES.search(text)
    assert str(ROOT) not in text


@pytest.mark.parametrize("path", sorted(DECISIONS.glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_every_decision_is_listed_and_has_its_three_parts(path: Path) -> None:
    text = path.read_text()
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequence"]
    assert text.startswith(f"# {path.name[:4]}: ")
    assert f"[{path.name[:4]}]({path.name})" in (DECISIONS / "README.md").read_text()


# -- nothing is left out

NAMED = {
    "docs/record.md": (
        *events.KINDS,
        *(outcome.value for outcome in Outcome),
        *(fault.value for fault in record.Fault),
        tables.AUDIT_TABLE,
        tables.ORDERS_TABLE,
        tables.HISTORY_TABLE,
    ),
    "docs/operations.md": (
        *config.OPTION_KEYS,
        *config.VARIABLES.values(),
        settings_file.VARIABLE,
    ),
    "docs/sandbox.md": (*FaultKind, *AnswerStyle, *IdStyle),
    "README.md": (*(outcome.value for outcome in Outcome), *config.VARIABLES.values()),
}


@pytest.mark.parametrize("document", NAMED)
def test_a_document_names_everything_that_it_is_about(document: str) -> None:
    spans = " ".join(_SPAN.findall(_BLOCK.sub("", read(document))))
    words = set(re.findall(r"\w+", spans))
    assert set() == set(NAMED[document]) - words


def test_every_exit_code_is_explained() -> None:
    explained = re.findall(r"^\| (\d+) \|", read("docs/operations.md"), re.MULTILINE)
    assert [code.value for code in Exit] == [int(code) for code in explained]


def log_lines() -> Iterator[str]:
    for path in (ROOT / "mexc_plugin").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and str(node.value).startswith("audit: "):
                yield re.sub(r"%[sd]", "…", str(node.value)).rstrip("…")


def test_every_log_line_is_explained() -> None:
    text = read("docs/operations.md")
    lines = list(log_lines())
    assert lines
    assert [line for line in lines if line.strip() not in text] == []
