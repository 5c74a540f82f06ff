"""
A job's chain, message by message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from celery import Celery, chain
from celery.canvas import Signature
from kombu.exceptions import OperationalError

from threadsworker.queue.names import (
    CLEANUP,
    CREATE_CONTAINERS,
    POLL_STATUS,
    PUBLISH,
    REPLY_CHAIN,
    UPLOAD,
    VERSION,
    VERSION_HEADER,
)


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
        # What a notice holds is for that application, and not for whoever opens Flower. Which does
        # not have our keys.
        shown = f"notice {notice['id']}: {notice['event']}"
        app.send_task(
            name, kwargs=notice, queue=queue, retry=False, serializer="json", kwargsrepr=shown
        )
    except OperationalError as error:
        raise OSError(type(error).__name__) from None


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
    options = {"headers": {VERSION_HEADER: VERSION}, "task_id": task_id, "argsrepr": shown}
    return app.signature(name, args=args, immutable=True, options=options)
