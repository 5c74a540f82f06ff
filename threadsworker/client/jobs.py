"""Jobs, as the client looks at them, waits for them, and decides about them."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial
from getpass import getuser

from sqlmodel import Session

from threadsworker import report
from threadsworker.client.accounts import Accounts
from threadsworker.client.looking import Looking
from threadsworker.client.offloading import offloaded
from threadsworker.errors import NotPossible
from threadsworker.job import JobState
from threadsworker.queue import Title
from threadsworker.store import (
    accounts,
    decisions,
    describing,
    jobs,
    listing,
    removal,
    reviews,
    runs,
)
from threadsworker.store.database import clock


class Jobs(Accounts):
    """Looking at jobs, and deciding about them."""

    def get(self, job_id: str) -> report.Job:
        """All that is known of the job; NotFound if there is none of that id."""
        with self._reading() as session:
            return describing.whole(session, jobs.find(session, job_id))

    aget = offloaded(get)

    def jobs(
        self,
        *,
        state: JobState | str | None = None,
        account: str | None = None,
        limit: int | None = None,
    ) -> list[report.JobSummary]:
        """Jobs without their segments, newest first."""
        with self._reading() as session:
            account_id = accounts.find(session, account).id if account is not None else None
            found = jobs.newest(
                session,
                state=JobState(state) if state is not None else None,
                account_id=account_id,
                limit=limit,
            )
            return [describing.summary(row, name) for row, name in found]

    ajobs = offloaded(jobs)

    def watch(self, job_id: str, *, timeout: float | None = None) -> Iterator[report.Job]:
        """
        The job again and again as it changes, until it rests (see `wait`).

        Raises
        ------
        NotFound, TimeoutError:
            There is no such job; it does not rest after `timeout` seconds.
        """
        looking, pause = Looking(timeout), threading.Event()
        while True:
            job = self.get(job_id)
            if looking.is_new(job):
                yield job
            if looking.is_over(job):
                return
            pause.wait(looking.pause())

    async def awatch(
        self, job_id: str, *, timeout: float | None = None
    ) -> AsyncGenerator[report.Job]:
        """`watch`, for ``async for``. Each look takes a thread; between two of them none waits."""
        looking = Looking(timeout)
        while True:
            job = await self.aget(job_id)
            if looking.is_new(job):
                yield job
            if looking.is_over(job):
                return
            await asyncio.sleep(looking.pause())

    def wait(self, job_id: str, *, timeout: float | None = None) -> report.Job:
        """
        The job once it is published, failed, cancelled, missed, or needs a person.

        Raises
        ------
        NotFound, TimeoutError:
            There is no such job; none of these happened within `timeout` seconds.
        """
        # Only the last one is kept: of a long thread there are many, and each tells all.
        return deque(self.watch(job_id, timeout=timeout), maxlen=1).pop()

    async def await_end(self, job_id: str, *, timeout: float | None = None) -> report.Job:
        """`wait`, to be awaited (Python keeps ``await`` to itself). It looks as `awatch` does."""
        async with aclosing(self.awatch(job_id, timeout=timeout)) as looks:
            async for job in looks:
                last = job
        return last

    def retry(self, job_id: str) -> report.Job:
        """
        Start a failed or missed job again, behind the last segment that is live.

        A job that needs review is looked at again: Meta is asked, and what the answers prove
        is done.

        Raises
        ------
        NotFound, NotPossible:
            There is no such job; it is in another state (`job.not_failed`); part of it was
            deleted from Threads (`job.deleted`).
        """

        def restart(session: Session) -> runs.Start:
            row = jobs.find(session, job_id)
            removal.check_whole(session, job_id)
            start = runs.retry(session, job_id, silence=self.settings.lease, now=clock(session))
            if start is None:
                raise NotPossible(
                    f"job {job_id} is {row.state}; only a failed or missed one, or one that needs "
                    "review, can be retried",
                    code="job.not_failed",
                )
            return start

        return self._restarted(self._write(restart))

    aretry = offloaded(retry)

    def retry_failed(
        self, *, since: datetime | timedelta | None = None, account: str | None = None
    ) -> list[report.Job]:
        """
        Start all jobs again that failed, each behind its last segment that is live.

        One that is in another state by the time it is its turn is passed over.

        Parameters
        ----------
        since:
            Only those that failed at that moment (aware) or later, or at most so long ago.
        account:
            Only those of this account.

        Raises
        ------
        NotFound:
            There is no such account.
        """
        with self._reading() as session:
            account_id = accounts.find(session, account).id if account is not None else None
            moment = clock(session) - since if isinstance(since, timedelta) else since
            wanted = listing.failed(session, since=moment, account_id=account_id)
        return [
            self._restarted(start)
            for job_id in wanted
            if (start := self._write(partial(self._restart_failed, job_id=job_id))) is not None
        ]

    aretry_failed = offloaded(retry_failed)

    def _restart_failed(self, session: Session, *, job_id: str) -> runs.Start | None:
        if removal.begun(session, job_id):
            return None
        return runs.retry(
            session,
            job_id,
            silence=self.settings.lease,
            now=clock(session),
            source=[JobState.FAILED],
        )

    def resolve(
        self,
        job_id: str,
        *,
        published: str | None = None,
        not_published: bool = False,
        give_up: bool = False,
        by: str | None = None,
    ) -> report.Job:
        """
        Decide what asking Meta could not, for the first segment that is not settled.

        Exactly one of the three. Who decided, and when, is kept among the job's events.

        Parameters
        ----------
        published:
            It is live under this media id; the thread goes on below it.
        not_published:
            It is not live, or no more: another container is made and published. While a
            publish of the old one may still be on its way, this can double the post.
        give_up:
            The job ends as failed; what is live stays live.
        by:
            Who decides; by default the user of this process.

        Raises
        ------
        NotFound, NotPossible:
            There is no such job; it does not need review (`job.not_in_review`); the media id
            is another segment's (`resolve.media_taken`); part of it was deleted from Threads, so
            that it can only be given up (`job.deleted`).
        """
        if sum([published is not None, not_published, give_up]) != 1:
            raise TypeError("give one of published, not_published and give_up")
        who = by or getuser()

        if give_up:
            self._write(lambda s: reviews.give_up(s, job_id, by=who, now=clock(s)))
            return self._ended(job_id)
        silence = self.settings.lease
        start = self._write(
            lambda s: reviews.decide(
                s, job_id, media_id=published, by=who, silence=silence, now=clock(s)
            )
        )
        return self._restarted(start)

    aresolve = offloaded(resolve)

    def cancel(self, job_id: str) -> report.Job:
        """
        Stop the job before its next side effect. What is live stays live.

        Raises
        ------
        NotFound, NotPossible:
            There is no such job; it has ended already (`job.ended`).
        """

        def stop(session: Session) -> None:
            row = jobs.find(session, job_id)
            if not decisions.cancel(session, job_id, now=clock(session)):
                raise NotPossible(f"job {job_id} is {row.state} already", code="job.ended")

        self._write(stop)
        return self._ended(job_id)

    acancel = offloaded(cancel)

    def _restarted(self, start: runs.Start) -> report.Job:
        self._start(start)
        return self.get(start.job_id)

    def _ended(self, job_id: str) -> report.Job:
        """The job, whose staged files nobody needs any more."""
        ended = self.get(job_id)
        if ended.staged_files:
            title = Title(ended.account, len(ended.segments))
            self._doorbell.ring_cleanup(job_id, ended.run, title)
        return ended
