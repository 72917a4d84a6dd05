"""What each kind of finding can mean, and what to do about it, for people."""

from mexc_plugin.store.verify.findings import Fault

_COMPARE = "compare with a copy, an export or the bot's own log, and keep this database as it is"

# By kind: what it can mean, and what to do.
MEANINGS: dict[Fault, tuple[str, str]] = {
    Fault.GAP: (
        "events were removed, or still wait in a spool file",
        f"run: mexc-plugin audit recover; if it is still there, {_COMPARE}",
    ),
    Fault.LOST: (
        "neither database nor spool took these events; or somebody says so to hide a removal",
        "look for 'events lost' in the bot's log of that time",
    ),
    Fault.LINK: ("events were changed, exchanged or slipped in", _COMPARE),
    Fault.HASH: ("the payload or a hash was changed after it was written", _COMPARE),
    Fault.PAYLOAD: ("somebody else than this program wrote it, or changed it", _COMPARE),
    Fault.COLUMN: ("a column was changed; the payload is what was recorded", _COMPARE),
    Fault.ORDERS: ("rows of orders were changed, added or removed", _COMPARE),
    Fault.HISTORY: (
        "the history, which is derived, was changed, or was not kept for a while; or events were changed",
        "if the events are whole: mexc-plugin db rebuild",
    ),
    Fault.GUARD: (
        "the record could be changed in the meantime",
        "restore it with: mexc-plugin db check --restore; ask who took it away",
    ),
    Fault.START: (
        "the chain's beginning was removed, or another program wrote it",
        _COMPARE,
    ),
    Fault.AFTER_STOP: (
        "somebody wrote in the name of a writer that had ended",
        "see whether the bot was sending while it ended",
    ),
    Fault.NO_STOP: (
        "the writer is still at work, was killed, or its newest events were cut off",
        "see whether that process ended in order; only a copy shows a cut",
    ),
    Fault.ATTEMPT: (
        "somebody invented an event, or removed one and numbered the rest anew",
        _COMPARE,
    ),
    Fault.ACCOUNT: ("an event was moved to another account", _COMPARE),
    Fault.OUTCOME: (
        "the outcome or the answer was changed or invented; where doubtful, it was judged by other rules",
        "read it: mexc-plugin audit show, and ask the venue for that order",
    ),
    Fault.RECONCILED: (
        "a reconciliation was invented, or two asked at the same time",
        "read it: mexc-plugin audit show, and ask the venue for that order",
    ),
    Fault.TIME: (
        "a clock was set, a machine slept, or times were changed",
        "compare with the machine's log of its clock",
    ),
    Fault.KEY: (
        "somebody else than that bot wrote it; or a writer's key is missing among those that were given",
        "name every bot's key with --writer-key; then ask who may insert into the record",
    ),
    Fault.CHECKPOINT: (
        "events were changed, cut off or removed, or an old copy was put back, and hashes made anew",
        "compare with a copy or an export from before that checkpoint, and keep this database as it is",
    ),
    Fault.NOTE: (
        "rows of audit_checkpoint were changed, removed or invented; or another key signed them",
        "compare with the checkpoints that are kept elsewhere; name every key with --public-key",
    ),
    Fault.UNCOVERED: (
        "no signature was looked at that covers these events: they are newer than the newest checkpoint, or no key was named",
        "name the key with --public-key; what is newer is covered by the next checkpoint: mexc-plugin audit checkpoint",
    ),
    Fault.BUNDLE: (
        "the file was damaged on its way, or is not what was exported",
        "get it anew from whoever exported it, and compare the SHA-256 of both files",
    ),
    Fault.MARKED: ("the database was slow or out of reach then", "nothing, where that is known"),
}


def meaning(fault: Fault) -> str:
    """What a finding of that kind can mean."""
    return MEANINGS[fault][0]


def advice(fault: Fault) -> str:
    """What to do about it."""
    return MEANINGS[fault][1]
