"""What the environment may say, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from threadsworker.errors import InvalidSettings
from threadsworker.settings import load_settings


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` of the developer's is read."""
    monkeypatch.chdir(tmp_path)


def test_without_settings_everything_is_embedded() -> None:
    settings = load_settings(home=Path("/home/me/tw"))
    assert settings.embedded_broker
    assert settings.embedded_database
    assert settings.sqlalchemy_url == "sqlite:////home/me/tw/threadsworker.db"
    assert settings.spool == "file:///home/me/tw/spool"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("90", timedelta(seconds=90)),
        ("0.5", timedelta(seconds=0.5)),
        ("PT5M", timedelta(minutes=5)),
    ],
)
def test_durations_are_seconds_or_iso_8601(
    written: str, meant: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THREADSWORKER_QUIET_PERIOD", written)
    assert load_settings().quiet_period == meant


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_goes_by_three_names(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://me:pw@db/x")
    assert load_settings().sqlalchemy_url == "postgresql+psycopg://me:pw@db/x"


def test_our_own_variable_wins_over_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://plain/0")
    monkeypatch.setenv("THREADSWORKER_BROKER_URL", "redis://ours/0")
    settings = load_settings()
    assert settings.broker_url is not None
    assert settings.broker_url.get_secret_value() == "redis://ours/0"


def test_a_dotenv_file_works(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("THREADSWORKER_LEASE=4\nUNRELATED=1\n")
    assert load_settings().lease == timedelta(seconds=4)


def test_short_settings_are_legal() -> None:
    load_settings(
        lease="4", quiet_period="2", dispatch_every="1", max_countdown="5", prepare_ahead="15"
    )


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"max_countdown": "3600"}, "third of the broker's visibility time-out"),
        ({"prepare_ahead": "PT21H"}, "containers die after 24 hours"),
        ({"lease": "0.5"}, "at least one second"),
        ({"dispatch_every": "0"}, "must be above 0"),
        ({"missed_after": "1", "dispatch_every": "5"}, "every post would be missed"),
        ({"account_concurrency": 0}, "ACCOUNT_CONCURRENCY"),
        ({"lease": "soon"}, "LEASE"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidSettings, match=sentence):
        load_settings(**given)


def test_a_refusal_does_not_repeat_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THREADSWORKER_ACCESS_TOKEN", "THAA-very-secret")
    monkeypatch.setenv("THREADSWORKER_LEASE", "soon")
    with pytest.raises(InvalidSettings) as refused:
        load_settings()
    assert "very-secret" not in str(refused.value)
