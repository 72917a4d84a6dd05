"""The Python below `run`: when the adapter comes, what else still works, and how it fails."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mexc_plugin.hosting import starting

from .conftest import LEAN, hooked, python

MODULE = "print(found.__module__)"
WAYS = {
    "import ccxt; found = ccxt.mexc": "sync",
    "from ccxt import mexc as found": "sync",
    "from ccxt import *; found = mexc": "sync",
    "import ccxt.async_support; found = ccxt.async_support.mexc": "asynchronous",
    "from ccxt.async_support import mexc as found": "asynchronous",
    "import ccxt.pro; found = ccxt.pro.mexc": "pro",
    "import ccxt.pro as ccxt; found = ccxt.mexc": "pro",
    "from ccxt.pro import mexc as found": "pro",
    "import importlib; found = importlib.import_module('ccxt').mexc": "sync",
    "import importlib; found = importlib.import_module('ccxt.pro').mexc": "pro",
    "from mexc_plugin import mexc as found; import ccxt; assert ccxt.mexc is found": "sync",
    "from mexc_plugin.pro import mexc as found; import ccxt.pro; ccxt.pro.mexc is found": "pro",
    "import mexc_plugin; mexc_plugin.install(); from ccxt import mexc as found": "sync",
    "import ccxt.base.errors; import ccxt; found = ccxt.mexc": "sync",
    "import importlib, ccxt; importlib.reload(ccxt); found = ccxt.mexc": "sync",
    "import importlib, ccxt.async_support as a; importlib.reload(a); found = a.mexc": "asynchronous",
    "import importlib, ccxt.pro; importlib.reload(ccxt.pro); found = ccxt.pro.mexc": "pro",
    "import sys, ccxt.pro; del sys.modules['ccxt.pro']; from ccxt.pro import mexc as found": "pro",
}


@LEAN
@pytest.mark.parametrize(("code", "kind"), WAYS.items())
def test_every_way_to_import_the_class_gives_the_audited_one(code: str, kind: str) -> None:
    done = hooked(f"{code}; {MODULE}" if "*" not in code else f"{code}\n{MODULE}")
    assert (done.stdout, done.stderr) == (f"mexc_plugin.exchange.{kind}\n", "")


def test_a_python_that_does_not_import_ccxt_does_not_pay_for_it() -> None:
    code = """
    import sys
    heavy = {"ccxt", "sqlalchemy", "alembic", "requests", "aiohttp", "click", "typing", "pathlib"}
    print(sorted(heavy & set(sys.modules)))
    """
    done = hooked(code)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_ccxt_looks_to_others_as_it_does_without_the_hook() -> None:
    code = """
    import importlib.util, sys, ccxt
    print(ccxt.__file__, type(ccxt.__loader__), type(ccxt.__spec__.loader), len(ccxt.exchanges))
    print(sys.modules["ccxt.mexc"].mexc, importlib.util.find_spec("ccxt").origin)
    """
    assert hooked(code).stdout == python(code).stdout != ""


@LEAN
def test_child_processes_of_every_kind_get_the_audited_class(tmp_path: Path) -> None:
    code = """
    import multiprocessing, subprocess, sys
    def look(queue):
        import ccxt
        queue.put(ccxt.mexc.__module__)
    if __name__ == "__main__":
        print(subprocess.check_output(
            [sys.executable, "-c", "import ccxt; print(ccxt.mexc.__module__)"], text=True
        ).strip())
        for method in ("spawn", "fork", "forkserver"):
            context = multiprocessing.get_context(method)
            queue = context.Queue()
            process = context.Process(target=look, args=[queue])
            process.start()
            print(queue.get(timeout=50))
            process.join()
    """
    path = tmp_path / "bot.py"
    path.write_text(__import__("textwrap").dedent(code))
    done = subprocess.run(
        [sys.executable, path],
        env=starting.environment(os.environ),
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert done.stdout == "mexc_plugin.exchange.sync\n" * 4


def test_the_users_own_sitecustomize_and_usercustomize_still_run(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.ran = [__file__]")
    (tmp_path / "usercustomize.py").write_text("import sys; sys.ran += [__name__]")
    code = """
    import sys, sitecustomize
    if "usercustomize" not in sys.modules:  # a virtual environment has none; site decides
        import usercustomize
    print(sys.ran, sitecustomize.__file__)
    import ccxt
    print(ccxt.mexc.__module__)
    """
    own = str(tmp_path / "sitecustomize.py")
    done = hooked(code, PYTHONPATH=str(tmp_path))
    assert done.stdout.splitlines() == [
        f"{[own, 'usercustomize']} {own}",
        "mexc_plugin.exchange.sync",
    ]


@pytest.mark.parametrize("body", ["raise RuntimeError('mine')", "import not_there_at_all"])
def test_the_users_own_sitecustomize_fails_as_it_does_without_us(tmp_path: Path, body: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(body)
    code = "import ccxt, sys; print(ccxt.mexc.__module__)"
    plain = python(code, PYTHONPATH=str(tmp_path))
    ours = hooked(code, PYTHONPATH=str(tmp_path))
    assert plain.stderr == ours.stderr != ""
    assert ours.stdout == "mexc_plugin.exchange.sync\n"


BREAKAGES: dict[str, Callable[[Path], object]] = {
    "the adapter is not there": lambda folder: (folder / "mexc_plugin.py").write_text(""),
    "the adapter is broken": lambda folder: (folder / "mexc_plugin.py").write_text("1 / 0"),
    "a dependency is missing": lambda folder: (folder / "sqlalchemy.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'sqlalchemy'\")"
    ),
    "ccxt has no mexc": lambda folder: [
        (folder / "ccxt").mkdir(),
        (folder / "ccxt" / "__init__.py").write_text("binance = 1"),
    ],
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_bot_whose_adapter_cannot_be_installed_ends_where_it_imports_ccxt(
    tmp_path: Path, name: str
) -> None:
    # The environment first: the breakage is the bot's, not this process's.
    environ = starting.environment(os.environ)
    BREAKAGES[name](tmp_path)
    code = """
    try:
        import ccxt
    except BaseException:
        print("caught")
    print("the bot runs")
    """
    paths = [environ.pop("PYTHONPATH"), str(tmp_path)]
    done = python(code, **environ, PYTHONPATH=os.pathsep.join(paths))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("mexc-plugin: the adapter cannot be installed: ")
    assert "Traceback" not in done.stderr


def test_what_a_bot_printed_before_it_is_ended_is_not_lost(tmp_path: Path) -> None:
    environ = starting.environment(os.environ)
    BREAKAGES["ccxt has no mexc"](tmp_path)
    environ["PYTHONPATH"] += os.pathsep + str(tmp_path)
    done = python("print('before'); import ccxt", **environ)
    assert (done.returncode, done.stdout) == (1, "before\n")


def test_a_python_without_the_adapter_and_without_ccxt_is_left_alone(tmp_path: Path) -> None:
    environ = starting.environment(os.environ)
    BREAKAGES["the adapter is broken"](tmp_path)
    environ["PYTHONPATH"] += os.pathsep + str(tmp_path)
    done = python("import json; print('fine')", **environ)
    assert (done.returncode, done.stdout, done.stderr) == (0, "fine\n", "")


def test_uninstall_disarms_the_hook() -> None:
    code = """
    import mexc_plugin
    mexc_plugin.uninstall()
    import ccxt
    print(ccxt.mexc.__module__)
    """
    assert hooked(code).stdout == "ccxt.mexc\n"


def test_no_empty_entry_gets_on_the_path_and_a_nested_run_adds_nothing() -> None:
    site = str(starting.SITE)
    assert starting.environment({"PYTHONPATH": ""})["PYTHONPATH"] == site
    once = starting.environment({"PYTHONPATH": "/a:/b"})
    assert once["PYTHONPATH"] == f"{site}:/a:/b"
    assert starting.environment(once)["PYTHONPATH"] == once["PYTHONPATH"]
