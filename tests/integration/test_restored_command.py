"""`threadsworker db restored`: what it takes, and what it says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from threadsworker import Client
from threadsworker.cli.application import app
from threadsworker.settings import load_settings


def run(home: Path, url: str, *arguments: str, expect: int = 0) -> Result:
    env = {"THREADSWORKER_HOME": str(home), "THREADSWORKER_DATABASE_URL": url}
    done = CliRunner().invoke(app, ["db", "restored", *arguments], env=env)
    assert done.exit_code == expect, done.output
    return done


def test_the_suspects_are_named(engine: Engine, database_url: str, tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, database_url=database_url)
    with Client(settings) as client:
        client.add_account("main", user_id="1", access_token="a token of before")
        due = client.enqueue("one\n---\ntwo").id
        later = client.enqueue("later", at=datetime.now(UTC) + timedelta(days=1)).id
        client.schedule("hourly", "tick", every="1h")
    said = run(tmp_path, database_url, "--backup-from", "6h")
    assert "generation 2" in said.stdout
    assert f"job {due} (main) segment 1, waiting: the account's posts" in said.stdout
    assert later not in said.stdout
    assert "--state needs_review" in said.stderr
    told = json.loads(run(tmp_path, database_url, "--backup-from", "6h", "--json").stdout)
    assert told["generation"] == 3
    assert [(one["job"], one["segment"]) for one in told["suspects"]] == [(due, 0), (due, 1)]
    assert told["suspects"][0]["container_id"] is None


@pytest.mark.parametrize(
    ("given", "says"),
    [("soonish", "no moment"), ("2999-01-01T00:00:00Z", "still to come")],
)
def test_a_moment_that_is_none(
    engine: Engine, database_url: str, tmp_path: Path, given: str, says: str
) -> None:
    refused = run(tmp_path, database_url, "--backup-from", given, expect=1)
    assert says in refused.stderr
    told = json.loads(run(tmp_path, database_url, "--backup-from", "1h", "--json").stdout)
    assert told["generation"] == 2


def test_it_asks_for_the_moment(tmp_path: Path) -> None:
    run(tmp_path, "", expect=2)
