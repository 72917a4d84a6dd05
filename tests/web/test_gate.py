"""Who may ask: the decisions, and that a server keeps to them."""

import time

import pytest

from mexc_plugin.review.web import login
from mexc_plugin.review.web.access.gate import COOKIE, SESSION_S, Asked, Gate, host_name
from mexc_plugin.review.web.access.middleware import HEADERS

from .conftest import Serve, Site

TOKEN = "a token of enough characters"
SAME = {"sec-fetch-site": "same-origin"}
LINK = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def refused(gate: Gate, method: str = "GET", path: str = "/", cookie: str = "", **headers: str):
    given = {"host": "127.0.0.1:8640"} | {k.replace("_", "-"): v for k, v in headers.items()}
    refusal = gate.refusal(Asked(method, path, given, {COOKIE: cookie}))
    return None if refusal is None else int(refusal.status)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost:1", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]:8640", "::1"),
        ("LOCALHOST", "localhost"),
        ("", None),
        ("a@localhost", None),
        ("localhost/x", None),
        ("localhost:99999", None),
        ("[::1", None),
    ],
)
def test_the_name_of_a_host_header_is_read_or_refused(host: str, name: str | None) -> None:
    assert name == host_name(host)


@pytest.mark.parametrize("host", ["localhost:9", "127.0.0.1:1", "[::1]", "localhost"])
def test_this_machine_may_ask_under_any_port(host: str) -> None:
    assert refused(Gate(), host=host) is None


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", ""])
def test_a_name_of_others_is_refused_where_no_token_is_asked_for(host: str) -> None:
    assert refused(Gate(), host=host) == 421


def test_with_a_token_any_name_will_do_and_the_token_is_asked_for() -> None:
    assert refused(Gate(TOKEN), host="audit.example") == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_but_reading_is_answered(method: str) -> None:
    assert refused(Gate(), method) == 405


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_logging_in_and_out_are_posted(path: str) -> None:
    assert refused(Gate(), "POST", path, cookie="") is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (SAME, None),
        ({"sec-fetch-site": "none"}, None),
        (LINK, None),
        (LINK | {"sec-fetch-dest": "iframe"}, 403),
        (LINK | {"sec-fetch-mode": "cors"}, 403),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}, 403),
        ({"origin": "http://127.0.0.1:8640"}, None),
        ({"origin": "http://127.0.0.1:8641"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_other_sites_may_link_here_and_nothing_else(headers: dict[str, str], status: int) -> None:
    assert status == refused(Gate(), **headers)


def test_a_form_of_another_site_cannot_log_in() -> None:
    assert refused(Gate(TOKEN), "POST", "/login", **LINK) == 403


@pytest.mark.parametrize("path", ["/", "/cancels/x", "/api/cancels", "/events", "/charts"])
def test_with_a_token_everything_of_the_record_needs_it(path: str) -> None:
    assert refused(Gate(TOKEN), path=path) == 401


@pytest.mark.parametrize("path", ["/login", "/healthz", "/static/page.css"])
def test_what_is_not_of_the_record_does_not(path: str) -> None:
    assert refused(Gate(TOKEN), path=path) is None


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKEN}", None),
        (f"bearer {TOKEN}", None),
        (f"Bearer {TOKEN}x", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        ("Bearer ", 401),
        ("Bearer \udcff", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
    ],
)
def test_a_bearer_is_let_in_by_the_whole_token_only(authorization: str, status: int) -> None:
    assert status == refused(Gate(TOKEN), authorization=authorization)


def test_a_session_holds_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(TOKEN)
    given = gate.session()
    begun = time.time()
    known = []
    for passed in (0, SESSION_S - 10, SESSION_S + 10):
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda now=begun + passed: now)
            known.append(gate.knows(given))
    assert known == [True, True, False]
    assert refused(gate, cookie=given) is None


@pytest.mark.parametrize(
    "change", [lambda s: "9" + s, lambda s: s[:-1], lambda s: "x." + s, str.upper]
)
def test_a_session_that_was_changed_is_not_known(change) -> None:
    gate = Gate(TOKEN)
    given = gate.session()
    assert change(given) != given
    assert not gate.knows(change(given))


def test_a_session_of_another_process_or_of_nobody_is_not_known() -> None:
    assert not Gate(TOKEN).knows(Gate(TOKEN).session())
    assert [Gate(TOKEN).knows(text) for text in ("", ".", "é.é", "1.")] == [False] * 4


def test_neither_the_token_nor_the_key_is_shown() -> None:
    gate = Gate(TOKEN)
    assert TOKEN not in repr(gate)
    assert repr(gate.signer) not in repr(gate)
    assert TOKEN not in gate.session()


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("/?symbol=LTC%2FBTC", "/?symbol=LTC%2FBTC"),
        ("/cancels/1", "/cancels/1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\r\nSet-Cookie: x", "/"),
        ("/logout", "/"),
        ("", "/"),
    ],
)
def test_a_login_leads_to_our_own_pages_only(target: str, meant: str) -> None:
    assert meant == login.local(target)


# -- served


def test_a_browser_without_a_session_is_led_to_the_form_and_back(serve: Serve) -> None:
    site = serve(TOKEN)
    first = site.page("/?symbol=LTC/BTC")
    assert [first.status, first.headers["location"]] == [
        303,
        "/login?next=%2F%3Fsymbol%3DLTC%2FBTC",
    ]
    assert 'value="/?symbol=LTC/BTC"' in site.page(first.headers["location"]).body
    entered = site.ask("/login", "POST", f"next=/%3Fbot=x&token={TOKEN.replace(' ', '+')}")
    assert [entered.status, entered.headers["location"]] == [303, "/?bot=x"]
    cookie = entered.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    assert site.page("/", Cookie=cookie.partition(";")[0]).status == 200


def test_a_wrong_token_is_told_and_gives_no_session(serve: Serve) -> None:
    answer = serve(TOKEN).ask("/login", "POST", "token=wrong", Accept="text/html")
    assert [answer.status, "set-cookie" in answer.headers] == [401, False]
    assert "not the token" in answer.body


@pytest.mark.parametrize("body", ["", "token", "token=" + "x" * 10_000, "&" * 100, "token=%ff%00"])
def test_nonsense_in_the_form_is_a_wrong_token(serve: Serve, body: str) -> None:
    assert serve(TOKEN).ask("/login", "POST", body).status == 401


def test_logging_out_takes_the_cookie_away(serve: Serve) -> None:
    answer = serve(TOKEN).ask("/logout", "POST")
    assert answer.status == 303
    assert "Max-Age=0" in answer.headers["set-cookie"]


def test_a_program_is_let_in_with_the_token_and_told_how_without(serve: Serve) -> None:
    site = serve(TOKEN)
    without = site.ask("/api/cancels")
    assert [without.status, without.headers["www-authenticate"]] == [401, "Bearer"]
    assert site.ask("/api/cancels", Authorization=f"Bearer {TOKEN}").json["cancels"] == []


def test_where_no_token_is_needed_there_is_no_form(site: Site) -> None:
    assert site.page("/login").headers["location"] == "/"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/cancels/x",
        "/?outcome=x",
        "/static/page.css",
        "/static/none",
        "/api/stats",
    ],
)
def test_every_answer_has_the_headers_that_keep_it_to_itself(site: Site, path: str) -> None:
    answer = site.page(path)
    assert HEADERS.items() <= {name: answer.headers.get(name.lower()) for name in HEADERS}.items()
    assert "cache-control" in answer.headers
    assert "server" not in answer.headers


def test_what_is_of_the_record_is_not_kept_by_browsers(site: Site) -> None:
    assert site.page("/").headers["cache-control"] == "no-store"


def test_a_page_from_elsewhere_cannot_read_the_record(site: Site) -> None:
    rebound = site.ask("/api/cancels", Host="evil.example")
    fetched = site.ask("/api/cancels", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="cors")
    assert [rebound.status, fetched.status] == [421, 403]
    assert "access-control-allow-origin" not in fetched.headers


def test_writing_is_refused_with_what_is_allowed(site: Site) -> None:
    answer = site.ask("/", "DELETE")
    assert [answer.status, answer.headers["allow"]] == [405, "GET, HEAD"]


@pytest.mark.parametrize(
    "path", ["/api/cancels%3F/login", "/healthz%3F/../api/cancels", "/login/../api/cancels"]
)
def test_an_escaped_path_does_not_lead_around_the_gate(serve: Serve, path: str) -> None:
    answer = serve(TOKEN).ask(path)
    assert answer.status in (401, 404)
    assert "cancels" not in answer.body


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py"]
)
def test_nothing_but_the_assets_is_below_static(site: Site, path: str) -> None:
    assert site.ask(path).status == 404


def test_the_token_is_in_no_answer_and_no_log(serve: Serve, capfd) -> None:
    site = serve(TOKEN)
    answers = [
        site.ask(path, Authorization=f"Bearer {TOKEN}", Accept="text/html")
        for path in ("/", "/unresolved", "/login", "/nothing", "/?outcome=x", "/healthz")
    ]
    answers.append(site.ask("/login", "POST", f"token={TOKEN.replace(' ', '+')}"))
    time.sleep(0.1)
    said = [str(capfd.readouterr()), *(str(answer) for answer in answers)]
    assert [text for text in said if TOKEN in text] == []
