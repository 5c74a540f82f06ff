"""
Replies: those of the account, those to a post, and which of them are seen.

Source: https://developers.facebook.com/documentation/threads/reference/reply-management and
…/retrieve-and-manage-replies/replies-and-conversations (2026-04-21).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from threadsworker.errors import AnswerLost
from threadsworker.threads_api import fields as known
from threadsworker.threads_api.arguments import When, object_id, word_of
from threadsworker.threads_api.listing import Listing
from threadsworker.threads_api.objects import MediaObject


class ApprovalStatus(StrEnum):
    """Of a reply that its post's author has not approved. Meta tells upper from lower case."""

    PENDING = "pending"
    IGNORED = "ignored"


class Replies(Listing):
    """All raise ApiError and NoAnswer, and `InvalidRequest` before anything is sent."""

    def own_replies(
        self,
        *,
        since: When | None = None,
        until: When | None = None,
        limit: int | None = None,
        fields: Sequence[str] = known.REPLY,
    ) -> Iterator[MediaObject]:
        """The account's own replies, newest first."""
        return self._timeline("/me/replies", since=since, until=until, limit=limit, fields=fields)

    def replies(
        self,
        media_id: str,
        *,
        newest_first: bool = True,
        limit: int | None = None,
        fields: Sequence[str] = known.REPLY,
    ) -> Iterator[MediaObject]:
        """The direct replies to a post."""
        return self._below(media_id, "replies", newest_first, limit=limit, fields=fields)

    def conversation(
        self,
        media_id: str,
        *,
        newest_first: bool = True,
        limit: int | None = None,
        fields: Sequence[str] = known.REPLY,
    ) -> Iterator[MediaObject]:
        """All replies below a post, at any depth, in one row; Meta refuses it for a reply."""
        return self._below(media_id, "conversation", newest_first, limit=limit, fields=fields)

    def pending_replies(
        self,
        media_id: str,
        *,
        status: ApprovalStatus | str | None = None,
        newest_first: bool = True,
        limit: int | None = None,
        fields: Sequence[str] = known.PENDING,
    ) -> Iterator[MediaObject]:
        """Replies that are not seen until they are approved; None: those ignored too."""
        params = {}
        if status is not None:
            params["approval_status"] = word_of(ApprovalStatus, status, where="approval_status")
        return self._below(
            media_id, "pending_replies", newest_first, limit=limit, fields=fields, **params
        )

    def manage_reply(self, reply_id: str, *, hide: bool) -> None:
        """
        Hide a reply to one of the account's posts, or show it again; those below it follow.

        Sent once; doing it again does no harm. Only direct replies to a root can be hidden.
        """
        self._manage(reply_id, "manage_reply", hide=_flag(hide))

    def manage_pending_reply(self, reply_id: str, *, approve: bool) -> None:
        """Approve a reply that waits for it, or ignore it; what was ignored may be approved."""
        self._manage(reply_id, "manage_pending_reply", approve=_flag(approve))

    def _below(
        self,
        media_id: str,
        edge: str,
        newest_first: bool,
        *,
        limit: int | None,
        fields: Sequence[str],
        **params: str,
    ) -> Iterator[MediaObject]:
        # No size of pages and no period are documented here.
        params["reverse"] = _flag(newest_first)
        path = f"/{object_id(media_id)}/{edge}"
        return self._posts(path, params, fields=fields, limit=limit)

    def _manage(self, reply_id: str, edge: str, **form: str) -> None:
        path = f"/{object_id(reply_id)}/{edge}"
        if self.post(path, form).get("success") is not True:
            raise AnswerLost(f"POST {path}: an answer that tells no success")


def _flag(value: bool) -> str:
    return "true" if value else "false"
