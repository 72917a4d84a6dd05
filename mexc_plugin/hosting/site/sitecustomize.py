"""Runs when a Python starts below `mexc-plugin run`: arms the adapter, then runs the user's own.

Needs nothing newer than Python 3.6: any child process of a bot may come by here.
"""

import os
import sys


class _Refusal:
    """Ends the program where ccxt is about to be imported and the adapter is not there."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:  # noqa: ARG002
        """The finder's interface; finds nothing itself."""
        others = [finder for finder in sys.meta_path if finder is not self]
        if fullname == "ccxt" and any(other.find_spec(fullname, None) for other in others):
            sys.stderr.write(
                f"mexc-plugin: the adapter cannot be installed: {self.reason}; "
                f"run: {_how_to_install()}\n"
                "mexc-plugin: so the program ends here, before a cancel goes out that is not "
                "on record\n"
            )
            sys.stderr.flush()
            os._exit(1)


def _how_to_install() -> str:
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 - as below
    try:
        import runpy

        # By its path: the package is what cannot be imported.
        found = runpy.run_path(os.path.join(package, "distributions.py"))  # noqa: PTH118
        return str(found["install_own"]())
    except Exception:  # noqa: BLE001 - an older Python than any that the adapter runs on
        return f"{sys.executable} -m pip install mexc-plugin"


def _arm() -> None:
    # An exception that leaves this file is printed, and the program runs on without the adapter.
    try:
        from mexc_plugin.hosting import hook

        hook.arm()
    except Exception as error:  # noqa: BLE001
        sys.meta_path.insert(0, _Refusal(f"{type(error).__name__}: {error}"))


def _run_the_users_own() -> None:
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is slow to import
    before = sys.path[:]
    sys.path[:] = [entry for entry in before if entry != here]
    ours = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        if ours is not None:
            sys.modules["sitecustomize"] = ours
    finally:
        # Programs hand their sys.path to children as PYTHONPATH, so it stays there. What the
        # user's own file changed stays changed.
        if here in before:
            sys.path.insert(before.index(here), here)


_arm()
_run_the_users_own()
