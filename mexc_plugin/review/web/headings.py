"""The heads of the list's columns, each a link that sorts by it, and what an order is in words. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from mexc_plugin.review.web.data.pages_of_rows import REQUESTED, Sorting


@dataclass(frozen=True, slots=True)
class Heading:
    """sort: what its link asks for; sorted: aria-sort, None where the rows are sorted otherwise."""

    label: str
    kind: str
    sort: str
    sorted: str | None


# Of each column: its label, its class, what it sorts by, and whether the greatest comes first.
_COLUMNS = (
    ("Requested, UTC", "", REQUESTED, True),
    ("Outcome", "", "outcome", False),
    ("Order", "", "symbol", False),
    ("Bot", "", "bot", False),
    ("Latency", "right", "latency", True),
    ("Answer", "", "code", False),
)


def headings(order: Sorting) -> Iterator[Heading]:
    """The heads of rows that are sorted so; the one that they are sorted by turns the order round."""
    for label, kind, by, greatest_first in _COLUMNS:
        is_sorted = order.by == by
        descending = not order.descending if is_sorted else greatest_first
        direction = "descending" if order.descending else "ascending"
        yield Heading(label, kind, f"{'-' * descending}{by}", direction if is_sorted else None)


def words(order: Sorting) -> str:
    """The order, for a caption."""
    if order.is_bounded:
        return f"sorted by {order.by}, {'the greatest' if order.descending else 'the least'} first"
    return "newest first" if order.descending else "oldest first"


def turning(order: Sorting) -> tuple[str, str]:
    """What is on the page before and on the one after."""
    if order.is_bounded:
        return "Page before", "Next page"
    return ("Newer", "Older") if order.descending else ("Older", "Newer")
