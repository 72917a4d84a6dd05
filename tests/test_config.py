"""`options["audit"]`, key by key: explicit beats install(), environment, file and default, in that order."""

import json
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from mexc_plugin import config, settings_file
from mexc_plugin.audit import signing_keys
from mexc_plugin.config import OPTION_KEYS, VARIABLES, AuditSettings
from mexc_plugin.errors import ConfigError
from mexc_plugin.store.connect import engine

# For each key three values as options, what a variable says for the third, and a variable's nonsense.
VALUES: dict[str, tuple[Any, Any, Any, str, str]] = {
    "url": ("sqlite:////a.db", "sqlite:////b.db", "sqlite:////c.db", "sqlite:////c.db", "c:db"),
    "bot": ("a", "b", "c", "c", "c" * 65),
    "on_failure": ("refuse", "spool", "refuse", "refuse", "Refuse"),
    "deadline_ms": (1, 2, 2_500, "2500", "30001"),
    "spool": (Path("/a"), Path("/b"), Path("/c"), "/c", "~nobody-of-that-name/c"),
    "key": (Path("/a"), Path("/b"), Path("/c"), "/c", "~nobody-of-that-name/c"),
}


def with_file(folder: Path, key: str, value: object) -> dict[str, str]:
    """The environment that names a settings file which says that."""
    path = folder / "mexc-plugin.toml"
    path.write_text(f"{key} = {json.dumps(value, default=str)}\n")
    return {settings_file.VARIABLE: str(path)}


EVERY_KEY = pytest.mark.parametrize("key", OPTION_KEYS)


def value(key: str, *given: Any) -> Any:
    return getattr(config.resolve(*given), key)


def test_the_table_of_this_test_and_the_variables_are_total() -> None:
    assert {*VALUES} == {*VARIABLES} == {field.name for field in fields(AuditSettings)}
    expected = {key: f"MEXC_PLUGIN_{key.upper()}" for key in OPTION_KEYS}
    assert expected | {"url": "MEXC_PLUGIN_DATABASE_URL"} == VARIABLES


@EVERY_KEY
def test_explicit_beats_install_beats_environment_beats_file_beats_default(
    key: str, tmp_path: Path
) -> None:
    own, common, from_environment, text, _ = VALUES[key]
    environ = {VARIABLES[key]: text}
    assert value(key, {key: own}, environ, {key: common}) == own
    assert value(key, {}, environ, {key: common}) == common
    in_file = with_file(tmp_path, key, VALUES[key][0])
    assert value(key, None, in_file | environ) == from_environment
    assert value(key, None, in_file) == own
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

    (tmp_path / "a.key").write_text(signing_keys.make("a").line())
    paths = {"url": f"sqlite:///{tmp_path}/a.db", "spool": tmp_path, "key": tmp_path / "a.key"}
    text = str(paths.get(key, VALUES[key][3]))
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


# -- paths as URLs


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("audit.db", "{folder}/audit.db"),
        ("./a/audit.db", "{folder}/a/audit.db"),
        (Path("audit.db"), "{folder}/audit.db"),
        ("/srv/a b?c%41.db", "/srv/a b?c%41.db"),
        ("~/audit.db", "/home/of/the/bot/audit.db"),
        ("sqlite:///~/audit.db", "/home/of/the/bot/audit.db"),
        ("./a:b.db", "{folder}/a:b.db"),
        ("é.db", "{folder}/é.db"),
    ],
)
def test_a_path_is_the_url_of_that_file(
    given: object, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/of/the/bot")
    url = value("url", {"url": given}, {})
    assert engine.sqlite_path(url) == Path(meant.format(folder=tmp_path))


@pytest.mark.parametrize(
    "given",
    [
        *("me:s3cret@host/audit", "sqlite:audit.db", ":memory:", "postgres:", "a/", " ", "a\0b"),
        *("\udcff", "~nobody-of-that-name/a.db", "sqlite:///~nobody-of-that-name/a.db"),
        *(7, b"audit.db", ["audit.db"]),
    ],
)
def test_what_is_neither_url_nor_path_is_refused_and_not_repeated(given: object) -> None:
    with pytest.raises(ConfigError, match=r"^the audit database ") as caught:
        config.resolve({"url": given}, {})
    assert "s3cret" not in str(caught.value)


# -- the settings file


@EVERY_KEY
def test_a_file_s_value_that_cannot_be_meant_is_named_with_its_file(
    key: str, tmp_path: Path
) -> None:
    environ = with_file(tmp_path, key, True)
    with pytest.raises(ConfigError, match=f"^{key} in {tmp_path}/mexc-plugin.toml "):
        config.resolve({}, environ)
    assert value(key, {key: VALUES[key][0]}, environ) == VALUES[key][0]


def test_relative_paths_of_a_file_are_relative_to_it(tmp_path: Path) -> None:
    file = tmp_path / "mexc-plugin.toml"
    file.write_text('url = "audit.db"\nspool = "events"\n')
    found = config.resolve({}, {settings_file.VARIABLE: str(file)})
    assert [found.url, found.spool] == [f"sqlite:///{tmp_path}/audit.db", tmp_path / "events"]
    file.write_text('url = "sqlite:///audit.db?timeout=3"\n')
    found = config.resolve({}, {settings_file.VARIABLE: str(file)})
    assert found.url == f"sqlite:///{tmp_path}/audit.db?timeout=3"


def test_the_usual_file_is_in_the_user_s_config_folder_and_need_not_be_there(
    tmp_path: Path,
) -> None:
    assert value("bot", {}, {}) is None
    usual = settings_file.usual_path()
    assert usual == tmp_path / "config" / "mexc-plugin" / "mexc-plugin.toml"
    usual.parent.mkdir(parents=True)
    usual.write_text('bot = "grid-7"\n')
    found = config.find("bot", None, {})
    assert (found.value, found.by, found.source) == ("grid-7", "file", str(usual))
    assert value("bot", {}, {settings_file.VARIABLE: os.devnull}) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("bot = grid", "is no TOML"),
        (b"bot = '\xff'", "is no TOML"),
        ("bots = 'grid'", "has 'bots'; it takes url, bot, on_failure, deadline_ms, spool"),
        ("[audit]\nbot = 'grid'", "has 'audit'"),
    ],
)
def test_a_file_that_cannot_be_meant_is_a_config_error_that_names_it(
    text: str | bytes | None, words: str, tmp_path: Path
) -> None:
    file = tmp_path / "mexc-plugin.toml"
    if text is not None:
        file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as caught:
        config.resolve({}, {settings_file.VARIABLE: str(file)})
    assert f"the settings file {file} {words}" in str(caught.value)


@pytest.mark.parametrize("given", ["", "relative"])
def test_without_a_home_there_is_no_usual_file(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", given)
    monkeypatch.setenv("HOME", "/home/of/the/bot")
    assert settings_file.usual_path() == Path(
        "/home/of/the/bot/.config/mexc-plugin/mexc-plugin.toml"
    )
    monkeypatch.setattr(os.path, "expanduser", lambda name: name)
    assert (settings_file.usual_path(), value("bot", {}, {})) == (None, None)
    with pytest.raises(ConfigError, match="MEXC_PLUGIN_CONFIG starts with a home folder"):
        config.resolve({}, {settings_file.VARIABLE: "~nobody-of-that-name/x.toml"})
