"""Which cancel is meant: by its id, as much of its beginning as names only one, or its order's id."""

from typing import TYPE_CHECKING

from mexc_plugin.cli.exit_codes import Problem

if TYPE_CHECKING:
    from sqlalchemy import Connection

MOST_MATCHES = 5


def find_one(connection: "Connection", name: str) -> str:
    """The whole id of the cancel. Raises Problem, which says how to find it."""
    from mexc_plugin.store.read import queries

    most = MOST_MATCHES + 1
    found = queries.cancel_ids(connection, name, most) or queries.cancels_of_order(
        connection, name, most
    )
    if len(found) == 1:
        return found[0]
    if not found:
        raise Problem(f"no cancel {name!r} is on record; find ids with: mexc-plugin audit list")
    more = ", …" if len(found) > MOST_MATCHES else ""
    raise Problem(f"{name!r} stands for several cancels: {', '.join(found[:MOST_MATCHES])}{more}")
