"""Every system call that writes the audit fails once, or from then on: the cancel is sent."""

import shutil
from pathlib import Path

import pytest

from mexc_plugin.sandbox import Sandbox

from . import syscalls
from .scale import LONG, keep
from .syscalls import CALLS, ERRORS, Fault

# In the short form: the first write, sync and open of the database, and of the spool.
SAMPLE = [
    (Fault("pwrite64", "EIO", 1), False),
    (Fault("pwrite64", "ENOSPC", 1, for_good=True), False),
    (Fault("fdatasync", "EIO", 1, for_good=True), False),
    (Fault("openat", "ENOSPC", 1), False),
    (Fault("write", "ENOSPC", 1), True),
    (Fault("fsync", "EIO", 1), True),
    (Fault("fdatasync", "EIO", 1), True),
]


@pytest.mark.parametrize(("fault", "broken"), SAMPLE, ids=lambda value: str(value))
def test_a_failed_system_call_stops_no_cancel_and_hides_no_loss(
    tmp_path: Path, sandbox: Sandbox, fault: Fault, broken: bool
) -> None:
    result = syscalls.inject(tmp_path / "case", sandbox, fault, broken=broken)
    assert result.hit, "the fault met no call: the sample is out of date"
    assert result.is_good, result


if LONG:  # some hundred cases of a second each

    @pytest.mark.parametrize("broken", [False, True], ids=["database", "spool"])
    def test_whichever_system_call_fails_the_cancel_is_sent_and_no_loss_hidden(
        tmp_path: Path, sandbox: Sandbox, broken: bool
    ) -> None:
        results = [
            result
            for call in CALLS
            for error in ERRORS
            for for_good in (False, True)
            for result in syscalls.every(
                tmp_path, sandbox, call, error, for_good=for_good, broken=broken
            )
        ]
        bad = [result for result in results if not result.is_good]
        keep(
            f"syscalls_{'spool' if broken else 'database'}",
            cases=len(results),
            sent=sum(result.sent for result in results),
            all_stored=sum(result.stored == result.sealed for result in results),
            spooled=sum(result.spooled > 0 for result in results),
            counted_loss=sum(result.lost > 0 for result in results),
            calls={c: sum(r.fault.call == c for r in results) for c in CALLS},
            bad=[str(result) for result in bad],
        )
        assert bad == []
        shutil.rmtree(tmp_path, ignore_errors=True)
