"""What a worker shows of itself: counts, metrics, and which job its lines are about."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import Any

from threadsworker import counting
from threadsworker.metrics.server import PATH, MetricsServer
from threadsworker.queue import (
    CLEANUP,
    CREATE_CONTAINERS,
    DUTIES,
    POLL_STATUS,
    PUBLISH,
    REPLY_CHAIN,
    UPLOAD,
)
from threadsworker.settings import Settings, tell_prometheus
from threadsworker.subject import Subject, about

logger = logging.getLogger(__name__)

#: Those that tell of each message that it was sent, received, done.
_TELLING = ("celery.beat", "celery.worker.strategy", "celery.app.trace")

#: Tasks of a job: their first arguments are its id and its run.
_OF_JOBS = frozenset({UPLOAD, CREATE_CONTAINERS, POLL_STATUS, PUBLISH, REPLY_CHAIN, CLEANUP})
#: What is worked on, by the id of the message.
_begun: dict[str, AbstractContextManager[None]] = {}


class Routine(logging.Filter):
    """
    Beat's duties are no news while they go well.

    There are more than one in a second, which would be 150,000 lines on a day without a post.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno > logging.INFO:
            return True
        match record.args:
            case {"name": str(name)} | (_, str(name)):
                return name not in DUTIES
        return True


def leave_routine_out() -> None:
    """Log no message of a duty that goes well."""
    for name in _TELLING:
        logging.getLogger(name).addFilter(Routine())


def count(settings: Settings) -> None:
    """Count from now on, if that is possible: a worker works without, too."""
    tell_prometheus(settings.counts)
    try:
        counting.start(settings.counts)
    except OSError as error:
        logger.warning("Nothing is counted, since %s cannot be written: %s", settings.counts, error)


def serve(settings: Settings) -> None:
    """Serve metrics, if a port is set."""
    address, port = settings.metrics_address, settings.metrics_port
    if port is None:
        return
    try:
        MetricsServer(settings, address=address, port=port).start()
    except OSError as error:
        # Another worker of this machine may serve them: it tells the same.
        logger.warning("No metrics on %s:%s: %s", address, port, error.strerror or error)
    else:
        logger.info("Metrics at http://%s:%s%s", address, port, PATH)


def begin(task_id: str, sender: Any, args: Any, **_: Any) -> None:
    """A message is acted upon: what is logged until its end is about its job."""
    if sender.name in _OF_JOBS and len(args) >= 2:
        one = about(Subject(str(args[0]), run=args[1]))
        one.__enter__()
        _begun[task_id] = one


def end(task_id: str, **_: Any) -> None:
    """The message is done with, whatever came of it."""
    if (one := _begun.pop(task_id, None)) is not None:
        one.__exit__(None, None, None)
