"""What is left of this environment on the way to a command. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

PYTHONPATH = "PYTHONPATH"
_REFERENCE = re.compile(r"\$\{?PYTHONPATH\b")


@dataclass(frozen=True, slots=True)
class Passage:
    """What is left of the environment on the way to a command.

    needed: the variables that the adapter needs there; site: the entry of PYTHONPATH that it is;
    lost: those of them that do not arrive, and by which words; is_elsewhere: nothing of this
    environment arrives, nor perhaps its files; has_path: PATH is the one of here; expands: a shell
    reads these words, and its own PYTHONPATH holds the entry.
    """

    needed: frozenset[str] = frozenset({PYTHONPATH})
    site: str = ""
    lost: frozenset[str] = frozenset()
    by: str = ""
    is_elsewhere: bool = False
    has_path: bool = True
    expands: bool = False

    def losing(self, names: Iterable[str], by: str) -> "Passage":
        """Without these variables."""
        lost = self.needed.intersection(names)
        return replace(self, lost=self.lost | lost, by=by) if lost - self.lost else self

    def losing_all(self, by: str, but: Iterable[str] = ()) -> "Passage":
        """Without any variable but these."""
        return replace(self.losing(self.needed.difference(but), by), has_path=False)

    def assigning(self, name: str, value: str, by: str) -> "Passage":
        """With a variable set. A setting of ours that somebody sets is meant, and not lost."""
        if name == "PATH":
            return replace(self, has_path=False)
        holds = self.site in value.split(":") or (self.expands and _REFERENCE.search(value))
        if name == PYTHONPATH and not holds:
            return self.losing({name}, f"{by} {PYTHONPATH}=…".strip())
        return replace(self, lost=self.lost - {name})

    def unsetting(self, name: str, by: str) -> "Passage":
        """With a variable taken away on purpose. Only PYTHONPATH is missed then."""
        if name == PYTHONPATH:
            return self.losing({name}, f"{by} {PYTHONPATH}")
        return replace(self, needed=self.needed - {name}, lost=self.lost - {name})

    def elsewhere(self, by: str) -> "Passage":
        """Where nothing of this environment arrives."""
        return replace(self.losing_all(by), is_elsewhere=True)
