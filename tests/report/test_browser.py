"""The report in a real browser: alone, in light and dark, on a phone, by keyboard, and on paper.

With MEXC_PLUGIN_PICTURES set to a folder, what it looks like is kept there, for the documents.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mexc_plugin.review import report, showing
from mexc_plugin.review.showing import KINDS, styled_as
from tests.browser import DESKTOP, PHONE, WIDE

from .conftest import HOSTILE

PICTURES = os.environ.get("MEXC_PLUGIN_PICTURES")


def rows(page):
    return page.locator("#table tbody tr").count()


@pytest.mark.parametrize(
    ("scheme", "size"), [("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE), ("dark", PHONE)]
)
def test_it_opens_whole_and_asks_nobody_for_anything(page, browse, scheme, size):
    visit = browse(page, scheme=scheme, size=size)
    visit.expect_whole()
    assert visit.requests == [page.as_uri()]
    assert rows(visit.page) == 100
    assert visit.page.locator("svg:visible").count() == 5


@pytest.mark.parametrize("size", [PHONE, DESKTOP, WIDE])
def test_the_table_of_rows_fits_its_card(page, browse, size):
    visit = browse(page, size=size)
    card = visit.page.locator("#rows .scroll")
    assert card.evaluate("card => card.scrollWidth - card.clientWidth") == 0


def test_a_latency_is_worded_as_everywhere(page, browse):
    visit = browse(page)
    script = Path(report.__file__).with_name("templates") / "report.js"
    took = re.search(r"const took = (.*?^  });", script.read_text(), re.DOTALL | re.MULTILINE)[1]
    borders = [n * 10**places for places in range(6) for n in (9_994, 9_995, 10_000)]
    said = visit.page.evaluate(f"borders => borders.map({took})", borders)
    assert said == [showing.duration(us) for us in borders]


def test_a_row_says_nothing_twice(page, browse):
    visit = browse(page)
    visit.page.locator("[href='#rows?outcome=not_found']").first.click()
    said = visit.page.locator("#table tbody tr").first.inner_text()
    assert [said.count(word) for word in ("not found", "13373482383444", "no: not_found")] == [
        1
    ] * 3
    assert "at first" not in said


def test_an_outcome_has_one_colour_in_the_rows_the_tables_and_the_pictures(page, browse):
    visit = browse(page)
    hues = visit.page.evaluate(
        """() => {
          const hue = (colour) => {
            const [r, g, b] = colour.match(/[\\d.]+/g).map(Number);
            const [most, least] = [Math.max(r, g, b), Math.min(r, g, b)];
            const turn = most === r ? (g - b) / (most - least) : most === g ? 2 + (b - r) / (most - least) : 4 + (r - g) / (most - least);
            return Math.round(60 * turn + 360) % 360;
          };
          const probe = document.body.appendChild(document.createElement("i"));
          const drawn = (kind) => { probe.style.setProperty("color", `var(--chart-${kind})`); return hue(getComputedStyle(probe).color); };
          return [...document.querySelectorAll(".outcome")].map((chip) => [chip.classList[1], hue(getComputedStyle(chip).color)])
            .map(([kind, ink]) => [kind, Math.min(Math.abs(ink - drawn(kind)), 360 - Math.abs(ink - drawn(kind)))]);
        }"""
    )
    assert {kind for kind, _ in hues} == set(map(styled_as, KINDS))
    assert max(apart for _, apart in hues) < 20


def test_what_the_venue_says_stays_text(page, browse):
    visit = browse(page)
    visit.page.goto(f"{page.as_uri()}#rows?order=hostile")
    visit.page.reload()
    shown = visit.page.locator("#table tbody").inner_text()
    assert visit.page.title() == "Cancels on record"
    assert HOSTILE.split("\u202e")[0] in shown
    assert "\\u202e\\x1b[31m" in shown
    assert visit.page.locator("main img, main b:has-text('maker')").count() == 0
    visit.expect_whole()


@pytest.mark.parametrize(
    ("selector", "count"),
    [
        ("[href='#rows?outcome=failed']", 37),
        ("[href='#rows?outcome=unresolved']", 12),
        ("[href='#rows?outcome=not_found']", 6),
        ("[href='#rows?order=133734823834440000']", 49),
        ("[href='#rows?time=2026-11-23+14%3A00%3A00']", 8),
        ("#by-bot ~ .scroll [href='#rows?bot=grid-7']", 36),
        ("svg a[href='#rows?time=2026-11-24&series=not+found']", 1),
    ],
)
def test_a_number_leads_to_the_rows_behind_it(page, browse, selector, count):
    visit = browse(page)
    visit.page.locator(selector).first.click()
    assert rows(visit.page) == count
    assert visit.page.locator("#status").inner_text().startswith(f"{count} row")
    assert visit.page.locator("#rows").is_visible()


def test_every_number_that_is_a_link_counts_the_rows_that_it_leads_to(page, browse):
    visit = browse(page)
    visit.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    wrong = visit.page.evaluate(
        """() => [...document.querySelectorAll("main a[data-count]")].map((link) => {
          link.click();
          const shown = parseInt(document.getElementById("status").textContent.replace(/,/g, ""), 10);
          return [link.getAttribute("href"), link.dataset.count, String(shown)];
        }).filter(([href, count, shown]) => count !== shown && !href.startsWith("#rows?order="))"""
    )
    assert wrong == []


def test_rows_are_sorted_and_filtered_by_keyboard_alone(page, browse):
    visit = browse(page)
    latency = visit.page.get_by_role("button", name="latency", exact=True)
    latency.focus()
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.press("Enter")
    head = visit.page.locator("#rows th[aria-sort]")
    assert (head.get_attribute("aria-sort"), head.inner_text().split()[0]) == (
        "descending",
        "latency",
    )
    first = visit.page.locator("#table tbody tr").first.inner_text()
    assert "53.1 s" in first
    visit.page.locator("#search").focus()
    visit.page.keyboard.type("HOSTILE")
    assert rows(visit.page) == 1
    visit.page.keyboard.press("Control+a")
    visit.page.keyboard.press("Delete")
    visit.page.locator("#outcome").select_option("unknown")
    assert rows(visit.page) == 6
    visit.expect_whole()


def test_a_filter_of_a_link_can_be_taken_away(page, browse):
    visit = browse(page)
    visit.page.locator("[href='#rows?order=133734823834440000']").first.click()
    visit.page.locator("#chips button").press("Enter")
    assert (visit.page.locator("#chips button").count(), rows(visit.page)) == (0, 100)
    visit.page.locator("#more").press("Enter")
    assert rows(visit.page) == 121


def test_light_and_dark_can_be_chosen(page, browse):
    visit = browse(page)
    ground = "getComputedStyle(document.body).backgroundColor"
    light = visit.page.evaluate(ground)
    visit.page.locator("#theme").press("Enter")
    assert (visit.page.evaluate(ground) != light, visit.page.locator("#theme").inner_text()) == (
        True,
        "Light",
    )


def test_without_scripts_the_figures_are_there_and_the_page_says_what_is_not(page, browse):
    visit = browse(page, javascript=False)
    assert "does not run here" in visit.page.locator("noscript").inner_text()
    assert visit.page.locator("svg:visible").count() == 5


def test_on_paper_it_is_light_and_shows_no_buttons(page, browse):
    visit = browse(page, scheme="dark")
    visit.page.emulate_media(media="print")
    assert visit.page.locator("button:visible").count() == 0
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )


def test_an_empty_record_makes_a_page_that_says_so(run, url, tmp_path, browse):
    target = tmp_path / "empty.html"
    assert run("audit", "report", "-o", str(target), "--database-url", url).exit_code == 0
    visit = browse(target)
    assert "Nothing to report" in visit.page.locator("main").inner_text()
    visit.expect_whole()


@pytest.mark.skipif(not PICTURES, reason="the documents have their pictures")
def test_the_pictures_of_the_documents(run, tmp_path, monkeypatch, browse):
    monkeypatch.chdir(tmp_path)
    words = ("--events", "40000", "--out", "audit.db", "--seed", "7")
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-m", "benchmarks.history", *words],
        check=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    url = "sqlite:///audit.db"
    assert run("audit", "report", "-o", "report.html", "--database-url", url).exit_code == 0
    for name, scheme, size in (
        ("light", "light", DESKTOP),
        ("dark", "dark", DESKTOP),
        ("phone", "light", PHONE),
    ):
        visit = browse(tmp_path / "report.html", scheme=scheme, size=size)
        visit.page.screenshot(path=root / PICTURES / f"report-{name}.png")
