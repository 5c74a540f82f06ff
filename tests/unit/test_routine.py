"""Which lines of Celery's are written: those of posts, and of duties that go wrong."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tasks.watching import _TELLING, Routine, leave_routine_out
from threadsworker import queue


@pytest.fixture(autouse=True)
def routine_left_out(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("INFO")
    leave_routine_out()
    yield
    for logger in map(logging.getLogger, _TELLING):
        for one in [one for one in logger.filters if isinstance(one, Routine)]:
            logger.removeFilter(one)


@pytest.mark.parametrize(("name", "lines"), [(queue.DISPATCH_DUE, 0), (queue.PUBLISH, 3)])
def test_what_goes_well(caplog: pytest.LogCaptureFixture, name: str, lines: int) -> None:
    message = {"id": "1", "name": name, "args": "()"}
    logging.getLogger("celery.beat").info("Scheduler: Sending due task %s (%s)", name, name)
    logging.getLogger("celery.worker.strategy").info("Task %(name)s[%(id)s] received", message)
    logging.getLogger("celery.app.trace").info("Task %(name)s succeeded", message)
    assert len(caplog.messages) == lines


def test_what_goes_wrong(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("celery.app.trace").error("Task %(name)s raised", {"name": queue.DELIVER})
    logging.getLogger("celery.beat").info("beat: Starting...")
    logging.getLogger("celery.beat").error("Message Error: %s", "no broker")
    assert len(caplog.messages) == 3
