"""
What is told to others: the events, who may be told, and when it is tried again. Pure.

A target is a string: an address, a task, or a function.

    https://example.com/hook         POST, signed
    shop.tasks.published             a Celery task of that name, on the queue ``celery``
    shop.tasks.published@marketing   the same, on the queue ``marketing``
    shop.hooks:published             a function, imported and called by the worker
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any

from threadsworker.errors import InvalidPost, Problem


class NoticeEvent(StrEnum):
    """What a subscriber may be told of."""

    #: Every segment of the job is live, and nothing is staged any more.
    JOB_PUBLISHED = "job.published"
    JOB_FAILED = "job.failed"
    JOB_NEEDS_REVIEW = "job.needs_review"
    JOB_MISSED = "job.missed"
    JOB_CANCELLED = "job.cancelled"
    #: One post of a thread is live.
    SEGMENT_PUBLISHED = "segment.published"
    TOKEN_EXPIRING = "token.expiring"  # noqa: S105 - a name
    ACCOUNT_NEEDS_RECONNECT = "account.needs_reconnect"
    #: What Meta tells, see `threadsworker.webhooks`.
    REPLY_RECEIVED = "reply.received"
    MENTION_RECEIVED = "mention.received"
    POST_PUBLISHED = "post.published"
    POST_DELETED = "post.deleted"


#: Events that come from Meta and are about what people wrote.
FROM_META = frozenset(
    {
        NoticeEvent.REPLY_RECEIVED,
        NoticeEvent.MENTION_RECEIVED,
        NoticeEvent.POST_PUBLISHED,
        NoticeEvent.POST_DELETED,
    }
)


class TargetKind(StrEnum):
    URL = "url"
    TASK = "task"
    CALLABLE = "callable"


class DeliveryState(StrEnum):
    """What became of one notice to one subscriber."""

    #: Not delivered yet; tried again when it is due.
    PENDING = "pending"
    DELIVERED = "delivered"
    #: Given up; `replay` tries again.
    FAILED = "failed"


#: Where a task goes whose target names no queue: Celery's own default.
DEFAULT_QUEUE = "celery"
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_NAME = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"
_CALLABLE = re.compile(rf"{_NAME}:{_NAME}")
_TASK = re.compile(r"[\w.-]+(?:@[\w.-]+)?")

#: Seconds from one try to the next; each up to a fifth more or less. About three days in all.
GAPS = (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, *[43200] * 5)
SPREAD = 0.2


def gap_after(tries: int, *, dice: random.Random) -> timedelta | None:
    """How long to wait after so many failed tries, one at least; None: it is given up."""
    if tries > len(GAPS):
        return None
    return timedelta(seconds=GAPS[tries - 1] * dice.uniform(1.0 - SPREAD, 1.0 + SPREAD))


def kind_of(target: str) -> TargetKind:
    """
    What the target is.

    Raises
    ------
    InvalidPost:
        It is nothing of that kind (`subscription.target.invalid`).
    """
    if _URL.match(target):
        return TargetKind.URL
    if _CALLABLE.fullmatch(target):
        return TargetKind.CALLABLE
    if _TASK.fullmatch(target):
        return TargetKind.TASK
    raise _refused(
        "subscription.target.invalid",
        "The target is an https URL, the name of a Celery task, or a function as module:name",
        given=target,
    )


def task_and_queue(target: str) -> tuple[str, str]:
    """The name of the task, and of the queue that it is sent to."""
    name, _, queue = target.partition("@")
    return name, queue or DEFAULT_QUEUE


def target_of(target: str | Callable[..., Any]) -> str:
    """
    The target as it is stored: a Celery task by its name, another callable as ``module:name``.

    Raises
    ------
    InvalidPost:
        A worker could not import it (`subscription.callable.local`): it is a lambda, a function
        within another one, or of the script that runs.
    """
    if isinstance(target, str):
        return target.strip()
    task = getattr(target, "name", None)
    if hasattr(target, "apply_async") and isinstance(task, str):
        # A task of Celery's, which is not imported here.
        return task
    module, name = getattr(target, "__module__", None), getattr(target, "__qualname__", "")
    if module is None or module == "__main__" or found_in(module, name) is not target:
        raise _refused(
            "subscription.callable.local",
            "A worker imports the function by its module and name, so it has to be defined at "
            "the top of a module that can be imported: no lambda, no function within another "
            "one, nothing of the script itself",
            given=f"{module}:{name}" if name else repr(target),
        )
    return f"{module}:{name}"


def found_in(module: str, name: str) -> Any:
    """What a module that is imported already calls by that name; None if nothing."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def events_of(events: Iterable[NoticeEvent | str] | NoticeEvent | str | None) -> list[NoticeEvent]:
    """
    The events by name, sorted; none means all.

    Raises
    ------
    InvalidPost:
        With every name that is none (`subscription.event.unknown`).
    """
    given: Sequence[str] = [events] if isinstance(events, str) else list(events or ())
    known = {str(one) for one in NoticeEvent}
    problems = [
        Problem(
            "subscription.event.unknown",
            f"There is no such event; there are {', '.join(sorted(known))}",
            "event",
            given=str(name),
        )
        for name in given
        if str(name) not in known
    ]
    if problems:
        raise InvalidPost(problems)
    return sorted({NoticeEvent(name) for name in given})


def _refused(rule: str, message: str, *, given: str) -> InvalidPost:
    return InvalidPost([Problem(rule, f"{message}; this is {given!r}", "target", given=given)])
