"""
Meta's Threads API: one method per endpoint, no memory.

Names are Meta's. A *container* is a post being prepared; publishing it yields a *media*
object, the post itself. Reads are tried again a few times when the service stumbles; a POST
is sent once, whatever happens.
"""

from __future__ import annotations

from threadsworker.threads_api.answers import QUOTA_USED_UP
from threadsworker.threads_api.api import ThreadsApi
from threadsworker.threads_api.containers import (
    ContainerSpec,
    ContainerStatus,
    MediaType,
    StatusCode,
)
from threadsworker.threads_api.objects import (
    MediaObject,
    Profile,
    PublishingLimit,
    Quota,
    Reference,
    Token,
)

__all__ = [
    "QUOTA_USED_UP",
    "ContainerSpec",
    "ContainerStatus",
    "MediaObject",
    "MediaType",
    "Profile",
    "PublishingLimit",
    "Quota",
    "Reference",
    "StatusCode",
    "ThreadsApi",
    "Token",
]
