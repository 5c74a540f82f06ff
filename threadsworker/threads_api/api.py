"""All of Meta's API that threadsworker uses, in one object."""

from __future__ import annotations

from threadsworker.threads_api.discovery import Discovery
from threadsworker.threads_api.embedding import Embedding
from threadsworker.threads_api.insights import Insights
from threadsworker.threads_api.managing import Managing
from threadsworker.threads_api.publishing import Publishing
from threadsworker.threads_api.reading import Reading
from threadsworker.threads_api.replies import Replies
from threadsworker.threads_api.tokens import Tokens


class ThreadsApi(Publishing, Reading, Replies, Discovery, Insights, Managing, Embedding, Tokens):
    """Meta's Threads API on behalf of one account; see `Connection` for how it is made."""
