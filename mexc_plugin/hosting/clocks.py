"""The venue's clock, asked over HTTP. No key is sent."""

import http.client
import json
import time
import urllib.request

TIME_PATH = "/api/v3/time"
SAMPLES = 3
TIMEOUT_S = 5


def offset_ms(base_url: str) -> tuple[float, float]:
    """This clock minus the venue's, and how far off that may be: half of the quickest round trip.

    Raises OSError when the venue cannot be reached, ValueError when its answer is not a time.
    """
    samples = [_sample(base_url.rstrip("/") + TIME_PATH) for _ in range(SAMPLES)]
    return min(samples, key=lambda sample: sample[1])


def _sample(url: str) -> tuple[float, float]:
    before_ns = time.time_ns()
    started_ns = time.monotonic_ns()
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - http(s), checked by the command
            body = answer.read()
    except http.client.HTTPException as error:
        raise OSError(str(error) or type(error).__name__) from None
    half_ms = (time.monotonic_ns() - started_ns) / 2e6
    try:
        venue_ms = int(json.loads(body)["serverTime"])
    except (LookupError, TypeError):
        raise ValueError("its answer is not a time") from None
    return before_ns / 1e6 + half_ms - venue_ms, half_ms
