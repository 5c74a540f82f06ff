"""What the rows tell: whether beat and workers are alive, and what needs a person."""

from __future__ import annotations

from datetime import timedelta
from socket import gethostname

from threadsworker.cli.checks.result import Place, Result, Trouble, fine, warning
from threadsworker.job import JobState
from threadsworker.steps.presence import MISSED_BEATS, beat_every
from threadsworker.steps.upkeep import DISPATCH, silence_of
from threadsworker.store import duties, jobs, workers
from threadsworker.store.database import clock
from threadsworker.store.tables import WorkerRow

#: How far back failures are counted.
LATELY = timedelta(hours=24)


def dispatch(place: Place) -> list[Result]:
    """Beat rings, a worker answers: the age of the last look for due jobs shows both."""
    place.check_database()
    with place.desk.reading() as session:
        last = duties.last_done(session, DISPATCH)
        age = None if last is None else clock(session) - last
    told = (
        "nobody has looked for due jobs yet"
        if age is None
        else f"due jobs were looked for {age.total_seconds():.0f} s ago"
    )
    if age is None or age > silence_of(place.settings):
        raise Trouble(
            told,
            "Start `threadsworker up`, or a worker and a beat; look at their logs.",
        )
    return [fine("dispatch", told)]


def workers_alive(place: Place) -> list[Result]:
    """Each process of a worker tells every few seconds that it is there."""
    found = _alive(place)
    if not found:
        raise Trouble(
            "no worker has shown a sign of life lately",
            "Start `threadsworker up`, or a worker; look at its log.",
        )
    hosts = sorted({row.host or "?" for row in found})
    count = f"{len(found)} process{'es' if len(found) > 1 else ''}"
    return [fine("workers", f"{count} on {', '.join(hosts)}")]


def this_worker(place: Place) -> list[Result]:
    """For the worker's own container: whether a process of this machine is alive."""
    host = gethostname()
    if not any(row.host == host for row in _alive(place)):
        raise Trouble(
            f"no worker on {host} has shown a sign of life lately",
            "It is starting, has lost its database, or hangs: look at its log, restart it.",
        )
    return [fine("this-worker", f"alive on {host}")]


def _alive(place: Place) -> list[WorkerRow]:
    place.check_database()
    with place.desk.reading() as session:
        since = clock(session) - MISSED_BEATS * beat_every(place.settings)
        return workers.alive(session, since=since)


def jobs_in_trouble(place: Place) -> list[Result]:
    """Not a fault of the installation, but somebody should know."""
    if not place.has_database:
        return []
    place.check_database()
    with place.desk.reading() as session:
        since = clock(session) - LATELY
        in_review = jobs.count(session, JobState.NEEDS_REVIEW)
        lately = jobs.count(session, JobState.FAILED, since=since)
    if in_review:
        return [
            warning(
                "jobs",
                f"{in_review} wait for a person, {lately} failed in 24 hours",
                "Look: threadsworker jobs --state needs_review; `show JOB` says what to do.",
            )
        ]
    if lately:
        return [
            warning(
                "jobs",
                f"none waits for a person, {lately} failed in 24 hours",
                "Look: threadsworker jobs --state failed; `retry JOB` goes on from there.",
            )
        ]
    return [fine("jobs", "none waits for a person, none failed in 24 hours")]
