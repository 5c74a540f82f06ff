"""`threadsworker export`: everything about a job, and nothing that opens anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlmodel import col, update
from typer.testing import CliRunner

from tests.attempts import add_attempt
from threadsworker import Client, Media, Post
from threadsworker.cli.application import app
from threadsworker.post import MediaKind
from threadsworker.settings import Settings, load_settings
from threadsworker.store import containers, jobs, segments, staged
from threadsworker.store.database import clock, transaction
from threadsworker.store.tables import JobRow

TOKEN, GITHUB_TOKEN = "THAAexportTokenOfTheAccount4711", "ghp_exportGithubToken0123456789abcdef"
SIGNED = "https://cdn.example.com/p/private-part/cat.jpg?sig=s3cr3tsignature"
HOOK = "https://hooks.example.com/services/T0/B0/hooksecretpath"
STAGED = "https://raw.githubusercontent.com/octo/stage/0123abcd/private.jpg"
TEXT, ALT, TOPIC = "Something personal.", "a cat at home", "cats"
#: What must be in no export.
SECRETS = (TOKEN, GITHUB_TOKEN, "s3cr3tsignature", "private-part", "hooksecretpath", "0123abcd")


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return load_settings(home=tmp_path / "home", database_url=database_url)


@pytest.fixture
def job_id(engine: Engine, settings: Settings) -> Iterator[str]:
    """A job in the middle of its life, with something in every table."""
    with Client(settings) as client:
        client.add_account(
            "main",
            user_id="1",
            access_token=TOKEN,
            github_repo="octo/stage",
            github_token=GITHUB_TOKEN,
        )
        client.subscribe(HOOK)
        post = Post(
            text=TEXT, media=[Media(SIGNED, kind=MediaKind.IMAGE, alt_text=ALT)], topic=TOPIC
        )
        job = client.enqueue(post, key="the-key")
        with transaction(engine) as session:
            now = clock(session)
            claim = jobs.claim(session, job.id, run=1, worker="w", lease=settings.lease, now=now)
            assert claim is not None
            (segment,) = segments.of_job(session, job.id)
            containers.add(session, segment.id, item=0, threads_id="178", kind="image", now=now)
            made = containers.live(session, segment.id)[0]
            assert made.id is not None
            add_attempt(
                session,
                claim,
                attempt_id="attempt-1",
                segment_id=segment.id,
                container_id=made.id,
                kind="post",
                now=now,
            )
            staged.intend(session, job.id, ["0" * 64], repo="octo/stage")
            staged.arrived(session, job.id, {"0" * 64: STAGED})
            # Meta has been seen to repeat a token in its words.
            words = f"Error validating access token {TOKEN}"
            jobs.record(session, claim, "waiting", now=now, message=words)
            session.exec(update(JobRow).where(col(JobRow.id) == job.id).values(error_message=words))
        client.cancel(job.id)
        yield job.id


def run(settings: Settings, *arguments: str, expect: int = 0) -> str:
    assert settings.database_url is not None
    env = {
        "THREADSWORKER_HOME": str(settings.home),
        "THREADSWORKER_DATABASE_URL": settings.database_url.get_secret_value(),
    }
    done = CliRunner().invoke(app, ["export", *arguments], env=env)
    assert done.exit_code == expect, done.output
    return done.stdout


def test_everything_is_in_it(settings: Settings, job_id: str) -> None:
    told: dict[str, Any] = json.loads(run(settings, job_id))
    assert list(told) == [
        "format",
        "exported_at",
        "generation",
        "account",
        "job",
        "segments",
        "staged",
        "events",
        "deliveries",
    ]
    assert (told["format"], told["generation"], told["account"]["name"]) == (1, 1, "main")
    assert list(told["job"])[:4] == ["id", "key", "content_hash", "state"]
    assert (told["job"]["state"], told["job"]["key"]) == ("cancelled", "the-key")
    (segment,) = told["segments"]
    assert segment["text"] == TEXT
    assert segment["options"]["topic"] == TOPIC
    (medium,) = segment["media"]
    assert (medium["alt_text"], medium["url"]["host"]) == (ALT, "cdn.example.com")
    (container,) = segment["containers"]
    assert container["threads_id"] == "178"
    (attempt,) = container["attempts"]
    assert (attempt["id"], attempt["quota_uses"][0]["kind"]) == ("attempt-1", "post")
    assert told["staged"][0]["url"]["host"] == "raw.githubusercontent.com"
    assert {"waiting", "cancelled"} <= {event["what"] for event in told["events"]}
    (delivery,) = told["deliveries"]
    assert (delivery["event"], delivery["target"]["host"]) == (
        "job.cancelled",
        "hooks.example.com",
    )
    for written in (told["exported_at"], told["job"]["created_at"], attempt["sent_at"]):
        assert datetime.fromisoformat(written).utcoffset() is not None
        assert written.endswith("+00:00")


@pytest.mark.parametrize("options", [[], ["--without-content"]], ids=["all", "without content"])
def test_nothing_in_it_opens_anything(
    settings: Settings, job_id: str, engine: Engine, options: list[str]
) -> None:
    said = run(settings, job_id, *options)
    for secret in SECRETS:
        assert secret not in said
    with transaction(engine) as session:
        for column in ("access_token", "github_token"):
            sealed = session.execute(
                text(f"SELECT {column} FROM threadsworker_account")
            ).scalar_one()
            assert sealed not in said
    assert "[redacted]" in said


def test_what_its_author_wrote_can_be_left_out(settings: Settings, job_id: str) -> None:
    said = run(settings, job_id, "--without-content")
    for written in (TEXT, ALT, f'"{TOPIC}"', "content_hash"):
        assert written not in said
    (segment,) = json.loads(said)["segments"]
    assert segment["text"] == {"characters": len(TEXT)}
    assert "topic" in segment["options"]


def test_the_same_again_but_for_its_time(settings: Settings, job_id: str) -> None:
    first, second = (json.loads(run(settings, job_id)) for _ in range(2))
    assert first.pop("exported_at") != second.pop("exported_at")
    assert json.dumps(first) == json.dumps(second)


def test_an_unknown_job(settings: Settings, job_id: str) -> None:
    assert run(settings, "nothing", expect=4) == ""
