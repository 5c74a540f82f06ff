"""
The fault matrix: every call of the canonical job, crossed with everything that may go wrong on it.

One fault hits one call; what was meant to be read is hit on each of its tries. In the end the
thread is live, once, in order, and nothing is left staged. A definite refusal may fail the job
first; then one retry must bring it to the same end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from threadsworker.sandbox import Fault, FaultAnswer, FaultMatch

#: Longer than the time-outs of `virtual_world`.
TOO_LATE = 0.35


@dataclass(frozen=True)
class Call:
    """One call of the job: which of those of its kind, from 0."""

    service: str
    method: str
    path_regex: str
    nth: int
    kind: str

    @property
    def name(self) -> str:
        return f"{self.kind}[{self.nth}]"


@dataclass(frozen=True)
class Trouble:
    """Something that goes wrong on a call."""

    name: str
    act: bool
    answer: Any = None
    delay: float = 0.0
    #: Whether the job may fail of it, to be retried.
    definite: bool = False
    #: The service stops listening as well.
    down: bool = False


def _meta(status: int, code: int, subcode: int | None = None, **more: Any) -> FaultAnswer:
    error = {"message": "planned", "type": "OAuthException", "code": code, **more}
    if subcode is not None:
        error["error_subcode"] = subcode
    return FaultAnswer(status=status, body={"error": error})


def _github(status: int, message: str, **headers: str) -> FaultAnswer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return FaultAnswer(status=status, body={"message": message}, headers=named)


_ANY = [
    Trouble("refused", act=False, answer="reset", down=True),
    Trouble("timeout, not acted", act=False, answer="drop", delay=TOO_LATE),
    Trouble("timeout, acted", act=True, delay=TOO_LATE),
    Trouble("reset, not acted", act=False, answer="reset"),
    Trouble("reset, acted", act=True, answer="reset"),
    Trouble("closed, not acted", act=False, answer="drop"),
    Trouble("closed, acted", act=True, answer="drop"),
    Trouble("500, not acted", act=False, answer=FaultAnswer(status=500)),
    Trouble("500, acted", act=True, answer=FaultAnswer(status=500)),
    Trouble("HTML, not acted", act=False, answer="html"),
    Trouble("HTML, acted", act=True, answer="html"),
    Trouble("half an answer", act=True, answer="half"),
    Trouble("200 and nothing", act=True, answer=FaultAnswer(status=200, body="")),
    Trouble("200 and a list", act=True, answer=FaultAnswer(status=200, body=[])),
    Trouble("slow", act=True, delay=0.05),
]
_THREADS = [
    Trouble("500 with code 10, acted", act=True, answer=_meta(500, 10)),
    Trouble("code 10, not acted", act=False, answer=_meta(403, 10), definite=True),
    Trouble("spam, acted", act=True, answer=_meta(403, 4, 2207051), definite=True),
    Trouble("not found", act=False, answer=_meta(400, 24, 4279009, is_transient=False)),
    Trouble("throttled", act=False, answer=_meta(400, 613, 4279002)),
    Trouble("throttled, acted", act=True, answer=_meta(400, 613, 4279002)),
    Trouble(
        "429 with Retry-After",
        act=False,
        answer=FaultAnswer(status=429, headers={"Retry-After": "7"}),
    ),
    Trouble("token rejected", act=False, answer=_meta(401, 190, 463)),
    Trouble("code 2, not acted", act=False, answer=_meta(500, 2, is_transient=True)),
    Trouble("code 1, acted", act=True, answer=_meta(500, 1)),
    Trouble("daily cap", act=False, answer=_meta(400, 9, 2207042)),
]
_GITHUB = [
    Trouble("secondary limit", act=False, answer=_github(403, "secondary rate limit")),
    Trouble("retry after", act=False, answer=_github(429, "slow down", retry_after="30")),
    Trouble(
        "primary limit",
        act=False,
        answer=_github(403, "API rate limit exceeded", x_ratelimit_remaining="0"),
    ),
    Trouble("bad credentials", act=False, answer=_github(401, "Bad credentials")),
    Trouble("conflict", act=False, answer=_github(409, "is at x but expected y"), definite=True),
    Trouble("refused for good", act=False, answer=_github(422, "rule violations"), definite=True),
]


@dataclass(frozen=True)
class FaultCase:
    call: Call
    trouble: Trouble

    @property
    def name(self) -> str:
        return f"{self.call.name}: {self.trouble.name}"

    def fault(self) -> Fault:
        reads = self.call.method == "GET"
        return Fault(
            match=FaultMatch(
                service=self.call.service,
                method=self.call.method,
                path_regex=self.call.path_regex,
                nth=self.call.nth + 1,
            ),
            act=self.trouble.act,
            answer=self.trouble.answer,
            delay=self.trouble.delay,
            # A read is tried three times within a second; a write once.
            times=3 if reads or self.call.service == "github" else 1,
        )


#: Kinds of calls of the canonical job: service, method, path, how many, and their name.
_KINDS = [
    ("github", "GET", "/git/ref/", 1, "find branch"),
    ("github", "POST", "/git/blobs$", 3, "blob"),
    ("github", "POST", "/git/trees$", 1, "tree"),
    ("github", "POST", "/git/commits$", 1, "commit"),
    ("github", "POST", "/git/refs$", 1, "branch"),
    ("raw", "GET", "", 3, "served"),
    ("github", "DELETE", "/git/refs/", 1, "unstage"),
    ("threads", "POST", "/me/threads$", 5, "create"),
    ("threads", "GET", r"/v1.0/\d+$", 8, "status or post"),
    ("threads", "POST", "/threads_publish$", 3, "publish"),
]


def calls() -> Iterator[Call]:
    """Every call of the canonical job."""
    for service, method, path, count, kind in _KINDS:
        for nth in range(count):
            yield Call(service, method, path, nth, kind)


def cases() -> list[FaultCase]:
    """All of the matrix."""
    own = {"threads": _THREADS, "github": _GITHUB, "raw": []}
    return [FaultCase(call, trouble) for call in calls() for trouble in [*_ANY, *own[call.service]]]
