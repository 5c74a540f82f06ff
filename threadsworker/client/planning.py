"""What a post becomes before anything is stored: checked, and planned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from threadsworker.client.jobs import Jobs
from threadsworker.client.outbox import CallersSession
from threadsworker.errors import InvalidPost, Problem
from threadsworker.media import Inspected, Reading, inspect
from threadsworker.plan import plan
from threadsworker.post import Post, Segment
from threadsworker.store.database import clock
from threadsworker.store.submission import Terms
from threadsworker.when import resolve

#: Media put into the spool at the same time. Each picture is in memory meanwhile.
SPOOLED_AT_ONCE = 4


class Planning(Jobs):
    """Checking posts, and keeping their local media."""

    def _checked(
        self,
        post: Post,
        *,
        account: str | None,
        also: list[Problem],
        staging: Callable[[str], list[Problem]] | None = None,
    ) -> tuple[tuple[Inspected, ...], tuple[Segment, ...]]:
        inspected, problems = inspect(
            post.media,
            allow_private_urls=self.settings.private_urls_allowed,
            reading=Reading(self.settings.media_roots, self.settings.strip_metadata),
        )
        also = [*also, *problems]
        if account is not None and any(one.content is not None for one in inspected):
            also += (staging or self._staging_problems)(account)
        items = [one.item for one in inspected]
        return inspected, plan(post, items, also=also)

    def _terms(
        self,
        post: Post,
        *,
        at: datetime | timedelta | str | None,
        timezone: str | None,
        problems: list[Problem],
        now: datetime | None = None,
    ) -> Terms:
        """When and how; what is wrong with the moment is added to `problems`."""
        when = None
        if at is not None:
            if now is None:
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

    def _staging_problems(
        self, account: str, *, within: CallersSession | None = None
    ) -> list[Problem]:
        row = self._write(lambda session: self._account(session, account), within=within)
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
        local = [one for one in inspected if one.content is not None]
        if len(local) < 2:
            for one in local:
                self._spool.put(one)
            return
        # Most of the time goes by until a disk, or a bucket, has said that it has one of them.
        with ThreadPoolExecutor(SPOOLED_AT_ONCE) as pool:
            list(pool.map(self._spool.put, local))
