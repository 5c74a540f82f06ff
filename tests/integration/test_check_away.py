"""`threadsworker check`: accounts, their repositories, clocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from sqlmodel import update

from tests.integration.checked import TOKEN, Installation
from threadsworker.sandbox import Sandbox, SandboxOptions
from threadsworker.store.tables import AccountRow


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(options=SandboxOptions(text_seconds=0)) as sandbox:
        yield sandbox


@pytest.fixture
def installed(tmp_path: Path, sandbox: Sandbox) -> Installation:
    found = Installation(tmp_path / "home", sandbox)
    found.add_account()
    return found


def change_account(installed: Installation, **values: Any) -> None:
    with installed.rows() as session:
        session.exec(update(AccountRow).values(**values))


# The account


def test_a_good_account(installed: Installation) -> None:
    found = installed.look("account", "quota", "staging", "clock")
    assert {one["level"] for one in found} == {"OK"}
    account, quota, staging, clock_ = (one["detail"] for one in found)
    assert account.startswith("@sandbox, token until ")
    assert "post 0/250, reply 0/1000" in quota
    assert "public, writable" in staging
    assert "requests left" in staging
    assert "agree" in clock_


def test_no_account_yet(tmp_path: Path, sandbox: Sandbox) -> None:
    found = Installation(tmp_path, sandbox).one("account", "WARN")
    assert "auth login" in found["advice"]


@pytest.mark.parametrize("state", ["expired", "revoked"])
def test_a_dead_token(installed: Installation, state: Any) -> None:
    installed.sandbox.set_token(TOKEN, state)
    found = installed.look("account", "quota", expect=1)
    assert [one["name"] for one in found] == ["account main", "quota main"]
    again = "Sign in again: threadsworker auth login main."
    assert [(one["level"], one["advice"]) for one in found] == [("FAILED", again)] * 2


def test_a_token_that_ended_by_its_date(installed: Installation) -> None:
    ended = datetime.now(UTC) - timedelta(days=1)
    change_account(installed, token_expires_at=ended, scopes=["threads_basic"])
    (scopes, expiry) = installed.look("account", expect=1)
    assert "threads_content_publish" in scopes["detail"]
    assert "--scope publish" in scopes["advice"]
    assert f"its token ended on {ended:%Y-%m-%d}" in expiry["detail"]
    assert "auth login main" in expiry["advice"]


def test_a_token_that_was_not_refreshed_and_may_not_reply(installed: Installation) -> None:
    soon = datetime.now(UTC) + timedelta(days=3)
    scopes = ["threads_basic", "threads_content_publish"]
    change_account(installed, token_expires_at=soon, scopes=scopes)
    replies, expiry = installed.look("account")
    assert (replies["level"], expiry["level"]) == ("WARN", "WARN")
    assert "--scope manage_replies" in replies["advice"]
    assert "account refresh main" in expiry["advice"]


def test_an_account_that_needs_a_person(installed: Installation) -> None:
    change_account(installed, status="needs_reconnect", disconnected_because="revoked")
    assert "revoked" in installed.one("account", "FAILED")["detail"]
    change_account(installed, status="active", paused_at=datetime.now(UTC))
    assert "account resume main" in installed.one("account", "WARN")["advice"]


def test_a_full_quota_is_told_and_is_no_failure(installed: Installation) -> None:
    installed.sandbox.set_options(post_quota=0)
    found = installed.one("quota", "WARN")
    assert "no post before" in found["detail"]
    assert "waits" in found["advice"]


# Its repository


@pytest.mark.parametrize(
    ("options", "says", "advice"),
    [
        ({"private_repositories": True}, "private", "public"),
        ({"github_may_write": False}, "may not write", "Contents: write"),
        ({"missing_repositories": frozenset({"octo/stage"})}, "does not show", "--github-repo"),
        ({"github_tokens": frozenset({"ghp_another"})}, "refuses the token", "another token"),
    ],
    ids=["private", "read only", "missing", "bad token"],
)
def test_a_repository_that_will_not_do(
    installed: Installation, options: dict[str, Any], says: str, advice: str
) -> None:
    installed.sandbox.set_options(**options)
    found = installed.one("staging", "FAILED")
    assert found["name"] == "account main, staging in octo/stage"
    assert says in found["detail"]
    assert advice in found["advice"]


def test_a_repository_that_is_full_and_a_token_that_is_used_up(installed: Installation) -> None:
    installed.sandbox.set_options(github_requests_per_hour=4)
    # It has used three of them by then.
    installed.look("staging")
    assert "Use the token for nothing else" in installed.one("staging", "WARN")["advice"]
    installed.sandbox.set_options(github_requests_per_hour=5000)
    facts = {"private": False, "permissions": {"push": True}, "size": 3 * 1024**2}
    installed.sandbox.plan_fault(
        {
            "match": {"service": "github", "path_regex": "^/repos/octo/stage$"},
            "answer": {"body": facts},
        }
    )
    found = installed.one("staging", "WARN")
    assert "3.0 GB" in found["detail"]
    assert "new repository" in found["advice"]


# Clocks and the network


@pytest.mark.parametrize(("seconds", "level"), [(60, "WARN"), (-3600, "FAILED")])
def test_a_clock_that_differs_from_metas(installed: Installation, seconds: int, level: str) -> None:
    date = format_datetime(datetime.now(UTC) - timedelta(seconds=seconds), usegmt=True)
    installed.sandbox.plan_fault(
        {
            "match": {"path_regex": "/me$"},
            "answer": {"status": 400, "body": {}, "headers": {"Date": date}},
        }
    )
    found = installed.one("clock", level)
    assert ("ahead of" if seconds > 0 else "behind") in found["detail"]
    assert "NTP" in found["advice"]


def test_a_meta_that_hangs_keeps_nobody_waiting(installed: Installation) -> None:
    installed.sandbox.plan_fault({"match": {"service": "threads"}, "delay": 60, "times": 100})
    began = monotonic()
    found = installed.look("account", "clock", "home", expect=1)
    assert [one["level"] for one in found] == ["OK", "FAILED", "FAILED"]
    # The machine may be busy; what hangs does so for a minute.
    assert monotonic() - began < 40
    assert all(one["advice"] for one in found if not one["ok"])
