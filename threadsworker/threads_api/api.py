"""All of Meta's API that threadsworker uses, in one object."""

from __future__ import annotations

from threadsworker.threads_api.publishing import Publishing
from threadsworker.threads_api.reading import Reading
from threadsworker.threads_api.tokens import Tokens


class ThreadsApi(Publishing, Reading, Tokens):
    """Meta's Threads API on behalf of one account; see `Connection` for how it is made."""
