"""A row of the tamper matrix: what somebody does to the record, and what shows it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mexc_plugin.store.verify.findings import Degree, Fault


class By(StrEnum):
    """What it takes to find it; each has what those before it have."""

    VERIFY = "`audit verify`"
    WRITER_KEY = "`--writer-key`"
    CHECKPOINT = "`--checkpoint`"
    PUBLIC_KEY = "`--public-key`"
    NOTHING = "nothing"
    NO_NEED = "no need: it changes nothing"


OWNER, INSERT, AUDITOR, BOT_USER, HOLDER = (
    "owner",
    "INSERT",
    "auditor",
    "the bot's user",
    "who has the file",
)


@dataclass(frozen=True)
class Row:
    """does: in the words of docs/evidence.md; to: what part of the record; needs: whose rights.

    how: what is done, as each part's module says; fault, degree, seq: the finding that there has to be; words: what
    its message holds; why: where nothing shows it.
    """

    does: str
    to: str
    needs: str
    how: Callable[..., Any]
    fault: Fault | None = None
    seq: int | None = None
    degree: Degree = Degree.BROKEN
    by: By = By.VERIFY
    words: str = ""
    why: str = ""
    before: int = 15
