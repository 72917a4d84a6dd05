"""What is written beside the events of a bot that has a key, with the right to INSERT alone.

`how` gets the bot's chain, and gives the events that are written: behind it, or by a new writer.
"""

import json
import uuid
from collections.abc import Callable, Iterable

from mexc_plugin.audit import chain, events, ladders, signing_keys
from mexc_plugin.audit.events import Event
from mexc_plugin.audit.ladders import Ladder
from mexc_plugin.store.verify.findings import Fault
from mexc_plugin.store.write.sealer import Sealer
from tests.evidence import records
from tests.evidence.records import Draft, honest

from .chains import now, shared
from .rows import BOT_USER, INSERT, By, Row

KEY, OTHER = signing_keys.make("grid"), signing_keys.make("grid")
INVENTED = records.request(records.common("99", 890), 890)


def keyed(drafts: Iterable[Draft], key: signing_keys.PrivateKey = KEY) -> list[Event]:
    """One writer's chain, as a bot with that key makes it."""
    writer_id = str(uuid.uuid4())
    sealer = Sealer(writer_id, 0, Ladder(writer_id, key))
    return [sealer.seal(each) for each in drafts]


def follow(before: list[Event], *more: Draft) -> list[Event]:
    """What whoever may insert puts behind a chain, with hashes that hold."""
    found = list(before)
    for each in more:
        last = found[-1]
        found.append(events.seal(each, last.writer_id, last.seq + 1, last.hash))
    return found


def first_of(own: list[Event]) -> Draft:
    return dict(json.loads(own[0].payload))


def copied_rung(own: list[Event]) -> Draft:
    return {"rung": json.loads(own[-1].payload)["rung"]}


def copied_ladder(own: list[Event]) -> Draft:
    return {"ladder": first_of(own)["ladder"], "key": first_of(own)["key"]}


def own_ladder(_: list[Event]) -> Draft:
    return {"ladder": first_of(keyed(honest(), OTHER))["ladder"], "key": str(KEY.public)}


Shown = Callable[[list[Event]], Draft]


def behind(shown: Shown) -> Callable[[list[Event]], list[Event]]:
    """In the bot's own name."""
    return lambda own: follow(own, INVENTED | shown(own))[len(own) :]


def as_new(shown: Shown, *, rung: bytes = b"") -> Callable[[list[Event]], list[Event]]:
    """A writer that shows what the bot shows, and an event of it."""

    def make(own: list[Event]) -> list[Event]:
        rungs = {"rung": ladders.climb(rung).hex()} if rung else {}
        start = records.start() | shown(own) | rungs
        begun = [events.seal(start, str(uuid.uuid4()), 1, chain.GENESIS)]
        return follow(begun, records.start(1) | ({"rung": rung.hex()} if rung else {}))

    return make


def told_in_anothers_name(own: list[Event]) -> list[Event]:
    """A reconciliation of what the bot left unresolved, by a writer with a key of his own."""
    at = now()
    asked = shared(json.loads(own[3].payload))
    told = records.reconciled(asked, at, "canceled", "CANCELED")
    return keyed([records.start(at), told, records.stop(at + 9)], OTHER)


def told_with_its_key(_: list[Event]) -> list[Event]:
    at = now()
    invented = records.canceled(records.common("77", at), at)
    return keyed([records.start(at), *invented, records.stop(at + 9)])


def row(does: str, how: Callable[..., object], seq: int, by: By = By.VERIFY) -> Row:
    return Row(does, "events of a bot with a key", INSERT, how, Fault.KEY, seq, by=by, before=12)


ROWS = [
    row("writes in its name and shows nothing", behind(lambda _: {}), 13),
    row("writes in its name and repeats the newest rung", behind(copied_rung), 13),
    row("writes in its name with a rung that he made up", behind(lambda _: {"rung": "ab" * 16}), 13),
    row("writes in its name with a rung that is none", behind(lambda _: {"rung": "x"}), 13),
    row("writes in its name and repeats its first ladder", behind(copied_ladder), 13),
    row("writes in its name with a ladder of his own key", behind(own_ladder), 13),
    row("writes in its name with a ladder that is none", behind(lambda _: {"ladder": {"anchor": 1}}), 13),
    row("writes as a new writer that shows its key", as_new(lambda o: {"key": first_of(o)["key"]}), 1),
    row("writes as a new writer that shows its key and its ladder", as_new(copied_ladder), 1),
    row(
        "writes as a new writer that shows its key and a rung",
        as_new(lambda o: {"key": first_of(o)["key"]}, rung=bytes(16)),
        1,
    ),
    row("reconciles as a new writer with a key of his own", told_in_anothers_name, 1, By.WRITER_KEY),
    Row(
        "makes the bot record what did not happen, or has its key",
        "events of a bot with a key",
        BOT_USER,
        told_with_its_key,
        by=By.NOTHING,
        why="the record is what the bot says; the venue's own list of orders is another witness",
        before=12,
    ),
]  # fmt: skip
