from __future__ import annotations

from pathlib import Path

import pytest
from celery import Celery

from tests.services import redis_server
from threadsworker import broker, queue
from threadsworker.queue.connection import Channel, Transport


def test_commands_share_a_client_until_the_pool_is_another() -> None:
    with redis_server() as redis, queue.make_app(redis.url).connection_for_write() as connection:
        channel = connection.default_channel
        assert isinstance(channel, Channel)
        with channel.conn_or_acquire() as one, channel.conn_or_acquire() as other:
            assert one is other
            assert one.ping()
        channel._disconnect_pools()  # type: ignore[no-untyped-call]
        with channel.conn_or_acquire() as another:
            assert another is not one
            assert another.ping()


@pytest.mark.parametrize("url", ["redis://h", "rediss://h", broker.broker_url(Path("/tmp/home"))])
def test_every_way_to_redis_is_ours(url: str) -> None:
    assert queue.make_app(url).connection_for_write().get_transport_cls() is Transport


def test_nothing_changes_for_the_app_that_we_are_in() -> None:
    theirs = Celery(broker="redis://h", set_as_current=False)
    assert theirs.connection_for_write().get_transport_cls() is not Transport
