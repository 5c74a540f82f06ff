"""Secrets are found in whatever form they are written."""

from __future__ import annotations

import base64
import json
import pickle
import re
import textwrap
import traceback
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from threadsworker import redaction
from threadsworker.crypto import Cipher
from threadsworker.redaction import MARK, redact, redact_settings, redacted
from threadsworker.settings import Settings
from threadsworker.store.accounts import Credentials
from threadsworker.threads_api import Token

SECRET = 'correct horse/"bättery"+staple\\0123456789'
BASIC = base64.b64encode(f"operator:{SECRET}".encode()).decode()
LONG = b"before " * 9 + SECRET.encode() + b" after" * 9

FORMS = {
    "plain": SECRET,
    "in a URL": f"https://x/?a=1&q={quote(SECRET, safe='')}&b",
    "in a path": quote(SECRET),
    "in a form": urlencode({"q": SECRET}),
    "with a plus": quote_plus(SECRET),
    "with small hexadecimal digits": quote(SECRET, safe="").lower(),
    "in JSON": json.dumps({"a": SECRET}),
    "in JSON as it is": json.dumps({"a": SECRET}, ensure_ascii=False),
    "in a repr": repr([SECRET]),
    "in base64": base64.b64encode(SECRET.encode()).decode(),
    "in base64 for URLs": base64.urlsafe_b64encode(SECRET.encode()).decode(),
    "for basic auth": f"x-auth: {BASIC}",
    "in the middle of base64": base64.b64encode(LONG).decode(),
    "in base64 over lines": base64.encodebytes(LONG).decode(),
    "in hexadecimal": SECRET.encode().hex(),
    "broken over lines": "\n".join(textwrap.wrap(SECRET, 9, drop_whitespace=False)),
    "broken and indented": SECRET[:9] + "\r\n    " + SECRET[9:],
    "in pieces of a literal": repr(SECRET[:9])[:-1] + "'\n '" + repr(SECRET[9:])[1:],
    "with a line end that is escaped": json.dumps(SECRET[:9] + "\n" + SECRET[9:]),
}


@pytest.fixture(autouse=True)
def only_these(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_forms", {})


@pytest.mark.parametrize("form", FORMS)
def test_a_value_is_taken_out_in_every_form(form: str) -> None:
    redact(SecretStr(SECRET))
    clean = redacted(f"it said {FORMS[form]} and went on")
    assert MARK in clean
    assert clean.startswith("it said ")
    assert clean.endswith(" and went on")
    # No piece of it is left, in whichever form.
    pieces = {FORMS[form][at : at + 12] for at in range(8, len(FORMS[form]) - 12)}
    if "base64" not in form and "auth" not in form and "URL" not in form:
        assert not any(piece in clean for piece in pieces if piece.isalnum())


def test_what_was_not_registered_stays() -> None:
    redact(SecretStr(SECRET))
    text = "\n".join(f"line {n} of a traceback, in which nothing is secret" for n in range(50))
    assert redacted(text) == text


def test_a_line_is_searched_in_one_go_however_many_are_known() -> None:
    """A worker of many accounts knows all their tokens."""
    for n in range(5000):
        redact(SecretStr(f"token-number-{n}-of-many"))
    assert redacted("a token-number-4999-of-many b token-number-17-of-many") == (
        f"a {MARK} b {MARK}"
    )


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Basic b3BlcmF0b3I6c2VjcmV0", "b3BlcmF0b3I6c2VjcmV0"),
        ('{"authorization": "Basic b3BlcmF0b3I6c2VjcmV0"}', "b3BlcmF0b3I6c2VjcmV0"),
        ("signed with whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ", "c2VjcmV0LXNlY3JldC1zZWNyZXQ"),
        ("row has gAAAAABn" + "x" * 92 + "==", "x" * 92),
        ("api_key=0123456789", "0123456789"),
        ("amqp://guest:guestguest@host//", "guestguest"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, secret: str) -> None:
    clean = redacted(text)
    assert secret not in clean
    assert MARK in clean


def test_every_secret_of_the_settings_is_registered() -> None:
    """And those within addresses; a new setting that is a secret is one without further ado."""
    given = {
        name: (("ada:" if name == "flower_basic_auth" else "") + f"planted-{name}-0123456789")
        for name, one in Settings.model_fields.items()
        if "SecretStr" in str(one.annotation) and not name.endswith("_url")
    }
    assert {"access_token", "secret_key", "webhook_verify_token"} <= set(given)
    settings = Settings(
        **given,  # type: ignore[arg-type]
        database_url=SecretStr("postgresql://app:pass%2Fword-of-db@db/x?sslpassword=of-the-key"),
        broker_url=SecretStr("rediss://:password-of-redis@redis:6379/0"),
        spool_url="s3://key:password-of-spool@bucket",
    )
    redact_settings(settings)
    passwords = ["pass/word-of-db", "of-the-key", "password-of-redis", "password-of-spool"]
    for secret in [*given.values(), *passwords]:
        assert redacted(f"< {secret} >") == f"< {MARK} >"
    shown = repr(settings) + str(settings) + repr(settings.model_dump())
    assert not any(secret in shown for secret in [*given.values(), *passwords[1:3]])


def test_several_keys_in_one_are_each_a_secret() -> None:
    redact_settings(Settings(secret_key=SecretStr("first-passphrase-of-two, second-passphrase")))
    assert redacted("first-passphrase-of-two") == redacted("second-passphrase") == MARK


@pytest.mark.parametrize(
    "holder",
    [
        Credentials("1", "main", "2", SecretStr(SECRET), None, SecretStr(SECRET)),
        Token(access_token=SecretStr(SECRET), expires_in=60),
        Settings(access_token=SecretStr(SECRET)),
        Cipher(SecretStr(SECRET)),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_what_holds_a_secret_does_not_show_it(holder: object) -> None:
    try:
        raise RuntimeError(holder)
    except RuntimeError as error:
        shown = "".join(traceback.format_exception(error))
    assert "horse" not in shown + repr(holder) + str(holder) + f"{holder}"


def test_an_error_of_ours_is_the_same_behind_a_process_and_holds_nothing_else() -> None:
    from tasks.task import Unforeseen

    error = Unforeseen("RuntimeError: what it said")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert vars(again) == {}


@pytest.mark.parametrize(("words", "pattern"), redaction._PATTERNS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_pattern_fits_nothing_without_one_of_its_words(
    words: tuple[str, ...], pattern: re.Pattern[str], data: st.DataObject
) -> None:
    fits = data.draw(st.from_regex(pattern, alphabet=st.characters(codec="ascii")))
    assert any(word in fits.lower() for word in words)


def test_letters_of_other_alphabets_hide_no_word() -> None:
    # The long s, which a search that minds no case takes for an s.
    assert redacted("client_\u017fecret=abcdefgh") == f"client_\u017fecret={MARK}"
