"""What an API key may do and how long it lives, as ``GET /api/v3/apiKeyInfo`` tells it.

The answer's names are those that thrasher-corp/gocryptotrader reads (exchanges/mexc/types.go and its
rest_test.go, 2026-09); there, too, that ``accessKey`` must be sent, that -999 days stand for a key that
does not expire, and the three words of the status. The list of pairs that a key can be held to is not
among them. What each endpoint needs stands on the venue's pages.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from mexc_plugin.sandbox.vocabulary import Json

SPOT_DEAL_READ = "SPOT_DEAL_READ"
SPOT_DEAL_WRITE = "SPOT_DEAL_WRITE"
NEVER_EXPIRES = -999
UNBOUND_DAYS = 90
"""How long a key lives that is bound to no IP address."""


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """One API key. `remaining_validity`: days, 0 when expired; `status`: VALID, DELETE, FROZEN."""

    permissions: tuple[str, ...] = (
        "SPOT_ACCOUNT_READ",
        SPOT_DEAL_READ,
        SPOT_DEAL_WRITE,
        "CONTRACT_ACCOUNT_READ",
        "CONTRACT_DEAL_READ",
        "CONTRACT_DEAL_WRITE",
    )
    remaining_validity: int = UNBOUND_DAYS
    status: str = "VALID"
    ip_white_list: tuple[str, ...] = ()
    note: str = "sandbox"
    created_ms: int = 0

    def __post_init__(self) -> None:
        lists = self.permissions, self.ip_white_list
        words = [word for words in lists if isinstance(words, tuple) for word in words]
        if not all(isinstance(words, tuple) for words in lists) or not all(
            isinstance(word, str) for word in (*words, self.status, self.note)
        ):
            raise ValueError("permissions and ip_white_list are lists of texts, status is a text")
        if not isinstance(self.remaining_validity, int):
            raise ValueError("remaining_validity is a number of days")  # noqa: TRY004 - data

    def answer(self, api_key: str) -> dict[str, Json]:
        created = datetime.fromtimestamp(self.created_ms / 1000, UTC)
        return {
            "note": self.note,
            "accessKey": api_key,
            "createTime": created.isoformat(timespec="milliseconds"),
            "permissions": ",".join(self.permissions),
            "remainingValidity": self.remaining_validity,
            "ipWhiteList": ",".join(self.ip_white_list),
            "status": self.status,
        }


def key_info_from_json(data: Json) -> KeyInfo:
    """A key from an object with the names of its fields; lists for tuples. Raises ValueError."""
    if not isinstance(data, dict):
        raise ValueError("a key is described by a JSON object")  # noqa: TRY004 - data, not code
    tuples = {name: tuple(value) for name, value in data.items() if isinstance(value, list)}
    try:
        return KeyInfo(**{**data, **tuples})
    except TypeError as error:
        raise ValueError(str(error)) from None
