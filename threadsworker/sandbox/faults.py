"""Faults that a test plans: what goes wrong, where, and whether the service acts all the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from threadsworker.sandbox.request import Request, Service


class FaultMatch(BaseModel):
    """Which requests a fault is for. What is not given matches everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: Service | None = None
    method: str | None = None
    #: Searched in the service's own path: ``/threads_publish$``.
    path_regex: str | None = None
    #: The first to be hit among those that match, counted from 1.
    nth: int = Field(default=1, ge=1)

    @field_validator("path_regex")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return value

    def fits(self, request: Request) -> bool:
        return (
            self.service in (None, request.service)
            and (self.method is None or self.method.upper() == request.method)
            and (self.path_regex is None or bool(re.search(self.path_regex, request.path)))
        )


class FaultAnswer(BaseModel):
    """An answer instead of the service's own. A `body` that is no text is sent as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: int = Field(default=200, ge=200, le=599)
    body: JsonValue = ""
    headers: dict[str, str] = {}


#: ``drop``: close without an answer. ``reset``: the same, with a TCP reset. ``half``: the
#: service's answer, broken off in its middle. ``html``: a proxy's 502 page.
Breakage = Literal["drop", "reset", "half", "html"]


class Fault(BaseModel):
    """
    Something that goes wrong on `times` requests that match.

    The service acts, if `act`, `act_after` seconds after the request came; `delay` seconds
    later `answer` goes out, or, if there is none, the service's own answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    match: FaultMatch = FaultMatch()
    act: bool = True
    answer: FaultAnswer | Breakage | None = None
    #: Real seconds.
    act_after: float = Field(default=0.0, ge=0)
    delay: float = Field(default=0.0, ge=0)
    times: int = Field(default=1, ge=1)


#: Called after the service has acted and before anything is answered.
OnHit = Callable[[Request], None]


@dataclass
class PlannedFault:
    id: int
    fault: Fault
    on_hit: OnHit | None = None
    seen: int = 0
    hits: int = 0

    def takes(self, request: Request) -> bool:
        """Whether this request is hit. Counts it if it matches."""
        if not self.fault.match.fits(request) or self.hits >= self.fault.times:
            return False
        self.seen += 1
        if self.seen < self.fault.match.nth:
            return False
        self.hits += 1
        return True


@dataclass
class Faults:
    """The plan. Of several faults that match, the one planned first is taken."""

    planned: list[PlannedFault] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: count(1))

    def plan(self, fault: Fault, on_hit: OnHit | None = None) -> PlannedFault:
        self.planned.append(PlannedFault(next(self._numbers), fault, on_hit))
        return self.planned[-1]

    def take(self, request: Request) -> PlannedFault | None:
        return next((one for one in self.planned if one.takes(request)), None)

    def clear(self) -> None:
        self.planned.clear()

    def shown(self) -> list[dict[str, Any]]:
        """The plan for people: each fault and how often it has hit."""
        return [
            {"id": one.id, "hits": one.hits, **one.fault.model_dump(mode="json")}
            for one in self.planned
        ]
