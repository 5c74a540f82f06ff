"""What all tasks have in common: an error that nobody foresaw leaves its process redacted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import celery
from celery.exceptions import CeleryError, TaskPredicate

from threadsworker.redaction import redacted


class Unforeseen(Exception):
    """An error that is none of ours, by its name and its redacted words."""


class Task(celery.Task):
    """
    A task of ours.

    The process that works on it knows the tokens that it has opened, and the one that tells
    Flower does not. So they are taken out here.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except (TaskPredicate, CeleryError):
            # Again, later; it is no failure.
            raise
        except Exception as error:
            words = str(error)
            if error.__cause__ is None and error.__context__ is None and redacted(words) == words:
                raise
            told = Unforeseen(redacted("; because of ".join(_chain(error))))
            told = told.with_traceback(error.__traceback__)
        # Out here, so that nothing of the original hangs on it.
        raise told


def _chain(error: BaseException | None) -> Iterator[str]:
    """What went wrong, and what that came from."""
    while error is not None:
        yield f"{type(error).__name__}: {error}"
        behind = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or behind
