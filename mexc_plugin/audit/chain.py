"""The chain of one writer: each event's hash covers the one before it."""

import hashlib

TAG = b"mexc-plugin/cancel_audit/1\n"
GENESIS = "0" * 64


def link(prev_hash: str, payload: str) -> str:
    """SHA-256 over the version tag, the previous hash (as text) and SHA-256 of the payload."""
    digest = hashlib.sha256(payload.encode("utf-8")).digest()
    return hashlib.sha256(TAG + prev_hash.encode("ascii") + digest).hexdigest()
