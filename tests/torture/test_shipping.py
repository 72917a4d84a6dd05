"""A fleet whose shippers and central server die and freeze: the target is the union of the sources."""

import random
from dataclasses import asdict
from pathlib import Path

import pytest

from mexc_plugin.sandbox import Sandbox

from . import fleet
from .scale import keep, scaled

BOTS, MACHINES = scaled(3, 8), scaled(2, 3)
CANCELS = scaled(60, 2_000)
KILLS = scaled(8, 200)


@pytest.mark.server
def test_a_target_is_the_union_of_its_sources_whatever_died_or_froze_meanwhile(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    figures = fleet.run(tmp_path, sandbox, BOTS, MACHINES, CANCELS, KILLS, seed)
    keep("shipping", seed=seed, **asdict(figures))
    assert figures.kills == KILLS
    assert figures.cancels == len(sandbox.arrivals)
    assert (figures.missing, figures.doubled, figures.different) == (0, 0, 0), f"seed {seed}"
    assert figures.findings == [], f"seed {seed}"
