"""Times of several subjects that took turns, and what is said of them."""

import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any

Subjects = dict[str, Callable[[int], object]]
WARM_UP = 20


def take_turns(subjects: Subjects, rounds: int) -> dict[str, list[float]]:
    """Seconds by subject. Each round runs each once, in rotated order: what disturbs, disturbs all."""
    times: dict[str, list[float]] = {name: [] for name in subjects}
    names = list(subjects)
    for n in range(-WARM_UP, rounds):
        for name in names[n % len(names) :] + names[: n % len(names)]:
            started = perf_counter()
            subjects[name](n)
            if n >= 0:
                times[name].append(perf_counter() - started)
    return times


def p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def summary(times: dict[str, list[float]], base: str) -> dict[str, dict[str, Any]]:
    """By subject: p50 and p99 in microseconds, and both as multiples of the base's."""
    p50s = {name: statistics.median(values) for name, values in times.items()}
    p99s = {name: p99(values) for name, values in times.items()}
    return {
        name: {
            "p50_us": round(p50s[name] * 1e6),
            "p99_us": round(p99s[name] * 1e6),
            "p50": round(p50s[name] / p50s[base], 2),
            "p99": round(p99s[name] / p99s[base], 2),
        }
        for name in times
    }


def show(title: str, found: dict[str, dict[str, Any]]) -> None:
    print(title)
    for name, each in found.items():
        print(
            f"{name:>20}  p50 {each['p50_us']:8} us {each['p50']:5.2f} x"
            f"  p99 {each['p99_us']:8} us {each['p99']:5.2f} x"
        )
