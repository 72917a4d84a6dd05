"""Whatever a secret is, and wherever it stands: it does not leave, and looking for it never fails."""

import copy
import dataclasses
import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mexc_plugin.audit import events
from mexc_plugin.audit.redaction import (
    _PARAMETERS,
    REPLACEMENT,
    SECRET_NAMES,
    Redactor,
    account_fingerprint,
    as_text,
    redact_exception,
    sent_secrets,
)

# Written out once more: whoever takes a name out of the product has to take it out here.
NAMES = ["x-mexc-apikey", "apikey", "api_key", "api-key", "secret", "secretkey", "secret_key", "signature", "password", "passphrase", "authorization", "proxy-authorization", "cookie", "set-cookie", "listenkey", "token"]  # fmt: skip
PARAMETERS = ["signature", "apikey", "api_key", "secret", "secretkey", "password", "listenkey", "token"]  # fmt: skip
LONG = "a-secret-of-forty-letters-that-is-not-in"
ODD = ['pass"word', "back\\slash", "new\nline", "tab\there", "pä\"ss\\wörd", "%41%42%43", "a b+c&d=e", "ключ-2026", "\ud800lone", "\udfff\"ab", "\x00null"]  # fmt: skip
ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too


# -- secrets that are known


@pytest.mark.parametrize("secret", ODD)
def test_a_secret_is_found_in_every_way_to_write_it(secret: str) -> None:
    redactor = Redactor([secret])
    ways = {
        "text": secret,
        "JSON": json.dumps({"msg": secret}),
        "JSON with other letters as they are": json.dumps({"msg": secret}, ensure_ascii=False),
        "a URL": f"https://x/?a={quote(secret, safe='', errors='surrogatepass')}",
        "a form": f"a={quote_plus(secret, errors='surrogatepass')}",
    }
    for way, text in ways.items():
        shown = redactor.text(text)
        assert REPLACEMENT in shown, way
        assert secret not in shown, way
        assert json.dumps(secret)[1:-1] not in shown, way


@pytest.mark.parametrize(
    "secret", [*ODD, b"\xff\xfe\x00bytes", b"bytes-1234", 1234567, None, object(), ""]
)
def test_a_redactor_of_anything_can_be_made_and_used(secret: Any) -> None:
    redactor = Redactor([secret])

    assert redactor.text("nothing of it") == "nothing of it"
    assert redactor.value({"a": [secret, {"b": secret}]})
    assert account_fingerprint(secret) is None or len(str(account_fingerprint(secret))) == 16


@given(secret=ANY_TEXT, before=ANY_TEXT, after=ANY_TEXT)
def test_looking_for_secrets_is_total_and_finds_them(secret: str, before: str, after: str) -> None:
    redactor = Redactor([secret])
    text = f"{before}{secret}{after}"
    shown = redactor.text(text)
    if len(secret) >= 4 and secret not in REPLACEMENT:
        assert secret not in shown
    assert redactor.texts({"a": text, "b": before}) == {"a": shown, "b": redactor.text(before)}


@given(key=ANY_TEXT, value=ANY_TEXT)
def test_an_event_with_any_letters_can_be_sealed(key: str, value: str) -> None:
    document = Redactor([LONG]).value({key: value, "nested": [{value: key}]})
    draft = {"kind": "request", "occurred_ns": 1, "symbol": value, "request": document}
    event = events.seal(draft, "w", 1, "0" * 64)

    assert events.project(event)["payload"].encode("utf-8")


# -- secrets that nobody knows


def test_every_secret_name_is_tried() -> None:
    assert set(NAMES) == SECRET_NAMES
    assert set(PARAMETERS) == set(_PARAMETERS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spell", [str, str.upper, str.title], ids=["as it is", "capitals", "title"])  # fmt: skip
def test_a_value_under_a_secret_name_is_replaced_though_nobody_knows_it(
    name: str, spell: Any
) -> None:
    """As the hand-set X-MEXC-APIKEY of another account."""
    for value in ("of-nobody-1", "x", 1234, b"of-nobody-1", ["of-nobody-1"], {"a": "of-nobody-1"}):
        shown = Redactor([LONG]).value({"headers": {spell(name): value, "other": "kept"}})
        assert shown == {"headers": {spell(name): REPLACEMENT, "other": "kept"}}


@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("sign", ["=", "%3D", "%3d"])
def test_the_value_of_a_secret_parameter_is_replaced_though_nobody_knows_it(
    name: str, sign: str
) -> None:
    for spelt in (name, name.upper(), name.replace("s", "ſ")):
        for text in (f"https://x/?a=b&{spelt}{sign}nobody&c=d", f"{spelt}{sign}nobody", f"say ({spelt}{sign}nobody)"):  # fmt: skip
            shown = Redactor([LONG]).text(text)
            assert "nobody" not in shown
            assert shown == text.replace("nobody", REPLACEMENT)


def test_a_name_that_only_ends_like_a_secret_one_keeps_its_value() -> None:
    for text in ("mytoken=1", "x_secret=1", "tokens=1", "symbol=1", "=1", "&=1"):
        assert Redactor([LONG]).text(text) == text


@pytest.mark.parametrize("secrets", [[], [LONG], ["hush-hush"]], ids=["none", "a long one", "short"])  # fmt: skip
@pytest.mark.parametrize(
    "text",
    ["postgresql://user:pw@host/db", "see x+y://u:pw@h", "proxy https://u:pw@127.0.0.1:1/ is down", "socks5://u:pw@h", "a://u:pw@h b://v:pw@i", "URL: HTTP://U:pw@H"],
)  # fmt: skip
def test_a_password_in_a_url_is_replaced_in_a_text_with_no_other_secret(
    secrets: list[str], text: str
) -> None:
    """However short the text is, next to the secrets that are looked for."""
    shown = Redactor(secrets).text(text)

    assert "pw" not in shown
    assert f"://{REPLACEMENT}@" in shown
    assert Redactor(secrets).texts({"reason": text}) == {"reason": shown}


def test_all_signatures_of_a_request_are_found() -> None:
    url = "https://x/?symbol=A&signature=s1&token=t1"

    assert sent_secrets(url, {"SIGNATURE": "s2", "Signature": 3, "x": "y"}) == (
        "s1",
        "t1",
        "s2",
        "3",
    )
    assert sent_secrets("https://x/", None) == ()


@given(st.lists(st.text("0123456789abcdef", min_size=1, max_size=64), max_size=3))
def test_the_signatures_of_a_request_are_found_wherever_they_stand_by_themselves(
    words: list[str],
) -> None:
    redactor = Redactor([LONG]).knowing(words)
    text = redactor.text(f"{LONG} and " + " and ".join(words))
    assert LONG not in text
    for word in words:
        # A short one by itself may be part of any word.
        assert len(word) < 4 or word in REPLACEMENT or word not in text


@pytest.mark.parametrize("word", ["a", "abc", "red", "redacted", "[red"])
def test_a_word_that_would_eat_those_around_it_is_not_looked_for(word: str) -> None:
    text = f"abc, a cab, red and {REPLACEMENT}"

    assert Redactor([word]).text(text) == text
    assert Redactor([LONG]).knowing([word]).text(text) == text


def test_a_secret_of_four_letters_is_looked_for() -> None:
    for redactor in (Redactor(["abcd"]), Redactor([LONG]).knowing(["abcd"])):
        assert redactor.text("say abcd") == f"say {REPLACEMENT}"


# -- exceptions


def raised(error: BaseException) -> str:
    redact_exception(error, Redactor([LONG]))
    return f"{error}|{error!r}|{error.__dict__}|{error.__cause__!r}|{error.__context__!r}"


def test_a_chain_of_exceptions_that_leads_back_to_its_start_ends() -> None:
    first, second = ValueError(f"one {LONG}"), KeyError(f"two {LONG}")
    first.__cause__, second.__cause__ = second, first
    first.__context__ = second.__context__ = first
    first.args = (*first.args, second)

    assert LONG not in raised(first) + raised(second)


def test_secrets_are_taken_out_of_groups_notes_and_attributes() -> None:
    inner = ValueError(LONG)
    inner.url = f"https://x/{LONG}"  # type: ignore[attr-defined]
    inner.add_note(f"while asking {LONG}")
    group = ExceptionGroup("several", [inner])

    assert LONG not in raised(group) + raised(inner)


class Request:
    """As an HTTP library's errors hold it."""

    url = f"https://x/?a={LONG}"

    def __repr__(self) -> str:
        return f"<Request {self.url}>"


def test_an_object_that_would_show_a_secret_is_replaced_by_one_that_does_not() -> None:
    error = ValueError("failed")
    error.request = Request()  # type: ignore[attr-defined]
    error.urls = [f"https://x/{LONG}", 4]  # type: ignore[attr-defined]
    error.kept = {"a": "b"}  # type: ignore[attr-defined]
    kept = vars(error)["kept"]

    redact_exception(error, Redactor([LONG]))

    held = vars(error)
    assert held["urls"] == [f"https://x/{REPLACEMENT}", "4"]
    assert held["kept"] is kept
    shown = f"<Request https://x/?a={REPLACEMENT}>"
    # Whatever a bot asks of it, it has the one text.
    assert {str(held["request"]), repr(held["request"]), str(held["request"].url.host)} == {shown}
    with pytest.raises(AttributeError):
        held["request"].__len__  # noqa: B018
    assert str(copy.deepcopy(held["request"])) == shown


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    """A bot's own, which lets nothing be set."""

    url: str


class Exceptional(Exception):
    """A bot's own, with a name that groups have too, and no word of itself."""

    exceptions = 5

    def __repr__(self) -> str:
        raise RuntimeError("no")


class Held:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def test_an_exception_of_the_bots_own_is_handed_on_whatever_it_is() -> None:
    frozen, exceptional = Frozen(LONG), Exceptional(Held(), LONG)
    for error in (frozen, exceptional):
        redact_exception(error, Redactor([LONG]))
    assert frozen.url == REPLACEMENT
    assert exceptional.args[1] == REPLACEMENT


# -- text of anything


class Mute:
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (b"a", "a"), (b"\xff", "\ufffd"), (1, "1"), (None, "None"), (Mute(), "<Mute>"), ({"a": 1}, "{'a': 1}")],
    ids=["text", "bytes", "odd bytes", "number", "none", "mute", "object"],
)  # fmt: skip
def test_anything_has_a_text(value: object, text: str) -> None:
    assert as_text(value) == text


def test_a_value_that_cannot_say_what_it_is_is_named_by_its_type() -> None:
    shown = Redactor([LONG]).value({"a": Mute(), Mute(): [Mute()], b"k": b"\xffv", 1.5: 1e400})

    assert shown == {"a": "<Mute>", "<Mute>": ["<Mute>"], "k": "\ufffdv", "1.5": "inf"}


def test_the_exceptions_of_a_group_are_redacted_each() -> None:
    group = ExceptionGroup("several", [ValueError("key abcdefgh"), OSError("fine")])
    redact_exception(group, Redactor(["abcdefgh"]))
    assert [str(each) for each in group.exceptions] == ["key [redacted]", "fine"]


@pytest.mark.parametrize("text", ["a?signature=abc&b=1", "token=x token=[redacted]", "x"])
def test_what_is_redacted_already_is_left_as_it_is(text: str) -> None:
    once = Redactor().text(text)
    assert Redactor().text(once) == once
    assert "]]" not in once


@pytest.mark.parametrize("secret", ["abcdef", "-abcdef", "[redacted]abcdef"])
def test_what_stands_behind_the_replacement_is_part_of_the_value(secret: str) -> None:
    text = Redactor().text(f"GET /order?signature=[redacted]{secret}&symbol=A")
    assert text == "GET /order?signature=[redacted]&symbol=A"
