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

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from threadsworker import report
from threadsworker.client import bulk
from threadsworker.client.accounts import DEFAULT_ACCOUNT
from threadsworker.client.awaited import Account
from threadsworker.client.deleting import delete_thread
from threadsworker.client.offloading import offloaded
from threadsworker.client.order import Order, key_problems, refuse_another
from threadsworker.client.outbox import CallersSession, tell_after_commit
from threadsworker.client.schedules import Schedules
from threadsworker.client.subscriptions import Subscriptions
from threadsworker.errors import InvalidPost, Problem
from threadsworker.plan import as_post
from threadsworker.post import Post, Segment
from threadsworker.queue import Title
from threadsworker.store import accounts, decisions, describing, jobs, runs, submission
from threadsworker.store.arrivals import arrive
from threadsworker.store.database import clock
from threadsworker.store.tables import JobRow


class Client(Schedules, Subscriptions):
    """
    Enqueues posts and manages jobs, schedules and accounts. Safe to share between threads.

    Each call comes once more for coroutines, with an ``a`` before its name: see
    `threadsworker.client.offloading`.

    `settings` default to the environment's, see `threadsworker.settings`.
    """

    def enqueue(
        self,
        /,
        post: Post | str = "",
        *,
        media: Any = (),
        account: str = DEFAULT_ACCOUNT,
        key: str | None = None,
        at: datetime | timedelta | str | None = None,
        timezone: str | None = None,
        session: CallersSession | None = None,
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
            A SQLAlchemy session on threadsworker's database, or a `scoped_session`: the job
            exists if and only if its owner commits.

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
        problems = key_problems(key)
        terms = self._terms(post, at=at, timezone=timezone, problems=problems)
        inspected, planned = self._checked(
            post,
            account=account,
            also=problems,
            # A caller who has written keeps all others from writing, on SQLite.
            staging=partial(self._staging_problems, within=session),
        )
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
            title = Title(job.account, len(order.planned))
            self._ring(job.id, run=job.run, index=0, title=title)
        return job

    aenqueue = offloaded(enqueue)

    def plan(
        self,
        /,
        post: Post | str = "",
        *,
        media: Any = (),
        account: str | None = None,
        **options: Any,
    ) -> tuple[Segment, ...]:
        """The segments that `enqueue` would publish. Nothing is stored and nothing is sent."""
        return self._checked(as_post(post, media, options), account=account, also=[])[1]

    aplan = offloaded(plan)

    def enqueue_all(
        self,
        posts: Iterable[Mapping[str, Any]],
        *,
        names: Sequence[str] = (),
        timezone: str | None = None,
        spread: str | None = None,
        dry_run: bool = False,
        also: Sequence[Problem] = (),
    ) -> list[report.Enqueued]:
        """
        Store many posts, all of them or none, and send for workers.

        Parameters
        ----------
        posts:
            The arguments of `enqueue` for each, such as ``{"post": "hello", "at": …}``, without
            `session`. A post whose key is in use is the job that exists, and then its moment may
            be past.
        names:
            What problems call each of them; by default ``post 1``, ``post 2`` …
        timezone:
            Zone of moments without one, and of the spread.
        spread:
            Where posts without a moment go: ``3/day 09:00-21:00``, see `threadsworker.spread`.
            They are placed in their order, after now, where no other post of the account is
            near. None: they go out now.
        dry_run:
            Check everything and tell what would be; store and send nothing.
        also:
            Problems found elsewhere, to be reported with those found here.

        Raises
        ------
        InvalidPost:
            With every rule that any of them breaks; `where` begins with the name. An unknown
            account (`account.unknown`) and a key that is used twice (`key.duplicate`) are among
            them. Nothing was stored.
        NotPossible:
            A key was used for another post (`key.mismatch`). Nothing was stored.
        """
        return bulk.enqueue_all(
            self,
            posts,
            names=names,
            timezone=timezone,
            spread=spread,
            dry_run=dry_run,
            also=also,
        )

    aenqueue_all = offloaded(enqueue_all)

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

    areschedule = offloaded(reschedule)

    def edit(
        self, /, job_id: str, post: Post | str = "", *, media: Any = (), **options: Any
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

        def replace(session: Session) -> None:
            now = clock(session)
            decisions.edit(session, job_id, planned, reply_to=post.reply_to, terms=terms, now=now)

        try:
            self._write(replace)
        except IntegrityError:
            # A worker has just stored a container of what is to go.
            self._write(replace)
        return self.get(job_id)

    aedit = offloaded(edit)

    def delete(self, job_id: str) -> report.Job:
        """
        Delete the thread that the job published from Threads, its last segment first.

        If it is broken off, the next call goes on where it stopped. Each segment that is gone is
        an event of the job, ``segment_deleted``; one that Meta no longer knows counts as deleted.

        Raises
        ------
        NotFound, NotPossible:
            There is no such job; it is not at rest (`job.not_at_rest`); nothing of it is live, or
            no more (`job.nothing_live`); the delete quota has no room for all that is
            (`delete.quota`), and unless others used it meanwhile nothing was deleted; Meta asked
            for a pause (`account.throttled`).
        ApiError, NoAnswer:
            Meta refused; there was no usable answer, and the next call finds out.
        """
        delete_thread(self, job_id)
        return self.get(job_id)

    adelete = offloaded(delete)

    def acting_as(self, name: str = DEFAULT_ACCOUNT) -> Account:
        """What can be read and changed on Threads for the account; NotFound if there is none."""
        self.account(name)
        return Account(self, name)

    aacting_as = offloaded(acting_as)

    def _submit(
        self, session: Session, order: Order, *, at_once: bool = True
    ) -> tuple[report.Job, bool]:
        """The job, and whether its chain is to be sent by the caller, now."""
        if order.account == DEFAULT_ACCOUNT and self._environment_account():
            self._adopt_environment(session)
        arrival = arrive(session, order.account, concurrency=self.settings.account_concurrency)
        owner, now = arrival.account_id, arrival.now
        if order.key is not None and (found := jobs.with_key(session, owner, order.key)):
            return self._same(session, found, order), False
        rings = arrival.has_room and order.terms.starts_at(now) <= now
        one = submission.Submission(
            account_id=owner,
            planned=order.planned,
            reply_to=order.post.reply_to,
            key=order.key,
            silence=self.settings.lease if rings and at_once else timedelta(0),
            terms=order.terms,
        )
        row = submission.submit_all(session, [one], now=now)[0]
        return describing.new(row, order.account, order.planned), rings

    def _same(self, session: Session, found: JobRow, order: Order) -> report.Job:
        refuse_another(found, order)
        return describing.whole(session, found)

    def _submit_within(self, outer: CallersSession, order: Order) -> report.Job:
        job, rings = self._write(
            lambda session: self._submit(session, order, at_once=False), within=outer
        )
        if rings:
            tell_after_commit(outer, job.account, tell=self._begin_waiting)
        return job

    def _begin_waiting(self, names: set[str]) -> None:
        """What is due for these accounts is begun, as far as they have room."""

        def begin(session: Session) -> list[runs.Start]:
            return [
                start
                for name in sorted(names)
                for start in runs.dispatch(
                    session,
                    silence=self.settings.lease,
                    now=clock(session),
                    limit=self.settings.account_concurrency,
                    concurrency=self.settings.account_concurrency,
                    account_id=accounts.find(session, name).id,
                    busy=True,
                )
            ]

        for start in self._write(begin):
            self._start(start)
