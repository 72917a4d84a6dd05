"""A bot in a container: a uid without a name, no home or one that is closed, folders that are gone."""

import contextlib
import errno
import os
import re
import resource
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from mexc_plugin import mexc
from mexc_plugin.audit import events
from mexc_plugin.audit.recorder import Place
from mexc_plugin.errors import ConfigError
from mexc_plugin.sandbox import Sandbox
from mexc_plugin.store.write import recorders
from mexc_plugin.store.write.spool import spool_file, spool_folder, spool_replay
from mexc_plugin.store.write.writer import Writer
from tests import warm
from tests.conftest import placed
from tests.exchange import nameless
from tests.store.audits import Audit
from tests.store.proxy import Proxy
from tests.store.servers import Servers
from tests.store.write.test_store import draft

# Nobody answers there.
DEAD = "postgresql://me@127.0.0.1:9/audit"
BOT = """
import logging, sys, time
from mexc_plugin import mexc
from mexc_plugin.store.write import recorders
logging.basicConfig(level=logging.WARNING, format="%(message)s")
exchange = mexc({config!r} | {{"options": {{"audit": {audit!r}}}}})
for order_id in sys.argv[1:]:
    print(exchange.cancel_order(order_id, "LTC/BTC")["status"], flush=True)
    sys.stdin.readline()
exchange.session.close()
recorders.close_all()
"""
HOMES = pytest.mark.parametrize("home", nameless.HOMES)


@pytest.fixture
def folder() -> Iterator[Path]:
    yield from nameless.folder()


@pytest.fixture
def sealed(folder: Path) -> Path:
    """A folder that the user may not write."""
    made = folder / "sealed"
    made.mkdir(mode=0o755)
    return made


def python(
    home: str, code: str, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    return nameless.run(home, "-W", "error", "-c", code, *arguments, **environ)


def program(home: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = ("-W", "error", "-m", "mexc_plugin", *arguments)
    return nameless.run(home, *command, timeout=120, **environ)


def bot(sandbox: Sandbox, **audit: object) -> str:
    return BOT.format(config=sandbox.ccxt_config(), audit=audit)


def spooled(url: str, folder: Path | None = None) -> list[str]:
    """The kinds of the events that wait. Root takes the files over: nobody reads another's."""
    files = spool_folder.files(url, folder)
    for path in files:
        os.chown(path, os.geteuid(), os.getegid())
    found = [event for path in files for event in spool_replay.read(path).events]
    return [events.project(event)["kind"] for event in found]


# -- a user without a name


@HOMES
def test_a_named_database_needs_no_home_and_no_name(
    home: str, folder: Path, sandbox: Sandbox
) -> None:
    audit = Audit(folder / "audit.db")
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    done = python(home, bot(sandbox, url=audit.url), order_id)
    assert (done.stdout, done.stderr) == ("canceled\n", "")
    assert [row["order_id"] for row in audit.history()] == [order_id]
    assert audit.payloads("start")[0]["os_user"] == str(nameless.UID)


@HOMES
def test_without_a_usable_home_the_default_is_a_config_error_that_names_the_variable(
    home: str,
) -> None:
    code = """
from mexc_plugin import install, mexc
from mexc_plugin.errors import ConfigError
for build in (mexc, lambda: mexc({"apiKey": "k", "secret": "s"}), lambda: install(audit={})):
    try:
        build()
    except ConfigError as error:
        print(error)
"""
    done = python(home, code)
    lines = done.stdout.splitlines()
    assert (len(lines), done.stderr) == (3, "")
    assert all("MEXC_PLUGIN_DATABASE_URL" in line for line in lines)


@pytest.mark.parametrize("command", [["audit"], ["db", "path"], ["doctor"], ["run", "--", "true"]])
def test_a_command_without_a_home_or_a_database_is_one_line(command: list[str]) -> None:
    done = program("no-home", *command)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch("mexc-plugin: .*MEXC_PLUGIN_DATABASE_URL.*\n", done.stderr)


COMMANDS = [
    ["audit", "list"],
    ["audit", "stats"],
    ["audit", "tail"],
    ["audit", "sql", "unresolved"],
    ["audit", "verify"],
    ["audit", "recover"],
    ["audit", "export", "-o", "{folder}/x.parquet"],
    ["audit", "report", "-o", "{folder}/x.html"],
    ["db", "upgrade"],
    ["db", "check"],
    ["db", "current"],
    ["db", "path"],
]


@HOMES
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[1])
def test_a_command_with_a_named_database_needs_no_home(
    home: str, command: list[str], folder: Path, sandbox: Sandbox
) -> None:
    url = f"sqlite:///{folder}/audit.db"
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    assert python(home, bot(sandbox, url=url), order_id).stderr == ""
    given = [word.format(folder=folder) for word in command]
    done = program(home, *given, "--database-url", url)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


@HOMES
def test_the_demo_and_run_need_no_home(home: str, folder: Path, sandbox: Sandbox) -> None:
    assert program(home, "demo").returncode == 0
    audit = Audit(folder / "audit.db")
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    code = bot(sandbox).replace("from mexc_plugin import mexc", "from ccxt import mexc")
    url = f"sqlite:///{folder}/audit.db"
    done = program(home, "run", "--audit-url", url, "--", sys.executable, "-c", code, order_id)
    assert (done.stdout, done.stderr) == ("canceled\n", "")
    assert [row["order_id"] for row in audit.history()] == [order_id]


@pytest.mark.parametrize("kind", ["postgresql", "mysql", "mariadb"])
def test_a_server_s_url_without_a_user_is_a_config_error_for_a_user_without_a_name(
    kind: str,
) -> None:
    url = f"{kind}://127.0.0.1:9/audit"
    for arguments in (["audit", "list"], ["db", "check"], ["run", "--", "true"]):
        done = program("no-home", *arguments, MEXC_PLUGIN_DATABASE_URL=url)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"write it like {kind}://user@host/database" in done.stderr
    named = {"postgresql": {"PGUSER": "me"}}.get(kind, {"USER": "me"})
    done = program("no-home", "audit", "list", MEXC_PLUGIN_DATABASE_URL=url, **named)
    assert (done.returncode, "cannot be reached" in done.stderr) == (1, True)


def test_a_database_in_a_folder_that_is_closed_to_the_user_is_a_config_error(folder: Path) -> None:
    closed = folder / "closed"
    (closed / "below").mkdir(parents=True)
    closed.chmod(0o700)
    code = f"""
import os
from mexc_plugin import mexc
from mexc_plugin.errors import ConfigError
for name in ("below/audit.db", "no/audit.db"):
    try:
        mexc({{"options": {{"audit": {{"url": "sqlite:///{closed}/" + name}}}}}})
    except ConfigError as error:
        print(error)
"""
    # Without the right to read everything: what is imported later has to be there already.
    drop = "import os, ccxt, mexc_plugin.exchange.sync, sqlalchemy.dialects.sqlite, platformdirs\n"
    drop += f"os.setgroups([]); os.setgid({nameless.UID}); os.setuid({nameless.UID})\n"
    nameless._become()
    done = subprocess.run(
        [sys.executable, "-c", drop + code], capture_output=True, text=True, check=False
    )
    assert done.stdout.count("is closed to this user; correct its owner and mode") == 2, done.stderr


# -- a server that is away


@HOMES
def test_a_spool_that_cannot_be_written_is_said_at_once_and_stops_no_cancel(
    home: str, sandbox: Sandbox
) -> None:
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    built = python(home, bot(sandbox, url=DEAD))
    assert built.returncode == 0
    assert re.search(
        r"audit: the spool .* cannot be written \(.*\): .* MEXC_PLUGIN_SPOOL", built.stderr
    )
    done = python(home, bot(sandbox, url=DEAD), order_id)
    assert done.stdout == "canceled\n"
    assert re.search(r"audit: \d+ events lost: the spool .* cannot be written either", done.stderr)


@HOMES
@pytest.mark.parametrize("by", ["options", "environment"])
def test_a_named_spool_takes_what_a_server_that_is_away_does_not(
    home: str, by: str, folder: Path, sandbox: Sandbox
) -> None:
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    named = folder / "spool"
    if by == "options":
        done = python(home, bot(sandbox, url=DEAD, spool=str(named)), order_id)
    else:
        done = python(home, bot(sandbox, url=DEAD), order_id, MEXC_PLUGIN_SPOOL=str(named))
    assert done.stdout == "canceled\n"
    assert "cannot be written" not in done.stderr
    assert spooled(DEAD, named) == ["start", "request", "response", "stop"]
    assert (named.stat().st_mode & 0o777, named.stat().st_uid) == (0o700, nameless.UID)


@pytest.mark.server
def test_events_of_a_server_that_went_away_come_home_by_recover(
    folder: Path, sandbox: Sandbox, servers: Servers
) -> None:
    server = servers.of("postgresql")
    audit = server.fresh(migrated=True)
    ids = [sandbox.place("LTCBTC", "BUY", "1", "0.002") for _ in range(2)]
    named = folder / "spool"
    with Proxy(server.address) as proxy:
        url = server.url_of(audit.name, proxy.port)
        environ = {name: v for name, v in os.environ.items() if not name.startswith("XDG_")}
        process = subprocess.Popen(
            [*nameless._become(), sys.executable, "-c", bot(sandbox, url=url), *ids],
            env=environ | {"HOME": "/", "MEXC_PLUGIN_SPOOL": str(named)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "canceled\n"
        proxy.shut()
        out, err = process.communicate("\n\n", timeout=60)
        assert (out, "events lost" in err) == ("canceled\n", False)
        assert [row["order_id"] for row in audit.history()] == ids[:1]
        proxy.open()
        options = ("audit", "recover", "--database-url", url)
        assert "no events wait" in program("root-as-home", *options).stderr
        done = program("root-as-home", *options, "--spool", str(named))
        assert (done.returncode, "events stored" in done.stderr) == (0, True)
    assert [row["order_id"] for row in audit.history()] == ids
    assert list(named.iterdir()) == []
    audit.close()
    server.drop(audit.name)


@HOMES
def test_doctor_tries_the_spool(home: str, folder: Path, sealed: Path, sandbox: Sandbox) -> None:
    def line(**environ: str) -> str:
        done = program(
            *(home, "doctor", "--database-url", DEAD, "--base-url", sandbox.url), **environ
        )
        assert (done.returncode, done.stderr) == (3, "")
        (found,) = [line for line in done.stdout.splitlines() if " spool: " in line]
        return found

    assert line().startswith("attention  spool: ")
    assert "MEXC_PLUGIN_SPOOL" in line()
    named = folder / "spool"
    assert (
        line(MEXC_PLUGIN_SPOOL=str(named))
        == f"ok         spool: nothing waits; {named} can be written"
    )
    assert not named.exists()
    refused = line(MEXC_PLUGIN_SPOOL=str(sealed / "spool"))
    assert refused.startswith(f"attention  spool: {sealed}/spool cannot be written (Permission")


# -- the folder that is named


def test_a_named_folder_that_cannot_be_written_is_a_config_error_everywhere(sealed: Path) -> None:
    code = f"""
import mexc_plugin
from mexc_plugin.errors import ConfigError
audit = {{"url": {DEAD!r}, "spool": {str(sealed)!r}}}
for build in (lambda: mexc_plugin.mexc({{"options": {{"audit": audit}}}}),
              lambda: mexc_plugin.install(audit=audit)):
    try:
        build()
    except ConfigError as error:
        print(error)
"""
    done = python("no-home", code)
    assert (
        done.stdout.count(f"the spool folder {sealed} cannot be written (Permission denied)") == 2
    )
    done = program(
        *("no-home", "run", "--audit-url", DEAD, "--", "true"), MEXC_PLUGIN_SPOOL=str(sealed)
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "MEXC_PLUGIN_SPOOL" in done.stderr


def test_a_file_in_the_folder_s_place_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for named in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match="cannot be written"):
            mexc({"options": {"audit": {"url": f"sqlite:///{tmp_path}/a.db", "spool": named}}})


def test_a_disk_without_room_keeps_no_bot_from_starting(tmp_path: Path) -> None:
    """It may have room again when it is needed; a bot that does not start cancels nothing."""
    code = f"""
import resource, signal
from pathlib import Path
from mexc_plugin.store.write.spool import spool_folder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, {resource.RLIM_INFINITY}))
spool_folder.validate(Path({str(tmp_path)!r}))
try:
    spool_folder.try_to_write(Path({str(tmp_path)!r}), make=True)
except OSError as error:
    print(error.errno)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{errno.EFBIG}\n", "")
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_made_for_its_owner_only_and_trying_leaves_nothing(tmp_path: Path) -> None:
    named = tmp_path / "a" / "b"
    spool_folder.try_to_write(named, make=False)
    assert list(tmp_path.iterdir()) == []
    spool_folder.validate(named)
    assert (named.stat().st_mode & 0o777, list(named.iterdir())) == (0o700, [])


def test_exchanges_with_one_database_and_two_folders_have_a_writer_each(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.db")
    folders = [None, tmp_path / "one", tmp_path / "two"]
    made = [
        mexc({"options": {"audit": {"url": audit.url, "spool": folder}}})._audit_settings
        for folder in folders
    ]
    writers = [recorders.recorder_for(settings.url, settings.spool) for settings in made]
    assert len({id(writer) for writer in writers}) == 3
    for number, writer in enumerate(writers):
        assert writer.submit(draft(number), 10).wait(10)
    with audit.locked():
        for number, writer in enumerate(writers):
            assert placed(writer, draft(number)) is Place.SPOOL
        waiting = [[path.parent for path in spool_folder.files(audit.url, f)] for f in folders]
        assert waiting == [[tmp_path], [folders[1], tmp_path], [folders[2], tmp_path]]
    recorders.close_all()
    kinds: dict[str, list[str]] = {}
    for event in audit.events():
        kinds.setdefault(event["writer_id"], []).append(event["kind"])
    assert {*kinds} == {writer.writer_id for writer in writers}
    assert all(sorted(k) == ["request", "request", "start", "stop"] for k in kinds.values())


def test_events_that_were_spooled_before_a_folder_was_named_are_still_found(tmp_path: Path) -> None:
    url, named = f"sqlite:///{tmp_path}/audit.db", tmp_path / "spool"
    for folder in (None, named):
        left = spool_file.Spool(url, events_writer := f"{'a' if folder else 'b'}" * 8, folder)
        left.append([events.seal({"kind": "start", "occurred_ns": 1}, events_writer, 1, "0" * 64)])
        left.close()
    assert len(spool_folder.files(url)) == 1
    assert len(spool_folder.files(url, named)) == 2
    made = Writer(url, named)
    made.prepare()
    until = time.monotonic() + 10
    while spool_folder.files(url, named) and time.monotonic() < until:
        time.sleep(0.02)
    made.close()
    assert spool_folder.files(url, named) == []
    assert len(Audit(tmp_path / "audit.db").events("start")) == 2


def test_databases_of_one_name_that_share_a_folder_keep_their_spools_apart(tmp_path: Path) -> None:
    named = tmp_path / "spool"
    urls = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        urls.append(f"sqlite:///{tmp_path}/{name}/audit.db")
        Writer(urls[-1], named)._spool.append([])
    assert [len(spool_folder.files(url, named)) for url in urls] == [1, 1]
    assert spool_folder.files(urls[0], named) != spool_folder.files(urls[1], named)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "a")
    assert spool_folder.files(f"sqlite:///{link}/audit.db", named) == spool_folder.files(
        urls[0], named
    )


# -- what else a container lacks


def test_a_current_folder_that_is_gone_disturbs_no_absolute_path(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    audit = Audit(tmp_path / "audit.db")
    script = tmp_path / "bot.py"
    script.write_text(
        BOT.format(config=sandbox.ccxt_config(), audit={}).replace("from mexc_plugin import", "from ccxt import", 1)
    )  # fmt: skip
    code = """
import os, sys, tempfile
gone = tempfile.mkdtemp()
os.chdir(gone)
os.rmdir(gone)
os.execv(sys.argv[1], sys.argv[1:])
"""
    for extra in ([], ["--in-process"]):
        command = [script, order_id] if extra else [sys.executable, script, order_id]
        done = subprocess.run(
            [sys.executable, "-c", code, sys.executable, "-m", "mexc_plugin", "run", *extra,
             "--audit-url", audit.url, "--", *command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr.replace("OrderNotFound", ""), done.stderr
        order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    assert [row["outcome"] for row in audit.history()] == ["canceled", "canceled"]


def test_a_machine_that_gives_no_name_is_called_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(socket, "gethostname", refuse)
    assert events.host_name() == "unknown"


# -- a record that may be read and not written


@pytest.fixture
def of_others(sealed: Path, sandbox: Sandbox) -> Audit:
    """A record with one cancel that everybody may read, in a folder that only root may write."""
    audit = Audit(sealed / "audit.db")
    code = bot(sandbox, url=audit.url)
    done = warm.run("-c", code, sandbox.place("LTCBTC", "BUY", "1", "1"))
    assert (done.stdout, done.stderr) == ("canceled\n", "")
    (sealed / "audit.db-turn").unlink()
    (sealed / "audit.db").chmod(0o644)
    return audit


def only(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


READING = [
    *(["audit", "list"], ["audit", "stats"], ["audit", "tail"], ["audit", "verify"]),
    *(["audit", "sql", "failed"], ["audit", "export", "-o", "{folder}/x.csv"]),
    *(["audit", "report", "-o", "{folder}/x.html"], ["db", "check"], ["db", "current"]),
]


@pytest.mark.parametrize("command", READING, ids=lambda command: command[1])
def test_reading_needs_no_right_to_write_the_folder_and_leaves_nothing_in_it(
    command: list[str], folder: Path, of_others: Audit
) -> None:
    given = [word.format(folder=folder) for word in command]
    done = program("no-home", *given, "--db", str(of_others.path))
    assert (done.returncode, "mexc-plugin:" in done.stderr) == (0, False), done.stderr
    assert only(of_others.path.parent) == ["audit.db"]


def test_a_record_that_may_only_be_read_is_served(of_others: Audit) -> None:
    nameless._become()
    words = ["audit", "serve", "--port", "0", "--db", str(of_others.path)]
    process = subprocess.Popen(
        [*nameless._become(), sys.executable, "-m", "mexc_plugin", *words],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"HOME": "/"},
    )  # fmt: skip
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        address = re.search(r"http://[^;]+", line)
        assert address, line
        with urllib.request.urlopen(address[0], timeout=30) as answer:
            assert "LTC/BTC" in answer.read().decode()
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert only(of_others.path.parent) == ["audit.db"]


def test_a_record_is_read_along_with_the_bot_that_writes_it(of_others: Audit) -> None:
    with contextlib.closing(sqlite3.connect(of_others.path)) as writer:
        writer.execute("CREATE TABLE beside (a)")  # what makes a WAL, and shared memory
        writer.commit()
        assert len(only(of_others.path.parent)) == 3
        done = program("no-home", "audit", "list", "--db", str(of_others.path))
        assert (done.returncode, len(done.stdout.splitlines())) == (0, 1), done.stderr


def test_events_in_a_wal_that_nobody_can_bring_in_are_a_message_about_the_folder(
    of_others: Audit,
) -> None:
    path = of_others.path
    with contextlib.closing(sqlite3.connect(path)) as writer:
        writer.execute("CREATE TABLE beside (a)")
        writer.commit()
        left = Path(f"{path}-wal").read_bytes()
    Path(f"{path}-wal").write_bytes(left)
    done = program("no-home", "audit", "list", "--db", str(path))
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert f"only who may write the folder {path.parent} can bring in" in done.stderr


def test_an_empty_wal_that_was_left_holds_nothing(of_others: Audit) -> None:
    Path(f"{of_others.path}-wal").touch()
    assert program("no-home", "audit", "list", "--db", str(of_others.path)).returncode == 0


def test_what_is_written_while_it_is_read_as_it_lies_is_an_error(of_others: Audit) -> None:
    code = f"""
import sys
from mexc_plugin.errors import StoreError
from mexc_plugin.store.read import queries
try:
    with queries.reading({of_others.url!r}) as connection:
        print("reading", flush=True)
        sys.stdin.readline()
except StoreError as error:
    print(error)
"""
    with subprocess.Popen(
        [*nameless._become(), sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {"HOME": "/"},
    ) as reader:  # fmt: skip
        assert reader.stdout is not None
        assert reader.stdout.readline() == "reading\n"
        with contextlib.closing(sqlite3.connect(of_others.path)) as writer:
            writer.execute("CREATE TABLE beside (a)")
            writer.commit()
        said, _ = reader.communicate("\n", timeout=30)
    assert said.endswith("while it was read; read it again\n")


@pytest.mark.parametrize("there", [True, False])
def test_who_cannot_write_the_folder_is_told_that_it_is_the_folder(
    there: bool, of_others: Audit
) -> None:
    of_others.path.chmod(0o666)
    path = of_others.path if there else of_others.path.with_name("new.db")
    done = program("no-home", "db", "upgrade", "--db", str(path))
    assert done.returncode == 1
    assert f"the folder {path.parent} of the audit database cannot be written" in done.stderr
    of_others.path.chmod(0o644)
    done = program("no-home", "db", "upgrade", "--db", str(of_others.path))
    assert f"the audit database {of_others.path} cannot be written" in done.stderr


def test_a_folder_in_the_place_of_a_database_is_said(folder: Path) -> None:
    done = program("no-home", "audit", "--db", str(folder))
    assert (done.returncode, f"{folder} is a folder" in done.stderr) == (1, True)
