"""What a benchmark has measured, next to a bare loop that was measured in turn with it."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Run:
    """One run. Seconds; `cpu` is that of the processes that are measured, all threads."""

    count: int
    wall: float = 0.0
    cpu: float = 0.0
    #: How long each took, where that was looked at.
    each: list[float] = field(default_factory=list)


@contextmanager
def timed(count: int) -> Iterator[Run]:
    """A run of this process, for as long as the block lasts."""
    run = Run(count)
    wall, cpu = time.perf_counter(), time.process_time()
    yield run
    run.wall, run.cpu = time.perf_counter() - wall, time.process_time() - cpu


def figures(name: str, runs: Sequence[Run], bare: Sequence[Run]) -> dict[str, Any]:
    """
    Medians, and the spread from the slowest to the quickest run.

    Each run is compared with the bare one of its own round: the machine may have other work.
    """
    rates = [run.count / run.wall for run in runs]
    pairs = list(zip(runs, bare, strict=True))
    found = {
        "name": name,
        "a second": round(statistics.median(rates), 1),
        "slowest": round(min(rates), 1),
        "quickest": round(max(rates), 1),
        "times bare": _median(_over(one.wall, one.count, b.wall, b.count) for one, b in pairs),
        "cpu, ms each": _median(1000 * run.cpu / run.count for run in runs),
        "times bare, cpu": _median(_over(one.cpu, one.count, b.cpu, b.count) for one, b in pairs),
    }
    if each := sorted(one for run in runs for one in run.each):
        found["p50, ms"] = round(1000 * statistics.median(each), 2)
        found["p99, ms"] = round(1000 * each[int(0.99 * len(each))], 2)
    return found


def table(title: str, rows: Sequence[dict[str, Any]]) -> str:
    """The figures for people; all rows have the first one's columns, and may have more."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    first = max(len(title), *(len(str(row["name"])) for row in rows))
    widths = {
        name: max(len(name), 8, *(len(str(row.get(name, ""))) for row in rows))
        for name in names[1:]
    }
    lines = ["  ".join([title.ljust(first), *(name.rjust(widths[name]) for name in widths)])]
    for row in rows:
        cells = (str(row.get(name, "")).rjust(width) for name, width in widths.items())
        lines.append("  ".join([str(row["name"]).ljust(first), *cells]))
    return "\n".join(lines) + "\n"


def spread(name: str, values: Sequence[float]) -> dict[str, Any]:
    """The median of several rounds, and from the least to the most, as figures of a row."""
    return {
        name: round(statistics.median(values), 2),
        f"{name}, spread": [round(min(values), 2), round(max(values), 2)],
    }


def in_words(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of such figures for a table: the spread in the median's own cell."""
    words = {}
    for name, value in row.items():
        if not name.endswith(", spread"):
            low, high = row.get(f"{name}, spread", (value, value))
            words[name] = value if low == high else f"{value:g} ({low:g}-{high:g})"
    return words


def write(path: Path | None, found: Any) -> None:
    """All figures as JSON, if a file was asked for."""
    if path is not None:
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def _over(time: float, count: int, bare: float, bare_count: int) -> float:
    return (time / count) / (bare / bare_count) if bare else 0.0


def _median(values: Iterator[float]) -> float:
    return round(statistics.median(values), 2)
