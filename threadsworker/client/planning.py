"""What a post becomes before anything is stored: checked, and planned."""

from __future__ import annotations

from collections.abc import Sequence

from threadsworker.client.jobs import Jobs
from threadsworker.errors import Problem
from threadsworker.media import Inspected, inspect
from threadsworker.plan import plan
from threadsworker.post import Post, Segment


class Planning(Jobs):
    """Checking posts, and keeping their local media."""

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
