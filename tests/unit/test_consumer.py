from __future__ import annotations

from collections.abc import Callable

import pytest
from kombu.asynchronous import Hub

from tasks.consumer import Consumer


@pytest.fixture
def consumer() -> Consumer:
    """One without a connection, which needs none to make up its mind."""
    made: Consumer = Consumer.__new__(Consumer)
    made.hub = Hub()  # type: ignore[no-untyped-call]
    return made


def arranged(consumer: Consumer) -> list[Callable[[], None]]:
    return [entry.entry.fun for entry in consumer.hub.timer.queue]


def test_events_of_the_same_moment_are_told_together(consumer: Consumer) -> None:
    for _ in range(3):
        consumer.on_send_event_buffered()
    assert arranged(consumer) == [consumer._flush_events]


def test_a_lost_connection_does_not_silence_it(consumer: Consumer) -> None:
    consumer.on_send_event_buffered()
    consumer.hub.reset()
    consumer.hub.timer.clear()
    consumer._due = 0.0  # as if the moment had passed
    consumer.on_send_event_buffered()
    assert arranged(consumer) == [consumer._flush_events]
