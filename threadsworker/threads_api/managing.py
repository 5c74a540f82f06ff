"""
Posts that are there: reposting them, and taking them away.

Source: https://developers.facebook.com/documentation/threads/reference/media and
…/create-posts/reposts (2026-04-21).
"""

from __future__ import annotations

from threadsworker.errors import AnswerLost
from threadsworker.threads_api.arguments import object_id
from threadsworker.threads_api.connection import Connection


class Managing(Connection):
    """All raise ApiError and NoAnswer. Each is sent once."""

    def repost(self, media_id: str) -> str:
        """Repost a post; the id of the repost."""
        path = f"/{object_id(media_id)}/repost"
        made = self.post(path, {})
        if not made.get("id"):
            raise AnswerLost(f"POST {path}: an answer without an id")
        return str(made["id"])

    def delete_media(self, media_id: str) -> str:
        """
        Take one of the account's posts away; its id. At most 100 in a moving 24 hours.

        Replies to it stay. Sending it again does no harm.

        Raises
        ------
        NotReady, RequestRefused:
            There is no such post, or no more (24/4279009, 100/33).
        """
        path = f"/{object_id(media_id)}"
        gone = self.delete(path)
        if gone.get("success") is not True:
            raise AnswerLost(f"DELETE {path}: an answer that tells no success")
        return str(gone.get("deleted_id") or media_id)
