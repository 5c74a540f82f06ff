"""
What all tasks have in common: what Flower, and whoever else listens to Celery's events, gets to
see of one that did not succeed holds no secret, and no traceback where the words say it all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import celery
from celery.exceptions import CeleryError, TaskPredicate

from threadsworker.redaction import redacted


class Told(Exception):
    """Not a fault in the program: how the chain is told what became of a job."""


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
        except Told as error:
            if _is_clean(error):
                raise
            told: Exception = type(error)(*(redacted(str(one)) for one in error.args))
        except Exception as error:
            if error.__cause__ is None and error.__context__ is None and _is_clean(error):
                raise
            unforeseen = Unforeseen(redacted("; because of ".join(_chain(error))))
            told = unforeseen.with_traceback(error.__traceback__)
        # Out here, so that nothing of the original hangs on it.
        raise told


def leave_words(report: Any, error: BaseException | None) -> None:
    """Take the traceback out of Celery's report of what is told in words."""
    if isinstance(error, Told):
        report.traceback = ""


def _is_clean(error: BaseException) -> bool:
    """Whether no secret is in what is shown of it: its words, its arguments, its notes."""
    shown = "\n".join([str(error), repr(error), *getattr(error, "__notes__", ())])
    return redacted(shown) == shown


def _chain(error: BaseException | None) -> Iterator[str]:
    """What went wrong, and what that came from."""
    while error is not None:
        yield f"{type(error).__name__}: {error}"
        behind = None if error.__suppress_context__ else error.__context__
        error = error.__cause__ or behind
