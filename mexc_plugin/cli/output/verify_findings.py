"""What verifying found, as text for people and as JSON, one finding after the other."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from mexc_plugin.cli.options.display import count
from mexc_plugin.review.text import encode, visible

if TYPE_CHECKING:
    from mexc_plugin.evidence.offline.bundle_verifying import BundleCheck
    from mexc_plugin.evidence.offline.proof_verifying import ProofCheck
    from mexc_plugin.evidence.verifying import Plan
    from mexc_plugin.store.verify.findings import Finding

    # What was verified: how many events of how many writers.
    Looked = Plan | BundleCheck | ProofCheck


DEGREES = ("broken", "doubtful", "noted")


class Counted:
    """Findings as they pass. degrees: how many were `broken`, `doubtful` and `noted`."""

    def __init__(self, findings: Iterable["Finding"]) -> None:
        self._findings = findings
        self.degrees: Counter[str] = Counter()

    def __iter__(self) -> Iterator["Finding"]:
        for finding in self._findings:
            self.degrees[finding.degree.value] += 1
            yield finding


Show = Callable[[Counted, "Looked"], Iterator[str]]


def as_text(findings: Counted, plan: "Looked", looked: str) -> Iterator[str]:
    """A line for each; the first of each kind is explained. looked: what it was not looked beyond."""
    from mexc_plugin.evidence.words import advice, meaning

    explained = set()
    for finding in findings:
        yield visible(f"{finding.degree}: {finding.fault}: {_where(finding)}{finding.message}")
        if finding.fault not in explained:
            explained.add(finding.fault)
            yield f"  It can mean: {meaning(finding.fault)}."
            yield f"  What to do: {advice(finding.fault)}."
    events = count(plan.events, "event", "events")
    yield f"{events} of {count(plan.writers, 'writer', 'writers')}: {_result(findings)}" + (
        f", as far as {looked} looks" if looked else ""
    )


def _where(finding: "Finding") -> str:
    from mexc_plugin.audit.events import timestamp_text

    parts = []
    if finding.writer_id:
        seq = "" if finding.seq is None else f" seq {finding.seq}"
        parts.append(f"writer {finding.writer_id}{seq}")
    if finding.cancel_id:
        parts.append(f"cancel {finding.cancel_id}")
    if finding.occurred_ns is not None and abs(finding.occurred_ns) < 2**62:
        parts.append(f"{timestamp_text(finding.occurred_ns)[:19]} UTC")
    return ", ".join(parts) + ": " if parts else ""


def _result(findings: Counted) -> str:
    counts = [f"{findings.degrees[name]} {name}" for name in DEGREES if findings.degrees[name]]
    return ", ".join(counts if findings.degrees["broken"] else ["whole", *counts])


def as_json(findings: Counted, plan: "Looked") -> Iterator[str]:
    """One object, in pieces."""
    from mexc_plugin.cli.output.formats import array

    yield '{"findings":'
    yield from array(map(_as_dict, findings))
    totals = {
        "events": plan.events,
        "writers": plan.writers,
        **{name: findings.degrees[name] for name in DEGREES},
        "whole": findings.degrees["broken"] == 0,
    }
    yield ", " + encode(totals)[1:]


def _as_dict(finding: "Finding") -> dict[str, object]:
    from dataclasses import asdict

    from mexc_plugin.evidence.words import advice, meaning

    return asdict(finding) | {"means": meaning(finding.fault), "advice": advice(finding.fault)}
