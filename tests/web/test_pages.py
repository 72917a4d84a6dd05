"""The pages and their JSON, asked for by a program."""

import html
import json
import re
import socket
import sqlite3
import threading
import time
from contextlib import closing
from html import unescape
from pathlib import Path

import pytest

from mexc_plugin import distributions
from mexc_plugin.audit.ids import uuid7
from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.review.query_string import NAMES
from mexc_plugin.store.read import bounded, page_token
from tests.cli.conftest import NOON, SECOND, Ledger
from tests.cli.tampering import tamper

from .conftest import HOST, Serve, Site, served

NONSENSE = [
    ("outcome=lost", "no outcome 'lost'"),
    ("since=someday", "'someday' is not a time"),
    ("since=1h&until=2h", "until is before since"),
    ("since=1h&since=2h", "since is given 2 times"),
    ("latency-over=soon", "'soon' is not a duration"),
    ("colour=red", "no filter 'colour'"),
    ("limit=0", "limit is '0'"),
    ("limit=ten", "limit is 'ten'"),
    ("limit=1001", "limit is '1001'"),
    ("limit=%D9%A3", "limit is"),
    ("after=x&before=y", "after and before"),
    ("symbol=" + "x" * 300, "too much is asked for"),
    ("symbol=a%00b", "holds a NUL"),
    ("&".join(f"bot={number}" for number in range(60)), "too much is asked for"),
    ("after=x", "cursor"),
    ("after=%FF", "cursor"),
    ("before=eyJ9", "cursor"),
    *(
        ("after=" + page_token.write({"attempt": attempt, "cancel_id": cancel_id}), "cursor")
        for attempt, cancel_id in ((10**30, "x"), (-(10**30), "x"), (1, "a\0b"))
    ),
    ("&".join(f"search={number}" for number in range(11)), "too much is asked for with search"),
    ("sort=colour", "nothing can be sorted by 'colour'"),
    ("sort=latency&sort=bot", "sort is given 2 times"),
    ("sort=latency&after=x", "cursor"),
    ("sort=latency&after=-1", "cursor"),
    ("sort=latency&after=10001", "cursor"),
    ("sort=latency&before=%D9%A3", "cursor"),
]


def shown(site: Site, path: str = "/") -> list[str]:
    """The cancel ids that a page links to, in its order."""
    body = site.page(path).body
    return [part.split('"')[0] for part in body.split('href="/cancels/')[1:]]


def text(site: Site, path: str, **headers: str) -> str:
    """What is read on a page, in one line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", site.page(path, **headers).body)).split())


def test_an_empty_record_is_a_page_that_says_so(site: Site) -> None:
    answer = site.page("/")
    assert answer.status == 200
    assert "No cancel is on record yet" in answer.body


def test_an_empty_answer_names_the_window(site: Site) -> None:
    body = site.page("/?since=2026-11-23T14:03&bot=none").body
    assert "No cancel on record matches since 2026-11-23 14:03:00 UTC." in body


def test_cancels_are_listed_newest_first_each_with_its_page(site: Site, ledger: Ledger) -> None:
    ids = [ledger.cancel(at=second) for second in range(3)]
    assert ids[::-1] == shown(site)
    assert [site.page(f"/cancels/{id_}").status for id_ in ids] == [200] * 3


@pytest.mark.parametrize(
    ("query", "matching"),
    [
        ("symbol=ltcbtc", "L"),
        ("symbol=LTC/BTC&symbol=DOGE/USDT", "LD"),
        ("bot=grid&outcome=failed", "R"),
        ("outcome=unresolved", "P"),
        ("outcome=rejected&outcome=canceled", "LDR"),
        ("latency-over=1s", "D"),
        ("order-id=77", "R"),
        ("symbol=&bot=&since=", "LDRP"),
        ("since=2026-11-23T12:00:02Z", "RP"),
        ("until=2026-11-23T12:00:01Z", "L"),
        ("account=nobody", ""),
    ],
)
def test_the_query_filters_as_the_command_line_does(
    site: Site, ledger: Ledger, query: str, matching: str
) -> None:
    ids = {
        ledger.cancel(at=0): "L",
        ledger.cancel(
            at=1, symbol="DOGE/USDT", native_symbol="DOGEUSDT", answer={"latency_us": 2_000_000}
        ): "D",
        ledger.cancel("rejected", at=2, native_symbol="XY", symbol="X/Y", order_id="77"): "R",
        ledger.cancel(None, at=3, symbol="X/Y", native_symbol="XY"): "P",
    }
    assert matching[::-1] == "".join(ids[id_] for id_ in shown(site, f"/?{query}"))
    rows = site.ask(f"/api/cancels?{query}").json["cancels"]
    assert matching[::-1] == "".join(ids[row["cancel_id"]] for row in rows)


def test_the_command_line_has_the_same_filters(run) -> None:
    from mexc_plugin.cli.commands.listing import list_

    options = {name.removeprefix("--") for option in list_.params for name in option.opts}
    assert set(NAMES) <= options


@pytest.mark.parametrize(("query", "words"), NONSENSE)
def test_nonsense_in_the_query_is_a_page_that_says_what_to_write(
    site: Site, query: str, words: str
) -> None:
    answer = site.page(f"/?{query}")
    assert answer.status == 400
    assert words in unescape(answer.body)


@pytest.mark.parametrize(("query", "words"), NONSENSE)
def test_nonsense_from_a_program_is_an_error_in_json(site: Site, query: str, words: str) -> None:
    answer = site.ask(f"/api/unresolved?{query}")
    assert answer.status == 400
    assert words in answer.json["error"]


def test_what_was_written_in_the_form_stays_there(site: Site) -> None:
    body = site.page("/?symbol=LTC/BTC&since=never").body
    assert 'value="LTC/BTC"' in body
    assert 'value="never"' in body


def test_pages_turn_both_ways_and_show_every_cancel_once(site: Site, ledger: Ledger) -> None:
    ids = [ledger.cancel(at=second) for second in range(7)]
    path = "/api/cancels?limit=3"
    pages = [site.ask(path).json]
    while pages[-1]["after"]:
        pages.append(site.ask(f"{path}&after={pages[-1]['after']}").json)
    there = [[row["cancel_id"] for row in page["cancels"]] for page in pages]
    assert [id_ for page in there for id_ in page] == ids[::-1]
    back = [pages[-1]]
    while back[-1]["before"]:
        back.append(site.ask(f"{path}&before={back[-1]['before']}").json)
    assert [[row["cancel_id"] for row in page["cancels"]] for page in back] == there[::-1]


def test_a_bookmarked_page_keeps_its_filters_when_it_is_turned(site: Site, ledger: Ledger) -> None:
    for second in range(60):
        ledger.cancel(at=second, bot="a&b")
    body = unescape(site.page("/?bot=a%26b").body)
    assert 'rel="next" href="/?bot=a%26b&after=' in body


@pytest.mark.parametrize(
    "sort", ["latency", "-latency", "bot", "-outcome", "code", "symbol", "requested"]
)
def test_a_sorted_list_turns_both_ways_and_shows_every_cancel_once(
    site: Site, ledger: Ledger, sort: str
) -> None:
    for second in range(7):
        ledger.cancel(at=second, bot=f"b{second % 3}", answer={"latency_us": 1000 * (second % 4)})
    path = f"/api/cancels?limit=3&sort={sort}"
    pages = [site.ask(path).json]
    while pages[-1]["after"]:
        pages.append(site.ask(f"{path}&after={pages[-1]['after']}").json)
    back = [pages[-1]]
    while back[-1]["before"]:
        back.append(site.ask(f"{path}&before={back[-1]['before']}").json)
    assert back[::-1] == pages
    whole = site.ask(f"/api/cancels?sort={sort}").json["cancels"]
    assert [row for page in pages for row in page["cancels"]] == whole
    assert len({row["cancel_id"] for row in whole}) == 7


def test_the_head_of_a_column_sorts_by_it_and_turns_round(site: Site, ledger: Ledger) -> None:
    ids = [ledger.cancel(at=n, answer={"latency_us": n * 1000}) for n in (2, 3, 1)]
    slowest_first = "/?bot=grid&sort=-latency"
    assert f'href="{slowest_first}"' in unescape(site.page("/?bot=grid").body)
    assert shown(site, slowest_first) == [ids[1], ids[0], ids[2]]
    body = unescape(site.page(slowest_first).body)
    assert 'aria-sort="descending"><a href="/?bot=grid&sort=latency">Latency' in body
    assert 'name="sort" value="-latency"' in body


def test_the_list_says_how_many_match_on_all_its_pages(
    site: Site, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for second in range(4):
        ledger.cancel(at=second, bot="a" if second else "b")
    monkeypatch.setattr(bounded, "MOST", 3)
    said = {path: text(site, path) for path in ("/?limit=2", "/?limit=2&bot=a", "/", "/?bot=b")}
    assert "more than 3 attempts on this page 2 :" in said["/?limit=2"]
    assert " 3 attempts on this page 2 :" in said["/?limit=2&bot=a"]
    # What is on one page is counted already.
    assert "4 attempts 0 failed" in said["/"]
    assert "1 attempt 0 failed" in said["/?bot=b"]


def test_an_order_that_looks_at_the_newest_says_so(
    site: Site, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.cancel("unknown", at=0)
    for second in range(1, 5):
        ledger.cancel(at=second)
    monkeypatch.setattr(bounded, "MOST", 3)
    monkeypatch.setattr(bounded, "LOOKED_AT", 2)
    assert "more than 3 attempts; sorted are the newest 3 of them" in text(site, "/?sort=latency")
    assert "those among the newest 2" in text(site, "/?sort=latency&latency-over=1ms")
    nothing = text(site, "/?sort=latency&outcome=unknown&bot=grid")
    assert "None is among the newest attempts" in nothing
    assert "on record matches" not in nothing


def test_the_unresolved_are_those_and_the_longest_waiting_comes_first(
    site: Site, ledger: Ledger
) -> None:
    ledger.cancel()
    ids = [ledger.cancel("unknown", at=1), ledger.cancel(None, at=2)]
    ledger.reconcile(ledger.cancel("unknown", at=3), "canceled")
    assert ids == shown(site, "/unresolved")
    assert ids == [row["cancel_id"] for row in site.ask("/api/unresolved").json["cancels"]]


@pytest.mark.parametrize("name", ["order_id", "client_order_id"])
def test_a_cancel_is_found_by_its_order(site: Site, ledger: Ledger, name: str) -> None:
    cancel_id = ledger.cancel(**{name: "my order/1"})
    assert cancel_id in site.page("/cancels/my%20order%2F1").body


def test_an_order_that_was_cancelled_twice_is_a_choice(site: Site, ledger: Ledger) -> None:
    ids = [ledger.cancel(order_id="9") for _ in range(2)]
    assert sorted(ids) == shown(site, "/cancels/9")
    answer = site.ask("/api/cancels/9")
    assert [answer.status, sorted(answer.json["cancel_ids"])] == [300, sorted(ids)]


@pytest.mark.parametrize("name", ["none", "01a2", "%00", "%FF", "..%2F..%2Fetc", "x" * 3000])
def test_an_id_that_is_not_on_record_is_not_found(site: Site, name: str) -> None:
    assert site.page(f"/cancels/{name}").status == 404
    assert "error" in site.ask(f"/api/cancels/{name}").json


def test_a_page_that_does_not_exist_is_not_found_in_words(site: Site) -> None:
    answer = site.page("/nothing")
    assert answer.status == 404
    assert "<h1>Not found</h1>" in answer.body


def test_the_json_of_a_cancel_is_what_audit_show_prints(
    site: Site, ledger: Ledger, run, url: str
) -> None:
    cancel_id = ledger.cancel(body='{"orderId": "4"}')
    arguments = ("audit", "show", cancel_id, "--format", "json", "--database-url", url)
    assert (
        json.loads(run(*arguments).stdout) == site.ask(f"/api/cancels/{cancel_id}").json["events"]
    )


def test_the_json_of_the_list_is_what_audit_list_prints(
    site: Site, ledger: Ledger, run, url: str
) -> None:
    for second, outcome in enumerate(Outcome):
        ledger.cancel(None if outcome is Outcome.PENDING else outcome.value, at=second)
    lines = run("audit", "list", "--format", "jsonl", "--database-url", url).stdout.splitlines()
    assert [json.loads(line) for line in lines] == site.ask("/api/cancels").json["cancels"]


def test_a_changed_event_is_told_on_its_page(site: Site, ledger: Ledger, path: Path) -> None:
    cancel_id = ledger.cancel()
    assert "the chain holds" in site.page(f"/cancels/{cancel_id}").body
    tamper(path, "UPDATE cancel_audit SET payload = replace(payload, 'LTC/BTC', 'XRP/BTC')")
    assert "The chain is broken here" in site.page(f"/cancels/{cancel_id}").body


def test_data_of_others_is_text_and_nothing_else(site: Site, ledger: Ledger) -> None:
    evil = "<script>alert(1)</script>\x1b[31m\u202egnp.exe\x00"
    cancel_id = ledger.cancel(
        "rejected",
        bot="<b>bot</b>",
        answer={"venue_message": evil, "venue_code": '"><img src=x>'},
        body='{"msg": "</pre><script>alert(2)</script>"}',
    )
    for page in ("/", f"/cancels/{cancel_id}", "/?outcome=rejected"):
        body = site.page(page).body
        assert "alert(" in unescape(body) or page == "/"
        assert [
            mark
            for mark in ("<script>alert", "<img src=x", "<b>bot", "\x1b", "\u202e")
            if mark in body
        ] == []
        assert "\\u202e" in body


def test_the_search_is_escaped_where_it_is_said_again(site: Site) -> None:
    body = site.page('/?symbol="><script>alert(1)</script>&since=<img>').body
    assert "<script>alert" not in body
    assert "<img>" not in body


# -- one cancel


@pytest.fixture
def twice(ledger: Ledger) -> str:
    """A cancel whose first attempt nobody knows the end of."""
    timeout = {"error_type": "RequestTimeout", "http_status": None}
    cancel_id = ledger.cancel("unknown", at=0, order_id="a&b", answer=timeout)
    ledger.cancel("canceled", at=5, cancel_id=cancel_id, attempt=2, order_id="a&b")
    return cancel_id


def test_the_head_of_a_cancel_says_of_each_attempt_what_the_list_says(
    site: Site, twice: str
) -> None:
    head = text(site, f"/cancels/{twice}").split(" The bot ")[0]
    assert head.endswith(f"Cancel {twice} attempt 1 ? unknown attempt 2 ✓ canceled")


def test_a_cancel_is_told_in_a_sentence_and_what_to_do(site: Site, twice: str) -> None:
    said = text(site, f"/cancels/{twice}")
    assert "asked to cancel order a&b on LTC/BTC at 2026-11-23 12:00:00.000 UTC; after 2" in said
    assert f"Ask MEXC what became of it: mexc-plugin audit reconcile --cancel-id {twice}" in said


def test_a_cancel_leads_to_its_order_its_bot_and_its_symbol(site: Site, twice: str) -> None:
    body = unescape(site.page(f"/cancels/{twice}").body)
    links = re.findall(r'<a href="(/\?[^"]*)">Same', body)
    assert links == ["/?order-id=a%26b", "/?bot=grid", "/?symbol=LTC%2FBTC"]
    assert [set(shown(site, link)) for link in links] == [{twice}] * 3


def test_what_is_said_above_the_events_is_not_said_again(site: Site, ledger: Ledger) -> None:
    answer = {"side": "BUY", "price": "0.5", "order_status": "CANCELED"}
    cancel_id = ledger.cancel(answer=answer)
    body = site.page(f"/cancels/{cancel_id}").body
    assert [body.count(f"<dd>{word}") for word in ("BUY", "0.5", "spot", "CANCELED")] == [1] * 4
    assert "<summary>" in body
    assert '<details class="raw" open>' in body
    assert '<details class="raw">' not in body


def test_an_answer_that_never_came_is_no_response(site: Site, ledger: Ledger) -> None:
    common = {"cancel_id": str(uuid7()), "attempt": 1, "order_id": "4"}
    ledger.store(
        ledger.seal(kind="request", **common),
        ledger.seal(kind="response", outcome="unknown", error_type="RequestTimeout", **common),
    )
    heads = re.findall(r"<h2>([A-Z][a-z ]+)", site.page(f"/cancels/{common['cancel_id']}").body)
    assert [head.strip() for head in heads] == ["Request", "No answer"]


@pytest.mark.parametrize(
    ("came", "back"),
    [
        ("/?bot=grid&sort=bot", "/?bot=grid&sort=bot"),
        ("/unresolved", "/unresolved"),
        ("/charts?span=7d", "/"),
        ("/cancels/4", "/"),
        ('/"><script>', "/"),
    ],
)
def test_a_cancel_leads_back_to_the_list_that_led_to_it(
    site: Site, ledger: Ledger, came: str, back: str
) -> None:
    path = f"/cancels/{ledger.cancel()}"
    body = unescape(site.page(path, Referer=f"{site.url}{came}").body)
    assert f'<a href="{back}">← ' in body


def test_a_page_from_elsewhere_is_not_led_back_to(site: Site, ledger: Ledger) -> None:
    body = site.page(f"/cancels/{ledger.cancel()}", Referer="https://example.org/?bot=x").body
    assert '<a href="/">← All cancels' in body


# -- an empty chart


def test_an_empty_chart_says_when_the_newest_cancel_was_and_leads_to_it(
    site: Site, ledger: Ledger
) -> None:
    long_ago = time.time() - NOON / SECOND - 40 * 86_400
    ledger.cancel(at=long_ago - 5, bot="b")
    cancel_id = ledger.cancel(at=long_ago, bot="a")
    ledger.cancel(at=long_ago + 5, bot="c")
    body = unescape(site.page("/charts?bot=a&bot=b").body)
    assert shown(site, "/charts?bot=a&bot=b") == [cancel_id]
    assert 'href="/charts?span=90d&bot=a&bot=b">Show 90 days' in body
    assert "No cancel on record matches" in site.page("/charts?bot=nobody").body


# -- how a page looks


@pytest.mark.parametrize(
    ("cookie", "attributes"),
    [
        ("mexc-plugin-theme=dark", ' data-theme="dark"'),
        (
            "mexc-plugin-rows=compact; mexc-plugin-theme=light",
            ' data-theme="light" data-rows="compact"',
        ),
        ('mexc-plugin-theme="><script>; mexc-plugin-rows=none', ""),
    ],
)
def test_a_page_comes_as_the_browser_wants_to_have_it(
    site: Site, cookie: str, attributes: str
) -> None:
    assert f'<html lang="en"{attributes}>' in site.page("/", Cookie=cookie).body


# -- the database


def test_a_database_that_went_away_is_a_page_that_says_so(site: Site, path: Path) -> None:
    path.unlink()
    answer = site.page("/")
    assert answer.status == 503
    assert "there is no audit database" in answer.body
    assert site.ask("/api/cancels").status == 503
    assert [site.ask("/healthz").status, site.ask("/healthz").json] == [
        503,
        {"status": "no record"},
    ]


@pytest.mark.parametrize("table", ["cancel_history", "cancel_audit"])
def test_the_server_is_not_well_when_what_the_pages_read_is_gone(
    site: Site, ledger: Ledger, path: Path, table: str
) -> None:
    ledger.cancel()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA legacy_alter_table = 1")
        connection.execute(f"ALTER TABLE {table} RENAME TO elsewhere")
    assert site.ask("/healthz").status == 503


def test_a_chart_since_long_ago_begins_with_the_venue(site: Site, ledger: Ledger) -> None:
    ledger.cancel()
    stats = site.ask("/api/stats?span=all&since=0001-01-01").json
    assert stats["periods"][0]["period"] == "2018-01"


def test_a_database_of_a_newer_version_is_a_page_that_names_the_way_out(
    site: Site, path: Path
) -> None:
    tamper(path, "UPDATE cancel_audit_version SET version_num = '9999'")
    answer = site.page("/")
    assert answer.status == 503
    assert html.escape(distributions.upgrade_command()) in answer.body


def test_the_server_is_well_when_the_record_can_be_read(site: Site) -> None:
    answer = site.ask("/healthz")
    assert [answer.status, answer.json] == [200, {"status": "ok"}]


def test_no_page_can_write_to_the_record(site: Site, ledger: Ledger, path: Path) -> None:
    cancel_id = ledger.cancel()
    before = path.read_bytes()
    for page in ("/", "/unresolved", "/charts", f"/cancels/{cancel_id}", "/api/stats"):
        assert site.page(page).status == 200
    assert path.read_bytes() == before


# -- watching


def states(site: Site, seconds: float) -> list[dict]:
    """What a watcher is told meanwhile."""
    found = []
    until = time.monotonic() + seconds
    with site.opened("/events") as answer:
        while time.monotonic() < until and not found[1:]:
            line = answer.readline().decode()
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
    return found


def test_who_watches_is_told_of_a_new_cancel(site: Site, ledger: Ledger) -> None:
    site.page("/")
    cancelling = threading.Timer(0.5, ledger.cancel)
    cancelling.start()
    told = states(site, 9)
    cancelling.join()
    assert [state["trouble"] for state in told] == [None, None]
    assert told[0]["version"] != told[1]["version"]


def test_many_who_watch_are_told_by_one_poller(site: Site, ledger: Ledger) -> None:
    watchers = 20
    told: list[list[dict]] = []
    threads = [
        threading.Thread(target=lambda: told.append(states(site, 9))) for _ in range(watchers)
    ]
    site.page("/")
    for thread in threads:
        thread.start()
    time.sleep(1)
    ledger.cancel()
    for thread in threads:
        thread.join()
    assert {tuple(state["version"] for state in found) for found in told} == {
        tuple(state["version"] for state in told[0])
    }
    assert [len(found) for found in told] == [2] * watchers


def test_a_database_that_goes_and_comes_back_is_told(site: Site, path: Path) -> None:
    moved = path.with_suffix(".away")
    site.page("/")
    with site.opened("/events") as answer:

        def told() -> dict:
            while not (line := answer.readline().decode()).startswith("data: "):
                pass
            return json.loads(line.removeprefix("data: "))

        assert told()["trouble"] is None
        path.rename(moved)
        assert str(path) in told()["trouble"]
        assert not path.exists()
        moved.rename(path)
        while told()["trouble"]:
            pass


def test_a_watcher_who_does_not_read_holds_nobody_up(site: Site, ledger: Ledger) -> None:
    with closing(socket.create_connection((HOST, site.port))) as idle:
        idle.sendall(f"GET /events HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        for second in range(5):
            cancel_id = ledger.cancel(at=second)
            assert shown(site)[0] == cancel_id


def test_the_server_ends_although_somebody_watches(serve: Serve, url: str) -> None:
    with served(url) as site, site.opened("/events") as answer:
        answer.readline()
    # `served` has checked that the server's thread came to its end.


# -- for Prometheus


def test_metrics_are_those_of_the_record(site: Site, ledger: Ledger) -> None:
    ledger.cancel("unknown")
    answer = site.ask("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = [line for line in answer.body.splitlines() if not line.startswith("#")]
    assert 'mexc_plugin_unresolved_attempts{outcome="unknown"} 1.0' in found
    assert "mexc_plugin_record_readable 1.0" in found


def test_metrics_of_a_record_that_is_gone_say_so_and_are_answered(
    serve: Serve, tmp_path: Path
) -> None:
    site = serve(record=f"sqlite:///{tmp_path / 'none.db'}")
    answer = site.ask("/metrics")
    assert (answer.status, answer.body.splitlines()[-1]) == (200, "mexc_plugin_record_readable 0.0")


def test_metrics_want_the_token(serve: Serve, ledger: Ledger) -> None:
    ledger.cancel()
    site = serve(token="a-token-of-enough-characters")
    given = site.ask("/metrics", Authorization="Bearer a-token-of-enough-characters")
    assert [site.ask("/metrics").status, given.status] == [401, 200]
