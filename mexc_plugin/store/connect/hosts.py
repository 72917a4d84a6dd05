"""URLs that name several hosts: of a primary and its standbys."""

import re

from sqlalchemy import engine as sa_engine
from sqlalchemy import exc
from sqlalchemy.engine import URL

from mexc_plugin.errors import ConfigError

# As libpq has it; SQLAlchemy wants each of them in the query.
_SEVERAL_HOSTS = re.compile(
    r"(?P<head>(?:postgres|mysql|mariadb)[^:/]*://(?:[^@/?]*@)?)(?P<hosts>[^@/?[]*,[^@/?[]*)(?P<tail>[/?].*)?",
    re.DOTALL,
)


def make_url(url: str) -> URL:
    """SQLAlchemy's, which also takes libpq's form of several hosts. Raises what SQLAlchemy raises."""
    several = _SEVERAL_HOSTS.fullmatch(url)
    if several is None:
        return sa_engine.make_url(url)
    hosts = [("host", host) for host in several["hosts"].split(",")]
    return sa_engine.make_url(f"{several['head']}{several['tail'] or ''}").update_query_pairs(
        hosts, append=True
    )


def _hosts(parsed: URL) -> tuple[str, ...]:
    named = parsed.query.get("host") or parsed.host or ""
    return (named,) if isinstance(named, str) else named


def require_one_where_needed(parsed: URL) -> None:
    """Raise ConfigError for several hosts where the drivers connect to one."""
    if parsed.get_backend_name() in ("mysql", "mariadb") and "," in ",".join(_hosts(parsed)):
        raise ConfigError(
            "the URL names several hosts, and the drivers of MariaDB and MySQL connect to one: write "
            "the address that follows the primary, of a proxy such as MaxScale or HAProxy, or a virtual one"
        )


def require_readable(parsed: URL) -> None:
    """Raise ConfigError for several hosts that are none: SQLAlchemy looks when one connects, too late for a bot."""
    if len(_hosts(parsed)) == 1:
        return
    try:
        parsed.get_dialect()().create_connect_args(parsed)
    except exc.ArgumentError:
        raise ConfigError(
            "the hosts in the audit database's URL cannot be read; "
            "write them like postgresql://user@host1:5432,host2:5432/database"
        ) from None
