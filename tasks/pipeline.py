"""The six tasks of a chain. What they do is in `threadsworker.steps`; here it meets Celery."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from kombu.exceptions import OperationalError as KombuError
from sqlalchemy.exc import SQLAlchemyError

from tasks.app import app, desk
from tasks.step import Step
from tasks.task import Told
from tasks.upkeep import ring
from threadsworker import queue
from threadsworker.steps.cleanup import CLEANUP, tidy
from threadsworker.steps.create_containers import CREATE_CONTAINERS
from threadsworker.steps.poll_status import POLL_STATUS
from threadsworker.steps.publish import PUBLISH
from threadsworker.steps.reply_chain import REPLY_CHAIN
from threadsworker.steps.step import Again, Broken, Go, Next, Stop
from threadsworker.steps.take import take
from threadsworker.steps.upkeep import dispatch_next
from threadsworker.steps.upload import UPLOAD

logger = logging.getLogger(__name__)

#: A message that is worth taking so soon is sent without a countdown.
PROMPT = timedelta(seconds=0.02)


class ChainFailed(Told):
    """A job failed. Raised so that Flower shows its chain as failed, with Meta's words."""

    def __init__(self, code: str, message: str, advice: str) -> None:
        super().__init__(code, message, advice)

    def __str__(self) -> str:
        code, message, advice = self.args
        return f"{message} [{code}] {advice}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self}"


class NeedsReview(ChainFailed):
    """Only a person can tell what became of a job."""


class Waits(Told):
    """Nothing is wrong: the message comes back, and Flower shows why and when."""

    def __repr__(self) -> str:
        return str(self)


@app.task(bind=True, base=Step, name=queue.UPLOAD, max_retries=None)
def upload(self: Any, job_id: str, run: int) -> str:
    """Make local media public for Meta."""
    return _follow(self, take(desk, UPLOAD, job_id, run), job_id, run)


@app.task(bind=True, base=Step, name=queue.CREATE_CONTAINERS, max_retries=None)
def create_containers(self: Any, job_id: str, run: int, index: int) -> str:
    """Make the containers of a segment."""
    return _follow(self, take(desk, CREATE_CONTAINERS, job_id, run, index), job_id, run)


@app.task(bind=True, base=Step, name=queue.POLL_STATUS, max_retries=None)
def poll_status(self: Any, job_id: str, run: int, index: int) -> str:
    """Wait until Meta has processed a segment's container."""
    return _follow(self, take(desk, POLL_STATUS, job_id, run, index), job_id, run)


@app.task(bind=True, base=Step, name=queue.PUBLISH, max_retries=None)
def publish(self: Any, job_id: str, run: int, index: int) -> str:
    """Make a segment public."""
    return _follow(self, take(desk, PUBLISH, job_id, run, index), job_id, run)


@app.task(bind=True, base=Step, name=queue.REPLY_CHAIN, max_retries=None)
def reply_chain(self: Any, job_id: str, run: int) -> str:
    """Go on with the next segment, if there is one."""
    following = take(desk, REPLY_CHAIN, job_id, run)
    said = _follow(self, following, job_id, run)
    start = following.follow if isinstance(following, Go) else None
    if start is not None and start.index is not None:
        title = queue.Title(start.account, start.segments)
        steps = queue.segment_steps(app, job_id, run, start.index, title)
        # Last first, and before what was to follow anyway. This task ends as a success then; one
        # that is replaced would stay "started" in Flower for ever.
        self.request.chain = [*(self.request.chain or ()), *reversed(steps)]
    return said


@app.task(bind=True, base=Step, name=queue.CLEANUP, max_retries=None)
def cleanup(self: Any, job_id: str, run: int) -> str:
    """Take the staged files away, and call the job published if its thread is live."""
    following = take(desk, CLEANUP, job_id, run)
    said = _follow(self, following, job_id, run)
    if isinstance(following, Stop):
        tidy(desk, job_id)
        said = said if following.makes_room else "nothing stays staged of a job that has ended"
    if isinstance(following, Go):
        _next_of_account(job_id)
    return said


def _follow(task: Any, following: Next, job_id: str, run: int) -> str:
    """Do with the chain what the step's outcome asks for; what Flower shows of it."""
    shown = task.request.argsrepr
    match following:
        case Go(said, delay):
            if delay > PROMPT and task.request.chain:
                task.request.chain[-1]["options"]["countdown"] = delay.total_seconds()
            return said
        case Stop(makes_room, said):
            task.request.chain = None
            if makes_room:
                _next_of_account(job_id)
            return said
        case Again(delay, said):
            raise task.retry(exc=Waits(said), countdown=delay.total_seconds(), argsrepr=shown)
        case Broken(trouble, clean, over):
            if clean:
                follows = queue.cleanup(app, job_id, run)
                # Of the same chain, for whoever looks for it by its root.
                follows.apply_async(
                    argsrepr=shown.partition(" segment ")[0], root_id=task.request.root_id
                )
            _next_of_account(job_id)
            failed = ChainFailed if over else NeedsReview
            raise failed(trouble.code, trouble.message, trouble.advice)


def _next_of_account(job_id: str) -> None:
    """This job makes room: begin what waits for it, and do not leave it to beat."""
    try:
        ring(dispatch_next(desk, job_id))
    except (SQLAlchemyError, KombuError, OSError):
        # This job is done all the same; beat comes by.
        logger.warning("After job %s: what waits for its place is left to beat", job_id)
