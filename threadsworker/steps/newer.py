"""
What a newer version sends, and this one does not understand, is left to that.

While workers are replaced one by one, old and new ones take messages from one queue. A message
is only a hint, so one that is not understood is given back to the rows: a duty sends the job's
next run, after a pause in which a newer worker may be the one to take it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from threadsworker.steps.desk import Desk
from threadsworker.store import runs
from threadsworker.store.database import clock

logger = logging.getLogger(__name__)

#: Until the job's next run, on average: not so short that old and new workers throw it to and
#: fro, not so long that anybody minds.
PAUSE = timedelta(seconds=10)


def give_back(desk: Desk, args: Sequence[Any], kwargs: Mapping[str, Any], *, why: str) -> None:
    """
    Make the job of a message that is not understood due in a while.

    Every version's messages begin with the job's id and its run. If that should change, or the
    database is away, the message counts as lost, and its job is rescued after the lease.
    """
    named = {**dict(zip(("job_id", "run"), args, strict=False)), **kwargs}
    job_id, run = named.get("job_id"), named.get("run")
    if not isinstance(job_id, str) or not isinstance(run, int):
        logger.warning("A message is left to a newer version: %s", why)
        return
    logger.warning("Job %s run %s: left to a newer version: %s", job_id, run, why)
    pause = PAUSE * desk.dice.uniform(0.5, 1.5)
    try:
        with desk.transaction() as session:
            runs.give_back(session, job_id, run=run, until=clock(session) + pause)
    except SQLAlchemyError:
        logger.warning("Job %s: the database does not hear of it; the job is rescued later", job_id)
