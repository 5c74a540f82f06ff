"""
The life of a job and of its segments. Pure: states, outcomes and back-off.

A job, publish one post for one account::

    scheduled ──a──▶ queued ──b──▶ publishing ──c──▶ published
        ▲              ▲  ▲            │
        └───────k──────┼──┼────────────┤
                       │  └─────f──────┤
                       └──e── waiting ◀┼─d
                                       ├──g──▶ failed
                                       ├──h──▶ needs_review
                                       ├──i──▶ cancelled
                                       └──j──▶ missed

a  its time has come                      f  the chain fell silent: rescued, with a new run
b  a worker claimed it                    g  a definite refusal; can be retried from there
c  every segment is live, nothing staged  h  only a person can tell what happened
d  has to wait, with a reason, also       i  somebody asked for it
   before it was claimed; goes back when
   its message returns                    j  too late, by policy; before anything was sent
e  parked, and `wake_at` has come         k  prepared ahead of its time

A segment, one Threads post of the thread::

    waiting ──▶ staging ──▶ ready_to_create ──▶ creating ──▶ processing ──▶ publishable
                                  ▲                              │               │
                                  └──── the container died ──────┘               ▼
       verified ◀── published ◀── in_doubt ◀──────────────────────────────── publishing
                        ▲                                                        │
                        └────────────────────────────────────────────────────────┘

Usually a segment goes from processing to publishing at once, since the publish makes the last look;
`SEGMENT_MOVES` has every arrow. `published` has no way back. `in_doubt`: a publish was sent and
nobody said what became of it; only the container's status leads out of it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class JobState(StrEnum):
    """Where a job is; the picture above shows how it gets there."""

    #: Its time has not come.
    SCHEDULED = "scheduled"
    #: Due; its chain was sent or is about to be.
    QUEUED = "queued"
    #: A chain is at work.
    PUBLISHING = "publishing"
    #: Has to wait, with a `WaitReason`: for a message that comes back, or parked.
    WAITING = "waiting"
    #: Every segment is live.
    PUBLISHED = "published"
    #: Definitely refused; what is live stays live.
    FAILED = "failed"
    #: The outcome cannot be decided by asking; a person resolves it.
    NEEDS_REVIEW = "needs_review"
    #: Somebody stopped it.
    CANCELLED = "cancelled"
    #: Too late by policy.
    MISSED = "missed"


#: States that a job leaves only when a person asks for it.
TERMINAL = frozenset({JobState.PUBLISHED, JobState.FAILED, JobState.CANCELLED, JobState.MISSED})
#: States in which nobody looks at the row again on its own.
RESTING = TERMINAL | {JobState.NEEDS_REVIEW}


class WaitReason(StrEnum):
    """Why a job waits. A closed list."""

    #: Meta is still at work on the media.
    PROCESSING = "processing"
    #: The publishing quota of the account is used up.
    QUOTA = "quota"
    #: Meta asked for a pause.
    THROTTLED = "throttled"
    #: GitHub asked for a pause.
    GITHUB_LIMIT = "github_limit"
    #: The token was rejected; the account has to be connected again.
    NEEDS_RECONNECT = "needs_reconnect"
    #: A service is in trouble or did not answer.
    BACKOFF = "backoff"
    #: A publish was sent and may still take effect.
    QUIET_PERIOD = "quiet_period"
    #: Live, but not yet identified.
    IN_DOUBT = "in_doubt"
    #: The account is paused.
    PAUSED = "paused"


class SegmentState(StrEnum):
    """Where a segment is; the picture above shows how it gets there."""

    #: Nothing was done yet.
    WAITING = "waiting"
    #: Its local media are being made public for Meta.
    STAGING = "staging"
    #: Its media are reachable; it has no container.
    READY_TO_CREATE = "ready_to_create"
    #: Containers are being made.
    CREATING = "creating"
    #: Its container exists and Meta is at work on it.
    PROCESSING = "processing"
    #: The container reads FINISHED.
    PUBLISHABLE = "publishable"
    #: An attempt is written down; the publish may have been sent.
    PUBLISHING = "publishing"
    #: The publish was sent and its outcome is not known.
    IN_DOUBT = "in_doubt"
    #: Live; the media id is known.
    PUBLISHED = "published"
    #: Live, read back, and in the right place.
    VERIFIED = "verified"


#: Where a segment may go from where it is. That it is live is a fact, which may come from any
#: state before: a worker that lost its claim long ago may be the one to tell.
SEGMENT_MOVES = {
    SegmentState.WAITING: {SegmentState.STAGING, SegmentState.READY_TO_CREATE},
    SegmentState.STAGING: {SegmentState.READY_TO_CREATE},
    SegmentState.READY_TO_CREATE: {
        SegmentState.CREATING,
        # A container that a worker made after its claim was lost.
        SegmentState.PROCESSING,
    },
    SegmentState.CREATING: {
        SegmentState.PROCESSING,
        # A carousel item was given up.
        SegmentState.READY_TO_CREATE,
    },
    SegmentState.PROCESSING: {
        SegmentState.PUBLISHABLE,
        SegmentState.PUBLISHING,
        SegmentState.READY_TO_CREATE,
    },
    SegmentState.PUBLISHABLE: {SegmentState.PUBLISHING, SegmentState.READY_TO_CREATE},
    SegmentState.PUBLISHING: {
        SegmentState.PUBLISHED,
        SegmentState.IN_DOUBT,
        SegmentState.PUBLISHABLE,
        SegmentState.READY_TO_CREATE,
    },
    SegmentState.IN_DOUBT: {
        SegmentState.PUBLISHED,
        SegmentState.PUBLISHABLE,
        SegmentState.READY_TO_CREATE,
    },
    SegmentState.PUBLISHED: {SegmentState.VERIFIED},
    SegmentState.VERIFIED: set(),
}

#: States of a segment that is live.
LIVE = frozenset({SegmentState.PUBLISHED, SegmentState.VERIFIED})


class AttemptState(StrEnum):
    """What is known of one send."""

    #: Committed; the publish may have been sent.
    OPEN = "open"
    #: It failed before the first byte left.
    NOT_SENT = "not_sent"
    #: Meta answered with the media id.
    ACCEPTED = "accepted"
    #: Meta refused, and nothing was published.
    REFUSED = "refused"
    #: Sent, and nobody said what became of it.
    UNKNOWN = "unknown"


#: Attempts that prove that nothing was published.
HARMLESS = frozenset({AttemptState.NOT_SENT, AttemptState.REFUSED})


class StagedState(StrEnum):
    """What is known of a staged file."""

    #: About to be uploaded.
    INTENT = "intent"
    #: Public.
    PRESENT = "present"
    #: Removed.
    GONE = "gone"


@dataclass(frozen=True)
class Trouble:
    """Why a job failed or needs a person: Meta's words, a stable code, and what to do."""

    code: str
    message: str
    advice: str


@dataclass(frozen=True)
class Done:
    """The step is done: on to the next."""

    #: Whether it had anything to do. One that passes on says nothing of troubles before it.
    progress: bool = True
    #: What was done, in a few words without content: Flower shows it.
    said: str = ""
    #: When the next step is worth taking, if not at once.
    delay: timedelta = timedelta(0)


#: The step had been done before.
PASSED = Done(progress=False, said="had been done before")


@dataclass(frozen=True)
class Wait:
    """Not now: look again in `delay`. Waiting is not failing."""

    delay: timedelta
    reason: WaitReason
    #: What was heard, for the event log; None for an ordinary wait.
    trouble: Trouble | None = None
    #: Build the chain anew when the wait is over: it has to go back to an earlier step.
    rewind: bool = False
    #: Whether this wait counts towards the growing back-off.
    counts: bool = False
    #: Seconds that the service wants to be left alone for, if it said so.
    asked_for: float | None = None


@dataclass(frozen=True)
class Early:
    """All is prepared, and the post's time has not come."""

    until: datetime


@dataclass(frozen=True)
class Failed:
    """A definite refusal: the same would be refused again."""

    trouble: Trouble


@dataclass(frozen=True)
class Review:
    """Only a person can tell what happened, or time: then it is asked again in `recheck`."""

    trouble: Trouble
    recheck: timedelta | None = None


@dataclass(frozen=True)
class Finished:
    """The last step is done."""


Outcome = Done | Wait | Early | Failed | Review | Finished


#: Seconds to the first tries after a trouble: most are over in a moment.
QUICK_BACKOFFS = (1.0, 2.0, 4.0)
#: Seconds of the back-off that follows, and of the longest; each up to a fifth more or less.
FIRST_BACKOFF = 30.0
LONGEST_BACKOFF = 1800.0
BACKOFF_SPREAD = 0.2
#: Troubles in a row after which a job fails: they take about a day.
MOST_TRIES = 50
#: Seconds of the first pause after a throttle answer, and of the longest.
FIRST_COOL_DOWN = 60.0
LONGEST_COOL_DOWN = 3600.0
#: How often a job of a disconnected account is looked at; a new token wakes it at once.
RECONNECT_CHECK = timedelta(minutes=15)
#: Claims in a row that ended neither well nor badly, after which the job is suspected of
#: killing its workers.
POISON_CLAIMS = 5
#: How often Meta is asked again about a job that needs a person, where that may help.
RECHECK = timedelta(hours=1)
#: After a worker has died: seconds until a message that nobody took counts as lost with it,
#: at most, and as a share of the silence that is granted otherwise.
LONGEST_GRACE = timedelta(seconds=5)
GRACE_SHARE = 4


def backoff(tries: int, *, dice: random.Random) -> timedelta:
    """1 s, 2 s, 4 s, then 30 s × 2ⁿ up to 30 min, after `tries` failures; ±20 % at random."""
    if tries < len(QUICK_BACKOFFS):
        full = QUICK_BACKOFFS[tries]
    else:
        doublings = min(tries - len(QUICK_BACKOFFS), 30)
        full = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0**doublings)
    return timedelta(seconds=full * dice.uniform(1.0 - BACKOFF_SPREAD, 1.0 + BACKOFF_SPREAD))


def cool_down(throttles: int, *, asked_for: float | None, dice: random.Random) -> timedelta:
    """
    1 min, 2 min … 1 h after `throttles` others in a row, each up to a quarter longer at random,
    and never less than the seconds that the service asked for.
    """
    full = min(LONGEST_COOL_DOWN, FIRST_COOL_DOWN * 2.0 ** min(throttles, 30))
    pause = max(full, asked_for or 0.0)
    return timedelta(seconds=pause * (1.0 + 0.25 * dice.random()))
