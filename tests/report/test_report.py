import base64
import hashlib
import json
import re
import stat
import sys

import pytest

from mexc_plugin.review import charts
from mexc_plugin.review.charts import drawings, periods
from mexc_plugin.review.report import LIBRARIES
from mexc_plugin.review.report.page import PALETTE, script_safe
from mexc_plugin.store.read.statistics.tallies import Part, Tally


def tally(**counts):
    parts = {}
    for name, count in counts.items():
        parts[name] = Part()
        parts[name].add(count, range(1_000, 1_000 + count))
    return Tally.of(parts)


def test_its_policy_allows_its_own_style_and_script_and_nothing_else(page):
    text = page.read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    style, script = (
        re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)[1] for tag in ("style", "script")
    )
    hashes = [
        "sha256-" + base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        for part in (style, script)
    ]
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src '{hashes[0]}'",
        f"script-src '{hashes[1]}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]


def test_it_names_nothing_elsewhere_but_namespaces(page):
    addresses = set(re.findall(r"https?://[^\s\"'<>\\]+", page.read_text()))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_embedded_json_ends_no_script_and_is_the_same_json():
    document = {"message": "</script><!-- & \u2028 é"}
    assert [sign in script_safe(document) for sign in "<>&\u2028"] == [False] * 4
    assert json.loads(script_safe(document)) == document


def test_it_says_which_database_and_filters_it_is_about(run, ledger, url, tmp_path, path):
    ledger.cancel(bot="<grid>")
    target = tmp_path / "page.html"
    words = ("--bot", "<grid>", "--since", "2026-11-23", "--latency-over", "1ms")
    done = run("audit", "report", "-o", str(target), "--database-url", url, *words)
    text = target.read_text()
    assert re.fullmatch(rf"{target}: [0-9,]+ bytes\n", done.stderr)
    assert "Only bot &lt;grid&gt;, from 2026-11-23 00:00:00 UTC, slower than 1 ms." in text
    assert (path.name in text, str(path.parent) in text) == (True, False)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_its_sentences_have_blanks_between_them(page):
    assert re.search(r"Their age: [^.<]*\. To ask the venue: <span", page.read_text())


def test_stdout_is_a_file_too(run, url):
    assert run("audit", "report", "-o", "-", "--database-url", url).stdout.startswith("<!DOCTYPE")


def test_a_page_that_is_there_is_replaced_only_by_force(run, url, tmp_path):
    target = tmp_path / "page.html"
    target.write_text("mine")
    refused = run("audit", "report", "-o", str(target), "--database-url", url)
    assert (refused.exit_code, target.read_text()) == (2, "mine")
    assert "--force" in refused.stderr
    forced = run("audit", "report", "-o", str(target), "--force", "--database-url", url)
    assert (forced.exit_code, target.read_text()[:9]) == (0, "<!DOCTYPE")


@pytest.mark.parametrize("name", ["none/page.html", "page.pdf", "page", "folder.html"])
def test_where_no_page_can_be_is_said_in_a_line(run, url, tmp_path, name):
    (tmp_path / "folder.html").mkdir()
    result = run("audit", "report", "-o", str(tmp_path / name), "--database-url", url)
    assert result.exit_code in (1, 2)
    assert (len(result.stderr.splitlines()), result.stdout) == (1, "")


def test_a_database_that_is_not_there_leaves_no_half_page(run, tmp_path):
    target = tmp_path / "page.html"
    missing = f"sqlite:///{tmp_path}/none.db"
    result = run("audit", "report", "-o", str(target), "--database-url", missing)
    assert (result.exit_code, list(tmp_path.glob("page*"))) == (1, [])


@pytest.mark.parametrize("library", LIBRARIES)
def test_without_a_library_it_says_what_to_install(run, url, tmp_path, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    result = run("audit", "report", "-o", str(tmp_path / "page.html"), "--database-url", url)
    assert result.exit_code == 2
    assert "pip install 'altair>=5.5' 'jinja2>=3.1' 'vl-convert-python>=1.7'" in result.stderr


def test_every_colour_of_a_chart_is_one_that_the_page_defines():
    svg = drawings.latency_heat([("2026-11-23", tally(canceled=3))], width=drawings.NARROW)
    palette = PALETTE.read_text()
    defined = set(re.findall(r"(--chart-[\w-]+):", palette))
    assert set(drawings.COLOURS.values()) == defined
    assert set(re.findall(r"var\((--[\w-]+)\)", svg)) <= defined
    assert "#0a0b" not in svg


def test_a_chart_has_a_name_and_escapes_what_it_draws():
    groups = [("</svg><script>", tally(canceled=2)), (None, tally(unknown=1))]
    svg = drawings.outcomes_of(groups, "bot", link=lambda name, series: f"#rows?{series}")
    assert svg.startswith('<svg role="img"')
    assert "<title>Outcomes by bot</title>" in svg
    assert "<script" not in svg
    assert 'href="#rows?acknowledged"' in svg


def test_a_chart_is_checked_once_as_a_whole(monkeypatch):
    room, checked = charts.altair().utils.schemapi, []
    usual = room.validate_jsonschema

    def noting(spec, *args, **options):
        checked.append(spec)
        return usual(spec, *args, **options)

    monkeypatch.setattr(room, "validate_jsonschema", noting)
    drawings.outcomes_of([("grid", tally(canceled=1))], "bot")
    assert sum("acknowledged" in str(spec) for spec in checked) == 1


@pytest.mark.parametrize(
    ("first", "last", "unit"),
    [
        ("2026-11-23", "2026-11-25", "hour"),
        ("2026-11-23", "2026-11-26", "day"),
        ("2025-11-23", "2026-11-23", "day"),
        ("2024-11-23", "2026-11-23", "month"),
    ],
)
def test_the_unit_of_time_goes_with_the_span(first, last, unit):
    assert periods.spread(first, last) == unit


@pytest.mark.parametrize(
    ("names", "between"),
    [
        (["2026-02-27", "2026-03-01"], ["2026-02-28"]),
        (["2026-12-31 22", "2027-01-01 00"], ["2026-12-31 23"]),
        (["2026-12", "2027-02"], ["2027-01"]),
        ([], []),
    ],
)
def test_periods_without_attempts_are_there_too(names, between):
    found = periods.whole([(name, tally(canceled=1)) for name in names])
    assert [name for name, one in found if not one.attempts] == between
    assert [name for name, one in found if one.attempts] == names


def test_days_add_up_to_months():
    days = [("2026-11-01", tally(canceled=2)), ("2026-11-30", tally(closed=1))]
    assert [(name, one.attempts) for name, one in periods.by_month(days)] == [("2026-11", 3)]
