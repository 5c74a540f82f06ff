"""
What has to be true after every case, whatever was done to the workers.

The sandbox knows what the world has seen, the database what we think of it; both are asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.reliability import crash_job
from tests.reliability.harness_lane import ACCESS_TOKEN, GITHUB_TOKEN, Lane
from threadsworker.job import RESTING, JobState

#: Calls to Meta and GitHub that a job may need, crashes included; undisturbed it needs 30.
CALLS = 80


class Wrong(StrEnum):
    """What may be wrong; the numbers are those of `reliability.md`, section 3.5."""

    #: I1: a segment was published more than once.
    DOUBLE = "double posts"
    #: I1: the job says published, and a segment of it is not there.
    LOST = "lost"
    #: I2
    ORDER = "wrong order"
    #: I3
    PARENT = "wrong parents"
    #: A post that is not what was asked for.
    CONTENT = "wrong content"
    #: I4
    FILES = "files left"
    #: I6: neither terminal nor parked; or nobody will look at it again.
    LIMBO = "limbo"
    #: I7: a publish without a written-down attempt.
    UNAUTHORISED = "unauthorised"
    #: A worker that had lost its claim decided what becomes of a job.
    UNFENCED = "stale decision"
    #: I8
    SECRET = "secret shown"
    #: I9: a person was asked although asking Meta would have told.
    LAZY = "parked"
    #: I10
    BUDGET = "too many calls"
    #: Of the harness: no worker was stopped where one should have been.
    UNREACHED = "unreached"


@dataclass(frozen=True)
class Problem:
    wrong: Wrong
    detail: str


def check(lane: Lane) -> list[Problem]:
    """All that is wrong with the lane's one job, after all workers are gone."""
    return [
        *_posts(lane),
        *_job(lane),
        *_attempts(lane),
        *_secrets(lane),
    ]


def _posts(lane: Lane) -> Iterator[Problem]:
    posts = lane.sandbox.posts()
    texts = [post.text for post in posts]
    segments = lane.rows("SELECT index, state, media_id FROM threadsworker_segment ORDER BY index")
    for (index, state, media_id), text in zip(segments, crash_job.TEXTS, strict=True):
        ids = [post.id for post in posts if post.text == text]
        if len(ids) > 1:
            yield Problem(Wrong.DOUBLE, f"segment {index} is there as {ids}")
        if state in ("published", "verified") and media_id not in ids:
            yield Problem(Wrong.LOST, f"segment {index} is {state} as {media_id}, there is {ids}")
    expected = [text for text in crash_job.TEXTS if text in texts]
    if list(dict.fromkeys(texts)) != expected:
        yield Problem(Wrong.ORDER, f"{texts}")
    for number, post in enumerate(posts):
        parent = posts[number - 1].id if number else None
        if post.parent_id != parent:
            yield Problem(Wrong.PARENT, f"{post.text!r} hangs under {post.parent_id}, not {parent}")
    seen = [one.sha256 for post in posts for one in post.media]
    given = [one.item.sha256 for one in crash_job.pictures()]
    if seen != given[: len(seen)]:
        yield Problem(Wrong.CONTENT, f"media {seen}")


def _job(lane: Lane) -> Iterator[Problem]:
    ((state, reason, error),) = lane.rows("SELECT state, reason, error_code FROM threadsworker_job")
    if state not in RESTING:
        yield Problem(Wrong.LIMBO, f"{state}, {reason}")
    elif state != JobState.PUBLISHED:
        yield Problem(Wrong.LAZY, f"{state}: {error}")
    elif len(lane.sandbox.posts()) < len(crash_job.TEXTS):
        yield Problem(Wrong.LOST, f"published, with {len(lane.sandbox.posts())} posts")
    if forgotten := lane.rows(
        "SELECT id, state FROM threadsworker_job"
        f" WHERE state NOT IN ({_quoted(RESTING)}) AND wake_at IS NULL"
    ):
        yield Problem(Wrong.LIMBO, f"nobody looks at {forgotten} again")
    if lane.sandbox.staged_files():
        yield Problem(Wrong.FILES, f"{lane.sandbox.staged_paths()}")
    if left := lane.rows("SELECT sha256, state FROM threadsworker_staged WHERE state <> 'gone'"):
        yield Problem(Wrong.FILES, f"rows {left}")


def _attempts(lane: Lane) -> Iterator[Problem]:
    calls = [entry for entry in lane.sandbox.ledger if entry["service"] != "fetch"]
    if len(calls) > CALLS:
        yield Problem(Wrong.BUDGET, f"{len(calls)} calls")
    sent = [entry for entry in calls if entry["path"].endswith("/threads_publish")]
    attempts = lane.rows(
        "SELECT threads_id FROM threadsworker_attempt JOIN threadsworker_container c"
        " ON c.id = container_id"
    )
    if len(sent) > len(attempts):
        yield Problem(Wrong.UNAUTHORISED, f"{len(sent)} publishes, {len(attempts)} attempts")
    authorised = {container_id for (container_id,) in attempts}
    for entry in sent:
        if entry["acted"] == "published" and entry["container_id"] not in authorised:
            yield Problem(Wrong.UNAUTHORISED, f"container {entry['container_id']}")


def _secrets(lane: Lane) -> Iterator[Problem]:
    places = {"the logs": lane.logs(), "the rows": _dump(lane), "the broker": _messages(lane)}
    for place, text in places.items():
        for token in (ACCESS_TOKEN, GITHUB_TOKEN):
            if token in text:
                yield Problem(Wrong.SECRET, f"{token} is in {place}")
    if any(entry["token_in_query"] for entry in lane.sandbox.ledger):
        yield Problem(Wrong.SECRET, "a token was in a query")


def _dump(lane: Lane) -> str:
    tables = lane.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return str([lane.rows(f'SELECT t::text FROM "{name}" t') for (name,) in tables])


def _messages(lane: Lane) -> str:
    readers: dict[bytes, Any] = {
        b"list": lambda key: lane.broker.lrange(key, 0, -1),
        b"hash": lane.broker.hgetall,
        b"set": lane.broker.smembers,
    }
    keys: Any = lane.broker.keys()
    return str([readers.get(lane.broker.type(key), bytes)(key) for key in keys])  # type: ignore[arg-type]


def _quoted(states: frozenset[JobState]) -> str:
    return ", ".join(f"'{state}'" for state in states)
