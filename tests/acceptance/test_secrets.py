"""No token is in any log, row, message or URL."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.installation import (
    ACCESS_TOKEN,
    GITHUB_TOKEN,
    Installation,
    installation,
)
from tests.services import PostgresServer, redis_server
from threadsworker.sandbox import Sandbox
from threadsworker.threads_api.connection import QUERY_ONLY

TOKENS = [ACCESS_TOKEN.encode(), GITHUB_TOKEN.encode()]


def dump_of_redis(url: str) -> bytes:
    from redis import Redis

    with Redis.from_url(url) as client:
        return b"".join(client.dump(key) or b"" for key in client.scan_iter())


def dump_of_postgres(url: str) -> bytes:
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchall()
        dumped = b""
        for (name,) in names:
            with connection.cursor().copy(f'COPY "{name}" TO STDOUT') as copy:
                dumped += b"".join(bytes(part) for part in copy)
    return dumped


@pytest.fixture
def worked(
    postgres: PostgresServer, sandbox: Sandbox, tmp_path: Path
) -> Iterator[tuple[Installation, list[bytes]]]:
    """An installation at work, its messages as they went by, and its database."""
    with redis_server() as redis, postgres.database() as database:
        settings = {
            "THREADSWORKER_BROKER_URL": redis.url,
            "THREADSWORKER_DATABASE_URL": database,
            "THREADSWORKER_LOG_LEVEL": "DEBUG",
        }
        with (
            installation(tmp_path, sandbox, settings) as installed,
            redis.client() as client,
            client.monitor() as monitor,
        ):
            picture = files("threadsworker.sandbox").joinpath("assets/sunrise.jpg")
            installed.publish("a secret-free post", "-f", str(picture))
            # A token that Meta rejects turns up in more places.
            sandbox_token = {"THREADSWORKER_ACCESS_TOKEN": "THAA-rejected-token-0123456789"}
            other = Installation(tmp_path, sandbox, {**settings, **sandbox_token})
            posted = other.json("post", "never")
            waits = other.json("show", posted["id"])
            for _ in range(100):
                if waits["reason"] == "needs_reconnect":
                    break
                waits = other.json("show", posted["id"])
            assert waits["reason"] == "needs_reconnect"
            client.set("end-of-test", "1")
            seen = []
            while "end-of-test" not in (command := str(monitor.next_command())):
                seen.append(command.encode())
            dumps = [*seen, dump_of_redis(redis.url), dump_of_postgres(database)]
            yield installed, dumps


def test_no_token_is_anywhere(worked: tuple[Installation, list[bytes]], sandbox: Sandbox) -> None:
    installed, dumps = worked
    assert len(dumps) > 20
    everything = {
        "what went through Redis, what is left in it, and the database": b"".join(dumps),
        "the logs": installed.logs().encode(),
        "the sandbox's ledger": str(sandbox.ledger).encode(),
        **{str(path): path.read_bytes() for path in installed.home.rglob("*") if path.is_file()},
    }
    for where, content in everything.items():
        for token in [*TOKENS, b"THAA-rejected-token-0123456789"]:
            assert token not in content, where
    in_queries = {entry["path"] for entry in sandbox.ledger if entry.get("token_in_query")}
    assert in_queries <= QUERY_ONLY
