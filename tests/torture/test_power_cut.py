"""Power cuts: what was acknowledged is on the disk."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from mexc_plugin import posix
from mexc_plugin.store.write.spool import spool_file

from . import power
from .disk import Disk, Survivors
from .scale import keep, scaled

CUTS = scaled(42, 500)
CUTS_PER_RUN = scaled(42, 50)


@pytest.fixture
def chance() -> random.Random:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


def cuts(folder: Path, synchronous: str | None, chance: random.Random) -> list[power.Cut]:
    made: list[power.Cut] = []
    while len(made) < CUTS:
        here = folder / f"run-{len(made)}"
        disk = here / "after"
        disk.mkdir(parents=True)
        recorded = power.record(here, synchronous, chance)
        for number in range(min(CUTS_PER_RUN, CUTS - len(made))):
            survivors = list(Survivors)[number % len(Survivors)]
            made.append(power.cut(recorded, disk, survivors, chance))
    return made


def totals(made: list[power.Cut]) -> dict[str, int]:
    return {
        "cuts": len(made),
        "acknowledged": sum(each.acknowledged for each in made),
        "lost": sum(each.lost for each in made),
        "cuts_with_a_loss": sum(each.lost > 0 for each in made),
        "intact": sum(each.intact for each in made),
    }


def test_no_power_cut_takes_an_acknowledged_event(tmp_path: Path, chance: random.Random) -> None:
    figures = totals(cuts(tmp_path, None, chance))
    keep("power_full", **figures)
    assert figures["lost"] == 0
    assert figures["intact"] == figures["cuts"] == CUTS
    assert figures["acknowledged"] > 0


def test_the_same_cuts_take_events_where_synchronous_is_normal(
    tmp_path: Path, chance: random.Random
) -> None:
    figures = totals(cuts(tmp_path, "NORMAL", chance))
    keep("power_normal", **figures)
    assert figures["lost"] > 0, "the shim proves nothing"
    assert figures["intact"] == CUTS  # NORMAL loses, but does not corrupt


def test_the_settings_under_test_are_the_product_s(tmp_path: Path, chance: random.Random) -> None:
    statements = power.record(tmp_path, None, chance).statements
    assert "PRAGMA synchronous = FULL" in statements
    assert "PRAGMA journal_mode = WAL" in statements
    assert "BEGIN IMMEDIATE" in statements


def spool_cuts(
    tmp_path: Path,
    chance: random.Random,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[power.RecordingOs], None] = lambda _os: None,
) -> dict[str, int]:
    disk = Disk()
    recording = power.RecordingOs(disk)
    change(recording)
    with monkeypatch.context() as patch:
        for module in (spool_file, posix):
            patch.setattr(module, "os", recording)
        recorded = power.record_spool(tmp_path, disk, chance)
    after = tmp_path / "after.00000000-0000-4000-8000-000000000000.spool"
    return totals(
        [
            power.cut_spool(recorded, after, list(Survivors)[number % 3], chance)
            for number in range(CUTS)
        ]
    )


def test_no_power_cut_takes_a_spooled_event(
    tmp_path: Path, chance: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = spool_cuts(tmp_path, chance, monkeypatch)
    keep("power_spool", **figures)
    assert figures["lost"] == 0
    assert figures["acknowledged"] > 0


def test_the_same_cuts_take_spooled_events_where_the_spool_does_not_sync(
    tmp_path: Path, chance: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_sync(recording: power.RecordingOs) -> None:
        recording.fdatasync = lambda _fd: None  # type: ignore[method-assign]

    assert spool_cuts(tmp_path, chance, monkeypatch, without_sync)["lost"] > 0
