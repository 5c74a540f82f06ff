"""`threadsworker check`: what it finds, what it says to do, and what it exits with."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest
from alembic import command
from sqlalchemy import text
from sqlmodel import col, update

from tests.integration.checked import Installation
from tests.services import PostgresServer, RedisServer, free_port
from threadsworker.sandbox import Sandbox, SandboxOptions
from threadsworker.settings import load_settings
from threadsworker.steps.upkeep import DISPATCH
from threadsworker.store import duties, schema, workers
from threadsworker.store.database import clock, make_engine
from threadsworker.store.tables import JobRow


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(options=SandboxOptions(text_seconds=0)) as sandbox:
        yield sandbox


@pytest.fixture
def installed(tmp_path: Path, sandbox: Sandbox) -> Installation:
    found = Installation(tmp_path / "home", sandbox)
    found.add_account()
    return found


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
            connection.execute(text("UPDATE threadsworker_version SET version_num = '9999'"))
        assert "later version" in shared.one("database", "WARN", **key)["advice"]
        assert shared.one("jobs", "OK", **key)
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
