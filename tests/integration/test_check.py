"""`threadsworker check`: what it finds, what it says to do, and what it exits with."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from socket import gethostname
from time import monotonic
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text
from sqlmodel import Session, col, update
from typer.testing import CliRunner, Result

from tests.services import PostgresServer, RedisServer, free_port
from threadsworker import Client
from threadsworker.cli.application import app
from threadsworker.sandbox import Sandbox, SandboxOptions
from threadsworker.settings import load_settings
from threadsworker.steps.upkeep import DISPATCH
from threadsworker.store import duties, schema, workers
from threadsworker.store.database import clock, make_engine, transaction
from threadsworker.store.tables import AccountRow, JobRow

TOKEN, GITHUB_TOKEN = "sandbox-check-token-90be12", "ghp_checkGithubToken0123456789abcdef"
Found = dict[str, Any]


class Installation:
    """A home with an account, and `threadsworker check` in this process."""

    def __init__(self, home: Path, sandbox: Sandbox, **settings: str) -> None:
        self.home, self.sandbox = home, sandbox
        self.given = {
            "home": str(home),
            "threads_api_url": sandbox.threads_api_url,
            "github_api_url": sandbox.github_api_url,
            "github_raw_url": sandbox.github_raw_url,
            **settings,
        }

    def client(self) -> Client:
        return Client(load_settings(**self.given))

    def add_account(self) -> None:
        with self.client() as client:
            client.add_account(
                "main",
                user_id="17841400000000001",
                access_token=TOKEN,
                github_repo="octo/stage",
                github_token=GITHUB_TOKEN,
            )

    def run(self, *arguments: str, expect: int = 0, **more: str) -> Result:
        env = {f"THREADSWORKER_{name.upper()}": value for name, value in self.given.items()}
        done = CliRunner().invoke(app, ["check", *arguments], env={**env, **more})
        assert done.exit_code == expect, done.output
        assert TOKEN not in done.output
        assert GITHUB_TOKEN not in done.output
        return done

    def look(self, *only: str, expect: int = 0, **more: Any) -> list[Found]:
        """What the checks of these names have found."""
        named = [part for name in only for part in ("--only", name)]
        found: list[Found] = json.loads(self.run(*named, "--json", expect=expect, **more).stdout)
        return found

    def one(self, name: str, level: str, **more: str) -> Found:
        """The only thing that one check has found, which has advice unless it is well."""
        (found,) = self.look(name, expect=int(level == "FAILED"), **more)
        assert (found["level"], found["ok"]) == (level, level != "FAILED")
        assert bool(found["advice"]) == (level != "OK"), found
        return found

    @contextmanager
    def rows(self) -> Iterator[Session]:
        engine = make_engine(load_settings(**self.given).sqlalchemy_url)
        with transaction(engine) as session:
            yield session
        engine.dispose()


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
    found = installed.one("account", "FAILED")
    assert found["name"] == "account main"
    assert found["advice"] == "Sign in again: threadsworker auth login main."


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


# The machine


def test_files_that_others_can_read(installed: Installation) -> None:
    key = installed.home / "secret.key"
    assert "secret.key" in installed.one("key", "OK")["detail"]
    key.chmod(0o644)
    found = installed.one("key", "FAILED")
    assert "mode 0644" in found["detail"]
    assert f"chmod 600 {key}" in found["advice"]
    installed.home.chmod(0o755)
    assert f"chmod 700 {installed.home}" in installed.one("home", "WARN")["advice"]


def test_a_spool_that_cannot_be_written(installed: Installation, tmp_path: Path) -> None:
    assert "GB free" in installed.one("spool", "OK")["detail"]
    (tmp_path / "file").touch()
    found = installed.one("spool", "FAILED", THREADSWORKER_SPOOL_URL=f"file://{tmp_path}/file/x")
    assert "THREADSWORKER_SPOOL_URL" in found["advice"]


def test_a_variable_that_is_misspelt(installed: Installation) -> None:
    more: dict[str, Any] = {"THREADSWORKER_DISPATCH_EVRY": "9", "THREADSWORKER_NONSENSE": "9"}
    misspelt, unknown = installed.look("settings", **more)
    assert misspelt["advice"] == "Did you mean THREADSWORKER_DISPATCH_EVERY?"
    assert unknown["level"] == "WARN"
    assert "Remove it" in unknown["advice"]
    assert installed.one("settings", "OK")


def test_settings_that_contradict_each_other(installed: Installation) -> None:
    (found,) = installed.look("home", expect=1, THREADSWORKER_MAX_COUNTDOWN="9999")
    assert found["name"] == "settings"
    assert "MAX_COUNTDOWN" in found["detail"]


@pytest.mark.parametrize(
    ("given", "level", "says"),
    [
        ({}, "OK", "not received"),
        ({"WEBHOOK_VERIFY_TOKEN": "v"}, "FAILED", "APP_SECRET"),
        ({"APP_SECRET": "s" * 20, "WEBHOOK_URL": "https://a.example"}, "FAILED", "VERIFY_TOKEN"),
        (
            {
                "APP_SECRET": "s" * 20,
                "WEBHOOK_VERIFY_TOKEN": "v",
                "WEBHOOK_URL": "http://a.example",
            },
            "WARN",
            "https",
        ),
        ({"APP_SECRET": "s" * 20, "WEBHOOK_VERIFY_TOKEN": "v"}, "OK", "are set"),
    ],
    ids=["none", "no secret", "no verify token", "http", "all"],
)
def test_webhooks(installed: Installation, given: dict[str, str], level: str, says: str) -> None:
    more: dict[str, Any] = {f"THREADSWORKER_{name}": value for name, value in given.items()}
    found = installed.one("webhooks", level, **more)
    assert says in f"{found['detail']} {found['advice']}"


# The database and the rows


def test_looking_makes_no_database(tmp_path: Path, sandbox: Sandbox) -> None:
    empty = Installation(tmp_path, sandbox)
    assert empty.one("database", "OK")["detail"] == "sqlite, made on first use"
    found = empty.look("dispatch", "workers", "this-worker", "jobs", expect=1)
    assert [one["level"] for one in found] == ["FAILED"] * 3
    assert not list(tmp_path.glob("*.db"))


def test_an_embedded_database_of_before_is_left_as_it_is(installed: Installation) -> None:
    engine = make_engine(load_settings(**installed.given).sqlalchemy_url)
    with engine.begin() as connection:
        command.downgrade(schema._config(connection), "0004")
    found = installed.look("database", "dispatch", "account", expect=1)
    assert found[0]["level"] == "WARN"
    assert "db upgrade" in found[0]["advice"]
    assert all("schema version 0004" in one["detail"] for one in found[:2])
    assert schema.versions(engine)[0] == "0004"
    engine.dispose()


def test_a_shared_database(tmp_path: Path, sandbox: Sandbox, postgres: PostgresServer) -> None:
    with postgres.database() as url:
        shared = Installation(tmp_path, sandbox, database_url=url)
        key = {"THREADSWORKER_SECRET_KEY": "x" * 32}
        found = shared.one("database", "FAILED", **key)
        assert "schema version None" in found["detail"]
        assert found["advice"] == "Run `threadsworker db upgrade`."
        engine = make_engine(load_settings(**shared.given).sqlalchemy_url)
        assert schema.versions(engine)[0] is None
        schema.upgrade(engine)
        assert shared.one("database", "OK", **key)
        assert "SECRET_KEY" in shared.one("settings", "WARN")["advice"]
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        assert "Install the version" in shared.one("database", "FAILED", **key)["advice"]
        engine.dispose()


def test_a_database_that_is_away(tmp_path: Path, sandbox: Sandbox) -> None:
    url = f"postgresql://nobody:hunter2secret@127.0.0.1:{free_port()}/x"
    away = Installation(tmp_path, sandbox, database_url=url)
    (found,) = away.look("database", "dispatch", "account", expect=1)
    assert "DATABASE_URL" in found["advice"]
    assert "hunter2secret" not in json.dumps(found)


def test_beat_and_workers(installed: Installation) -> None:
    assert "due jobs were looked for never" in installed.one("dispatch", "FAILED")["detail"]
    with installed.rows() as session:
        now = clock(session)
        duties.done(session, DISPATCH, now=now)
        workers.beat(session, "w1", host="elsewhere", now=now)
    assert installed.one("dispatch", "OK")
    assert installed.one("workers", "OK")["detail"] == "1 process on elsewhere"
    assert gethostname() in installed.one("this-worker", "FAILED")["detail"]
    with installed.rows() as session:
        workers.beat(session, "w2", host=gethostname(), now=clock(session))
    assert installed.one("this-worker", "OK")
    with installed.rows() as session:
        old = clock(session) - timedelta(minutes=5)
        for worker in ("w1", "w2"):
            workers.beat(session, worker, now=old)
        duties.done(session, DISPATCH, now=old)
    for name in ("dispatch", "workers", "this-worker"):
        assert "log" in installed.one(name, "FAILED")["advice"]


def test_jobs_that_somebody_should_know_of(installed: Installation) -> None:
    with installed.client() as client:
        ids = [client.enqueue(f"post {number}").id for number in range(2)]
    assert installed.one("jobs", "OK")
    with installed.rows() as session:
        values = {"state": "failed", "wake_at": None, "finished_at": clock(session)}
        session.exec(update(JobRow).where(col(JobRow.id) == ids[0]).values(**values))
    assert "--state failed" in installed.one("jobs", "WARN")["advice"]
    with installed.rows() as session:
        session.exec(update(JobRow).where(col(JobRow.id) == ids[1]).values(state="needs_review"))
    assert "--state needs_review" in installed.one("jobs", "WARN")["advice"]


# Redis


def test_redis(installed: Installation, redis: RedisServer) -> None:
    given = {"THREADSWORKER_BROKER_URL": redis.url}
    with redis.client() as client:
        found = installed.one("broker", "WARN", **given)
        assert "Nothing is lost" in found["detail"]
        client.config_set("appendonly", "yes")
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            found = installed.one("broker", "WARN", **given)
            assert "allkeys-lru" in found["detail"]
            assert found["advice"] == "Set maxmemory-policy to noeviction."
            client.config_set("maxmemory-policy", "noeviction")
            assert "version " in installed.one("broker", "OK", **given)["detail"]
        finally:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("appendonly", "no")
    away = {"THREADSWORKER_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0"}
    assert "BROKER_URL" in installed.one("broker", "FAILED", **away)["advice"]
    assert "threadsworker up" in installed.one("broker", "FAILED")["advice"]


# The command


def test_a_line_each_and_what_to_do(installed: Installation) -> None:
    said = installed.run(expect=1).stdout
    lines = said.splitlines()
    assert f"home: OK {installed.home}" in lines
    assert "  Start `threadsworker up`, or a worker and a beat; look at their logs." in lines
    assert "this-worker" not in said
    assert "account main: " not in installed.run("--skip", "account", expect=1).stdout


def test_names_of_checks(installed: Installation) -> None:
    listed = installed.run("--list").stdout
    assert "this-worker" in listed
    assert len(json.loads(installed.run("--list", "--json").stdout)) == len(listed.splitlines())
    refused = installed.run("--only", "databse", expect=2)
    assert "databse" in refused.output
    assert "known: settings" in " ".join(refused.output.split())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_home_that_cannot_be_written(installed: Installation) -> None:
    installed.home.chmod(0o500)
    assert "THREADSWORKER_HOME" in installed.one("home", "FAILED")["advice"]
    installed.home.chmod(0o700)
