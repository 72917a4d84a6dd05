"""The cluster of these tests is what they take it for."""

import threading

from .postgresql import Cluster, eventually


def test_two_standbys_confirm_commits_and_one_is_promoted_when_the_primary_dies(
    cluster: Cluster,
) -> None:
    states = cluster.primary.query("SELECT sync_state FROM pg_stat_replication")
    assert states == [("quorum",), ("quorum",)]
    first = cluster.primary
    first.query("CREATE TABLE kept (n int)")
    first.query("INSERT INTO kept VALUES (1)")
    first.kill()
    cluster.promote(cluster.most_advanced())
    cluster.wait_for_standbys(1)
    cluster.primary.query("INSERT INTO kept VALUES (2)")
    cluster.take_in(first)
    cluster.wait_for_standbys(2)
    cluster.wait_until_replayed()
    for node in cluster.nodes:
        assert node.query("SELECT n FROM kept ORDER BY n") == [(1,), (2,)]


def test_a_commit_waits_while_both_standbys_are_frozen(cluster: Cluster) -> None:
    waiting = threading.Thread(target=cluster.primary.query, args=("CREATE TABLE waited ()",))
    stuck = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    one, other = cluster.standbys
    with one.frozen(), other.frozen():
        waiting.start()
        eventually(lambda: cluster.primary.query(stuck), "a commit that waits")
        assert waiting.is_alive()
    waiting.join(30)
    assert not waiting.is_alive()
