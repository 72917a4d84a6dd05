"""What a request asks for: filters, a place, and what is wrong with them."""

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.requests import Request

from mexc_plugin.review import query_string
from mexc_plugin.review.query_string import Asking
from mexc_plugin.review.web.data.pages_of_rows import PAGE, SORTS, Place, Sorting

MOST_ROWS = 1_000
PLACE = ("after", "before", "limit", "sort")


class Nonsense(ValueError):
    """The query of the URL cannot be meant; the message says what to write."""


@dataclass(frozen=True, slots=True)
class Query:
    """Filters as they were written, and which page of what they find."""

    asking: Asking
    place: Place

    @property
    def is_first(self) -> bool:
        return self.place.after is None and self.place.before is None

    @property
    def sort(self) -> str | None:
        """The order as it was asked for."""
        order = self.place.order
        return f"{'-' * order.descending}{order.by}" if order else None


def query(request: Request, *others: str) -> Query:
    """What the query of the URL asks for, but for other names that it may have. Raises Nonsense."""
    pairs = [pair for pair in request.query_params.multi_items() if pair[0] not in others]
    place = {name: [value for key, value in pairs if key == name] for name in PLACE}
    try:
        words = query_string.read((key, value) for key, value in pairs if key not in PLACE)
    except ValueError as error:
        raise Nonsense(str(error)) from None
    for name, values in place.items():
        if len(values) > 1:
            raise Nonsense(f"{name} is given {len(values)} times; give it once")
    after, before, limit, sort = (place[name][0] if place[name] else None for name in PLACE)
    if after and before:
        raise Nonsense("after and before are both given; give one of them")
    return Query(words, Place(after, before, _limit(limit), _order(sort)))


def one_of(request: Request, name: str, values: Iterable[str], default: str) -> str:
    """A value of which there are few. Raises Nonsense."""
    given = request.query_params.get(name, default)
    if given not in values:
        raise Nonsense(f"there is no {name} {given!r}; there are {', '.join(values)}")
    return given


def _limit(given: str | None) -> int:
    if given is None:
        return PAGE
    if not given.isascii() or not given.isdigit() or not 1 <= int(given[:9]) <= MOST_ROWS:
        raise Nonsense(f"limit is {given!r}; write a whole number from 1 to {MOST_ROWS:,}")
    return int(given)


def _order(given: str | None) -> Sorting | None:
    if not given:
        return None
    by = given.removeprefix("-")
    if by not in SORTS:
        raise Nonsense(
            f"nothing can be sorted by {by!r}; there are {', '.join(SORTS)}, each with - in front for "
            "the other way round"
        )
    return Sorting(by, descending=given.startswith("-"))
