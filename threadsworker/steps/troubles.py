"""What an error means for a job: wait, fail, or ask a person."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import accumulate

from threadsworker.errors import (
    ApiError,
    InvalidSettings,
    NoAnswer,
    NotFound,
    NotPossible,
    NotUnderstood,
    RateLimited,
    RequestRefused,
    ThreadsWorkerError,
    TokenRejected,
    Unavailable,
)
from threadsworker.job import (
    FIRST_COOL_DOWN,
    MOST_TRIES,
    RECONNECT_CHECK,
    Failed,
    Outcome,
    Trouble,
    Wait,
    WaitReason,
    backoff,
)
from threadsworker.log import redacted
from threadsworker.steps.desk import OnHold
from threadsworker.threads_api import QUOTA_USED_UP

#: Meta's code for "an unknown error occurred", which it says for passing troubles and for
#: media that it will never accept, and for a missing permission, which may be a false alarm.
UNKNOWN_ERROR, NO_PERMISSION = 1, 10
#: Troubles in a row after which these are taken for final answers.
AMBIGUOUS_TRIES = 8
#: Times that Meta may fail to fetch the media, and its subcode for that.
UNFETCHABLE_TRIES = 2
UNFETCHABLE = 2207052

#: How often a job that a newer version wrote is looked at.
NEWER_CHECK = timedelta(seconds=30)
#: How often a quota that Meta calls used up is looked at.
QUOTA_CHECK = timedelta(minutes=15)

_ADVICE = {
    "threads.10": "Give the app the permission that Meta names, or leave the feature out.",
    "threads.10.4279067": "The feature needs Meta's App Review.",
    "threads.24.4279009": "The post to reply to or to quote is gone, or not visible to you.",
    "threads.100.33": "The post to reply to or to quote is gone, or not visible to you.",
    "threads.-1.4279047": "Meta cannot read the link: put it into the text, or try again later.",
    "threads.1.2207052": "Meta could not fetch the media: check that its URL is public.",
    "threads.368": "Meta blocks the account for now: look into the Threads app.",
    "threads.4.2207051": "Meta takes the post for spam: look into the Threads app.",
    "github.403": "Give the GitHub token the permission 'Contents: write' on the repository.",
    "github.404": "Check the repository's name, and that the GitHub token may see it.",
}
_DEFAULT_ADVICE = {
    "threads": "Change the post as Meta asks and enqueue it again, or `threadsworker retry` it.",
    "github": "Check the staging repository with `threadsworker check`, then retry the job.",
}


def outcome_of(error: ThreadsWorkerError, *, tries: int, dice: random.Random) -> Outcome:
    """The outcome of a step that met `error` after `tries` other troubles in a row."""
    if isinstance(error, OnHold):
        return Wait(delay=error.rest, reason=error.reason, rewind=True)
    trouble = trouble_of(error)
    if isinstance(error, NotUnderstood):
        # Parked, so that a newer worker may be the one to take it up.
        return Wait(NEWER_CHECK, WaitReason.BACKOFF, trouble=trouble, rewind=True)
    if isinstance(error, RateLimited):
        return _limited(error, trouble)
    if isinstance(error, TokenRejected | InvalidSettings):
        return Wait(
            delay=RECONNECT_CHECK,
            reason=WaitReason.NEEDS_RECONNECT,
            trouble=trouble,
            rewind=True,
        )
    if isinstance(error, RequestRefused) and _may_pass(error) and tries < UNFETCHABLE_TRIES:
        return Wait(
            delay=backoff(tries, dice=dice), reason=WaitReason.BACKOFF, trouble=trouble, counts=True
        )
    if isinstance(error, RequestRefused | NotFound | NotPossible):
        return Failed(trouble)
    if tries >= MOST_TRIES:
        return Failed(
            replace(trouble, advice=f"Tried {tries} times: look whether the service is up, retry.")
        )
    return Wait(
        delay=backoff(tries, dice=dice), reason=WaitReason.BACKOFF, trouble=trouble, counts=True
    )


def _limited(error: RateLimited, trouble: Trouble) -> Wait:
    """The whole account pauses, as `take` writes down; for how long, its row says."""
    if is_quota(error):
        return Wait(QUOTA_CHECK, WaitReason.QUOTA, trouble=trouble, rewind=True)
    github = error.service == "github"
    return Wait(
        delay=timedelta(seconds=error.retry_after or FIRST_COOL_DOWN),
        reason=WaitReason.GITHUB_LIMIT if github else WaitReason.THROTTLED,
        trouble=trouble,
        rewind=True,
        asked_for=error.retry_after,
    )


def is_quota(error: ApiError) -> bool:
    """Whether Meta says that the publishing quota is used up."""
    return (error.code, error.subcode) == QUOTA_USED_UP


def is_final(error: Unavailable, *, tries: int) -> bool:
    """Whether a container will never be made, although Meta calls the trouble a passing one."""
    return error.code in (UNKNOWN_ERROR, NO_PERMISSION) and tries >= AMBIGUOUS_TRIES


def _may_pass(error: RequestRefused) -> bool:
    return error.code == UNKNOWN_ERROR and error.subcode == UNFETCHABLE


def trouble_of(error: ThreadsWorkerError) -> Trouble:
    """The service's own words, our code, and what to do."""
    if isinstance(error, ApiError):
        words = [error.message, error.user_title, error.user_message]
        return Trouble(
            code=error.stable_code,
            # Services have been known to repeat the token that they reject.
            message=redacted(": ".join(dict.fromkeys(word for word in words if word))),
            advice=_advice(error),
        )
    if isinstance(error, NoAnswer):
        return Trouble("no_answer", str(error), "Nothing: it is tried again.")
    if isinstance(error, InvalidSettings):
        return Trouble("settings", str(error), "Mend the setting; the job goes on by itself.")
    if isinstance(error, NotFound):
        return Trouble("media.missing", str(error), "Enqueue the post again with its media.")
    if isinstance(error, NotPossible):
        return Trouble(error.code, str(error), "Enqueue the post again with its media.")
    if isinstance(error, NotUnderstood):
        advice = "Upgrade the workers; until then the job waits for one that is newer."
        return Trouble("newer_version", str(error), advice)
    return Trouble("unexpected", str(error), "Look at the worker's log.")


def _advice(error: ApiError) -> str:
    if isinstance(error, TokenRejected):
        return "Run `threadsworker auth login`, or `account add` with a new token; the job goes on."
    if isinstance(error, RateLimited | Unavailable):
        return "Nothing: it is tried again."
    return _ADVICE.get(error.stable_code, _DEFAULT_ADVICE[error.service])


def lag(age: timedelta, steps: Sequence[float]) -> timedelta | None:
    """
    How long to wait for something that is not visible yet, `age` after it came to be.

    `steps` are the seconds between the looks, from the moment on in which it came to be. None
    when all of them are over: patience ends.
    """
    seconds = age.total_seconds()
    for look in accumulate(steps):
        if seconds < look:
            return timedelta(seconds=look - seconds)
    return None
