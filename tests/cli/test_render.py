# ruff: noqa: DTZ001 - times are naive UTC in the database and on the way to it
import csv
import json
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.audit.outcome import Outcome
from mexc_plugin.cli.options import common
from mexc_plugin.cli.output import table
from mexc_plugin.cli.output.formats import RENDERERS, cell
from mexc_plugin.cli.output.grid import as_grid
from mexc_plugin.cli.output.terminal import COLOURS, Screen, cells, cut
from mexc_plugin.review.event_view import reindent
from mexc_plugin.review.text import encode, visible
from mexc_plugin.store.schema.tables import HISTORY_COLUMNS

ROW = dict.fromkeys(HISTORY_COLUMNS) | {
    "cancel_id": "01a20652-d3ab-70ca-8bc7-731c07817623",
    "attempt": 1,
    "requested_at": datetime(2026, 11, 23, 12),
    "latency_us": 1500,
    "symbol": "LTC/BTC",
    "order_id": "C02__442859222808420353049",
    "http_status": 200,
    "amount": "1.00000000",
    "filled": "0.40000000",
    "outcome": "canceled",
    "final_outcome": "canceled",
}
OFF = Screen()
WIDE = Screen(width=400)
TEXT = st.text() | st.text(alphabet="\x00\x07\x1b[2J\r\n\t\x7f\x9b\u202e\u2028=+-@'\",a1é漢")


def rendered(form: str, *rows: dict, screen: Screen = OFF) -> list[str]:
    return list(RENDERERS[form](rows, HISTORY_COLUMNS, screen))


def test_every_format_that_is_offered_has_a_renderer() -> None:
    assert set(common.FORMATS) == set(RENDERERS)


def test_every_outcome_has_a_colour() -> None:
    assert {outcome.value for outcome in Outcome} == set(COLOURS)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_is_one_array(count: int) -> None:
    lines = rendered("json", *[ROW] * count)
    assert count == len(json.loads("\n".join(lines)))


def test_json_has_the_columns_of_the_view_in_its_order_with_times_and_decimals_as_text() -> None:
    found = json.loads(rendered("jsonl", ROW)[0])
    assert list(HISTORY_COLUMNS) == list(found)
    assert found["requested_at"] == "2026-11-23T12:00:00.000000Z"
    assert found["amount"] == "1.00000000"
    assert found["side"] is None


def test_csv_has_a_line_of_names_and_empty_cells_for_null() -> None:
    header, line = csv.reader(rendered("csv", ROW))
    found = dict(zip(header, line, strict=True))
    assert list(HISTORY_COLUMNS) == header
    assert found["requested_at"] == "2026-11-23T12:00:00.000000Z"
    assert found["venue_message"] == ""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+1+1", "'+1+1"),
        ("-cmd", "'-cmd"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\\t=1"),
        ("\r=1", "'\\r=1"),
        ("-2011", "-2011"),
        ("+0.5", "+0.5"),
        ("-1.5e-8", "-1.5e-8"),
        ("a=b", "a=b"),
        (-5, "-5"),
    ],
)
def test_a_csv_cell_is_never_a_formula_and_numbers_stay_numbers(
    value: object, expected: str
) -> None:
    assert expected == cell(value)


@given(TEXT)
def test_no_format_lets_a_venue_control_the_terminal(message: str) -> None:
    row = ROW | {"venue_message": message, "bot": message, "order_id": message}
    for form in RENDERERS:
        for screen in (OFF, WIDE, Screen(width=40)):
            assert all(line.isprintable() for line in rendered(form, row, screen=screen))


@given(TEXT)
def test_json_gives_back_every_text_as_it_was(message: str) -> None:
    assert [message] == json.loads(encode([message]))


@given(TEXT)
def test_csv_is_one_line_for_each_row(message: str) -> None:
    lines = rendered("csv", ROW | {"venue_message": message})
    assert len(lines) == len(list(csv.reader(lines))) == 2


def test_a_table_off_a_terminal_has_everything_and_no_colours() -> None:
    head, line = rendered("table", ROW | {"venue_message": "m" * 300})
    assert "\x1b" not in head + line
    assert "m" * 300 in line


@pytest.mark.parametrize("width", range(46, 200, 7))
def test_a_table_fits_its_terminal_and_cuts_no_id(width: int) -> None:
    row = ROW | {"venue_message": "m" * 90, "bot": "grid", "venue_code": "-2011"}
    text = rendered("table", row, row, screen=Screen(width=width))
    assert max(map(cells, text)) <= width
    assert sum(row["cancel_id"] in line for line in text) == 2
    cut = [line for line in text if row["order_id"][:12] in line and row["order_id"] not in line]
    assert cut == []


REFUSED = ROW | {
    "cancel_id": "01a20652-d3a",
    "outcome": "not_found",
    "final_outcome": "not_found",
    "venue_code": "-2011",
    "venue_message": "Unknown order sent.",
    "symbol": "BTC/USDT",
}


@pytest.mark.parametrize(
    ("width", "reason"), [(80, "-2011 Unknown or"), (120, "-2011 Unknown order sent.")]
)
def test_a_failed_cancel_shows_its_reason_before_its_id(width: int, reason: str) -> None:
    for order_id in ("179540368092900001", "C02__442859222808420353049"):
        rows = [REFUSED | {"order_id": order_id}, ROW | {"cancel_id": "01a20652"}]
        _, line, _ = rendered("table", *rows, screen=Screen(width=width))
        assert reason in line.partition("01a20652-d3a")[0]
        assert (order_id in line) == (width == 120)


@pytest.mark.parametrize("width", [80, 120])
def test_a_table_does_not_fall_apart(width: int) -> None:
    hard = REFUSED | {
        "symbol": "BTC/USDT:USDT",
        "final_outcome": "partially_canceled",
        "outcome": "unknown",
        "venue_message": "m " * 300,
        "cancel_id": "01a20652-d3ab",
        "client_order_id": "x" * 128,
        "order_id": None,
    }
    lines = rendered("table", hard, ROW | {"cancel_id": "01a20652"}, screen=Screen(width=width))
    assert len(lines) == 3
    assert max(map(cells, lines)) <= width


def test_a_reason_is_never_cut_to_less_than_its_code() -> None:
    row = REFUSED | {"venue_message": "w" * 200, "symbol": "1000000MOG/USDT:USDT"}
    _, line = rendered("table", row, screen=Screen(width=78))
    assert "not_found -2011" in line
    assert "…" in line


def test_what_the_bot_saw_is_the_reason_where_the_venue_said_none() -> None:
    row = ROW | {"outcome": "unknown", "final_outcome": "unknown", "error_type": "RequestTimeout"}
    assert "unknown RequestTimeout" in rendered("table", row)[1]


@given(TEXT, st.integers(1, 60))
def test_a_text_that_is_cut_fits_and_says_so(text: str, width: int) -> None:
    shown = cut(visible(text), width)
    assert cells(shown) <= width
    assert shown == visible(text) or shown.endswith("…")


def test_a_grid_cuts_words_before_it_falls_apart_and_never_an_id() -> None:
    rows = [{"cancel_id": ROW["cancel_id"], "message": "no such order " * 9, "n": 1}]
    head, line = as_grid(rows, ["cancel_id", "message", "n"], Screen(width=80))
    assert (cells(line), ROW["cancel_id"] in line, "…" in line) == (80, True, True)
    assert head.split() == ["cancel_id", "message", "n"]
    names, more, first, second = as_grid(rows, ["cancel_id", "message", "n"], Screen(width=50))
    assert [names, more] == ["cancel_id", "  message                  n"]
    assert [first, second] == [ROW["cancel_id"], "  no such order no such…   1"]
    assert next(iter(as_grid(rows, ["cancel_id", "message", "n"], Screen(width=30)))) == "-- 1 --"


def test_a_grid_leaves_out_what_may_go_before_it_folds_and_nothing_where_there_is_room() -> None:
    rows = [{"hour": "2026-11-25 08", "p50": "1.00 ms", "p95": "2.00 ms", "max": "3.00 ms"}]
    columns, may_go = ["hour", "p50", "p95", "max"], ("p95", "max")

    def heading(width: int) -> list[str]:
        return next(iter(as_grid(rows, columns, Screen(width=width), may_go))).split()

    assert [heading(width) for width in (40, 39, 31, 30, 22)] == [
        columns,
        ["hour", "p50", "max"],
        ["hour", "p50", "max"],
        ["hour", "p50"],
        ["hour", "p50"],
    ]


def test_a_grid_leaves_out_what_is_empty_only_where_room_is_short() -> None:
    rows = [{"a": "1" * 20, "b": None, "c": "3"}]
    found = [next(iter(as_grid(rows, "abc", Screen(width=width)))).split() for width in (27, 24)]
    assert found == [["a", "b", "c"], ["a", "c"]]


def test_what_had_no_room_is_named_on_stderr(capsys):
    rows = [{"a": "x" * 10, "b": "y" * 10, "c": None}]
    for width, said in ((30, ""), (15, "no room for b; a wider terminal shows all\n")):
        list(as_grid(rows, "abc", Screen(width=width), "cb"))
        assert capsys.readouterr().err == said


@pytest.mark.parametrize("width", [80, 120, 200])
def test_a_row_of_many_columns_is_folded_and_each_line_fits(width: int) -> None:
    columns = [f"column_{n}" for n in range(18)]
    rows = [dict.fromkeys(columns, "0123456789")] * 2
    lines = list(as_grid(rows, columns, Screen(width=width)))
    assert max(map(cells, lines)) <= width
    assert len(lines) == 3 * {80: 3, 120: 2, 200: 2}[width]
    assert lines[0].split()[:2] == columns[:2]


def test_an_outcome_is_coloured_where_there_are_colours() -> None:
    assert "\x1b[32mcanceled\x1b[0m" in rendered("table", ROW, screen=Screen(400, colour=True))[1]


def test_a_reconciled_cancel_says_what_it_was_before() -> None:
    row = ROW | {"outcome": "unknown", "final_outcome": "canceled"}
    assert "canceled (was unknown)" in rendered("table", row)[1]


def test_columns_line_up_under_wide_characters() -> None:
    rows = [ROW | {"bot": "漢字"}, ROW | {"bot": "grid"}]
    _, first, second = rendered("table", *rows, screen=WIDE)
    before = [line.split(ROW["cancel_id"])[0] for line in (first, second)]
    assert cells(before[0]) == cells(before[1])


@given(TEXT)
def test_visible_text_is_printable_and_printable_text_stays(text: str) -> None:
    assert visible(text).isprintable()
    assert visible(visible(text)) == visible(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_reindented_json_is_the_same_json(value: object) -> None:
    text = json.dumps(value)
    assert json.dumps(value, indent=2) == reindent(text)


def test_reindenting_keeps_every_number_as_it_was_written() -> None:
    assert reindent('{"a":1.50,"b":1e5}') == '{\n  "a": 1.50,\n  "b": 1e5\n}'


@pytest.mark.parametrize("text", ["", "<html>", "{", "[" * 100_000, '{"a":1}x'])
def test_what_is_no_json_is_not_reindented(text: str) -> None:
    assert reindent(text) is None


# -- tables of any length


def test_a_table_keeps_no_more_rows_than_decide_its_layout() -> None:
    taken: list[int] = []

    def rows():
        for number in range(3 * table.LAYOUT_ROWS):
            taken.append(number)
            yield ROW

    lines = RENDERERS["table"](rows(), HISTORY_COLUMNS, OFF)
    next(lines)
    assert len(taken) == table.LAYOUT_ROWS
    for number, _ in enumerate(lines, 1):
        assert len(taken) == max(table.LAYOUT_ROWS, number)


@pytest.mark.parametrize("width", [60, 110, 180])
def test_a_later_row_that_is_too_wide_becomes_lines_that_fit(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "LAYOUT_ROWS", 2)
    long = ROW | {"symbol": "LONG" * 6, "bot": "b" * 20, "venue_message": "m" * 90}
    text = rendered("table", ROW, ROW, long, ROW, screen=Screen(width=width))
    assert max(map(cells, text)) <= width
    assert sum(ROW["cancel_id"] in line for line in text) == 4


def test_a_column_that_only_later_rows_have_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "LAYOUT_ROWS", 2)
    *_, last = rendered("table", ROW, ROW, ROW | {"attempt": 2, "symbol": "late"})
    assert "  late  " in last
