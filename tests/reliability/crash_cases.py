"""The cases: which worker is stopped where, how, and what comes next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tests.reliability.crash_points import Point
from tests.reliability.harness_gun import Edge, Target, What


@dataclass(frozen=True)
class Line:
    """Kill the worker before the `nth` line that it runs in `modules`, counted from 1."""

    modules: tuple[str, ...]
    nth: int


class Late(StrEnum):
    """When a request arrives that outlived its sender."""

    #: The next worker is about to ask what became of it.
    BEFORE_THE_LOOK = "arrives before the next look"
    #: The next worker was told that it did not happen, and is about to send another.
    BEFORE_THE_SEND = "arrives before the next send"
    AFTER_THE_END = "arrives after the end"


@dataclass(frozen=True)
class Case:
    """
    One run of the canonical job.

    Of `shots`, the first is for the first worker, the next for the one that takes over, and so
    on; the last worker lives.
    """

    name: str
    family: str
    shots: tuple[Target | Line, ...]
    #: The first worker is not killed but stopped, and goes on when another has finished its job.
    zombie: bool = False
    #: The request that the shot stopped arrives all the same, but late.
    late: Late | None = None


#: Families of single crashes, by the kinds of calls that points are named after.
FAMILIES = {
    "stage": {
        "start",
        "find_branch",
        "list_branch",
        "look_at_repository",
        "send_file",
        "make_tree",
        "make_commit",
        "make_branch",
        "check_served",
    },
    "create": {"create_item", "create"},
    "poll": {"status", "quota"},
    "publish": {"publish"},
    "verify": {"read_back", "search"},
    "unstage": {"unstage"},
}
#: All families, in the order of the report.
ALL_FAMILIES = (
    *(f"{family}, {sequel}" for family in FAMILIES for sequel in ("restart", "zombie")),
    "late publish",
    "double",
    "line of publish",
    "line of settle",
)

#: Where the second worker is killed, while it repairs what the first has left.
SECOND = {
    "first commit c0": Target(What.COMMIT, Edge.BEFORE, 0),
    "first commit c1": Target(What.COMMIT, Edge.AFTER, 0),
    "first call c2a": Target(What.CALL, Edge.BEFORE, 0),
    "first call c2b": Target(What.CALL, Edge.AFTER, 0),
    "next commit c3": Target(What.COMMIT, Edge.BEFORE, 0, since_answer=True),
    "next commit c4": Target(What.COMMIT, Edge.AFTER, 0, since_answer=True),
    "first message c5": Target(What.PUSH, Edge.AFTER, 0),
}


def single_crashes(points: Sequence[Point]) -> list[Case]:
    """Every point, with both sequels."""
    cases = []
    for point in points:
        family = next(name for name, calls in FAMILIES.items() if point.call in calls)
        for sequel in ("restart", "zombie"):
            cases.append(
                Case(
                    f"{point.name} {sequel}",
                    f"{family}, {sequel}",
                    (point.target,),
                    zombie=sequel == "zombie",
                )
            )
    return cases


#: Where the next worker is when a late request arrives.
MEETING = {
    Late.BEFORE_THE_LOOK: Target(What.CALL, Edge.BEFORE, 0, "status"),
    Late.BEFORE_THE_SEND: Target(What.CALL, Edge.BEFORE, 0, "publish"),
}


def late_publishes(points: Sequence[Point]) -> list[Case]:
    """The sender dies, and what it has sent arrives when another is at work, or has been."""
    return [
        Case(f"{point.name} {late}", "late publish", (point.target,), late=late)
        for point in points
        if point.call == "publish" and point.name.endswith(".c2a")
        for late in Late
    ]


def double_crashes(points: Sequence[Point]) -> list[Case]:
    """Every point from the intent of a publish to the message after its read-back, and another."""
    return [
        Case(f"{point.name}, then {name}", "double", (point.target, second))
        for point in _critical_path(points)
        for name, second in SECOND.items()
    ]


def line_crashes(family: str, lines: Sequence[str], *, after: Point | None = None) -> list[Case]:
    """A worker killed at each of these lines, ``module:line``, `after` another at a point."""
    modules = tuple(sorted({line.split(":")[0] for line in lines}))
    before = () if after is None else (after.target,)
    origin = "" if after is None else f"{after.name}, then "
    return [
        Case(f"{origin}line {number}, {line}", family, (*before, Line(modules, number)))
        for number, line in enumerate(lines, 1)
    ]


def _critical_path(points: Sequence[Point]) -> list[Point]:
    found = []
    inside = False
    for point in points:
        inside = inside or (point.call == "publish" and point.name.endswith(".c0"))
        if inside:
            found.append(point)
        inside = inside and not any(
            name.startswith("read_back") and name.endswith(".c5") for name in point.names
        )
    return found
