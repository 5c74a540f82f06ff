"""What `threadsworker account show` tells: token, scopes, quota, health."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from threadsworker import Client
from threadsworker.cli.application import app
from threadsworker.sandbox import Sandbox
from threadsworker.settings import load_settings

TOKEN = "sandbox-access-token-show-1"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("THREADSWORKER_THREADS_API_URL", sandbox.threads_api_url)
        monkeypatch.setenv("THREADSWORKER_HOME", str(tmp_path / "home"))
        # A terminal that is wide enough for every column.
        monkeypatch.setenv("COLUMNS", "200")
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with Client(load_settings()) as client:
        client.add_account("main", user_id="17841400000000001", access_token=TOKEN)
        yield client


def show(*arguments: str, expect: int = 0) -> Any:
    done = CliRunner().invoke(app, ["account", "show", *arguments])
    assert done.exit_code == expect, done.output
    return done


def test_a_name_is_shown_as_it_is(client: Client) -> None:
    client.add_account("[/b] :heart:", user_id="1", access_token="sandbox-b")
    client.enqueue("hello", account="[/b] :heart:")
    assert "[/b] :heart:" in show("[/b] :heart:").stdout
    for command in (["account", "list"], ["jobs"], ["quota"]):
        listed = CliRunner().invoke(app, command)
        assert "[/b] :heart:" in listed.stdout, listed.output


def test_names_and_ids_are_whole_in_a_narrow_terminal(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    name = "threadspipe-17841400000000001"
    client.add_account(
        name, user_id="17841400000000001", access_token=TOKEN, github_repo="me/stage"
    )
    client.enqueue("hello", account=name)
    for command in (["account", "list"], ["jobs"]):
        listed = CliRunner().invoke(app, command).stdout
        assert "…" not in listed, listed


def test_nothing_is_asked_of_meta_unless_by_wish(sandbox: Sandbox, client: Client) -> None:
    told = json.loads(show("--json").stdout)
    assert (told["name"], told["status"], told["health"]) == ("main", "active", "good")
    assert (told["scopes"], told["token_age"], told["token_expires_at"]) == (None, None, None)
    assert [one["used"] for one in told["quota"]] == [0, 0, 0]
    text = show().stdout
    assert "17841400000000001" in text
    assert "its end is not known" in text
    assert "--check" in text
    assert sandbox.ledger == []


def test_what_meta_was_asked_is_kept(sandbox: Sandbox, client: Client) -> None:
    told = json.loads(show("main", "--check", "--json").stdout)
    assert "threads_manage_replies" in told["scopes"]
    assert 0 <= told["token_age"] < 60
    expires = datetime.fromisoformat(told["token_expires_at"])
    assert timedelta(days=59) < expires - datetime.now(UTC) <= timedelta(days=60)
    assert {one["kind"]: one["total"] for one in told["quota"]}["post"] == 250
    asked = len(sandbox.ledger)
    again = show().stdout
    assert len(sandbox.ledger) == asked
    for words in ("threads_manage_replies", "for another 59 days", "never yet", "post 0 of 250"):
        assert words in again
    client.refresh_account()
    assert "never yet" not in show().stdout


def test_a_token_that_is_dead_is_said_to_be_and_why(sandbox: Sandbox, client: Client) -> None:
    sandbox.set_token(TOKEN, "revoked")
    done = show("--check", "--json", expect=1)
    told = json.loads(done.stdout)
    assert told["status"] == "needs_reconnect"
    assert "sign in again (Error validating access token" in told["health"]
    assert "has not authorized the application" in done.stderr
    told = show().stdout
    assert "threadsworker auth login main" in told
    assert "none before its owner has signed in" in told


def test_a_token_that_is_over_is_no_good_health(client: Client) -> None:
    ended = datetime.now(UTC) - timedelta(minutes=1)
    client.add_account("old", user_id="1", access_token="sandbox-old", token_expires_at=ended)
    told = show("old").stdout
    assert "sign in again (its token is over): threadsworker auth login old" in told
    assert "over since" in told
    assert "none before its owner has signed in" in told


def test_pauses_show_in_its_health(sandbox: Sandbox, client: Client) -> None:
    client.pause_account()
    assert "paused by a person since" in show().stdout
    show("nobody", expect=4)
