"""What mypy and pyright see of the package, as a user's checker would: in a folder of the user's own."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import mexc_plugin
from mexc_plugin.sandbox import Sandbox
from tests.test_docs import DOCUMENTS, blocks

SCRIPTS = Path(__file__).parent / "typed"
ROOT = Path(__file__).parents[2]
# What `make check` keeps of ccxt's types: reading them takes most of the time.
MYPY = ("-m", "mypy", "--cache-dir", str(ROOT / ".mypy_cache"))
FOLLOWING = "[mypy-ccxt.*]\nfollow_untyped_imports = true\n"
# What a stub says of ccxt's own types mypy compares; read by stubtest, which keeps nothing, they would take most of its time.
WITHOUT_CCXT = "[mypy]\n[mypy-ccxt.*]\nfollow_imports = skip\nignore_missing_imports = true\n"
STUBTEST = (
    *("-m", "mypy.stubtest", "--mypy-config-file", "mypy.ini", "--concise"),
    "--ignore-missing-stub",  # ccxt's names in camel case have no types either
)
CLASSES = ("sync", "asynchronous", "pro")
STUBS = [
    f"mexc_plugin.{name}"
    for name in ("async_support", "pro", *(f"exchange.{name}" for name in CLASSES))
]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


def place(folder: Path, *names: str) -> Path:
    for name in names:
        shutil.copy(SCRIPTS / name, folder)
    return folder


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "lenient"])
def test_mypy_accepts_what_a_user_writes(tmp_path: Path, strict: bool) -> None:
    (tmp_path / "mypy.ini").write_text(f"[mypy]\nstrict = {strict}\n")
    done = run(place(tmp_path, "user_script.py"), "-m", "mypy", "user_script.py")
    assert done.returncode == 0, done.stdout


def test_mypy_knows_ccxts_types_where_it_follows_them(tmp_path: Path) -> None:
    """What strict mypy accepts the lenient one does."""
    settings = "[mypy]\nstrict = True\nwarn_unused_ignores = True\n"
    (tmp_path / "mypy.ini").write_text(settings + FOLLOWING)
    done = run(place(tmp_path, "user_script.py", "expected_types.py"), *MYPY, ".")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("mode", "name"), [("strict", "user_script.py"), ("standard", "expected_types.py")]
)
def test_pyright_accepts_what_a_user_writes_and_knows_ccxts_types(
    tmp_path: Path, mode: str, name: str
) -> None:
    settings = {"typeCheckingMode": mode, "reportUnnecessaryTypeIgnoreComment": True}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    done = run(place(tmp_path, name), "-m", "pyright", "--pythonpath", sys.executable)
    assert done.returncode == 0, done.stdout


def test_the_documents_examples_have_no_type_errors(tmp_path: Path) -> None:
    found = [block for name in DOCUMENTS for block in blocks(name, "python") if block.runs]
    examples = [block for block in found if "mexc_plugin" in block.text]
    assert examples[0].document == "README.md"
    for number, block in enumerate(examples):
        (tmp_path / f"example_{number}.py").write_text(block.text)
    (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = true\n")
    done = run(tmp_path, "-m", "pyright", "--pythonpath", sys.executable)
    assert done.returncode == 0, done.stdout
    done = run(tmp_path, "-m", "mypy", "example_0.py")
    assert done.returncode == 0, done.stdout


def test_the_stubs_say_what_the_classes_are(tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text(WITHOUT_CCXT)
    done = run(tmp_path, *STUBTEST, *STUBS)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    done = run(ROOT, *MYPY, *(f"mexc_plugin/exchange/{name}.pyi" for name in CLASSES))
    assert done.returncode == 0, done.stdout


def test_every_name_in_the_packages_stub_is_there() -> None:
    tree = ast.parse((ROOT / "mexc_plugin" / "__init__.pyi").read_text())
    imported = [
        alias.asname
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module != "typing"
        for alias in node.names
        if alias.asname
    ]
    assert "mexc" in imported
    assert [name for name in imported if not hasattr(mexc_plugin, name)] == []


def test_the_users_script_runs(sandbox: Sandbox, tmp_path: Path) -> None:
    audit = {"url": f"sqlite:///{tmp_path}/audit.db"}
    config = sandbox.ccxt_config()
    config["options"] = {**config.get("options", {}), "audit": audit}
    order_id = sandbox.place("LTCBTC", "BUY", "2", "0.002")
    code = f"import user_script; print(user_script.main({config!r}, {order_id!r}, 'LTC/BTC'))"
    done = run(place(tmp_path, "user_script.py"), "-c", code)
    assert done.stdout.splitlines()[-1:] == ["['canceled', 'rejected', 'rejected']"], done.stderr
