"""
What a step of the chain consists of, and what its message does next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from sqlmodel import Session

from threadsworker.job import Done, Outcome, Trouble
from threadsworker.steps.desk import Desk
from threadsworker.store.jobs import Claim
from threadsworker.store.runs import Start


@dataclass(frozen=True)
class Go:
    """On to the chain's next message."""

    #: What was done; like those below for whoever watches in Flower.
    said: str = ""
    #: When it is worth taking, if not at once.
    delay: timedelta = timedelta(0)
    #: After a segment: which one the thread goes on with.
    follow: Start | None = None


@dataclass(frozen=True)
class Again:
    """The same message once more, in `delay`."""

    delay: timedelta
    said: str = ""


@dataclass(frozen=True)
class Stop:
    """The chain ends here; the row says who looks at the job again, and when."""

    #: Whether the job was at work until now: another one of its account may begin.
    makes_room: bool = False
    said: str = ""


@dataclass(frozen=True)
class Broken:
    """The chain ends here, and shows as failed."""

    trouble: Trouble
    #: Whether staged files can go: not while somebody has to find out what happened.
    clean: bool
    #: Whether the job is over; if not, a person has to look at it.
    over: bool = True


Next = Go | Again | Stop | Broken


@dataclass(frozen=True)
class Written:
    """An outcome that the step has written down itself, together with its facts."""

    outcome: Done


class Seen(Protocol):
    """What a step has read of its job before it claims it."""

    @property
    def account_name(self) -> str:
        """The name of the account that the job is for."""

    @property
    def token_version(self) -> int | None:
        """That of the token which Meta is asked with; None if it is not asked."""

    @property
    def epoch(self) -> int:
        """The job's: whoever claims it by this knows that nothing has happened since."""


@dataclass(frozen=True)
class Step:
    """
    A step of the chain. `begin` and `look` may be left out.

    Each part is handed what the one before it came to, unless that ends the step:

    ``see(desk, job_id, run, index)`` reads what has to be known; None if the job is not there.

    ``look(desk, seen)`` makes the calls that need no claim, and may end the message with a `Next`.

    ``begin(desk, session, claim, looked)`` is in the transaction of the claim, and writes the
    intent down. Where nothing has to be called for, it comes to the outcome.

    ``act(desk, claim, begun)`` makes the calls that need the claim, and comes to the outcome.
    """

    name: str
    see: Callable[[Desk, str, int, int | None], Seen | None]
    act: Callable[[Desk, Claim, Any], Outcome | Written]
    begin: Callable[[Desk, Session, Claim, Any], Any] = lambda _desk, _session, _claim, seen: seen
    look: Callable[[Desk, Any], Any] = lambda _desk, seen: seen


#: What is not there for the message of whoever comes twice, or late.
SKIPPED = Stop(said="skipped: the job is not there for this run any more")
