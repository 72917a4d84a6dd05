"""The chain of one writer: each event's hash covers the one before it."""

import hashlib

TAG = b"mexc-plugin/cancel_audit/1\n"
GENESIS = "0" * 64


def link(prev_hash: str, payload: str) -> str:
    """SHA-256 over the version tag, the previous hash (as text) and SHA-256 of the payload."""
    return link_digest(prev_hash, hashlib.sha256(payload.encode("utf-8")).digest())


def link_digest(prev_hash: str, digest: bytes) -> str:
    """The same for whoever knows no more of a payload than its SHA-256."""
    return hashlib.sha256(TAG + prev_hash.encode("ascii") + digest).hexdigest()
