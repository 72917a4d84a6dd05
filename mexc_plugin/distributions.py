"""Which distributions the packages that we need come from, and how to install what is missing.

ccxt is repackaged under other names (`octobot-ccxt` is one, and owns the package `ccxt`). So a distribution
of the name ccxt may be missing where its package is there, and asking pip for it breaks what is there.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:  # importlib.metadata takes longer to import than all the rest
    from collections.abc import Iterator
    from importlib.metadata import Distribution

OWN = "mexc-plugin"


def owners(package: str) -> dict[str, str]:
    """The distributions that hold the package that is imported by this name: name → version.

    More than one of them: each has overwritten files of the one before.
    """
    # Sent to other Pythons as text (hosting.probe): it needs nothing from outside.
    from importlib.metadata import distributions

    def holds(distribution: "Distribution") -> bool:
        if top_level := distribution.read_text("top_level.txt"):
            return package in top_level.split()
        return f"\n{package}/__init__.py," in f"\n{distribution.read_text('RECORD')}"

    found: dict[str, dict[str, str]] = {}
    for distribution in filter(holds, distributions()):
        # The same name may be there again further down sys.path, where nobody looks.
        folder = found.setdefault(str(distribution.locate_file("")), {})
        folder[distribution.metadata["Name"]] = distribution.version
    return next(iter(found.values()), {})


def describe(package: str) -> str:
    """The version of the package, and whose: `4.5.90`, `octobot-ccxt 0.0.15`, or `unknown`."""
    found = owners(package)
    if found and [*found] != [package]:
        return " and ".join(f"{name} {number}" for name, number in found.items())
    return version(package)


def version(distribution: str) -> str:
    """Its version, `unknown` where it is not installed."""
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


def install_command(extra: str) -> str:
    """How to install what one of our extras needs.

    By the names of its packages: with `mexc-plugin[…]` pip would install a ccxt over another's.
    """
    import shlex

    named = [name for name, marker in _requirements() if f"extra == '{extra}'" in marker]
    return f"pip install {shlex.join(named or [f'{OWN}[{extra}]'])}"


def upgrade_command() -> str:
    """How to install a newer version of this program."""
    beside_ccxt = "--no-deps " if version("ccxt") == "unknown" else ""
    return f"pip install --upgrade {beside_ccxt}{OWN}"


def requirement(module: str) -> str | None:
    """What of ours a module stands for, as `sqlalchemy>=2.0`; None where it is nothing of that."""
    import re

    for name, marker in _requirements():
        if "extra" not in marker and re.split(r"[^\w.-]", name)[0].lower() == module:
            return name
    return None


def _requirements() -> "Iterator[tuple[str, str]]":
    from importlib.metadata import PackageNotFoundError, requires

    try:
        given = requires(OWN) or []
    except PackageNotFoundError:  # run from a folder, without being installed
        given = []
    for line in given:
        name, _, marker = line.partition(";")
        yield name.strip(), marker.replace('"', "'")
