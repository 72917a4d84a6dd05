"""The pages in a real browser: light, dark, on a telephone, and with the keyboard alone."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.sandbox import Sandbox
from tests.browser import DESKTOP, PHONE, WIDE, Browse, Visit
from tests.cli.conftest import Ledger

from . import scene
from .conftest import Serve, Site, served

ROWS = "#rows tbody tr"
TOKEN = "a token of enough characters"
LOOKS = [("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE), ("dark", PHONE), ("dark", WIDE)]
EVIL = "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>\x1b[2J\u202edne"
# Where to keep those pictures of the pages that the documents show.
PICTURES = os.environ.get("MEXC_PLUGIN_PICTURES")
SHOWN = (
    "serve-list-light-1280",
    "serve-list-dark-390",
    "serve-cancel-light-1280",
    "serve-charts-dark-1280",
)


@pytest.fixture
def ids(ledger: Ledger) -> list[str]:
    """Cancels of every outcome, the newest last."""
    found = []
    for second, outcome in enumerate(Outcome):
        found.append(
            ledger.cancel(
                None if outcome is Outcome.PENDING else outcome.value,
                at=second,
                order_id=f"C02__44567789123456{second:03}",
                answer={"side": "BUY", "amount": "1.50000000", "price": "0.00212300"}
                | ({"venue_code": "-2011", "venue_message": EVIL} if second == 4 else {}),
                body='{"symbol": "LTCBTC", "status": "CANCELED"}',
            )
        )
    return found


def focused(visit: Visit) -> str:
    """What has the focus: its name for people, or its text."""
    return str(
        visit.page.evaluate(
            "(e => (e.labels?.[0]?.textContent ?? e.textContent).trim().replace(/\\s+/g, ' '))"
            "(document.activeElement)"
        )
    )


def is_live(visit: Visit) -> None:
    expect(visit.page.locator("#live-words")).to_have_text("live")


def picture(visit: Visit, name: str) -> None:
    if PICTURES and name in SHOWN:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        visit.page.evaluate("scrollTo(0, 0)")
        visit.page.screenshot(path=Path(PICTURES, f"{name}.png"))


@pytest.fixture(scope="module")
def day(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, str]]:
    """A day of a few bots, served; and the id of a cancel in it. Charts are drawn once."""
    path = tmp_path_factory.mktemp("day") / "audit.db"
    shutil.copy(prepared, path)
    events = scene.fill(Ledger(f"sqlite:///{path}"))
    with served(f"sqlite:///{path}") as site:
        yield site, max(events, key=lambda cancel_id: events[cancel_id])


@pytest.mark.parametrize(("scheme", "size"), LOOKS)
def test_every_page_is_whole_in_light_and_dark_on_a_desk_and_a_telephone(
    day: tuple[Site, str], browse: Browse, scheme: str, size: tuple[int, int]
) -> None:
    site, cancel_id = day
    visit = browse(site.url, scheme=scheme, size=size)
    pages = {
        "list": "/",
        "cancel": f"/cancels/{cancel_id}",
        "unresolved": "/unresolved",
        "charts": "/charts",
        "nowhere": "/nothing",
        "nonsense": "/?since=never",
    }
    for name, path in pages.items():
        visit.page.goto(site.url + path)
        if name == "list":
            is_live(visit)
        for image in visit.page.locator("main img").all():
            image.scroll_into_view_if_needed()
            image.evaluate("image => image.decode()")
        picture(visit, f"serve-{name}-{scheme}-{size[0]}")
        # That the answer to nonsense was an error is the browser's to say in its console.
        visit.errors = [error for error in visit.errors if "status of 40" not in error]
        visit.expect_whole()
    colour = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(re.findall(r"\d+", str(colour))[0])
    assert (red < 128) == (scheme == "dark")


def test_nothing_is_asked_of_anybody_else(site: Site, browse: Browse, ids: list[str]) -> None:
    visit = browse(site.url)
    is_live(visit)
    assert all(url.startswith(site.url) for url in visit.requests)
    assert len(visit.requests) > 3


@pytest.mark.parametrize("page", ["list", "detail"])
def test_data_of_others_is_shown_and_not_obeyed(
    site: Site, browse: Browse, ids: list[str], page: str
) -> None:
    visit = browse(site.url if page == "list" else f"{site.url}/cancels/{ids[4]}")
    text = visit.page.inner_text("main")
    assert "<script>document.title = 'owned'</script>" in text
    assert "\\x1b[2J\\u202edne" in text
    assert "owned" not in visit.page.title()
    visit.expect_whole()


def test_a_new_cancel_of_a_bot_appears_by_itself(
    site: Site, browse: Browse, sandbox: Sandbox, url: str
) -> None:
    from mexc_plugin import mexc
    from mexc_plugin.store.write import recorders

    visit = browse(site.url)
    is_live(visit)
    order_id = sandbox.place("LTCBTC", "BUY", "1", "0.002")
    options = {"audit": {"url": url, "bot": "grid-7"}}
    bot = mexc(sandbox.ccxt_config() | {"options": options})
    bot.cancel_order(order_id, "LTC/BTC")
    expect(visit.page.locator(ROWS)).to_have_count(1)
    row = visit.page.locator(ROWS)
    row.locator(".outcome.acknowledged").wait_for()
    assert {"LTC/BTC", order_id, "grid-7"} <= set(row.inner_text().split())
    assert "fresh" in str(row.get_attribute("class"))
    bot.session.close()
    recorders.close_all()
    visit.expect_whole()


def test_what_is_found_out_later_appears_by_itself_too(
    site: Site, browse: Browse, ledger: Ledger
) -> None:
    cancel_id = ledger.cancel("unknown")
    visit = browse(site.url)
    is_live(visit)
    ledger.reconcile(cancel_id, "canceled")
    visit.page.locator("#rows .outcome.acknowledged").wait_for()


def test_rows_that_come_obey_the_filters(site: Site, browse: Browse, ledger: Ledger) -> None:
    visit = browse(f"{site.url}/?bot=mine")
    is_live(visit)
    ledger.cancel(at=0, bot="yours")
    mine = ledger.cancel(at=1, bot="mine")
    expect(visit.page.locator(ROWS)).to_have_count(1)
    assert mine in str(visit.page.get_attribute("#rows tbody a", "href"))


def test_new_rows_do_not_take_the_focus_away(site: Site, browse: Browse, ledger: Ledger) -> None:
    first = ledger.cancel(at=0)
    visit = browse(site.url)
    is_live(visit)
    visit.page.keyboard.press("j")
    ledger.cancel(at=1)
    expect(visit.page.locator(ROWS)).to_have_count(2)
    assert first in str(visit.page.evaluate("document.activeElement.getAttribute('href')"))


def test_pausing_holds_the_rows_still_until_it_is_undone(
    site: Site, browse: Browse, ledger: Ledger
) -> None:
    visit = browse(site.url)
    is_live(visit)
    visit.page.get_by_role("button", name="Pause").click()
    ledger.cancel()
    visit.page.wait_for_timeout(1_500)
    assert visit.page.locator(ROWS).count() == 0
    expect(visit.page.locator("#live-words")).to_have_text("paused")
    visit.page.get_by_role("button", name="Pause").click()
    visit.page.locator(ROWS).wait_for()


def test_a_server_that_was_restarted_is_found_again(
    serve: Serve, browse: Browse, ledger: Ledger, url: str
) -> None:
    with served(url) as first:
        visit = browse(first.url)
        is_live(visit)
    expect(visit.page.locator("#live")).to_have_attribute("data-state", "off")
    ledger.cancel()
    serve(port=first.port)
    visit.page.locator(ROWS).wait_for()
    is_live(visit)
    visit.errors.clear()  # the browser says that it could not connect


def test_the_keyboard_alone_filters_opens_and_turns(
    site: Site, browse: Browse, ids: list[str]
) -> None:
    visit = browse(site.url)
    keys = visit.page.keyboard
    keys.press("Tab")
    assert focused(visit) == "Skip to the content"
    order = []
    for _ in range(14):
        keys.press("Tab")
        order.append(focused(visit))
    names = ["Cancels", "Unresolved", "Charts", "Pause", "Symbol", "Order id", "Bot", "Since"]
    assert [name for name in order if name in names] == names
    keys.press("Escape")
    keys.press("/")
    assert focused(visit) == "Symbol"
    keys.type("ltc/btc")
    keys.press("Enter")
    visit.page.wait_for_url("**/?symbol=ltc%2Fbtc")
    keys.press("j")
    keys.press("j")
    keys.press("k")
    keys.press("Enter")
    visit.page.wait_for_url(f"**/cancels/{ids[-1]}")
    assert visit.page.locator("h1").inner_text().startswith("Cancel ")


def test_the_skip_link_leads_past_the_navigation(site: Site, browse: Browse) -> None:
    visit = browse(site.url)
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.press("Enter")
    assert visit.page.evaluate("document.activeElement.id") == "main"


def test_what_has_the_focus_can_be_seen(site: Site, browse: Browse, ids: list[str]) -> None:
    visit = browse(site.url)
    unseen = []
    for _ in range(25):
        visit.page.keyboard.press("Tab")
        style = "(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2)"
        if not visit.page.evaluate(f"{style}(getComputedStyle(document.activeElement))"):
            unseen.append(focused(visit))
    assert unseen == []


@pytest.mark.parametrize("page", ["/", "/unresolved", "/charts", "/cancels/4", "/nothing"])
def test_everything_has_a_name_for_who_does_not_see_it(
    site: Site, browse: Browse, ledger: Ledger, page: str
) -> None:
    ledger.cancel("unknown")
    visit = browse(site.url + page)
    nameless = visit.page.evaluate(
        """[...document.querySelectorAll("a, button, input:not([type=hidden]), summary, img, table, svg")]
           .filter((e) => !e.closest("[aria-hidden=true]"))
           .filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length
                            || e.hasAttribute("alt") || e.getAttribute("aria-labelledby")))
           .map((e) => e.outerHTML)"""
    )
    assert nameless == []
    counts = [visit.page.locator(name).count() for name in ("h1", "main", "html[lang]")]
    assert counts == [1, 1, 1]
    visit.errors = [error for error in visit.errors if "status of 404" not in error]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(
    site: Site, browse: Browse, ids: list[str], scheme: str
) -> None:
    """WCAG AA: 4.5 to 1, for every text that the list shows."""
    visit = browse(site.url, scheme=scheme)
    weak = visit.page.evaluate(
        """() => {
          const parse = (c) => c.match(/[\\d.]+/g).map(Number);
          const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
            .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
          const ground = (e) => {
            for (; e; e = e.parentElement) {
              const c = parse(getComputedStyle(e).backgroundColor);
              if (c.length === 3 || c[3] === 1) return c;
            }
            return [255, 255, 255];
          };
          const weak = [];
          for (const e of document.querySelectorAll("body *")) {
            const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
            if (!own || e.closest(".unseen")) continue;
            const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))];
            const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
            if (ratio < 4.5) weak.push([e.className, e.textContent.trim().slice(0, 20), ratio]);
          }
          return weak;
        }"""
    )
    assert weak == []


def test_without_scripts_everything_but_the_live_rows_is_there(
    site: Site, browse: Browse, ids: list[str]
) -> None:
    visit = browse(site.url, javascript=False)
    assert not visit.page.locator("#live").is_visible()
    visit.page.get_by_label("Symbol").fill("LTC/BTC")
    visit.page.get_by_label("unresolved").check()
    visit.page.get_by_role("button", name="Filter").click()
    assert visit.page.locator(ROWS).count() == 2
    visit.page.locator("#rows tbody a").first.click()
    assert visit.page.locator("h1").inner_text().endswith(ids[-1])


@pytest.mark.parametrize("javascript", [True, False])
def test_a_row_is_a_link_from_end_to_end(
    site: Site, browse: Browse, ids: list[str], javascript: bool
) -> None:
    visit = browse(site.url, javascript=javascript)
    answer = visit.page.locator(ROWS).first.locator(".answer")
    with visit.page.context.expect_page() as opened:
        answer.click(button="middle", force=True)  # the link lies over it
    assert opened.value.url.endswith(ids[-1])
    visit.page.locator(ROWS).nth(1).locator(".bot").click(force=True)
    visit.page.wait_for_url(f"**/cancels/{ids[-2]}")
    visit.page.get_by_text("Back to the list").click()
    visit.page.wait_for_url(f"{site.url}/")


def test_compact_rows_and_a_theme_stay_as_they_were_chosen(
    site: Site, browse: Browse, ids: list[str]
) -> None:
    visit = browse(site.url)

    def height() -> float:
        return float(visit.page.locator("table.rows").bounding_box()["height"])  # type: ignore[index]

    def ground() -> str:
        return str(visit.page.evaluate("getComputedStyle(document.body).backgroundColor"))

    roomy, light = height(), ground()
    visit.page.keyboard.press("c")
    visit.page.keyboard.press("t")
    visit.page.reload()
    assert (height() < roomy * 0.7, ground() != light) == (True, True)
    compact = visit.page.get_by_role("button", name="Compact")
    assert compact.get_attribute("aria-pressed") == "true"
    visit.expect_whole()
    compact.click()
    visit.page.get_by_role("button", name="Light").click()
    assert visit.page.evaluate("document.cookie") == ""
    visit.page.reload()
    assert (height(), ground()) == (roomy, light)


def test_a_picture_has_the_theme_that_was_chosen(day: tuple[Site, str], browse: Browse) -> None:
    def seen(visit: Visit) -> bytes:
        picture = visit.page.locator("main img").first
        picture.evaluate("image => image.decode()")
        visit.page.wait_for_timeout(300)
        return picture.screenshot()

    url = f"{day[0].url}/charts"
    light, dark = browse(url), browse(url, scheme="dark")
    assert seen(light) != seen(dark)
    light.page.keyboard.press("t")
    assert seen(light) == seen(dark)


def test_a_question_mark_shows_the_keys(site: Site, browse: Browse) -> None:
    visit = browse(site.url)
    keys = visit.page.get_by_role("dialog")
    visit.page.keyboard.press("?")
    assert "to the filters" in keys.inner_text()
    visit.page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    visit.page.get_by_role("button", name="Keys").click()
    visit.page.get_by_role("button", name="Close").click()
    expect(keys).to_be_hidden()
    visit.expect_whole()


@pytest.mark.parametrize("javascript", [True, False])
def test_on_a_telephone_the_filters_are_folded_away(
    site: Site, browse: Browse, ids: list[str], javascript: bool
) -> None:
    visit = browse(f"{site.url}/?bot=grid", size=PHONE, javascript=javascript)
    symbol = visit.page.get_by_label("Symbol")
    expect(symbol).to_be_hidden()
    visit.page.get_by_text("Filters (1)").click()
    symbol.fill("LTC/BTC")
    visit.page.get_by_role("button", name="Filter").click()
    visit.page.wait_for_url("**symbol=LTC%2FBTC**")
    visit.page.get_by_role("link", name="Latency").click()
    visit.page.wait_for_url("**sort=-latency**")
    visit.expect_whole()


def test_the_mouse_that_rests_on_a_time_is_told_it_in_its_own_zone(
    site: Site, browse: Browse, ledger: Ledger
) -> None:
    cancel_id = ledger.cancel()
    visit = browse(site.url, timezone_id="Europe/Berlin")
    visit.page.locator(".when time").hover()
    link = visit.page.locator(".when a")
    assert link.get_attribute("title") == "2026-11-23 13:00:00 CET, your time"
    assert "Times are UTC" in visit.page.locator("header").inner_text()
    visit.page.goto(f"{site.url}/cancels/{cancel_id}")
    time = visit.page.locator("main time").first
    time.hover()
    assert str(time.get_attribute("title")).startswith("2026-11-23 13:00:00")


@pytest.mark.parametrize("page", ["/", "/charts", "/cancels/none"])
def test_the_foot_of_a_page_is_at_its_foot(site: Site, browse: Browse, page: str) -> None:
    visit = browse(site.url + page)
    box = visit.page.locator("footer").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] == DESKTOP[1]
    visit.errors = [error for error in visit.errors if "status of 404" not in error]


def test_logging_in_with_the_keyboard_leads_to_where_one_was_going(
    serve: Serve, browse: Browse
) -> None:
    site = serve(TOKEN)
    visit = browse(f"{site.url}/unresolved")
    assert visit.page.title().startswith("Log in")
    keys = visit.page.keyboard
    keys.type("wrong")
    keys.press("Enter")
    visit.page.get_by_role("alert").wait_for()
    visit.errors.clear()  # the browser says that the answer was 401
    visit.page.get_by_label("Token").fill(TOKEN)
    keys.press("Enter")
    visit.page.wait_for_url("**/unresolved")
    assert TOKEN not in visit.page.content()
    assert visit.page.evaluate("document.cookie") == ""
    visit.page.get_by_role("button", name="Log out").click()
    visit.page.goto(site.url)
    assert "/login" in visit.page.url
    visit.expect_whole()


def selected(visit: Visit) -> str:
    return str(visit.page.evaluate("getSelection().toString()")).strip()


def test_text_of_a_row_can_be_selected(site: Site, browse: Browse, ids: list[str]) -> None:
    visit = browse(site.url)
    row = visit.page.locator(ROWS).first
    row.locator(".order .id").dblclick()
    assert selected(visit).startswith("C02__")
    for cell in (".bot", ".order .symbol"):
        box = row.locator(cell).bounding_box()
        assert box is not None
        visit.page.mouse.move(box["x"] + 1, box["y"] + 8)
        visit.page.mouse.down()
        visit.page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 8, steps=4)
        visit.page.mouse.up()
        assert selected(visit) in row.locator(cell).inner_text()
        assert selected(visit)
    visit.page.wait_for_timeout(400)
    assert visit.page.url == f"{site.url}/"
    row.locator(".answer").click()  # what is not selected any more opens
    visit.page.wait_for_url(f"**/cancels/{ids[-1]}")


def test_rows_that_come_leave_what_is_selected(
    site: Site, browse: Browse, ids: list[str], ledger: Ledger
) -> None:
    visit = browse(site.url)
    is_live(visit)
    visit.page.locator(ROWS).first.locator(".bot").dblclick()
    chosen = selected(visit)
    cancel_id = ledger.cancel("canceled", at=99)
    visit.page.wait_for_timeout(1500)
    assert (selected(visit), visit.page.locator(ROWS).count()) == (chosen, len(ids))
    visit.page.locator("h1").click()
    visit.page.locator(f'[data-key="{cancel_id} 1"]').wait_for()


@pytest.mark.parametrize("button", ["middle", "left"])
def test_a_row_opens_in_a_tab_of_its_own(
    site: Site, browse: Browse, ids: list[str], button: str
) -> None:
    visit = browse(site.url)
    keys = ["Control"] if button == "left" else []
    with visit.page.context.expect_page() as opened:
        visit.page.locator(ROWS).first.locator(".bot").click(button=button, modifiers=keys)  # type: ignore[arg-type]
    assert opened.value.url.endswith(ids[-1])
    assert visit.page.url == f"{site.url}/"


def test_a_fact_stands_once_on_the_page_of_a_cancel(day: tuple[Site, str], browse: Browse) -> None:
    visit = browse(f"{day[0].url}/cancels/{day[1]}")
    names = visit.page.locator(".changes dt, .facts dt").all_inner_texts()
    assert not {"method", "path", "http status"} & set(names)
    assert "method: DELETE" in visit.page.locator("pre").first.inner_text()
