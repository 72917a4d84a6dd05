"""Events as they are handed over."""


def draft(n: int = 0, **more: object) -> dict[str, object]:
    """A request. The same n gives the same event."""
    return {"kind": "request", "occurred_ns": n + 1, "cancel_id": f"c{n}", "attempt": 1, **more}
