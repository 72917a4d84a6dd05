"""The lowest versions that pyproject.toml allows, as constraints for pip: `python -m tests.lowest`."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"

_FLOOR = re.compile(r"([\w.-]+)(?:\[[\w,]+\])?>=([\d.]+)")


def requirements() -> dict[str, list[str]]:
    """What is needed, by extra; that without which nothing goes is under ''."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    return {"": project["dependencies"], **project["optional-dependencies"]}


def constraints() -> Iterator[str]:
    """A line for each requirement. Raises ValueError for one that is more or less than a floor."""
    for given in requirements().values():
        for requirement in given:
            floor = _FLOOR.fullmatch(requirement)
            if floor is None:
                raise ValueError(f"{requirement} is not written as name>=version")
            yield f"{floor[1]}=={floor[2]}"


if __name__ == "__main__":
    print("\n".join(constraints()))
