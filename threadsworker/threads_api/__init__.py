"""
Meta's Threads API: one method per endpoint, no memory.

Names are Meta's. A *container* is a post being prepared; publishing it yields a *media*
object, the post itself. Reads are tried again a few times when the service stumbles; a POST
and a DELETE are sent once, whatever happens.
"""

from __future__ import annotations

from threadsworker.threads_api.answers import QUOTA_USED_UP
from threadsworker.threads_api.api import ThreadsApi
from threadsworker.threads_api.arguments import When
from threadsworker.threads_api.containers import (
    ContainerSpec,
    ContainerStatus,
    Made,
    MediaType,
    StatusCode,
)
from threadsworker.threads_api.discovery import SearchMedia, SearchMode, SearchType
from threadsworker.threads_api.insights import Breakdown, Insight, MediaMetric, UserMetric
from threadsworker.threads_api.oauth import (
    USUAL_SCOPES,
    Granted,
    OAuth,
    Scope,
    authorization_url,
    code_from_redirect,
    new_state,
    scopes_named,
)
from threadsworker.threads_api.objects import (
    Embed,
    Location,
    MediaObject,
    Profile,
    PublicProfile,
    PublishingLimit,
    Quota,
    Reference,
    Token,
    TokenFacts,
)
from threadsworker.threads_api.replies import ApprovalStatus

__all__ = [
    "QUOTA_USED_UP",
    "USUAL_SCOPES",
    "ApprovalStatus",
    "Breakdown",
    "ContainerSpec",
    "ContainerStatus",
    "Embed",
    "Granted",
    "Insight",
    "Location",
    "Made",
    "MediaMetric",
    "MediaObject",
    "MediaType",
    "OAuth",
    "Profile",
    "PublicProfile",
    "PublishingLimit",
    "Quota",
    "Reference",
    "Scope",
    "SearchMedia",
    "SearchMode",
    "SearchType",
    "StatusCode",
    "ThreadsApi",
    "Token",
    "TokenFacts",
    "UserMetric",
    "When",
    "authorization_url",
    "code_from_redirect",
    "new_state",
    "scopes_named",
]
