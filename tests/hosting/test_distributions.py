"""Whose the package ccxt is, where somebody has repackaged it under another name."""

import os
import re
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
    assert line.endswith("pip install --no-deps mexc-plugin")


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


def bare_python(tmp_path: Path, *, ccxt_is: str) -> tuple[str, subprocess.CompletedProcess[str]]:
    """What `run` says of a Python that has ccxt and nothing of ours."""
    bare = tmp_path / "bare"
    start(sys.executable, "-m", "venv", "--without-pip", str(bare))
    (folder,) = (bare / "lib").glob("python*/site-packages")
    (folder / "ccxt").mkdir()
    (folder / "ccxt" / "__init__.py").write_text("class mexc: pass")
    install(folder, ccxt_is, "4.5.90")
    return f"{bare}/bin/python", program("run", f"{bare}/bin/python", "-c", "print('runs')")


def test_the_adapter_is_installed_beside_ccxt(tmp_path: Path) -> None:
    path, done = bare_python(tmp_path, ccxt_is="ccxt")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"run: {path} -m pip install mexc-plugin\n" in done.stderr + "\n"


def test_the_adapter_is_installed_without_ccxt_where_another_owns_it(tmp_path: Path) -> None:
    path, done = bare_python(tmp_path, ccxt_is="octobot-ccxt")
    assert (done.returncode, done.stdout) == (1, "")
    words = shlex.split(done.stderr.partition("run: ")[2])
    assert words == [
        *(path, "-m", "pip", "install", "--no-deps", "mexc-plugin", "&&"),
        *(path, "-m", "pip", "install", *BESIDE_CCXT),
    ]


def test_the_page_about_octobot_installs_what_is_needed_beside_ccxt() -> None:
    page = (ROOT / "docs" / "bots" / "octobot.md").read_text()
    lines = [shlex.split(line) for line in page.splitlines() if line.startswith("pip install ")]
    assert ["pip", "install", *BESIDE_CCXT] in lines
    assert all("ccxt" not in word for line in lines for word in line)


@pytest.mark.parametrize("extra", [name for name in requirements() if name])
def test_what_an_extra_needs_is_named_by_its_packages(extra: str) -> None:
    words = shlex.split(distributions.install_command(extra))
    assert words == ["pip", "install", *requirements()[extra]]


def test_an_upgrade_leaves_another_s_ccxt_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert distributions.upgrade_command() == "pip install --upgrade mexc-plugin"
    install(folder, "octobot-ccxt", "0.0.15")
    monkeypatch.setattr(sys, "path", [str(folder)])
    assert distributions.upgrade_command() == "pip install --upgrade --no-deps mexc-plugin"


@pytest.mark.parametrize("module", ["alembic", "ccxt", "platformdirs", "sqlalchemy"])
def test_what_was_not_installed_is_named_in_one_line(module: str, tmp_path: Path) -> None:
    code = f"import sys; sys.modules[{module!r}] = None; from mexc_plugin.cli import main; main()"
    command = ("db", "path") if module == "platformdirs" else ("demo",)
    done = python(code, *command, XDG_DATA_HOME=str(tmp_path), MEXC_PLUGIN_DATABASE_URL="")
    (needed,) = [line for line in requirements()[""] if line.startswith(module)]
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"mexc-plugin: {module} is not installed; run: pip install '{needed}'"
    )
