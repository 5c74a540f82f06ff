from __future__ import annotations

from pathlib import Path

import pytest
from celery import Celery

from threadsworker import broker, queue
from threadsworker.queue.connection import Transport


@pytest.mark.parametrize("url", ["redis://h", "rediss://h", broker.broker_url(Path("/tmp/home"))])
def test_every_way_to_redis_is_ours(url: str) -> None:
    assert queue.make_app(url).connection_for_write().get_transport_cls() is Transport


def test_nothing_changes_for_the_app_that_we_are_in() -> None:
    theirs = Celery(broker="redis://h", set_as_current=False)
    assert theirs.connection_for_write().get_transport_cls() is not Transport
