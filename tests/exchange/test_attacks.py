"""What a second pair of eyes broke: each test is one attack on the record, or one unlucky bot."""

import asyncio
import concurrent.futures
import contextlib
import io
import logging
import os
import shutil
import sqlite3
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import ccxt
import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter

from mexc_plugin.audit import chain
from mexc_plugin.audit.events import COLUMNS
from mexc_plugin.audit.redaction import Redactor
from mexc_plugin.sandbox import Fault, FaultKind, Sandbox
from mexc_plugin.store.connect import engine
from mexc_plugin.store.schema import triggers
from mexc_plugin.store.verify import record
from mexc_plugin.store.write import recorders
from mexc_plugin.store.write.spool import spool_folder
from mexc_plugin.venue import endpoints
from tests.conftest import Audit, Bot, assert_complete
from tests.store import whole

SYMBOL = "LTC/BTC"
NOBODY = "00000000-0000-4000-8000-000000000000"


def try_to_cancel(bot: Any, order_id: str = "1") -> BaseException | None:
    """Cancel an order that the venue does not know; what came back."""
    try:
        bot.cancel_order(order_id, SYMBOL)
    except Exception as error:
        return error
    return None


@contextlib.asynccontextmanager
async def on_loop(sandbox: Sandbox, audit: Audit, deadline_ms: int = 2_500) -> AsyncIterator[Any]:
    """An async exchange that is closed whatever happens."""
    from mexc_plugin.async_support import mexc

    options = {"audit": {"url": audit.url, "deadline_ms": deadline_ms}}
    exchange = mexc({**sandbox.ccxt_config(), "options": options})
    exchange.timeout_on_exit = 1
    try:
        await exchange.load_markets()
        yield exchange
    finally:
        await exchange.close()


def answered_with(sandbox: Sandbox, audit: Audit, answer: bytes) -> BaseException:
    """What an async cancel raises when a server answers these bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def main() -> Any:
        async with on_loop(sandbox, audit) as exchange:
            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            exchange.urls["api"]["spot"]["private"] = f"http://127.0.0.1:{port}"
            cancel = exchange.cancel_order("1", SYMBOL)
            found = await asyncio.gather(cancel, return_exceptions=True)
            server.close()
            return found[0]

    error = asyncio.run(main())
    assert isinstance(error, BaseException)
    return error


@pytest.fixture
def make_sync(sandbox: Sandbox, audit: Audit) -> Iterator[Callable[..., Bot]]:
    bots: list[Bot] = []

    def make(**config: Any) -> Bot:
        own = {"url": audit.url, **config.pop("audit", {})}
        options = {"audit": own, **config.pop("options", {})}
        bots.append(Bot("sync", {**sandbox.ccxt_config(), **config, "options": options}))
        bots[-1].load_markets()
        return bots[-1]

    yield make
    for bot in bots:
        bot.close()
    recorders.close_all()


# -- a fetch that was replaced on the instance (decision 0014)


def test_a_cancel_inside_the_users_own_fetch_is_on_record(
    make_sync: Callable[..., Bot], sandbox: Sandbox, audit: Audit
) -> None:
    bot = make_sync()
    original = bot.exchange.fetch

    def own(url: str, *rest: Any) -> Any:
        if url.endswith("/time"):
            try_to_cancel(bot)
        return original(url, *rest)

    bot.exchange.fetch = own
    bot.fetch_time()
    assert len(sandbox.arrivals) == 1
    assert_complete(sandbox, audit)


def test_another_request_inside_the_users_own_fetch_is_not_taken_for_the_cancel(
    make_sync: Callable[..., Bot], sandbox: Sandbox, audit: Audit
) -> None:
    bot = make_sync()
    original = bot.exchange.fetch

    def own(url: str, method: str = "GET", *rest: Any) -> Any:
        if method == "DELETE":
            bot.fetch_time()
        return original(url, method, *rest)

    bot.exchange.fetch = own
    assert isinstance(try_to_cancel(bot), ccxt.OrderNotFound)
    assert len(sandbox.arrivals) == 1
    assert "serverTime" not in audit.events("response")[0]["payload"]


def test_a_cancel_in_a_task_that_the_users_own_fetch_started_is_sent_and_on_record(
    sandbox: Sandbox, audit: Audit
) -> None:
    async def main() -> list[Any]:
        async with on_loop(sandbox, audit) as exchange:
            original, tasks = exchange.fetch, []

            async def own(url: str, method: str = "GET", *rest: Any) -> Any:
                if method == "DELETE" and not tasks:
                    tasks.append(asyncio.create_task(exchange.cancel_order("2", SYMBOL)))
                return await original(url, method, *rest)

            exchange.fetch = own
            first = asyncio.create_task(exchange.cancel_order("1", SYMBOL))
            await asyncio.wait([first])
            return await asyncio.gather(first, *tasks, return_exceptions=True)

    errors = asyncio.run(main())
    assert [isinstance(error, ccxt.OrderNotFound) for error in errors] == [True, True]
    assert len(sandbox.arrivals) == 2
    assert_complete(sandbox, audit)


def test_the_users_own_fetch_may_run_the_original_in_another_thread(
    make_sync: Callable[..., Bot], sandbox: Sandbox
) -> None:
    bot = make_sync()
    original = bot.exchange.fetch
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        calls = 0

        def own(*args: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > 5:
                raise AssertionError("the original calls the user's fetch again")
            return pool.submit(original, *args).result(timeout=2)

        bot.exchange.fetch = own
        assert isinstance(try_to_cancel(bot), ccxt.OrderNotFound)
    assert len(sandbox.arrivals) == 1


def test_the_users_own_fetch_may_try_again(
    make_sync: Callable[..., Bot], sandbox: Sandbox, audit: Audit
) -> None:
    bot = make_sync()
    original = bot.exchange.fetch

    def own(*args: Any) -> Any:
        try:
            return original(*args)
        except ccxt.BaseError:
            return original(*args)

    bot.exchange.fetch = own
    assert isinstance(try_to_cancel(bot), ccxt.OrderNotFound)
    assert_complete(sandbox, audit)


# -- what is said of a failure


def test_a_session_whose_request_is_replaced_proves_nothing(
    make_sync: Callable[..., Bot], audit: Audit
) -> None:
    bot = make_sync()

    def sends_by_its_own_means(*_: Any, **__: Any) -> Any:
        raise requests.exceptions.ConnectionError("the connection dropped after it was sent")

    bot.exchange.session.request = sends_by_its_own_means
    assert isinstance(try_to_cancel(bot), ccxt.NetworkError)
    assert audit.events("response")[0]["outcome"] == "unknown"


@pytest.mark.parametrize("charset", ["hex", "undefined"])
def test_an_answer_in_an_odd_charset_is_ccxts_error(
    sandbox: Sandbox, audit: Audit, charset: str
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset={charset}\r\n"
    error = answered_with(sandbox, audit, f"{head}Content-Length: 2\r\n\r\n{{}}".encode())
    assert isinstance(error, ccxt.BaseError)


# -- the bot must not be stopped or delayed


def test_a_full_thread_pool_delays_no_cancel(sandbox: Sandbox, audit: Audit) -> None:
    async def main() -> float:
        async with on_loop(sandbox, audit, deadline_ms=50) as exchange:
            loop = asyncio.get_running_loop()
            loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(1))
            job = loop.run_in_executor(None, time.sleep, 3)
            locker = sqlite3.connect(audit.path, isolation_level=None)
            locker.execute("BEGIN IMMEDIATE")
            begin = time.monotonic()
            await asyncio.wait([asyncio.create_task(exchange.cancel_order("1", SYMBOL))])
            took = time.monotonic() - begin
            locker.close()
            await job
            return took

    assert asyncio.run(main()) < 2


def test_a_cancel_while_the_loop_ends_is_sent(sandbox: Sandbox, audit: Audit) -> None:
    async def main() -> Any:
        async with on_loop(sandbox, audit) as exchange:
            recorders.close_all()  # as in a forked child: nothing is prepared
            await asyncio.get_running_loop().shutdown_default_executor()
            cancel = exchange.cancel_order("1", SYMBOL)
            return (await asyncio.gather(cancel, return_exceptions=True))[0]

    assert isinstance(asyncio.run(main()), ccxt.OrderNotFound)


def test_a_long_answer_of_dotted_words_is_redacted_in_no_time() -> None:
    text = "a." * 20_000 + "://"
    begin = time.monotonic()
    assert Redactor(["abcdefgh"]).text(text) == text
    assert time.monotonic() - begin < 1


def test_a_process_that_may_start_no_thread_still_cancels(
    make_sync: Callable[..., Bot], monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = make_sync()
    recorders.close_all()

    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr("mexc_plugin.real_threads.start_new_thread", refuse)
        error = try_to_cancel(bot)
    assert isinstance(error, ccxt.OrderNotFound)


def test_a_folder_that_vanished_stops_no_cancel(
    make_sync: Callable[..., Bot], tmp_path: Path
) -> None:
    (tmp_path / "gone").mkdir()
    bot = make_sync(audit={"url": f"sqlite:///{tmp_path}/gone/audit.db"})
    recorders.close_all()  # as in a forked child
    shutil.rmtree(tmp_path / "gone")
    assert isinstance(try_to_cancel(bot), ccxt.OrderNotFound)


@pytest.mark.parametrize("window", [None, "", 5000.0, "5000.0"])
def test_a_recv_window_in_options_that_ccxt_reads_stops_no_cancel(
    make_sync: Callable[..., Bot], window: object
) -> None:
    bot = make_sync(options={"recvWindow": window})
    assert isinstance(try_to_cancel(bot), ccxt.OrderNotFound)


@pytest.mark.parametrize("extra", [{"password": 1234}, {"token": {"a": 1}}, {"password": b"1234"}])
def test_credentials_that_are_no_text_stop_no_bot(
    make_sync: Callable[..., Bot], extra: dict[str, Any]
) -> None:
    assert isinstance(try_to_cancel(make_sync(**extra)), ccxt.OrderNotFound)


def test_a_default_folder_that_cannot_be_made_is_no_bare_oserror(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mexc_plugin import mexc
    from mexc_plugin.errors import MexcPluginError

    monkeypatch.setenv("XDG_DATA_HOME", "/dev/null")
    with contextlib.suppress(MexcPluginError):
        mexc({})


# -- which requests cancel


@pytest.mark.parametrize(
    "path", ["order/.", "order/x/..", "order;x=1", "x/../order", "or\tder", "or\r\nder"]
)
def test_a_path_that_clients_or_servers_fold_hides_no_cancel(path: str) -> None:
    assert endpoints.classify("DELETE", f"https://api.mexc.com/api/v3/{path}?symbol=LTCBTC")


# -- secrets


def test_a_malformed_answer_puts_no_secret_into_tracebacks(sandbox: Sandbox, audit: Audit) -> None:
    error = answered_with(sandbox, audit, b"garbage\r\n\r\n")
    shown = "".join(traceback.format_exception(error)) + repr(error.__cause__)
    assert "signature=" not in shown.replace("signature=[redacted]", "")
    assert sandbox.ccxt_config()["apiKey"] not in shown


def test_urllib3_logs_no_signature_when_it_retries(
    make_sync: Callable[..., Bot], sandbox: Sandbox
) -> None:
    bot = make_sync()
    retries = urllib3.Retry(1, status_forcelist=[500], allowed_methods=None)
    bot.exchange.session.mount("http://", HTTPAdapter(max_retries=retries))
    sandbox.inject(Fault(FaultKind.SERVER_ERROR, times=2, method="GET", path="/api/v3/account"))
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    logger = logging.getLogger("urllib3")
    level, before = logger.level, list(logger.handlers)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        with contextlib.suppress(ccxt.BaseError):
            bot.fetch_balance()
    finally:
        logger.setLevel(level)
        logger.handlers = before
    assert "Incremented Retry" in written.getvalue()
    assert "signature=" not in written.getvalue().replace("signature=[redacted]", "")


def test_a_password_in_the_query_of_a_database_url_is_not_shown() -> None:
    assert "hush" not in engine.describe("postgresql://user@host/db?password=hush")


# -- the store


def insert(audit: Audit, **changes: Any) -> None:
    """Insert a copy of the newest row, changed, as anybody with INSERT may."""
    row = audit.query("SELECT * FROM cancel_audit ORDER BY seq DESC LIMIT 1")[0] | changes
    names = ", ".join(COLUMNS)
    connection = sqlite3.connect(audit.path)
    try:
        connection.execute(
            f"INSERT INTO cancel_audit ({names}) VALUES ({', '.join('?' * len(COLUMNS))})",
            [row[name] for name in COLUMNS],
        )
        connection.commit()
    finally:
        connection.close()


def everywhere(audit: Audit) -> bytes:
    """All that is in the folder of the database, whatever its name."""
    return b"".join(path.read_bytes() for path in audit.path.parent.iterdir() if path.is_file())


def test_a_row_in_an_events_place_does_not_make_the_event_vanish(
    make_sync: Callable[..., Bot], audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mexc_plugin.store.write.storer.PROBE_S", 0.1)
    bot = make_sync()
    try_to_cancel(bot)
    last = audit.query("SELECT seq, hash FROM cancel_audit ORDER BY seq DESC LIMIT 1")[0]
    payload = '{"occurred_ns":1}'
    forged = chain.link(last["hash"], payload)
    insert(audit, seq=last["seq"] + 1, payload=payload, prev_hash=last["hash"], hash=forged)
    try_to_cancel(bot, "REAL-ORDER")
    time.sleep(0.3)
    try_to_cancel(bot)
    recorders.close_all()
    kept = everywhere(audit).decode("utf-8", "replace")
    assert kept.replace("\\", "").count('"kind":"request"') >= 3


@pytest.mark.parametrize("files", ["audit.db*", "audit.db-wal", "audit.db-shm"])
def test_a_database_file_that_was_moved_away_is_noticed(
    make_sync: Callable[..., Bot], audit: Audit, files: str
) -> None:
    bot = make_sync()
    try_to_cancel(bot)
    for path in audit.path.parent.glob(files):
        path.unlink()
    try_to_cancel(bot, "REAL-ORDER")
    # As a kill would leave it.
    assert b"REAL-ORDER" in everywhere(audit)
    recorders.close_all()
    assert b"REAL-ORDER" in everywhere(audit)


def test_a_trigger_that_swallows_inserts_swallows_no_event(
    make_sync: Callable[..., Bot], audit: Audit
) -> None:
    bot = make_sync()
    connection = sqlite3.connect(audit.path)
    connection.execute(
        "CREATE TRIGGER x BEFORE INSERT ON cancel_audit BEGIN SELECT RAISE(IGNORE); END"
    )
    connection.close()
    try_to_cancel(bot, "REAL-ORDER")
    recorders.close_all()
    assert b"REAL-ORDER" in everywhere(audit)


@pytest.mark.parametrize(
    "attack",
    [
        "CREATE TRIGGER x BEFORE INSERT ON cancel_audit BEGIN SELECT RAISE(IGNORE); END",
        """DROP TRIGGER cancel_audit_no_update; CREATE TRIGGER cancel_audit_no_update
        BEFORE UPDATE ON cancel_audit WHEN 0 BEGIN SELECT RAISE(ABORT, 'append-only'); END""",
        """DROP TABLE cancel_history;
        CREATE VIEW cancel_history AS SELECT * FROM cancel_audit WHERE 0""",
        """DROP VIEW cancel_facts;
        CREATE VIEW cancel_facts AS SELECT * FROM cancel_audit WHERE 0""",
        "DROP TRIGGER cancel_audit_response_kept",
    ],
    ids=[
        "another trigger",
        "a guard that is asleep",
        "a view in the table's place",
        "a view that hides",
        "answers that are not kept",
    ],
)
def test_guards_that_were_tampered_with_are_found(
    make_sync: Callable[..., Bot], audit: Audit, attack: str
) -> None:
    make_sync()
    recorders.close_all()
    connection = sqlite3.connect(audit.path)
    connection.executescript(attack)
    connection.close()
    reading = engine.create(audit.url, read_only=True)
    with reading.connect() as read:
        assert triggers.missing(read)
    reading.dispose()


@pytest.mark.parametrize(
    "change", [{"seq": "x"}, {"payload": b"{}"}, {"occurred_at": "x"}], ids=["seq", "blob", "time"]
)
def test_verify_survives_any_row(
    make_sync: Callable[..., Bot], audit: Audit, change: dict[str, Any]
) -> None:
    try_to_cancel(make_sync())
    recorders.close_all()
    insert(audit, **({"seq": 99} | change))
    reading = engine.create(audit.url, read_only=True)
    with reading.connect() as read:
        assert list(whole.verify(whole.read_chained(read), record.Verifier()))
    reading.dispose()


def test_the_spool_of_a_database_with_brackets_in_its_name_is_found(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/[prod].db"
    (tmp_path / f"[prod].db.{NOBODY}.spool").touch()
    assert spool_folder.files(url)


def test_a_forged_spool_keeps_the_others_from_nothing(
    make_sync: Callable[..., Bot], audit: Audit
) -> None:
    try_to_cancel(make_sync())
    recorders.close_all()
    line = (
        f'{{"writer_id":"{NOBODY}","seq":1,"payload":"{{}}","prev_hash":"{chain.GENESIS}",'
        f'"hash":"{chain.link(chain.GENESIS, "{}")}"}}\n'
    )
    audit.path.with_name(f"audit.db.{NOBODY}.spool").write_text(line)
    before = len(audit.events())
    try_to_cancel(make_sync())
    assert len(audit.events()) > before  # in the database at once, the circuit closed


def test_a_fifo_in_a_spools_place_hangs_nobody(make_sync: Callable[..., Bot], audit: Audit) -> None:
    try_to_cancel(make_sync())
    recorders.close_all()
    fifo = audit.path.with_name(f"audit.db.{NOBODY}.spool")
    os.mkfifo(fifo)
    before = len(audit.events())
    try:
        try_to_cancel(make_sync(audit={"deadline_ms": 500}))
        found = len(audit.events()) > before
    finally:
        # Let a reader that hangs go on, so that this process can end.
        with contextlib.suppress(OSError):
            os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    assert found


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused_at_once(url: str) -> None:
    from mexc_plugin import mexc
    from mexc_plugin.errors import ConfigError

    with pytest.raises(ConfigError):
        mexc({"options": {"audit": {"url": url}}})
