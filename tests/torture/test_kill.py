"""kill -9 at random moments."""

import random
from dataclasses import asdict
from pathlib import Path

from . import kill
from .scale import keep, scaled

KILLS = scaled(50, 1000)


def test_no_kill_leaves_a_cancel_without_a_record(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(2**32)
    figures = kill.run(tmp_path, KILLS, seed)
    keep("kill", seed=seed, **asdict(figures))
    assert figures.unrecorded == 0, f"seed {seed}"
    assert figures.intact == figures.kills == KILLS, f"seed {seed}"
    assert figures.findings == [], f"seed {seed}"
    assert figures.pending > 0, "no kill fell between a request and its answer: too few kills"
