"""The six tasks of a chain. What they do is in `threadsworker.steps`; here it meets Celery."""

from __future__ import annotations

import logging
from typing import Any

from kombu.exceptions import OperationalError as KombuError
from sqlalchemy.exc import SQLAlchemyError

from tasks.app import app, desk
from tasks.step import Step
from tasks.upkeep import ring
from threadsworker import queue
from threadsworker.steps.cleanup import cleanup as cleanup_step
from threadsworker.steps.cleanup import tidy
from threadsworker.steps.create_containers import create_containers as create_containers_step
from threadsworker.steps.poll_status import poll_status as poll_status_step
from threadsworker.steps.publish import publish as publish_step
from threadsworker.steps.reply_chain import next_segment
from threadsworker.steps.reply_chain import reply_chain as reply_chain_step
from threadsworker.steps.take import Again, Broken, Go, Next, Stop, take
from threadsworker.steps.upkeep import dispatch_next
from threadsworker.steps.upload import upload as upload_step

logger = logging.getLogger(__name__)


class ChainFailed(Exception):
    """A job failed, or needs a person. Raised so that Flower shows its chain as failed."""

    def __init__(self, code: str, message: str, advice: str) -> None:
        super().__init__(code, message, advice)

    def __str__(self) -> str:
        code, message, advice = self.args
        return f"{message} [{code}] {advice}"


@app.task(bind=True, base=Step, name=queue.UPLOAD, max_retries=None)
def upload(self: Any, job_id: str, run: int) -> None:
    """Make local media public for Meta."""
    _follow(self, take(desk, upload_step, job_id, run), job_id, run)


@app.task(bind=True, base=Step, name=queue.CREATE_CONTAINERS, max_retries=None)
def create_containers(self: Any, job_id: str, run: int, index: int) -> None:
    """Make the containers of a segment."""
    _follow(self, take(desk, create_containers_step, job_id, run, index), job_id, run)


@app.task(bind=True, base=Step, name=queue.POLL_STATUS, max_retries=None)
def poll_status(self: Any, job_id: str, run: int, index: int) -> None:
    """Wait until Meta has processed a segment's container."""
    _follow(self, take(desk, poll_status_step, job_id, run, index), job_id, run)


@app.task(bind=True, base=Step, name=queue.PUBLISH, max_retries=None)
def publish(self: Any, job_id: str, run: int, index: int) -> None:
    """Make a segment public."""
    _follow(self, take(desk, publish_step, job_id, run, index), job_id, run)


@app.task(bind=True, base=Step, name=queue.REPLY_CHAIN, max_retries=None)
def reply_chain(self: Any, job_id: str, run: int) -> None:
    """Go on with the next segment, if there is one."""
    goes_on = _follow(self, take(desk, reply_chain_step, job_id, run), job_id, run)
    if goes_on and (index := next_segment(desk, job_id)) is not None:
        self.replace(queue.segment_chain(app, job_id, run, index))


@app.task(bind=True, base=Step, name=queue.CLEANUP, max_retries=None)
def cleanup(self: Any, job_id: str, run: int) -> None:
    """Take the staged files away, and call the job published if its thread is live."""
    following = take(desk, cleanup_step, job_id, run)
    if isinstance(following, Stop):
        tidy(desk, job_id)
    if _follow(self, following, job_id, run):
        _next_of_account(job_id)


def _follow(task: Any, following: Next, job_id: str, run: int) -> bool:
    """Do with the chain what the step's outcome asks for; True if it goes on."""
    match following:
        case Go():
            return True
        case Stop(makes_room):
            task.request.chain = None
            if makes_room:
                _next_of_account(job_id)
            return False
        case Again(delay):
            raise task.retry(countdown=delay.total_seconds())
        case Broken(trouble, clean):
            if clean:
                queue.cleanup(app, job_id, run).apply_async()
            _next_of_account(job_id)
            raise ChainFailed(trouble.code, trouble.message, trouble.advice)


def _next_of_account(job_id: str) -> None:
    """This job makes room: begin what waits for it, and do not leave it to beat."""
    try:
        ring(dispatch_next(desk, job_id))
    except (SQLAlchemyError, KombuError, OSError):
        # This job is done all the same; beat comes by.
        logger.warning("After job %s: what waits for its place is left to beat", job_id)
