"""
Links that open Threads with a post, or a profile to follow, filled in.

Source: https://developers.facebook.com/documentation/threads/threads-web-intents (2026-04-21).
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from threadsworker.threadspipe.base import Base

_INTENT = "https://www.threads.com/intent"


class Intents(Base):
    """See `ThreadsPipe`."""

    def get_post_intent(self, text: str | None = None, link: str | None = None) -> str:
        """A link that opens Threads with this text and this link in a new post."""
        return _intent("post", text=text, url=link)

    def get_follow_intent(self, username: str | None = None) -> str:
        """
        A link that opens Threads with this profile to follow; None: that of the account.

        Raises
        ------
        ApiError, NoAnswer, NotPossible:
            The account's own name could not be read.
        """
        return _intent("follow", username=username or self._api().me().username)


def _intent(what: str, **given: str | None) -> str:
    filled = {name: value for name, value in given.items() if value is not None}
    return f"{_INTENT}/{what}?{urlencode(filled, quote_via=quote, safe='')}"
