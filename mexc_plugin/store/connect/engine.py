"""Engines: one way to open each kind of database."""

import contextlib
import errno
import getpass
import importlib
import os
import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import URL, Engine, make_url

from mexc_plugin import distributions
from mexc_plugin.config import default_database_path
from mexc_plugin.errors import ConfigError, MexcPluginError, StoreError, StoreMissing
from mexc_plugin.posix import pwd
from mexc_plugin.store.connect import hosts, sessions

DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
# Where SQLAlchemy keeps a dialect, if not in the package of its own name.
PACKAGES = {"mariadb": "mysql"}
EXTRAS = {"postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql"}
BUSY_TIMEOUT_MS = 5_000
# A long report may take its time; a server that says nothing for longer is gone.
ANSWER_TIMEOUT_MS = 600_000

# From 2.1 on SQLAlchemy decodes the database's name too. A URL must not mean another file before.
_LEAVES_NAMES_ENCODED = make_url("sqlite:///%41").database != "A"

_SECRET = re.compile(r"(?i)(\w*(?:password|passwd|pwd|passphrase)\w*=)[^&\s]*")


def parse(url: str) -> URL:
    """The URL with our driver where it names none. Raises ConfigError, never showing the URL."""
    try:
        parsed = hosts.make_url(url)
        if _LEAVES_NAMES_ENCODED and parsed.database:
            parsed = parsed.set(database=unquote(parsed.database))
    except (exc.ArgumentError, ValueError):
        raise ConfigError(
            "the audit database's URL cannot be read; "
            "write it like sqlite:///audit.db or postgresql+psycopg://user@host/database"
        ) from None
    _require_plain(url, *parsed[:6], *parsed.query.values())
    backend = parsed.drivername.partition("+")[0]
    if backend not in DRIVERS:
        raise ConfigError(
            f"no audit is kept in {backend!r}; the URL starts with one of {', '.join(DRIVERS)}"
        )
    if "+" not in parsed.drivername:
        parsed = parsed.set(drivername=DRIVERS[backend])
    hosts.require_one_where_needed(parsed)
    return parsed


def _require_plain(*parts: object) -> None:
    """Raise ConfigError for what neither a file's name nor a driver takes."""
    for part in parts:
        text = "".join(part) if isinstance(part, tuple) else str(part)
        try:
            text.encode()
        except UnicodeEncodeError:
            text = "\0"
        if "\0" in text:
            raise ConfigError(
                "the audit database's URL holds a NUL or what is no Unicode; write it without"
            )


def validate(url: str) -> None:
    """Refuse with ConfigError what no waiting can mend: URL, driver, folder. Opens nothing."""
    parsed = parse(url)
    _load_driver(parsed)
    _require_user(parsed)
    hosts.require_readable(parsed)
    path = _require_lasting(parsed, url)
    if path is not None:
        _check_folder(path)
        _require_file(path, ConfigError)


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite URL; None for a server and for a database in memory."""
    parsed = parse(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    name = str(parsed.database)
    if name.startswith("file:"):
        name = name.removeprefix("file:").partition("?")[0]
    return Path(name)


def describe(url: str) -> str:
    """How to name a database to people: a path, or a URL without its passwords."""
    path = sqlite_path(url)
    return str(path) if path else mask(parse(url).render_as_string(hide_password=True))


def mask(text: str) -> str:
    """The text without the passwords that the query of a URL in it names."""
    # No template: `re` imports its parser for one, which fails while Python takes itself apart.
    return _SECRET.sub(lambda found: f"{found[1]}***", text)


def create(
    url: str,
    *,
    read_only: bool = False,
    timeout_ms: int = BUSY_TIMEOUT_MS,
    answer_ms: int = ANSWER_TIMEOUT_MS,
    handed_over: bool = False,
) -> Engine:
    """An engine for the audit database. A new SQLite file is made with mode 0600.

    read_only: refuse to write, and never make a file; timeout_ms: how long a lock or a connection
    is waited for; answer_ms: how long a server may say nothing; handed_over: threads take turns at
    a connection, under a lock of the caller's. Otherwise only the thread that opened it may use it.
    Raises ConfigError for a URL or driver, StoreMissing, StoreError.
    """
    parsed = parse(url)
    path = _require_lasting(parsed, url)
    if path is not None:
        _prepare_file(path, read_only)
    _load_driver(parsed)
    _require_user(parsed)
    terms = sessions.Terms(read_only, timeout_ms, answer_ms, handed_over)
    engine = sa.create_engine(
        parsed, poolclass=sa.NullPool, hide_parameters=True, **sessions.arguments(parsed, terms)
    )
    sessions.configure(engine, terms)
    return engine


def _load_driver(parsed: URL) -> None:
    backend = parsed.get_backend_name()
    usual = DRIVERS[backend]
    # SQLAlchemy loads MariaDB's so that a second thread finds half of it; a whole import waits.
    importlib.import_module(f"sqlalchemy.dialects.{PACKAGES.get(backend, backend)}")
    try:
        dialect = parsed.get_dialect()
        dialect.import_dbapi()
    except (ImportError, exc.NoSuchModuleError):
        if parsed.drivername == usual:
            advice = f"run: {distributions.install_command(EXTRAS.get(backend, backend))}"
        else:
            advice = f"install it, or write {usual}://…"
        raise ConfigError(f"the driver of {parsed.drivername} is not installed; {advice}") from None
    if dialect.is_async:
        raise ConfigError(
            f"{parsed.drivername} is an asynchronous driver; the audit has a thread of its own, "
            f"also for async bots: write {usual}://…"
        )


def _require_user(parsed: URL) -> None:
    """Where a URL names no user, drivers take the one of this machine: a container's has no name.

    libpq asks for it by the uid, PyMySQL looks at the environment first.
    """
    names_one = parsed.username or {"user", "service"} & {*parsed.query}
    backend = parsed.get_backend_name()
    if backend == "sqlite" or names_one:
        return
    try:
        if backend != "postgresql":
            getpass.getuser()
        elif not (os.environ.get("PGUSER") or os.environ.get("PGSERVICE")):
            pwd.getpwuid(os.geteuid())
    except (KeyError, OSError):
        raise ConfigError(
            f"the URL names no user, and the user {os.geteuid()} of this machine has no name; "
            f"write it like {backend}://user@host/database"
        ) from None


def _require_lasting(parsed: URL, url: str) -> Path | None:
    """The file of a SQLite URL, None for a server. Raises ConfigError for a database in memory."""
    path = sqlite_path(url)
    if path is None and parsed.get_backend_name() == "sqlite":
        raise ConfigError(
            "a database in memory is gone with its process, and nobody else can read it; "
            "name a file: sqlite:///audit.db"
        )
    return path


def _require_file(path: Path, error: type[MexcPluginError]) -> None:
    """Refuse what is there and no file: SQLite would wait for a pipe's other end for ever."""
    if os.path.isdir(path):  # noqa: PTH112 - a closed folder is no error here
        example = shlex.quote(str(path / "audit.db"))
        raise error(f"{path} is a folder and no audit database; name a file in it: {example}")
    if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113 - the same
        raise error(
            f"{path} is no file but a pipe, a socket or a device, and no audit database; name a file"
        )


def _check_folder(path: Path) -> None:
    if os.path.isdir(path.parent):  # noqa: PTH112 - a folder within a closed one is none, and no error here
        return
    if _is_default(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError(
                f"the folder {path.parent} for the audit database cannot be made "
                f"({error.strerror}); name another database with MEXC_PLUGIN_DATABASE_URL"
            ) from None
    try:
        is_folder = path.parent.is_dir()
    except PermissionError:
        raise ConfigError(
            f"the folder {path.parent} for the audit database is closed to this user; "
            "correct its owner and mode, or those of a folder above it"
        ) from None
    if not is_folder:
        raise ConfigError(
            f"the folder {path.parent} for the audit database does not exist; make it"
        )


def _is_default(path: Path) -> bool:
    try:
        return path == default_database_path()
    except ConfigError:  # a user without a home names the database
        return False


def _make_file(path: Path) -> None:
    """A new file with mode 0600, also at the end of a link. One that is there is not opened, not even for a moment.

    Closing any descriptor of a database drops all of this process's locks on it, also those of
    a connection that is writing (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    if not path.exists():
        _require_writable(path.parent)
        with contextlib.suppress(FileExistsError):
            os.close(
                os.open(
                    os.path.realpath(path), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
                )
            )
    elif not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    elif not os.path.exists(f"{path}-wal"):  # noqa: PTH110 - SQLite makes it there
        _require_writable(path.parent)


def _require_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def _prepare_file(path: Path, read_only: bool) -> None:
    _require_file(path, StoreMissing if read_only else StoreError)
    if read_only:
        if not path.is_file():
            raise StoreMissing(
                f"there is no audit database at {path}; "
                f"cancel something first, or make it with: mexc-plugin db upgrade --db {shlex.quote(str(path))}"
            )
        return
    _check_folder(path)
    try:
        _make_file(path)
    except OSError as error:
        is_folder = error.filename == str(path.parent)
        what = (
            f"folder {path.parent} of the audit database" if is_folder else f"audit database {path}"
        )
        raise StoreError(
            f"the {what} cannot be written ({error.strerror}); check the "
            f"{'folder' if is_folder else 'file'}'s owner and mode, or name another with --db"
        ) from None
