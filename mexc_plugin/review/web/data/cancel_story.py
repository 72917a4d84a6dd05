"""One cancel, found by any of its names, with every event and whether the chain around it holds."""

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mexc_plugin.review.event_view import Findings
from mexc_plugin.review.story import Step, steps
from mexc_plugin.store.read import queries
from mexc_plugin.store.verify import neighbours

if TYPE_CHECKING:
    from sqlalchemy import Connection

MOST_MATCHES = 20


@dataclass(frozen=True, slots=True)
class Story:
    """A cancel: its steps, oldest first, and its attempts as rows of `cancel_history`."""

    cancel_id: str
    steps: tuple[Step, ...]
    findings: Findings
    attempts: tuple[queries.Row, ...]


@dataclass(frozen=True, slots=True)
class Several:
    """The cancels that a name stands for, none or several; more: there are more than these."""

    ids: tuple[str, ...]
    more: bool


def read(connection: "Connection", name: str) -> Story | Several:
    """A cancel by its id, the beginning of its id, or either id of its order."""
    most = MOST_MATCHES + 1
    found = queries.cancel_ids(connection, name, most) or queries.cancels_of_order(
        connection, name, most
    )
    if len(found) != 1:
        return Several(tuple(found[:MOST_MATCHES]), len(found) > MOST_MATCHES)
    with closing(queries.events(connection, found[0])) as streamed:
        rows = tuple(streamed)
    findings = neighbours.findings(connection, rows)
    return Story(
        cancel_id=found[0],
        steps=tuple(steps(rows, findings)),
        findings=findings,
        attempts=queries.attempts(connection, found[0]),
    )
