"""
Everything threadsworker raises.

* ThreadsWorkerError
  x InvalidPost          the post can never be published as written; nothing was stored
  x InvalidRequest       an argument that Meta would refuse; nothing was sent
  x InvalidSettings      a setting is missing, or two settings contradict each other
  x NotFound             no such job, account or schedule
  x NotPossible          a job, account or schedule whose state does not allow this
  x AuthorizationFailed  a login brought no code: nothing was stored, begin again
  x ApiError             the service answered "no"
    + RateLimited        ask again later; the whole account (or token) has to pause
    + NotReady           not visible or not usable yet; ask again soon
    + Unavailable        the service is in trouble and says so; ask again later
    + TokenRejected      the owner of the account must sign in again
    + RequestRefused     the same request will be refused again
  x NoAnswer             no usable answer to a request
    + NeverSent          it failed before the first byte left: safe to repeat
    + AnswerLost         it was sent, and may have been acted upon
  x OutcomeUnknown       a publish was sent and nobody said what became of it: never repeat, ask
  x ClaimLost            another worker has the job now; there is nothing to undo
  x NotUnderstood        a newer version wrote it: leave it to that, and upgrade this one
  x BadSignature         a notification is not from whom it says, or is old: do nothing with it

The branches answer one question: what may the caller do next?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


class ThreadsWorkerError(Exception):
    """The root of the tree: `except ThreadsWorkerError` catches all that is ours."""


@dataclass(frozen=True)
class Problem:
    """One rule that a post breaks. `str(problem)` is a sentence for a person."""

    #: Stable id of the rule, such as ``threads.alt_text.too_long``.
    rule: str
    #: What is wrong and what to do, naming the limit and what was given.
    message: str
    #: Where: ``text``, ``segment 3``, ``media 2``, ``poll.options[1]``, ``topic`` …
    where: str
    #: The limit itself, if the rule has one.
    limit: int | float | str | None = None
    #: What was given, measured in the limit's unit.
    given: int | float | str | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.rule}]"


class InvalidPost(ThreadsWorkerError):
    """The post breaks one or more rules. All of them are in `problems`; nothing was stored."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        assert problems, "an invalid post has at least one problem"
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class InvalidRequest(ThreadsWorkerError):
    """An argument breaks a rule of Meta's, see `problem`. Nothing was sent."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class InvalidSettings(ThreadsWorkerError):
    """A setting is missing or contradicts another; the message says which and what to do."""


class NotFound(ThreadsWorkerError):
    """There is no job, account or schedule of that name."""


class NotPossible(ThreadsWorkerError):
    """What was asked for cannot be done in the present state. `code` is stable."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class AuthorizationFailed(ThreadsWorkerError):
    """A login ended without a code. `code` is stable: ``auth.denied``, ``auth.state`` …"""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


Service = Literal["threads", "github"]


class ApiError(ThreadsWorkerError):
    """
    The service answered, and the answer was "no".

    `message` holds the service's own words. No token is in it: the transport redacts
    what it hands on.
    """

    def __init__(
        self,
        message: str,
        *,
        service: Service,
        http_status: int,
        code: int | None = None,
        subcode: int | None = None,
        transient: bool = False,
        user_title: str | None = None,
        user_message: str | None = None,
        trace_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.service = service
        self.http_status = http_status
        #: Meta's `code`; None for GitHub, and where the body held none.
        self.code = code
        #: Meta's `error_subcode`.
        self.subcode = subcode
        #: Meta's `is_transient`. It is known to lie: see facts on 24/4279009.
        self.transient = transient
        self.user_title = user_title
        self.user_message = user_message
        #: Meta's `fbtrace_id`, for a support request.
        self.trace_id = trace_id
        #: Seconds until the service wants to be asked again, where it says so.
        self.retry_after = retry_after

    @property
    def stable_code(self) -> str:
        """``threads.24.4279009``, ``threads.190``, ``github.409``: what callers may match on."""
        if self.code is None:
            return f"{self.service}.{self.http_status}"
        numbers = [self.code] if self.subcode is None else [self.code, self.subcode]
        return ".".join([self.service, *map(str, numbers)])


class RateLimited(ApiError):
    """Too many calls, or a used-up quota: everything under this token has to pause."""


class NotReady(ApiError):
    """The object is not visible or not usable yet. The same words are used for "gone"."""


class Unavailable(ApiError):
    """The service is in trouble (5xx, code 1 or 2): the request may or may not have been heard."""


class TokenRejected(ApiError):
    """The token is expired, revoked or not understood: only its owner can help."""


class RequestRefused(ApiError):
    """The request itself is wrong or forbidden; repeating it changes nothing."""


class NoAnswer(ThreadsWorkerError):
    """There was no usable answer to a request."""


class NeverSent(NoAnswer):
    """The connection failed before the first byte of the request left: nothing happened."""


class AnswerLost(NoAnswer):
    """The request was sent, or part of it; the service may have acted upon it."""


class OutcomeUnknown(ThreadsWorkerError):
    """A publish was sent and its outcome is not known. Ask the container; never send again."""


class ClaimLost(ThreadsWorkerError):
    """The claim is no longer current: another worker has the job, and this one lets go."""


class NotUnderstood(ThreadsWorkerError):
    """A newer version wrote this: there is nothing to do with it here, and nothing to undo."""


class BadSignature(ThreadsWorkerError):
    """A notification is not from whom it says, or is old: whoever receives it does nothing."""
