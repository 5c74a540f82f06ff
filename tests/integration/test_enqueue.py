"""What `Client.enqueue` tells, and what it costs the database, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.services import RedisServer
from threadsworker import Client, Media, Post
from threadsworker.errors import NotFound
from threadsworker.settings import load_settings
from threadsworker.store.arrivals import arrive
from threadsworker.store.database import transaction

ROOM = 2


@pytest.fixture
def client(
    engine: Engine, database_url: str, redis: RedisServer, tmp_path: Path
) -> Iterator[Client]:
    """A client with an account that has room for two chains; its messages are left in Redis."""
    settings = load_settings(
        home=tmp_path,
        database_url=database_url,
        broker_url=redis.url,
        account_concurrency=ROOM,
    )
    with Client(settings) as client:
        client.add_account("main", user_id="1784", access_token="a token")
        yield client


@pytest.mark.parametrize(
    ("post", "terms"),
    [
        ("a short post", {}),
        ("a long post. " * 100, {"key": "one", "at": timedelta(hours=2)}),
        (
            Post(
                text="with everything #sea",
                media=(Media("https://e.com/a.jpg", alt_text="a"), Media("https://e.com/b.png")),
                reply_to="17890",
                reply_control="followers_only",
                countries=("US", "CA"),
            ),
            {},
        ),
        (Post(text="a poll", poll=("yes", "no")), {"at": timedelta(days=1)}),
    ],
)
def test_what_enqueue_tells_is_what_is_stored(
    client: Client, post: Post | str, terms: dict[str, Any]
) -> None:
    job = client.enqueue(post, **terms)
    assert job == client.get(job.id)


def test_a_short_post_is_one_question_three_rows_and_one_commit(client: Client) -> None:
    client.enqueue("what is made once is made", at=timedelta(hours=1))
    said: list[str] = []
    engine = client._ready()

    def spoken(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(" ".join(statement.split()[:3]))

    event.listen(engine, "before_cursor_execute", spoken)
    event.listen(engine, "commit", lambda _: said.append("COMMIT"))
    client.enqueue("a short post", key="one")
    told = [one for one in said if not one.startswith("BEGIN")]
    assert [one.split()[0] for one in told] == ["SELECT", "SELECT", *["INSERT"] * 3, "COMMIT"]


def test_chains_begin_as_far_as_the_account_has_room(client: Client, engine: Engine) -> None:
    rung = []
    for n in range(ROOM + 1):
        with transaction(engine) as session:
            rung.append(arrive(session, "main", concurrency=ROOM).has_room)
        client.enqueue(f"post {n}")
    assert rung == [True] * ROOM + [False]


def test_an_unknown_account_is_told_with_those_that_are_known(client: Client) -> None:
    with pytest.raises(NotFound, match=r"'nobody' \(known: main\)"):
        client.enqueue("a post", account="nobody")
    assert client.jobs() == []
