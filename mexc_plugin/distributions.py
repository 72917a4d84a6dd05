"""Which distributions the packages that we need come from, and how to install what is missing.

ccxt is repackaged under other names (`octobot-ccxt` is one, and owns the package `ccxt`). So a distribution
of the name ccxt may be missing where its package is there, and asking pip for it breaks what is there.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:  # importlib.metadata takes longer to import than all the rest
    from collections.abc import Iterator
    from importlib.metadata import Distribution
    from typing import Any

OWN = "mexc-plugin"
# What is needed beside ccxt; a test compares it with pyproject.toml.
BESIDE_CCXT = (
    "'alembic>=1.9' 'click>=8.1' 'cryptography>=2.6.1' 'platformdirs>=3.0' 'sqlalchemy>=2.0'"
)


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
    """How to install what one of our extras needs into the environment that this program runs in.

    By the names of its packages: with `mexc-plugin[…]` pip would install a ccxt over another's, and no
    index may have what came from a checkout.
    """
    named = [name for name, marker in _requirements() if f"extra == '{extra}'" in marker]
    return install_packages(*(named or [f"{OWN}[{extra}]"]))


def install_packages(*packages: str) -> str:
    """How to install packages into this environment, with what made it."""
    import shlex
    import sys
    from pathlib import Path

    named = shlex.join(packages)
    if getattr(sys, "frozen", False):
        return f"pip install {named}, in the environment that this program is built in"
    if Path(sys.prefix, "pipx_metadata.json").exists():
        return f"pipx inject {shlex.quote(Path(sys.prefix).name)} {named}"
    return f"{_pip_install()} {named}"


def install_own() -> str:
    """How to install this program, from where this file's came, into the environment of the Python that runs.

    Python below `run` reads this file by its path, without being able to import the package.
    """
    pip = _pip_install()
    if (
        version("ccxt") == "unknown"
    ):  # it came under another name, and pip would install ccxt over it
        return f"{pip} --no-deps {source()} && {pip} {BESIDE_CCXT}"
    return f"{pip} {source()}"


def source() -> str:
    """Where this program came from, as pip is told it."""
    return _source()[1]


def upgrade_command() -> str:
    """How to install a newer version of this program, from where this one came."""
    import shlex
    import sys
    from pathlib import Path

    pull, place = _source()
    if Path(sys.prefix, "pipx_metadata.json").exists():
        return f"{pull}pipx upgrade {shlex.quote(Path(sys.prefix).name)}"
    if Path(sys.prefix, "uv-receipt.toml").exists():
        return f"{pull}uv tool upgrade {OWN}"
    beside_ccxt = "--no-deps " if version("ccxt") == "unknown" else ""
    return f"{pull}{_pip_install()} --upgrade {beside_ccxt}{place}"


def _pip_install() -> str:
    """The words that install into this environment: `pip` alone only where the shell finds this one's."""
    import shlex
    import shutil
    import sys
    from importlib.util import find_spec
    from pathlib import Path

    found = shutil.which("pip")
    if found and Path(found).parent == Path(sys.executable).parent:
        return "pip install"
    python = shlex.quote(sys.executable)
    # uv makes environments without a pip.
    return (
        f"uv pip install --python {python}"
        if find_spec("pip") is None
        else f"{python} -m pip install"
    )


def _source() -> tuple[str, str]:
    """Where this program came from (PEP 610): what brings that up to date first, and its name for pip."""
    import json
    import shlex
    from importlib import metadata
    from pathlib import Path
    from urllib.parse import unquote, urlsplit

    folder = Path(__file__).absolute().parents[1]
    own: Distribution | None
    try:
        own = metadata.distribution(OWN)
    except metadata.PackageNotFoundError:  # this file is another environment's, or a checkout's
        own = next(iter(metadata.distributions(name=OWN, path=[str(folder)])), None)
    text = own.read_text("direct_url.json") if own else None
    given: dict[str, Any] = json.loads(text) if text else {"url": ""}
    if own is None and (folder / "pyproject.toml").exists():
        given = {"url": folder.as_uri(), "dir_info": {}}
    place = Path(unquote(urlsplit(given["url"]).path))
    quoted = shlex.quote(str(place))
    if "dir_info" in given:
        pull = f"git -C {quoted} pull && " if (place / ".git").exists() else ""
        return pull, f"--editable {quoted}" if given["dir_info"].get("editable") else quoted
    if "vcs_info" in given:
        return "", shlex.quote(f"{given['vcs_info']['vcs']}+{given['url']}")
    if given["url"].startswith("file:"):  # a wheel: a newer one lies where it lay
        return "", f"--find-links {shlex.quote(str(place.parent))} {OWN}"
    return "", OWN


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
