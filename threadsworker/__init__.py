"""
The durable posting worker for Meta's Threads.

    from threadsworker import Client, Media, Post
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadsworker.client import Account, Client
    from threadsworker.errors import (
        ApiError,
        BadSignature,
        InvalidPost,
        InvalidRequest,
        InvalidSettings,
        NoAnswer,
        NotFound,
        NotPossible,
        Problem,
        ThreadsWorkerError,
    )
    from threadsworker.job import JobState, SegmentState, WaitReason
    from threadsworker.post import (
        Gif,
        Media,
        MediaKind,
        Poll,
        Post,
        ReplyControl,
        Segment,
        Spoiler,
        Styling,
        TextAttachment,
    )
    from threadsworker.report import Job, JobSummary, Schedule
    from threadsworker.settings import Settings
    from threadsworker.threadspipe import ThreadsPipe

__all__ = [
    "Account",
    "ApiError",
    "BadSignature",
    "Client",
    "Gif",
    "InvalidPost",
    "InvalidRequest",
    "InvalidSettings",
    "Job",
    "JobState",
    "JobSummary",
    "Media",
    "MediaKind",
    "NoAnswer",
    "NotFound",
    "NotPossible",
    "Poll",
    "Post",
    "Problem",
    "ReplyControl",
    "Schedule",
    "Segment",
    "SegmentState",
    "Settings",
    "Spoiler",
    "Styling",
    "TextAttachment",
    "ThreadsPipe",
    "ThreadsWorkerError",
    "WaitReason",
]

_HOMES = {
    "Account": "threadsworker.client",
    "ApiError": "threadsworker.errors",
    "BadSignature": "threadsworker.errors",
    "Client": "threadsworker.client",
    "Gif": "threadsworker.post",
    "InvalidPost": "threadsworker.errors",
    "InvalidRequest": "threadsworker.errors",
    "InvalidSettings": "threadsworker.errors",
    "Job": "threadsworker.report",
    "JobState": "threadsworker.job",
    "JobSummary": "threadsworker.report",
    "Media": "threadsworker.post",
    "MediaKind": "threadsworker.post",
    "NoAnswer": "threadsworker.errors",
    "NotFound": "threadsworker.errors",
    "NotPossible": "threadsworker.errors",
    "Poll": "threadsworker.post",
    "Post": "threadsworker.post",
    "Problem": "threadsworker.errors",
    "ReplyControl": "threadsworker.post",
    "Schedule": "threadsworker.report",
    "Segment": "threadsworker.post",
    "SegmentState": "threadsworker.job",
    "Settings": "threadsworker.settings",
    "Spoiler": "threadsworker.post",
    "Styling": "threadsworker.post",
    "TextAttachment": "threadsworker.post",
    "ThreadsPipe": "threadsworker.threadspipe",
    "ThreadsWorkerError": "threadsworker.errors",
    "WaitReason": "threadsworker.job",
}


def __getattr__(name: str) -> Any:
    """Public names are imported on first use: Celery and SQLAlchemy take their time."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
