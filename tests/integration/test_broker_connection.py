"""Commands to a real Redis, as the app sends them."""

from __future__ import annotations

from tests.services import redis_server
from threadsworker import queue
from threadsworker.queue.connection import Channel


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
