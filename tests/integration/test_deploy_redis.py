"""The Redis of deploy/compose.yaml, started by its own command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from tests.deployment import redis_of_compose
from tests.services import eventually


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Redis]:
    with redis_of_compose(tmp_path / "redis") as url, Redis.from_url(url) as connected:
        eventually(partial(answers, connected), timeout=60)
        yield connected


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


def test_it_evicts_nothing_and_remembers(client: Redis) -> None:
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_it_lets_nobody_else_in_and_ours_do_no_harm(client: Redis) -> None:
    port = client.get_connection_kwargs()["port"]
    with Redis(port=port) as stranger, pytest.raises(AuthenticationError):
        stranger.ping()
    harms: list[Callable[[], object]] = [
        client.flushall,
        partial(client.keys, "*"),
        partial(client.config_set, "appendonly", "no"),
    ]
    for harm in harms:
        with pytest.raises(NoPermissionError):
            harm()


def test_its_password_is_on_no_command_line(client: Redis, tmp_path: Path) -> None:
    (users,) = tmp_path.rglob("users.acl")
    assert users.stat().st_mode & 0o077 == 0
    pid = client.info("server")["process_id"]
    password = client.get_connection_kwargs()["password"]
    assert password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
