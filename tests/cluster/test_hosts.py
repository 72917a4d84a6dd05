"""URLs of several hosts: who writes finds the primary, who reads takes the first, and who cannot is told at once."""

import time

import pytest

from mexc_plugin.audit.recorder import Place
from mexc_plugin.errors import ConfigError
from mexc_plugin.hosting import checks
from mexc_plugin.store.connect import durability, engine
from mexc_plugin.store.read import queries
from mexc_plugin.store.write.writer import Writer
from tests.command_line import invoke
from tests.torture import load

from .postgresql import USER, Cluster, eventually


@pytest.fixture
def url(cluster: Cluster) -> str:
    """A record on the cluster; its standbys are named first."""
    made = cluster.url(cluster.fresh())
    assert invoke(["db", "upgrade", "--database-url", made]).exit_code == 0
    cluster.wait_until_replayed()
    return made


def in_sqlalchemy_s_form(url: str) -> str:
    hosts, _, name = url.partition("@")[2].partition("/")
    query = "&".join(f"host={host}" for host in hosts.split(","))
    return f"postgresql+psycopg://{USER}@/{name}?{query}"


@pytest.mark.parametrize("form", [str, in_sqlalchemy_s_form], ids=["libpq", "sqlalchemy"])
def test_a_bot_writes_to_the_primary_whoever_is_named_first(url: str, form) -> None:
    writer = Writer(form(url))
    writer.prepare()
    places = [
        writer.commit(draft | {"occurred_ns": time.time_ns()}, 20) for draft in load.drafts(1)
    ]
    writer.close()
    assert places == [Place.DATABASE] * 2


def test_who_reads_takes_the_first_host_which_may_be_a_standby(url: str) -> None:
    with queries.reading(url) as connection:
        assert connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar() is True
    asked = f"{in_sqlalchemy_s_form(url)}&target_session_attrs=read-write"
    with queries.reading(asked) as connection:
        assert connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar() is False


def test_a_url_of_standbys_only_is_refused_with_what_to_do(cluster: Cluster, url: str) -> None:
    name = url.rpartition("/")[2]
    result = invoke(["db", "upgrade", "--database-url", cluster.url(name, *cluster.standbys)])
    assert result.exit_code == 1
    assert "if it is a standby, name the primary: host1:5432,host2:5432 finds it" in result.output


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("mysql://u@h1,h2/db", "connect to one"),
        ("mysql://u@h1:3306,h2:3306/db", "connect to one"),
        ("mariadb://u@/db?host=h1&host=h2", "connect to one"),
        ("postgresql://u@h1:x,h2/db", "hosts .* cannot be read"),
        ("postgresql://u:secret@h1,[::1]:5/db", "cannot be read"),
    ],
)
def test_hosts_that_no_driver_can_use_are_refused_at_once(url: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as refused:
        engine.validate(url)
    assert "secret" not in str(refused.value)


def test_a_password_with_a_comma_is_no_second_host() -> None:
    assert engine.parse("postgresql://u:a,b@h1/db").password == "a,b"


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("synchronous_standby_names = ''", "synchronous_standby_names is empty, and standbys: 2"),
        ("synchronous_commit = local", "synchronous_commit is local"),
        ("synchronous_commit = remote_write", "synchronous_commit is remote_write"),
    ],
)
def test_a_cluster_that_may_lose_what_it_acknowledged_is_doubted(
    cluster: Cluster, url: str, setting: str, says: str, caplog
) -> None:
    name = setting.partition(" ")[0]
    assert invoke(["db", "check", "--database-url", url]).exit_code == 0
    cluster.primary.query(f"ALTER SYSTEM SET {setting}")
    cluster.primary.query("SELECT pg_reload_conf()")
    try:
        eventually(lambda: name in " ".join(doubts(url)), "the setting")
        checked = invoke(["db", "check", "--database-url", url])
        writer = Writer(url)
        writer.prepare()
        writer.close()
    finally:
        cluster.primary.query(f"ALTER SYSTEM RESET {name}")
        cluster.primary.query("SELECT pg_reload_conf()")
    assert checked.exit_code == 3
    assert says in checked.output
    assert says in caplog.text


def test_an_account_without_rights_sees_how_many_standbys_there_are(
    cluster: Cluster, url: str
) -> None:
    cluster.primary.query("CREATE ROLE nobody_much LOGIN")
    made = engine.create(url.replace(f"{USER}@", "nobody_much@"))
    try:
        with made.connect() as connection:
            assert durability.doubts(connection) == []
            cluster.standbys[0].kill()
            cluster.standbys[1].kill()
            eventually(lambda: durability.doubts(connection), "a doubt")
    finally:
        made.dispose()
        for node in cluster.standbys:
            node.start()
        cluster.wait_for_standbys()


def doubts(url: str) -> list[str]:
    """What `doctor` says that somebody has to see to."""
    found = checks.database(url, "given")
    return [finding.text for finding in found if finding.needs_attention]


def test_a_cluster_whose_standbys_are_gone_is_said_to_wait_for_them(
    cluster: Cluster, url: str
) -> None:
    for node in cluster.standbys:
        node.kill()
    found: list[str] = []
    try:
        eventually(lambda: found.extend(doubts(url)) or found, "a doubt")
    finally:
        for node in cluster.standbys:
            node.start()
        cluster.wait_for_standbys()
    assert "no standby is there: no commit ends" in found[0]
