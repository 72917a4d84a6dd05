"""What deploy/ starts: linted where the linter is, and each of its commands run with this program."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.store.audits import Audit

from .cli.conftest import Ledger
from .cli.test_serve import TOKEN, answer, serving
from .cli.test_watch import WAIT_S, Lines
from .command_line import invoke
from .test_docs import what_is_wrong

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "command" in service}
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SPOOL = COMPOSE["x-ours"]["volumes"][0].partition(":")[2]
HADOLINT = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def words_of(unit: Path) -> list[str]:
    """What a unit starts."""
    (line,) = re.findall(r"^ExecStart=(.+)$", unit.read_text(), re.MULTILINE)
    return shlex.split(line)


@pytest.mark.skipif(HADOLINT is None, reason="no hadolint; run: make .venv/.dev")
def test_the_container_file_is_linted() -> None:
    done = subprocess.run(
        [str(HADOLINT), str(DEPLOY / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_what_the_image_is_built_of_is_what_is_copied_into_it() -> None:
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    kept = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert all((ROOT / name).exists() for name in kept)
    assert {"pyproject.toml", "mexc_plugin", "migrations", "README.md", "LICENSE"} == set(kept)
    assert re.findall(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.MULTILINE) == ['["mexc-plugin"]']
    assert "\nUSER 10001" in DOCKERFILE


def test_the_extras_that_the_image_installs_exist() -> None:
    import tomllib

    (named,) = re.findall(r"\$1\[([\w,]+)\]", DOCKERFILE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(named.split(",")) <= set(project["optional-dependencies"])


def test_what_the_services_name_is_there() -> None:
    for service in SERVICES.values():
        assert set(service.get("depends_on", {})) <= SERVICES.keys()
        assert set(service.get("secrets", ())) <= COMPOSE["secrets"].keys()
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            is_file = source.startswith(".")
            assert (DEPLOY / source).is_file() if is_file else source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", OURS)
def test_a_service_starts_a_command_that_there_is(name: str) -> None:
    assert what_is_wrong(OURS[name]["command"]) is None


@pytest.mark.server
@pytest.mark.parametrize("backend", ["postgresql"])
def test_the_shipper_ships_the_file_of_its_bot(database: Audit, tmp_path: Path) -> None:
    bot, shipper = (SERVICES[name] for name in ("far-bot", "ship"))
    file = bot["environment"]["MEXC_PLUGIN_DATABASE_URL"]
    assert shipper["environment"]["MEXC_PLUGIN_DATABASE_URL"] == file
    assert shipper["volumes"][0] == bot["volumes"][0] == f"far:{Path(file).parent}"
    assert f"mkdir -p {SPOOL} {Path(file).parent} " in DOCKERFILE
    Ledger(f"sqlite:///{tmp_path / Path(file).name}").cancel()
    assert invoke(["db", "upgrade", "--db", database.url]).exit_code == 0
    environment = {
        "MEXC_PLUGIN_DATABASE_URL": str(tmp_path / Path(file).name),
        "MEXC_PLUGIN_SHIP_TO": database.url,
    }
    assert shipper["environment"].keys() == environment.keys()
    command = [sys.executable, "-m", "mexc_plugin", *shipper["command"]]
    with subprocess.Popen(command, env=os.environ | environment) as shipping:
        try:
            while len(database.events()) < 2:
                assert shipping.poll() is None
                time.sleep(0.01)
        finally:
            shipping.kill()
    assert len(database.history()) == 1


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_a_command_that_there_is(unit: Path) -> None:
    program, *words = words_of(unit)
    assert (Path(program).name, what_is_wrong(words)) == ("mexc-plugin", None)


@pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="no systemd; run: apt-get install -y systemd"
)
def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    made = []
    for file in sorted((DEPLOY / "systemd").iterdir()):
        made.append(tmp_path / file.name)
        made[-1].write_text(
            file.read_text().replace("/opt/mexc-plugin/bin/mexc-plugin", "/bin/true")
        )
    done = subprocess.run(
        ["systemd-analyze", "verify", *made], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if "mexc-plugin" in line]
    assert (done.returncode, said) == (0, [])


@pytest.mark.server
@pytest.mark.parametrize("backend", ["postgresql"])
def test_the_services_work_together(
    database: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEXC_PLUGIN_DATABASE_URL", database.url)
    monkeypatch.setenv("MEXC_PLUGIN_SPOOL", str(tmp_path))
    assert invoke(SERVICES["upgrade"]["command"]).exit_code == 0
    Ledger(database.url).cancel()
    token = tmp_path / "token"
    token.write_text(TOKEN)
    given = [
        word.replace("/run/secrets/token", str(token)) for word in SERVICES["serve"]["command"]
    ]
    with Lines(*SERVICES["watch"]["command"][2:]) as watching:
        assert watching.words().startswith("watching ")
        bot = subprocess.Popen(
            [sys.executable, str(DEPLOY / "bot.py")], env=os.environ | {"PYTHONPATH": str(ROOT)}
        )
        try:
            while "bot compose" not in watching.line():
                assert bot.poll() is None
            with serving(*given[2:]) as (_, address):
                metrics = f"http://127.0.0.1:{address.rstrip('/').rpartition(':')[2]}/metrics"
                answers = [answer(metrics), answer(metrics, Authorization=f"Bearer {TOKEN}")]
        finally:
            bot.terminate()
            bot.wait(WAIT_S)
            watching.interrupt()
    assert answers == [401, 200]
