"""How long the forms are, and where their figures go for the report."""

import json
import os
from pathlib import Path
from typing import Any

LONG = os.environ.get("MEXC_PLUGIN_TORTURE") == "long"
DATABASES = ["sqlite", "postgresql", "mariadb"] if LONG else ["sqlite"]
FIGURES = os.environ.get("MEXC_PLUGIN_TORTURE_FIGURES")


def scaled(short: Any, long: Any) -> Any:
    """One of two sizes, by MEXC_PLUGIN_TORTURE."""
    return long if LONG else short


def keep(name: str, **figures: Any) -> None:
    """Keep the figures of one run, for docs/reliability.md, where the run asks for them."""
    if FIGURES:
        folder = Path(FIGURES)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(figures, indent=2, default=str) + "\n")
