"""`options["audit"]`, key by key: explicit beats install() beats the environment beats the default."""

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from mexc_plugin import config
from mexc_plugin.config import OPTION_KEYS, VARIABLES, AuditSettings
from mexc_plugin.errors import ConfigError

# For each key three values as options, what a variable says for the third, and a variable's nonsense.
VALUES: dict[str, tuple[Any, Any, Any, str, str]] = {
    "url": ("sqlite:////a.db", "sqlite:////b.db", "sqlite:////c.db", "sqlite:////c.db", "c.db"),
    "bot": ("a", "b", "c", "c", "c" * 65),
    "on_failure": ("refuse", "spool", "refuse", "refuse", "Refuse"),
    "deadline_ms": (1, 2, 2_500, "2500", "30001"),
    "spool": (Path("/a"), Path("/b"), Path("/c"), "/c", "~nobody-of-that-name/c"),
}
EVERY_KEY = pytest.mark.parametrize("key", OPTION_KEYS)


def value(key: str, *given: Any) -> Any:
    return getattr(config.resolve(*given), key)


def test_the_table_of_this_test_and_the_variables_are_total() -> None:
    assert {*VALUES} == {*VARIABLES} == {field.name for field in fields(AuditSettings)}
    expected = {key: f"MEXC_PLUGIN_{key.upper()}" for key in OPTION_KEYS}
    assert expected | {"url": "MEXC_PLUGIN_DATABASE_URL"} == VARIABLES


@EVERY_KEY
def test_explicit_beats_install_beats_environment_beats_default(key: str) -> None:
    own, common, from_environment, text, _ = VALUES[key]
    environ = {VARIABLES[key]: text}
    assert value(key, {key: own}, environ, {key: common}) == own
    assert value(key, {}, environ, {key: common}) == common
    assert value(key, None, environ) == from_environment
    default = value(key, None, {})
    assert default not in (own, common, from_environment) or key == "on_failure"
    assert default == {"url": config.default_database_url(), "deadline_ms": 250}.get(
        key, "spool" if key == "on_failure" else None
    )


@EVERY_KEY
def test_nothing_given_is_not_there_wherever_it_stands(key: str) -> None:
    _, common, from_environment, text, _ = VALUES[key]
    for nothing in (None, ""):
        assert value(key, {key: nothing}, {}, {key: common}) == common
        assert value(key, {key: nothing}, {VARIABLES[key]: text}) == from_environment
    assert value(key, {}, {VARIABLES[key]: ""}) == value(key, {}, {})


@EVERY_KEY
def test_a_variable_that_cannot_be_meant_is_named(key: str) -> None:
    with pytest.raises(ConfigError, match=f"^{VARIABLES[key]} ") as caught:
        config.resolve({}, {VARIABLES[key]: VALUES[key][4]})
    assert VALUES[key][4] not in str(caught.value)


@EVERY_KEY
def test_a_variable_s_nonsense_does_not_matter_to_who_says_it_himself(key: str) -> None:
    own, *_, nonsense = VALUES[key]
    assert value(key, {key: own}, {VARIABLES[key]: nonsense}) == own


@EVERY_KEY
def test_an_exchange_takes_each_key_from_its_variable(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mexc_plugin import mexc

    text = {"url": f"sqlite:///{tmp_path}/a.db", "spool": str(tmp_path)}.get(key, VALUES[key][3])
    monkeypatch.setenv(VARIABLES[key], text)
    found = getattr(mexc()._audit_settings, key)
    assert str(found) == text


@pytest.mark.parametrize("number", ["", "0", "-1", "1.5", "1e3", " 250", "٣", "9" * 5000, "250ms"])
def test_a_number_in_the_environment_is_plain_digits(number: str) -> None:
    if not number:
        assert value("deadline_ms", {}, {VARIABLES["deadline_ms"]: number}) == 250
        return
    with pytest.raises(ConfigError, match="MEXC_PLUGIN_DEADLINE_MS must be a whole number"):
        config.resolve({}, {VARIABLES["deadline_ms"]: number})


@pytest.mark.parametrize("folder", [7, b"/x", "a\0b", ["/x"]])
def test_a_spool_that_names_no_folder_is_refused(folder: object) -> None:
    with pytest.raises(ConfigError, match="spool must be the path of a folder"):
        config.resolve({"spool": folder}, {})


def test_a_relative_spool_is_fixed_when_it_is_read_and_a_home_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/of/the/bot")
    assert value("spool", {"spool": "events"}, {}) == tmp_path / "events"
    assert value("spool", {"spool": "~/events"}, {}) == Path("/home/of/the/bot/events")
    assert value("spool", {"spool": "./~/events"}, {}) == tmp_path / "~" / "events"
    assert value("spool", {"spool": tmp_path}, {}) == tmp_path


@pytest.mark.parametrize(
    ("given", "name"),
    [({"url": "sqlite:///a.db"}, "the audit database"), ({"spool": "x"}, "spool")],
)
def test_a_relative_path_in_a_folder_that_is_gone_is_a_config_error(
    given: dict[str, str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError, match=f"^{name} is relative, and the current folder is gone"):
        config.resolve(given, {})
    assert value("url", {"url": "sqlite:////whole.db"}, {}) == "sqlite:////whole.db"
    monkeypatch.chdir("/")


def test_settings_with_a_spool_stand_for_a_recorder() -> None:
    import pickle

    settings = config.resolve({"url": "sqlite:////a.db", "spool": "/s"}, {})
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert hash(settings) == hash(config.resolve({"url": "sqlite:////a.db", "spool": "/s"}, {}))
    assert os.fspath(settings.spool) == "/s"


@pytest.mark.parametrize("found", [Path("~/.local/share/mexc-plugin"), Path("relative")])
def test_a_home_that_an_older_platformdirs_leaves_open_is_no_folder(
    found: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import platformdirs

    monkeypatch.setattr(platformdirs, "user_data_path", lambda *_args, **_kwargs: found)
    with pytest.raises(ConfigError, match="MEXC_PLUGIN_DATABASE_URL"):
        config.resolve({}, {})
    assert value("url", {"url": "sqlite:////a.db"}, {}) == "sqlite:////a.db"
