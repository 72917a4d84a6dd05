"""kill -9 at random moments."""

import random
from dataclasses import asdict
from pathlib import Path

from . import kill
from .scale import keep, scaled

KILLS = scaled(50, 1000)


def test_no_kill_leaves_a_cancel_without_a_record_or_an_answer_that_a_bot_heard(
    tmp_path: Path,
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    figures = kill.run(tmp_path, KILLS, seed)
    keep("kill", seed=seed, intact=figures.kills - figures.broken, **asdict(figures))
    assert figures.unrecorded == 0, f"seed {seed}"
    assert figures.unanswered == 0, f"seed {seed}"
    assert figures.broken == 0, f"seed {seed}"
    assert figures.findings == [], f"seed {seed}"
    # Otherwise the kills met nothing worth dying over.
    assert figures.kills == KILLS
    assert figures.pending > 0, "no kill fell between a request and its answer"
    assert figures.spooled > 0, "nothing was in a spool"
    assert figures.inherited > 0, "no victim replayed what another one left"
