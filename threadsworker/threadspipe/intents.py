"""Links that open Threads with a post, or a profile to follow, filled in."""

from __future__ import annotations

from threadsworker import intents
from threadsworker.threadspipe.base import Base


class Intents(Base):
    """See `ThreadsPipe`."""

    def get_post_intent(self, text: str | None = None, link: str | None = None) -> str:
        """A link that opens Threads with this text and this link in a new post."""
        return intents.post_intent(text, link)

    def get_follow_intent(self, username: str | None = None) -> str:
        """
        A link that opens Threads with this profile to follow; None: that of the account.

        Raises
        ------
        ApiError, NoAnswer, NotPossible:
            The account's own name could not be read.
        """
        name = username or self._api().me(fields=("id", "username")).username
        return intents.follow_intent(name or "")
