"""
The Python API: enqueue posts, and ask what became of them.

    client = Client()
    job = client.enqueue("any length … #python", media=["a.jpg", Media("b.mp4", alt_text="…")])
    client.wait(job.id, timeout=60)

A post is checked and its media are stored before a row is written, and the rows are
committed before a worker is rung for: what `enqueue` returns is safe, whatever happens to
brokers and workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session

from threadsworker import report
from threadsworker.client.accounts import DEFAULT_ACCOUNT
from threadsworker.client.schedules import Schedules
from threadsworker.errors import InvalidPost, NotPossible, Problem
from threadsworker.plan import as_post
from threadsworker.post import Post, Segment
from threadsworker.store import decisions, jobs, runs, submission
from threadsworker.store.database import clock
from threadsworker.store.submission import Terms
from threadsworker.store.tables import JobRow
from threadsworker.when import resolve


@dataclass(frozen=True)
class Order:
    """What is to be stored: a post, planned, and the terms of its publication."""

    post: Post
    planned: Sequence[Segment]
    terms: Terms
    account: str
    key: str | None


class Client(Schedules):
    """
    Enqueues posts and manages jobs, schedules and accounts. Safe to share between threads.

    `settings` default to the environment's, see `threadsworker.settings`.
    """

    def enqueue(
        self,
        post: Post | str = "",
        *,
        media: Any = (),
        account: str = DEFAULT_ACCOUNT,
        key: str | None = None,
        at: datetime | timedelta | str | None = None,
        timezone: str | None = None,
        session: AnySession | None = None,
        **options: Any,
    ) -> report.Job:
        """
        Store a post and send for a worker; the job that will publish it.

        Parameters
        ----------
        post:
            A `Post`, or its text; then `media` and `options` are its other fields.
        account:
            Name of the account.
        key:
            An idempotency key, unique per account: the same post under the same key is the
            same job.
        at, timezone:
            When to publish, see `threadsworker.when.resolve`; None: now.
        session:
            A SQLAlchemy session on threadsworker's database: the job exists if and only if
            its owner commits.

        Raises
        ------
        InvalidPost:
            With every rule that the post breaks. Nothing was stored.
        NotFound:
            There is no such account.
        NotPossible:
            The key was used for another post (`key.mismatch`).
        """
        post = as_post(post, media, options)
        problems = [] if key is None or key.strip() else [_empty_key()]
        terms = self._terms(post, at=at, timezone=timezone, problems=problems)
        inspected, planned = self._checked(post, account=account, also=problems)
        self._spool_all(inspected)
        order = Order(post, planned, terms, account, key)
        if session is not None:
            return self._submit_within(session, order)
        try:
            job, rings = self._write(lambda own: self._submit(own, order))
        except IntegrityError:
            # Somebody used the same key at the same moment: theirs is the job.
            job, rings = self._write(lambda own: self._submit(own, order))
        if rings:
            self._ring(job.id, run=job.run, index=0)
        return job

    def plan(
        self, post: Post | str = "", *, media: Any = (), account: str | None = None, **options: Any
    ) -> tuple[Segment, ...]:
        """The segments that `enqueue` would publish. Nothing is stored and nothing is sent."""
        return self._checked(as_post(post, media, options), account=account, also=[])[1]

    def reschedule(
        self, job_id: str, *, at: datetime | timedelta | str | None, timezone: str | None = None
    ) -> report.Job:
        """
        Give the post another time, see `enqueue`; None: as soon as possible.

        Raises
        ------
        InvalidPost:
            The moment is none, or is past.
        NotFound, NotPossible:
            There is no such job; part of it is live or may be (`job.begun`), or it has ended
            (`job.ended`).
        """
        problems: list[Problem] = []
        terms = self._terms(Post(), at=at, timezone=timezone, problems=problems)
        if problems:
            raise InvalidPost(problems)
        self._write(
            lambda session: decisions.reschedule(session, job_id, terms, now=clock(session))
        )
        return self.get(job_id)

    def edit(
        self, job_id: str, post: Post | str = "", *, media: Any = (), **options: Any
    ) -> report.Job:
        """
        Replace the whole post, as a new revision; its account and its time stay.

        A failed or missed job stays so, until it is retried.

        Raises
        ------
        InvalidPost:
            With every rule that the post breaks. Nothing was changed.
        NotFound, NotPossible:
            There is no such job; part of it is live or may be (`job.begun`), or it has ended
            (`job.ended`).
        """
        post = as_post(post, media, options)
        account = self.get(job_id).account
        inspected, planned = self._checked(post, account=account, also=[])
        self._spool_all(inspected)
        terms = self._terms(post, at=None, timezone=None, problems=[])
        self._write(
            lambda session: decisions.edit(
                session,
                job_id,
                planned,
                reply_to=post.reply_to,
                terms=terms,
                now=clock(session),
            )
        )
        return self.get(job_id)

    def _terms(
        self,
        post: Post,
        *,
        at: datetime | timedelta | str | None,
        timezone: str | None,
        problems: list[Problem],
    ) -> Terms:
        """When and how; what is wrong with the moment is added to `problems`."""
        when = None
        if at is not None:
            with self._reading() as session:
                now = clock(session)
            try:
                when = resolve(at, timezone=timezone, now=now)
            except InvalidPost as error:
                problems += error.problems
        return Terms(
            when=when,
            prepare_ahead=self.settings.prepare_ahead,
            missed_after=self.settings.missed_after,
            pace=post.pace,
            pace_jitter=post.pace_jitter,
            check_quota=post.check_rate_limit_before_post,
            wait_on_quota=post.wait_on_rate_limit,
        )

    def _submit(
        self, session: Session, order: Order, *, at_once: bool = True
    ) -> tuple[report.Job, bool]:
        """The job, and whether its chain is to be sent by the caller, now."""
        owner, now = self._account(session, order.account), clock(session)
        if order.key is not None and (found := jobs.with_key(session, owner.id, order.key)):
            return self._same(session, found, order), False
        rings = order.terms.starts_at(now) <= now and runs.has_room(
            session, owner.id, concurrency=self.settings.account_concurrency
        )
        row = submission.submit(
            session,
            account=owner,
            planned=order.planned,
            reply_to=order.post.reply_to,
            key=order.key,
            silence=self.settings.lease if rings and at_once else timedelta(0),
            now=now,
            terms=order.terms,
        )
        return submission.describe(session, row), rings

    def _same(self, session: Session, found: JobRow, order: Order) -> report.Job:
        same = submission.content_hash(order.planned, reply_to=order.post.reply_to)
        if found.content_hash != same:
            raise NotPossible(
                f"the key {order.key!r} belongs to job {found.id}, which publishes something else",
                code="key.mismatch",
            )
        return submission.describe(session, found)

    def _submit_within(self, outer: AnySession, order: Order) -> report.Job:
        self._ready()
        with Session(outer.connection(), join_transaction_mode="create_savepoint") as session:
            job, rings = self._submit(session, order, at_once=False)
            session.commit()
        if rings:
            event.listen(
                outer, "after_commit", lambda _: self._ring(job.id, run=1, index=0), once=True
            )
        return job


def _empty_key() -> Problem:
    return Problem("key.empty", "A key has at least one character", "key", 1, 0)
