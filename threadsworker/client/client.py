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
from datetime import timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session

from threadsworker import report
from threadsworker.client.accounts import DEFAULT_ACCOUNT
from threadsworker.client.jobs import Jobs
from threadsworker.errors import NotPossible, Problem
from threadsworker.media import Inspected, inspect
from threadsworker.plan import as_post, plan
from threadsworker.post import Post, Segment
from threadsworker.store import jobs, submission
from threadsworker.store.database import clock
from threadsworker.store.tables import JobRow


class Client(Jobs):
    """
    Enqueues posts and manages jobs and accounts. Safe to share between threads.

    `settings` default to the environment's, see `threadsworker.settings`.
    """

    def enqueue(
        self,
        post: Post | str = "",
        *,
        media: Any = (),
        account: str = DEFAULT_ACCOUNT,
        key: str | None = None,
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
        inspected, planned = self._checked(post, account=account, also=problems)
        self._spool_all(inspected)
        if session is not None:
            return self._submit_within(session, post, planned, account=account, key=key)
        try:
            job, is_new = self._write(
                lambda own: self._submit(own, post, planned, account=account, key=key)
            )
        except IntegrityError:
            # Somebody used the same key at the same moment: theirs is the job.
            job, is_new = self._write(
                lambda own: self._submit(own, post, planned, account=account, key=key)
            )
        if is_new:
            self._ring(job.id, run=job.run, index=0)
        return job

    def plan(
        self, post: Post | str = "", *, media: Any = (), account: str | None = None, **options: Any
    ) -> tuple[Segment, ...]:
        """The segments that `enqueue` would publish. Nothing is stored and nothing is sent."""
        return self._checked(as_post(post, media, options), account=account, also=[])[1]

    def _checked(
        self, post: Post, *, account: str | None, also: list[Problem]
    ) -> tuple[tuple[Inspected, ...], tuple[Segment, ...]]:
        inspected, problems = inspect(
            post.media, allow_private_urls=self.settings.private_urls_allowed
        )
        also = [*also, *problems]
        if account is not None and any(one.content is not None for one in inspected):
            also += self._staging_problems(account)
        items = [one.item for one in inspected]
        return inspected, plan(post, items, also=also)

    def _staging_problems(self, account: str) -> list[Problem]:
        row = self._write(lambda session: self._account(session, account))
        if row.github_repo is not None and row.github_token is not None:
            return []
        return [
            Problem(
                "staging.repository.missing",
                f"account {account!r} has no GitHub repository and token, which local media need "
                "since Meta only fetches public URLs; run `threadsworker account add` with "
                "--github-repo, or give public URLs",
                "media",
            )
        ]

    def _spool_all(self, inspected: Sequence[Inspected]) -> None:
        for one in inspected:
            self._spool.put(one)

    def _submit(
        self,
        session: Session,
        post: Post,
        planned: Sequence[Segment],
        *,
        account: str,
        key: str | None,
        rung: bool = True,
    ) -> tuple[report.Job, bool]:
        owner = self._account(session, account)
        if key is not None and (found := jobs.with_key(session, owner.id, key)):
            return self._same(session, found, planned, post, key=key), False
        row = submission.submit(
            session,
            account=owner,
            planned=planned,
            reply_to=post.reply_to,
            key=key,
            silence=self.settings.lease if rung else timedelta(0),
            now=clock(session),
        )
        return submission.describe(session, row), True

    def _same(
        self, session: Session, found: JobRow, planned: Sequence[Segment], post: Post, *, key: str
    ) -> report.Job:
        if found.content_hash != submission.content_hash(planned, reply_to=post.reply_to):
            raise NotPossible(
                f"the key {key!r} belongs to job {found.id}, which publishes something else",
                code="key.mismatch",
            )
        return submission.describe(session, found)

    def _submit_within(
        self,
        outer: AnySession,
        post: Post,
        planned: Sequence[Segment],
        *,
        account: str,
        key: str | None,
    ) -> report.Job:
        self._ready()
        with Session(outer.connection(), join_transaction_mode="create_savepoint") as session:
            job, is_new = self._submit(session, post, planned, account=account, key=key, rung=False)
            session.commit()
        if is_new:
            event.listen(
                outer, "after_commit", lambda _: self._ring(job.id, run=1, index=0), once=True
            )
        return job


def _empty_key() -> Problem:
    return Problem("key.empty", "A key has at least one character", "key", 1, 0)
