"""Whose the package ccxt is, where somebody has repackaged it under another name."""

import os
import re
import runpy
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from mexc_plugin import distributions
from mexc_plugin.hosting import checks
from tests.lowest import requirements

from .conftest import program, python, start

ROOT = Path(__file__).resolve().parents[2]
BESIDE_CCXT = [line for line in requirements()[""] if not line.startswith("ccxt")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with ccxt in it, and with no word about whose that is."""
    spec = find_spec("ccxt")
    assert spec is not None
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / "ccxt").symlink_to(Path(str(spec.origin)).parent)
    return folder


def install(folder: Path, name: str, version: str, *, top_level: bool = False) -> None:
    """What pip writes down of a distribution that holds ccxt; older builds have a top_level.txt."""
    information = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    )
    (information / "RECORD").write_text("ccxt/__init__.py,sha256=x,1\nccxt/mexc.py,sha256=y,2\n")
    if top_level:
        (information / "top_level.txt").write_text("ccxt\n")


@pytest.mark.parametrize("top_level", [True, False])
def test_the_owner_of_a_package_is_who_holds_its_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, top_level: bool
) -> None:
    install(folder, "octobot-ccxt", "0.0.15", top_level=top_level)
    monkeypatch.syspath_prepend(folder)
    assert distributions.owners("ccxt") == {"octobot-ccxt": "0.0.15"}
    assert distributions.describe("ccxt") == "octobot-ccxt 0.0.15"


def test_two_owners_are_both_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(folder, "ccxt", "4.5.90")
    install(folder, "octobot-ccxt", "0.0.15")
    monkeypatch.syspath_prepend(folder)
    assert sorted(distributions.describe("ccxt").split(" and ")) == [
        "ccxt 4.5.90",
        "octobot-ccxt 0.0.15",
    ]


def test_ccxt_under_its_own_name_is_a_version() -> None:
    assert re.fullmatch(r"[\d.]+", distributions.describe("ccxt"))
    assert distributions.describe("nobody_s") == "unknown"


def test_a_start_says_whose_ccxt_it_was(folder: Path) -> None:
    install(folder, "octobot-ccxt", "0.0.15")
    code = "from mexc_plugin.audit import events; print(events.start_draft(1)['versions']['ccxt'])"
    assert python(code, PYTHONPATH=str(folder)).stdout == "octobot-ccxt 0.0.15\n"


def test_no_cancel_waits_for_the_versions_of_its_start(tmp_path: Path) -> None:
    code = """
    import sys, time
    from mexc_plugin.audit import events
    from mexc_plugin.store.write.recorders import recorder_for
    recorder_for(sys.argv[1]).prepare()
    until = time.monotonic() + 20
    while not events.versions.cache_info().currsize and time.monotonic() < until:
        time.sleep(0.01)
    print(events.versions.cache_info())
    """
    done = python(code, f"sqlite:///{tmp_path}/audit.db")
    assert "currsize=1" in done.stdout, done.stderr


def adapter_findings(*command: str, **environ: str) -> tuple[list[str], list[str]]:
    found = list(checks.adapter(command, {**os.environ, **environ}))
    return (
        [f.text for f in found if not f.needs_attention],
        [f.text for f in found if f.needs_attention],
    )


def test_the_doctor_says_whose_ccxt_the_bot_s_python_has(folder: Path) -> None:
    install(folder, "octobot-ccxt", "0.0.15")
    fine, alarms = adapter_findings(sys.executable, "bot.py", PYTHONPATH=str(folder))
    assert "octobot-ccxt 0.0.15" in fine[0]
    assert alarms == []


def test_the_doctor_says_that_two_own_the_ccxt_of_the_bot_s_python(folder: Path) -> None:
    install(folder, "ccxt", "4.5.90")
    install(folder, "octobot-ccxt", "0.0.15", top_level=True)
    done = program("doctor", "--base-url", "http://127.0.0.1:9", "--", sys.executable, "bot.py",
                   PYTHONPATH=str(folder))  # fmt: skip
    assert done.returncode == 3
    (line,) = [line for line in done.stdout.splitlines() if "own the package" in line]
    assert line.startswith("attention ")
    assert {"ccxt", "octobot-ccxt"} <= set(line.split())
    assert line.endswith(f"pip install --no-deps {distributions.source()}")


def test_two_owners_are_named_where_they_broke_ccxt(folder: Path) -> None:
    (folder / "ccxt").unlink()
    (folder / "ccxt").mkdir()
    (folder / "ccxt" / "__init__.py").write_text("from ccxt.base import gone")
    install(folder, "ccxt", "4.5.90")
    install(folder, "octobot-ccxt", "0.0.15")
    _, alarms = adapter_findings(sys.executable, "bot.py", PYTHONPATH=str(folder))
    assert ["own the package" in alarm for alarm in alarms] == [True, False]
    assert "No module named 'ccxt.base'" in alarms[1]


def test_the_doctor_says_it_of_its_own_python_too(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare"
    start(sys.executable, "-m", "venv", "--without-pip", str(bare))
    install(folder, "ccxt", "4.5.90")
    install(folder, "octobot-ccxt", "0.0.15")
    monkeypatch.syspath_prepend(folder)
    _, alarms = adapter_findings(str(bare / "bin" / "python"), "bot.py")
    assert [sys.executable in alarm for alarm in alarms if "own the package" in alarm] == [True]


def test_what_lies_further_down_the_path_has_overwritten_nothing(folder: Path) -> None:
    install(folder, "octobot-ccxt", "0.0.15")
    _, alarms = adapter_findings(sys.executable, "bot.py", PYTHONPATH=str(folder))
    assert alarms == []  # although this Python has a ccxt in its own folder


# -- what is said to be installed


def bare_python(
    tmp_path: Path, *, ccxt_is: str
) -> tuple[list[str], subprocess.CompletedProcess[str]]:
    """What `run` says of a Python that has ccxt and nothing of ours: what to install, and all of it."""
    bare = tmp_path / "bare"
    start(sys.executable, "-m", "venv", "--without-pip", str(bare))
    (folder,) = (bare / "lib").glob("python*/site-packages")
    (folder / "ccxt").mkdir()
    (folder / "ccxt" / "__init__.py").write_text("class mexc: pass")
    (folder / "pip.py").touch()
    install(folder, ccxt_is, "4.5.90")
    done = program("run", f"{bare}/bin/python", "-c", "print('runs')")
    words = shlex.split(done.stderr.partition("run: ")[2].partition("\n")[0])
    pip = [f"{bare}/bin/python", "-m", "pip", "install"]
    return [word for word in words if word not in pip], done


def test_the_adapter_is_installed_beside_ccxt_from_where_it_came(tmp_path: Path) -> None:
    words, done = bare_python(tmp_path, ccxt_is="ccxt")
    assert (done.returncode, done.stdout) == (1, "")
    assert words == [str(ROOT)]


# How an installer wrote down where the adapter of `run` came from.
CAME_FROM = {"an index": ("", "mexc-plugin"), "a folder": ("file:///a", "/a")}


@pytest.mark.parametrize("name", CAME_FROM)
def test_the_adapter_of_another_environment_is_installed_from_where_that_one_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    url, source = CAME_FROM[name]
    folder = tmp_path / "theirs"
    information = folder / "mexc_plugin-1.0.dist-info"
    information.mkdir(parents=True)
    (folder / "mexc_plugin").symlink_to(ROOT / "mexc_plugin")
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: mexc-plugin\nVersion: 1.0\n"
    )
    if url:
        given = f'{{"url": "{url}", "dir_info": {{}}}}'
        (information / "direct_url.json").write_text(given)
    found = runpy.run_path(str(folder / "mexc_plugin" / "distributions.py"))
    monkeypatch.setattr(sys, "path", [])
    assert found["source"]() == source


def test_the_adapter_is_installed_without_ccxt_where_another_owns_it(tmp_path: Path) -> None:
    words, done = bare_python(tmp_path, ccxt_is="octobot-ccxt")
    assert (done.returncode, done.stdout) == (1, "")
    assert words == ["--no-deps", str(ROOT), "&&", *BESIDE_CCXT]


def test_the_page_about_octobot_installs_what_is_needed_beside_ccxt() -> None:
    page = (ROOT / "docs" / "bots" / "octobot.md").read_text()
    lines = [shlex.split(line) for line in page.splitlines() if line.startswith("pip install ")]
    assert ["pip", "install", *BESIDE_CCXT] in lines
    assert all("ccxt" not in word for line in lines for word in line)


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment of the test's own, whose pip the shell finds."""
    (tmp_path / "bin").mkdir()
    for name in ("pip", "python"):
        (tmp_path / "bin" / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path


@pytest.mark.parametrize("extra", [name for name in requirements() if name])
def test_what_an_extra_needs_is_named_by_its_packages(extra: str, prefix: Path) -> None:
    words = shlex.split(distributions.install_command(extra))
    assert words == ["pip", "install", *requirements()[extra]]


def test_packages_are_installed_with_what_made_the_environment(
    prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = f"{prefix}/bin/python"
    monkeypatch.setenv("PATH", "/elsewhere")
    assert distributions.install_packages("x>=1") == f"{python} -m pip install 'x>=1'"
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert distributions.install_packages("x") == f"uv pip install --python {python} x"
    (prefix / "pipx_metadata.json").touch()
    assert distributions.install_packages("x") == f"pipx inject {prefix.name} x"
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert "in the environment that this program is built in" in distributions.install_packages("x")


# Where a program came from, as installers write it down, and how a newer one comes.
SOURCES = {
    "null": "pip install --upgrade mexc-plugin",
    '{"url": "file:///a%20b", "dir_info": {}}': "pip install --upgrade '/a b'",
    '{"url": "file:///a", "dir_info": {"editable": true}}': "pip install --upgrade --editable /a",
    '{"url": "https://x/y", "vcs_info": {"vcs": "git"}}': "pip install --upgrade git+https://x/y",
    '{"url": "file:///a/b.whl", "archive_info": {}}': (
        "pip install --upgrade --find-links /a mexc-plugin"
    ),
    '{"url": "https://x/b.whl", "archive_info": {}}': "pip install --upgrade mexc-plugin",
}


def came_from(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    given = None if text == "null" else text
    own = type("Own", (), {"version": "1", "read_text": lambda _self, _name: given})()
    monkeypatch.setattr("importlib.metadata.distribution", lambda _: own)


@pytest.mark.usefixtures("prefix")
@pytest.mark.parametrize(("text", "command"), SOURCES.items())
def test_an_upgrade_comes_from_where_the_program_came_from(
    text: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    came_from(monkeypatch, text)
    assert distributions.upgrade_command() == command


def test_a_checkout_is_pulled_and_tools_upgrade_themselves(
    prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (prefix / ".git").mkdir()
    came_from(monkeypatch, f'{{"url": "file://{prefix}", "dir_info": {{}}}}')
    pull = f"git -C {prefix} pull && "
    assert distributions.upgrade_command() == f"{pull}pip install --upgrade {prefix}"
    (prefix / "uv-receipt.toml").touch()
    assert distributions.upgrade_command() == f"{pull}uv tool upgrade mexc-plugin"
    (prefix / "pipx_metadata.json").touch()
    assert distributions.upgrade_command() == f"{pull}pipx upgrade {prefix.name}"


@pytest.mark.usefixtures("prefix")
def test_an_upgrade_leaves_another_s_ccxt_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("octobot-ccxt", "mexc-plugin"):
        install(folder, name, "0.0.15")
    monkeypatch.setattr(sys, "path", [str(folder)])
    assert distributions.upgrade_command() == "pip install --upgrade --no-deps mexc-plugin"


# Each extra's modules, and a command that needs them.
NEEDED = {
    "psycopg": ("audit", "list", "--db", "postgresql://x@127.0.0.1:9/x"),
    "pymysql": ("audit", "list", "--db", "mysql://x@127.0.0.1:9/x"),
    "pyarrow": ("audit", "export", "-o", "x.parquet"),
    "altair": ("audit", "report", "-o", "x.html"),
    "uvicorn": ("audit", "serve", "--port", "0"),
}


@pytest.mark.parametrize(("module", "command"), NEEDED.items())
def test_a_missing_extra_is_a_line_with_a_command_and_one_exit_code(
    module: str, command: tuple[str, ...], tmp_path: Path
) -> None:
    assert program("db", "upgrade", XDG_DATA_HOME=str(tmp_path)).returncode == 0
    code = f"import sys; sys.modules[{module!r}] = None; from mexc_plugin.cli import main; main()"
    done = python(code, *command, XDG_DATA_HOME=str(tmp_path))
    (line,) = done.stderr.splitlines()
    assert (done.returncode, " install " in line.partition("; run: ")[2]) == (2, True)


@pytest.mark.parametrize("module", ["alembic", "ccxt", "platformdirs", "sqlalchemy"])
def test_what_was_not_installed_is_named_in_one_line(module: str, tmp_path: Path) -> None:
    code = f"import sys; sys.modules[{module!r}] = None; from mexc_plugin.cli import main; main()"
    command = ("db", "path") if module == "platformdirs" else ("demo",)
    done = python(code, *command, XDG_DATA_HOME=str(tmp_path), MEXC_PLUGIN_DATABASE_URL="")
    (needed,) = [line for line in requirements()[""] if line.startswith(module)]
    assert done.returncode == 1
    start, _, end = done.stderr.splitlines()[-1].partition("; run: ")
    assert start == f"mexc-plugin: {module} is not installed"
    assert end.endswith(f"pip install '{needed}'")
