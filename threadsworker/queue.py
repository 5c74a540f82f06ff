"""
Builds a job's chain and sends it, by task name. The library's only import of Celery.

A message is a doorbell: it carries the job's id, its run and a segment's index, never text,
media or tokens. What is to be done is in the rows, so a message may be lost, late or
doubled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from celery import Celery, chain
from celery.canvas import Signature
from kombu.exceptions import ChannelError, OperationalError

from threadsworker.settings import VISIBILITY_TIMEOUT

UPLOAD = "threadsworker.upload"
CREATE_CONTAINERS = "threadsworker.create_containers"
POLL_STATUS = "threadsworker.poll_status"
PUBLISH = "threadsworker.publish"
REPLY_CHAIN = "threadsworker.reply_chain"
CLEANUP = "threadsworker.cleanup"
DISPATCH_DUE = "threadsworker.dispatch_due"
RESCUE_STALLED = "threadsworker.rescue_stalled"
SWEEP_STAGED = "threadsworker.sweep_staged"
REFRESH_TOKENS = "threadsworker.refresh_tokens"
DELIVER = "threadsworker.deliver"
EVENT = "threadsworker.event"

#: What beat sends for, every few seconds.
DUTIES = frozenset({DISPATCH_DUE, RESCUE_STALLED, SWEEP_STAGED, REFRESH_TOKENS, DELIVER})

#: Steps of jobs, and beat's duties. Two queues, so that a duty does not wait behind ten
#: thousand steps; of our own, so that a Redis may be shared with other applications.
STEPS_QUEUE = "threadsworker"
UPKEEP_QUEUE = "threadsworker-upkeep"

#: Seconds until a broker counts as out of reach. An app that enqueues should not hang: the
#: rows are committed, and `dispatch_due` rings later.
CONNECT_TIMEOUT = 3.0
#: Seconds of silence after which a connection to the broker counts as lost. Redis answers at
#: once, or, to a worker that waits for a message, within one second.
SILENCE = 10.0


def make_app(broker_url: str) -> Celery:
    """
    A Celery app for threadsworker's messages.

    It does not become the process's current app: the caller may well have one of its own.
    """
    app = Celery("threadsworker", broker=broker_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        # What came of a job is in its row. Without results nothing is left behind in Redis.
        task_ignore_result=True,
        task_default_queue=STEPS_QUEUE,
        task_routes={name: {"queue": UPKEEP_QUEUE} for name in (*DUTIES, EVENT)},
        # For Flower: a message shows as soon as it is sent.
        task_send_sent_event=True,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_TIMEOUT.total_seconds(),
            "socket_connect_timeout": CONNECT_TIMEOUT,
            "socket_keepalive": True,
            # A connection that a restarted Redis has forgotten is noticed before it is used;
            # and one that says nothing is given up, or the worker would listen to it for ever.
            "health_check_interval": 10,
            "socket_timeout": SILENCE,
            "retry_on_timeout": True,
            # Sending is tried once; a message that is not sent is a row that is due.
            "max_retries": 0,
        },
    )
    return app


@dataclass(frozen=True)
class Title:
    """What a job is called where people read its messages: in Flower, and in Celery's log."""

    account: str
    #: How many segments its thread has.
    segments: int


def job_chain(
    app: Celery, job_id: str, run: int, index: int | None, title: Title | None = None
) -> Signature:
    """
    The chain of a job's run: stage, publish segment `index`, go on, clean up.

    The same for a first start, a rescue, a wake-up and a retry. `index` is the first segment
    that is not live yet; None if all are, so that only cleaning up is left. The id of its first
    message, ``JOB-run2-upload-5f0c21ab``, is the root id of all that follow from it.
    """
    steps = [_step(app, UPLOAD, job_id, run, title=title)]
    if index is not None:
        steps += segment_steps(app, job_id, run, index, title)
    return chain(*steps, cleanup(app, job_id, run, title), app=app)


def segment_steps(
    app: Celery, job_id: str, run: int, index: int, title: Title | None = None
) -> list[Signature]:
    """The steps of one segment, and on to the next."""
    return [
        _step(app, CREATE_CONTAINERS, job_id, run, index, title=title),
        _step(app, POLL_STATUS, job_id, run, index, title=title),
        _step(app, PUBLISH, job_id, run, index, title=title),
        _step(app, REPLY_CHAIN, job_id, run, title=title),
    ]


def cleanup(app: Celery, job_id: str, run: int, title: Title | None = None) -> Signature:
    """Cleaning up alone: for a job that has failed."""
    return _step(app, CLEANUP, job_id, run, title=title)


def send_notice(app: Celery, name: str, queue: str, notice: dict[str, Any]) -> None:
    """
    Send a notice to a task of another application, on a queue of this broker.

    Raises
    ------
    OSError:
        The broker is out of reach.
    """
    try:
        # What a notice holds is for that application, and not for whoever opens Flower.
        shown = f"notice {notice['id']}: {notice['event']}"
        app.send_task(name, kwargs=notice, queue=queue, retry=False, kwargsrepr=shown)
    except OperationalError as error:
        raise OSError(type(error).__name__) from None


def backlog(app: Celery) -> int:
    """How many messages of jobs wait for a worker."""
    with app.connection_for_read() as connection:
        try:
            declared = connection.default_channel.queue_declare(STEPS_QUEUE, passive=True)
        except ChannelError:
            # An empty queue is none, to Redis.
            return 0
        return int(declared.message_count)


def _step(
    app: Celery,
    name: str,
    job_id: str,
    run: int,
    index: int | None = None,
    *,
    title: Title | None,
) -> Signature:
    """A message of a job's chain, that people can read: ``main/JOB run 2 segment 3/7``."""
    shown = f"{title.account}/{job_id} run {run}" if title else f"{job_id} run {run}"
    place = ""
    if index is not None:
        # People count from one.
        place = str(index + 1)
        shown += f" segment {place}/{title.segments}" if title else f" segment {place}"
    # No two sends share an id; that of a rescue begins with the same job's.
    kind = name.rpartition(".")[2]
    task_id = f"{job_id}-run{run}-{kind}{place}-{uuid4().hex[:8]}"
    args = (job_id, run) if index is None else (job_id, run, index)
    return app.signature(name, args=args, immutable=True, task_id=task_id, argsrepr=shown)


class Doorbell:
    """Rings for jobs, from any thread. Makes its Celery app on first use."""

    def __init__(self, broker_url: Callable[[], str]) -> None:
        self._broker_url = broker_url
        self._lock = threading.Lock()
        self._app: Celery | None = None

    def ring(self, job_id: str, run: int, index: int | None, title: Title | None = None) -> bool:
        """Send the chain of this run, see `job_chain`. False if the broker is out of reach."""
        try:
            job_chain(self._celery(), job_id, run, index, title).apply_async(retry=False)
        except (OperationalError, OSError):
            return False
        return True

    def ring_cleanup(self, job_id: str, run: int, title: Title | None = None) -> bool:
        """Send for cleaning up alone. False if the broker is out of reach; a sweep follows."""
        try:
            cleanup(self._celery(), job_id, run, title).apply_async(retry=False)
        except (OperationalError, OSError):
            return False
        return True

    def ring_event(self, notification_id: str) -> bool:
        """Send for what Meta has told. False if the broker is out of reach; a duty follows."""
        try:
            shown = f"notification {notification_id}"
            told = self._celery().signature(EVENT, args=(notification_id,), immutable=True)
            told.apply_async(retry=False, argsrepr=shown)
        except (OperationalError, OSError):
            return False
        return True

    def close(self) -> None:
        """Close the connections to the broker; the next message makes new ones."""
        with self._lock:
            app, self._app = self._app, None
        if app is not None:
            app.close()

    def _celery(self) -> Celery:
        with self._lock:
            if self._app is None:
                self._app = make_app(self._broker_url())
            return self._app

    def answers(self) -> bool:
        """Whether the broker can be reached."""
        try:
            with self._celery().connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, timeout=CONNECT_TIMEOUT)
        except (OperationalError, OSError):
            return False
        return True
