"""
Which job this process is at work on: so that every line and every span can say so.

A step sets it for as long as it takes; what a library logs meanwhile belongs to the job as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Subject:
    """A job, and as much as is known of what is done to it."""

    job: str
    #: The account's name.
    account: str | None = None
    run: int | None = None
    #: Index of the segment, for a step that is one's.
    segment: int | None = None
    step: str | None = None


_present: ContextVar[Subject | None] = ContextVar("threadsworker_subject", default=None)


def current() -> Subject | None:
    """What is worked on here and now; None: no job."""
    return _present.get()


@contextmanager
def about(subject: Subject) -> Iterator[None]:
    """All that happens in the block is about `subject`."""
    token = _present.set(subject)
    try:
        yield
    finally:
        _present.reset(token)


def carried(act: Callable[P, T]) -> Callable[P, T]:
    """`act`, to be called in other threads, where it is about what is worked on here and now."""
    context = copy_context()

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        # A copy for each call: a context can be entered once at a time.
        return context.copy().run(act, *args, **kwargs)

    return call
