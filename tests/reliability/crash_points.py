"""
The points at which a worker is stopped, each named after the call that it belongs to.

They are enumerated from the record of one undisturbed run of the canonical job: both sides of
every call, of every COMMIT that writes, and of every message. By its position a point gets the
names that `reliability.md` gives it: for the call ``publish[1]``, the second publish,

    c0   before the COMMIT of the intent       c3   before the COMMIT of the outcome
    c1   after it: nothing was sent            c4   after it: no message was sent
    c2a  sent, and Meta did not act            c5   after the next message
    c2b  Meta acted, and the answer was lost

One point may be several: the commit between two calls is the outcome of one and the intent of
the other. What lies between c4 and c5 and has no other name is ``publish[1]+2.before``: the
second commit or message after the call.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tests.reliability.harness_gun import Edge, Moment, Target, What


@dataclass(frozen=True)
class Point:
    """A moment of the canonical job, as a target, with all its names; the first is the best."""

    names: tuple[str, ...]
    target: Target
    #: Kind of the call that it is named after.
    call: str

    @property
    def name(self) -> str:
        return self.names[0]


@dataclass(frozen=True)
class _Step:
    """A call, a commit or a message of the record: both its moments."""

    what: What
    label: str
    #: Among those of the same label.
    nth: int


def enumerate_points(record: Sequence[Moment]) -> list[Point]:
    """Every point of this run, in the order of the record."""
    steps = _steps(record)
    names = _names(steps)
    points = []
    for at, step in enumerate(steps):
        for edge in Edge:
            mine = names[at, edge]
            target = Target(step.what, edge, step.nth, step.label)
            points.append(Point(tuple(mine), target, mine[0].split("[")[0]))
    return points


def by_name(points: Sequence[Point]) -> dict[str, Point]:
    """The points by each of their names."""
    return {name: point for point in points for name in point.names}


def _steps(record: Sequence[Moment]) -> list[_Step]:
    counts: Counter[tuple[What, str]] = Counter()
    steps = []
    for moment in record:
        if moment.edge is Edge.BEFORE:
            steps.append(_Step(moment.what, moment.label, counts[moment.what, moment.label]))
            counts[moment.what, moment.label] += 1
    return steps


def _names(steps: Sequence[_Step]) -> dict[tuple[int, Edge], list[str]]:
    """
    Names by position and edge, the best first.

    That is the one that a publish gives, which is what matters most, or else the nearest call.
    """
    given: dict[tuple[int, Edge], list[tuple[bool, int, str]]] = defaultdict(list)

    def give(at: int | None, edge: Edge, call: int, letters: str) -> None:
        if at is not None:
            name = f"{steps[call].label}[{steps[call].nth}].{letters}"
            given[at, edge].append((steps[call].label != "publish", abs(at - call), name))

    calls = [at for at, step in enumerate(steps) if step.what is What.CALL]
    for call in calls:
        intent = _last(steps, What.COMMIT, before=call)
        outcome = _first(steps, What.COMMIT, after=call)
        give(intent, Edge.BEFORE, call, "c0")
        give(intent, Edge.AFTER, call, "c1")
        give(call, Edge.BEFORE, call, "c2a")
        give(call, Edge.AFTER, call, "c2b")
        give(outcome, Edge.BEFORE, call, "c3")
        give(outcome, Edge.AFTER, call, "c4")
        give(_first(steps, What.PUSH, after=call), Edge.AFTER, call, "c5")
    names = {}
    for at in range(len(steps)):
        call = max((one for one in calls if one < at), default=-1)
        label = "start[0]" if call < 0 else f"{steps[call].label}[{steps[call].nth}]"
        for edge in Edge:
            mine = [name for _, _, name in sorted(given[at, edge])]
            names[at, edge] = mine or [f"{label}+{at - call}.{edge}"]
    return names


def _last(steps: Sequence[_Step], what: What, *, before: int) -> int | None:
    return next((at for at in range(before - 1, -1, -1) if steps[at].what is what), None)


def _first(steps: Sequence[_Step], what: What, *, after: int) -> int | None:
    return next((at for at in range(after + 1, len(steps)) if steps[at].what is what), None)
