"""What the venue said of one order, by the names of an event."""

from operator import attrgetter

from mexc_plugin.venue.identity import CancelAck

# The names of an event that are others than an acknowledgement's.
_RENAMED = {"status": "order_status", "code": "venue_code", "message": "venue_message"}
_NAMES = {
    name: _RENAMED.get(name, name)
    for name in (
        "order_id",
        "client_order_id",
        "cancel_client_order_id",
        "status",
        "side",
        "type",
        "time_in_force",
        "price",
        "amount",
        "filled",
        "cost",
        "code",
        "message",
        "cancel_reason",
        "stp_mode",
    )
}

FIELDS = tuple(_NAMES.values())
_read = attrgetter(*_NAMES)


def event_fields(ack: CancelAck) -> dict[str, str]:
    """The fields of an event that an acknowledgement fills, as received."""
    values = zip(FIELDS, _read(ack), strict=True)
    return {name: value for name, value in values if value is not None}
