"""
What Redis tells of itself, and of what waits in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from threadsworker.queue.app import CONNECT_TIMEOUT
from threadsworker.queue.names import STEPS_QUEUE, UPKEEP_QUEUE


def backlog(app: Celery) -> int:
    """How many messages of jobs wait for a worker."""
    with app.connection_for_read() as connection:
        return _length(connection, STEPS_QUEUE)


def lengths(app: Celery) -> dict[str, int]:
    """
    How many messages wait in each of our queues.

    Raises
    ------
    OSError:
        The broker is out of reach.
    """
    try:
        with app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, timeout=CONNECT_TIMEOUT)
            return {name: _length(connection, name) for name in (STEPS_QUEUE, UPKEEP_QUEUE)}
    except OperationalError as error:
        raise OSError(type(error).__name__) from None


def _length(connection: Any, name: str) -> int:
    # Not passively: Kombu 5.7.0 then looks for a key without its prefix.
    return int(connection.default_channel.queue_declare(name).message_count)


@dataclass(frozen=True)
class BrokerFacts:
    """What Redis tells of itself; None: it does not tell."""

    version: str | None
    #: What it does when memory is short.
    policy: str | None
    #: Whether messages outlive a restart of it.
    persistent: bool | None


def facts_of(app: Celery) -> BrokerFacts:
    """
    What it tells of itself; OSError if it is out of reach.

    A user that may not ask is told nothing, which is no trouble.
    """
    try:
        with app.connection_for_write() as connection:
            client = connection.default_channel.client
            try:
                told = client.info()
            except RedisError:
                return BrokerFacts(None, None, None)
            return _facts(told, _saves(client))
    except OperationalError as error:
        raise OSError(type(error).__name__) from None


def _facts(told: dict[str, Any], saves: bool | None) -> BrokerFacts:
    # Valkey calls the version that it is compatible with by Redis' name, and its own by its own.
    version = told.get("valkey_version") or told.get("redis_version")
    policy = told.get("maxmemory_policy")
    persistent = True if told.get("aof_enabled") else saves
    return BrokerFacts(str(version) if version else None, policy, persistent)


def _saves(client: Any) -> bool | None:
    """Whether it writes snapshots; None if it does not tell: hosted ones often do not."""
    try:
        return bool(client.config_get("save").get("save"))
    except RedisError:
        return None
