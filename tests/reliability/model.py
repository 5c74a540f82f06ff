"""
The publish protocol of one segment, checked in every state that it can get into.

Two workers, three containers, two publishes on the wire. A worker may crash anywhere, any
number of times, or lose its claim and go on. Answers get lost, publishes arrive late, also
those of dead workers. Meta tells an old status, does not find what is there, and refuses for no
reason. Containers expire, and the user deletes the post. In every state that this can lead to:

* the segment has had at most one post (safety);
* it is called live only if there was a post, and failed only if there was none;
* if nothing goes wrong any more, the job ends, or is parked for a person (no stuck states).

Where the model is coarser than the code:

* Claiming and loading are one step; so are reading PUBLISHED or EXPIRED, which is for ever, and
  writing it down; so are reading back and finishing.
* A container is FINISHED from birth. EXPIRED and ERROR are one, and mean "no post" (A2).
* Times are not counted: every patience may end at once or never. A container's expiry counts as
  a fault when it is asked whether states are stuck, except where it is what is waited for.
* A segment by itself: no carousel items, quota, twins, cancelling, or decisions of a person.
* Three containers instead of five. Jobs that kill every worker are not parked, so that being
  stuck shows.

``python -m tests.reliability.model`` prints the table: about half a minute.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.reliability.model_search import verdict_on
from tests.reliability.model_variants import ROWS


@dataclass(frozen=True)
class Line:
    """One line of the table."""

    variant: str
    #: Whether of two publishes at the same time Meta carries out one.
    a1: bool
    expected: str
    verdict: str
    states: int
    stuck: int
    #: CPU time.
    seconds: float
    #: The shortest way to what is wrong.
    trace: tuple[str, ...]


def table() -> list[Line]:
    """Every variant under both assumptions about Meta."""
    return [
        Line(
            variant=row.name,
            a1=variant.atomic,
            expected=expected,
            verdict=verdict.outcome,
            states=verdict.states,
            stuck=verdict.stuck,
            seconds=round(verdict.seconds, 2),
            trace=verdict.trace,
        )
        for row in ROWS
        for variant, expected in row.cases
        for verdict in [verdict_on(variant)]
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table; write it as JSON, with the traces."""
    parser = argparse.ArgumentParser(prog="tests.reliability.model", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--json", type=Path, help="a file for the table and the traces")
    parser.add_argument("--traces", action="store_true", help="print the traces too")
    given = parser.parse_args(arguments)
    lines = table()
    sys.stdout.write(f"{'variant':72} A1  {'states':>8} {'stuck':>6}  verdict  steps\n")
    for line in lines:
        sys.stdout.write(_shown(line))
        if given.traces:
            sys.stdout.writelines(f"      {what}\n" for what in line.trace)
    total, seconds = sum(line.states for line in lines), sum(line.seconds for line in lines)
    sys.stdout.write(f"{len(lines)} searches, {total:,} states, {seconds:.0f} s\n")
    if given.json is not None:
        found = {
            "searches": len(lines),
            "states": total,
            "seconds": round(seconds, 1),
            "as_expected": all(line.verdict == line.expected for line in lines),
            "table": [asdict(line) for line in lines],
        }
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _shown(line: Line) -> str:
    surprise = "" if line.verdict == line.expected else f"  instead of {line.expected}"
    steps = len(line.trace) or ""
    return (
        f"{line.variant:72} {'yes' if line.a1 else 'no':3} {line.states:8,} {line.stuck:6}"
        f"  {line.verdict:7} {steps:6}{surprise}\n"
    )


if __name__ == "__main__":
    main()
