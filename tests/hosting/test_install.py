"""install() and uninstall(), each test in a Python of its own."""

import json

import pytest

from mexc_plugin.sandbox import Sandbox
from tests.conftest import Audit

from .conftest import LEAN, python

CLASSES = """
import ccxt, ccxt.async_support, ccxt.pro
def classes():
    return [place.mexc.__module__ for place in (ccxt, ccxt.async_support, ccxt.pro)]
"""
OWN = ["ccxt.mexc", "ccxt.async_support.mexc", "ccxt.pro.mexc"]
AUDITED = [
    "mexc_plugin.exchange.sync",
    "mexc_plugin.exchange.asynchronous",
    "mexc_plugin.exchange.pro",
]


def answer(code: str, **environ: str) -> object:
    """What the code prints last, as JSON; it must have ended well and said nothing."""
    done = python(code, **environ)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_importing_the_package_imports_neither_ccxt_nor_sqlalchemy() -> None:
    code = """
    import json, sys, mexc_plugin
    mexc_plugin.install, mexc_plugin.uninstall
    print(json.dumps([name for name in ("ccxt", "sqlalchemy", "click") if name in sys.modules]))
    """
    assert answer(code) == []


def test_install_puts_the_audited_classes_in_all_three_places_and_uninstall_takes_them_away() -> (
    None
):
    code = f"""
    import json, sys, mexc_plugin
    {CLASSES.replace(chr(10), chr(10) + "    ")}
    exchanges = list(ccxt.exchanges)
    modules = {{name: sys.modules[name] for name in {OWN}}}
    seen = [classes()]
    mexc_plugin.install()
    seen.append(classes())
    mexc_plugin.install()
    seen.append(classes())
    mexc_plugin.uninstall()
    seen.append(classes())
    mexc_plugin.uninstall()
    seen.append(classes())
    assert ccxt.mexc is sys.modules["ccxt.mexc"].mexc
    assert modules == {{name: sys.modules[name] for name in {OWN}}}
    assert exchanges == ccxt.exchanges
    print(json.dumps(seen))
    """
    assert answer(code) == [OWN, AUDITED, AUDITED, OWN, OWN]


def test_install_is_enough_without_ccxt_having_been_imported() -> None:
    code = f"""
    import json, mexc_plugin
    mexc_plugin.install()
    {CLASSES.replace(chr(10), chr(10) + "    ")}
    from ccxt import mexc
    from ccxt.async_support import mexc as asynchronous
    from ccxt.pro import mexc as pro
    assert [c.__module__ for c in (mexc, asynchronous, pro)] == classes()
    assert asynchronous not in pro.__mro__
    print(json.dumps(classes()))
    """
    assert answer(code) == AUDITED


def test_threads_may_install_and_import_ccxt_at_the_same_time() -> None:
    code = f"""
    import json, threading, mexc_plugin
    ready, failed = threading.Barrier(12), []
    def work(number):
        ready.wait()
        try:
            if number % 3:
                mexc_plugin.install()
            else:
                import ccxt.pro
        except BaseException as error:
            failed.append(repr(error))
    threads = [threading.Thread(target=work, args=[n]) for n in range(12)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    {CLASSES.replace(chr(10), chr(10) + "    ")}
    print(json.dumps([failed, classes()]))
    """
    assert answer(code) == [[], AUDITED]


@LEAN
@pytest.mark.parametrize(
    ("early", "said"),
    [
        ("from ccxt import mexc", "__main__.mexc is ccxt's own class"),
        ("from ccxt.pro import mexc as venue", "__main__.venue is ccxt's own class"),
        ("import ccxt; built = ccxt.mexc()", "1 instance(s) of ccxt.mexc.mexc were built"),
        (
            "import ccxt\nclass Mine(ccxt.mexc): pass\nbuilt = [Mine(), Mine()]",
            "2 instance(s) of __main__.Mine were built",
        ),
    ],
)
def test_install_warns_of_what_came_too_early_and_says_what_to_do(early: str, said: str) -> None:
    code = f"""
import warnings
{early}
import mexc_plugin
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    mexc_plugin.install()
    mexc_plugin.install()
for warning in caught:
    assert warning.category is UserWarning
    assert warning.filename == "<string>", warning.filename
    print(warning.message)
"""
    done = python(code)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert [line for line in lines if line.startswith(said)]
    assert all("mexc-plugin run" in line for line in lines)
    assert len(lines) == len(set(lines))


def test_what_came_in_time_is_not_warned_of() -> None:
    code = """
    import ccxt, mexc_plugin
    from mexc_plugin import mexc
    class Mine(mexc): pass
    other = ccxt.binance()
    built = Mine()
    mexc_plugin.install()
    from ccxt import mexc as found
    print("null" if found is mexc else "1")
    """
    assert answer(code) is None


@LEAN
def test_defaults_reach_exchanges_built_later_and_options_beat_them(tmp_path) -> None:
    code = """
    import json, os, ccxt, mexc_plugin
    mexc_plugin.install(audit={"url": "sqlite:///here.db", "bot": "grid", "deadline_ms": 90})
    os.chdir("/")
    first = ccxt.mexc()._audit_settings
    second = ccxt.mexc({"options": {"audit": {"bot": "mine"}}})._audit_settings
    mexc_plugin.install()
    third = ccxt.mexc()._audit_settings
    mexc_plugin.uninstall()
    fourth = mexc_plugin.mexc()._audit_settings
    print(json.dumps([[s.url, s.bot, s.deadline_ms] for s in (first, second, third, fourth)]))
    """
    done = python(
        f"import os; os.chdir({str(tmp_path)!r})\n"
        + "\n".join(line.removeprefix("    ") for line in code.splitlines()),
        MEXC_PLUGIN_BOT="environment",
    )
    assert done.stderr == ""
    url = f"sqlite:///{tmp_path}/here.db"
    settings = json.loads(done.stdout)
    assert settings[:3] == [[url, "grid", 90], [url, "mine", 90], [url, "grid", 90]]
    assert settings[3][1:] == ["environment", 2_500]


@pytest.mark.parametrize(
    "audit",
    [
        {"urll": "sqlite:///a.db"},
        {"url": "non-sense://"},
        {"url": "sqlite:////no/such/folder/audit.db"},
        {"url": "oracle://somewhere/x"},
        {"deadline_ms": 0},
        {"on_failure": "ignore"},
        ["url"],
    ],
)
def test_defaults_that_cannot_be_meant_are_refused_at_once_and_nothing_is_installed(audit) -> None:
    code = f"""
    import json, sys, mexc_plugin
    from mexc_plugin import config
    from mexc_plugin.errors import ConfigError
    try:
        mexc_plugin.install(audit={audit!r})
    except ConfigError as error:
        print(json.dumps(["ccxt" in sys.modules, config.DEFAULTS]))
    """
    assert answer(code) == [False, {}]


@LEAN
def test_a_cancel_through_any_of_the_three_classes_is_on_record_once(
    sandbox: Sandbox, audit: Audit
) -> None:
    ids = [sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(3)]
    code = f"""
    import asyncio, mexc_plugin
    mexc_plugin.install(audit={{"url": {audit.url!r}}})
    import ccxt, ccxt.async_support, ccxt.pro
    config = {sandbox.ccxt_config()!r}
    ccxt.mexc(dict(config)).cancel_order({ids[0]!r}, "LTC/BTC")
    async def cancel(exchange, order_id):
        try:
            await exchange.cancel_order(order_id, "LTC/BTC")
        finally:
            await exchange.close()
    asyncio.run(cancel(ccxt.async_support.mexc(dict(config)), {ids[1]!r}))
    asyncio.run(cancel(ccxt.pro.mexc(dict(config)), {ids[2]!r}))
    """
    done = python(code)
    assert "Traceback" not in done.stderr
    assert [row["order_id"] for row in audit.history()] == ids
    assert [arrival.params["orderId"] for arrival in sandbox.arrivals] == ids
