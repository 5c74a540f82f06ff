"""The class itself, put together from its parts."""

from __future__ import annotations

from typing import ClassVar

from threadsworker.threadspipe.intents import Intents
from threadsworker.threadspipe.posting import Posting
from threadsworker.threadspipe.reading import Reading
from threadsworker.threadspipe.tokens import Tokens


class ThreadsPipe(Posting, Reading, Tokens, Intents):
    """
    One Threads account, with the parameters and methods of the older library of that name.

    Safe to share between threads. Tokens are in no answer, no log and no `repr`, but for what
    `get_access_tokens` and `refresh_token` are there to give.
    """

    who_can_reply_list: ClassVar[list[str]] = ["everyone", "accounts_you_follow", "mentioned_only"]
