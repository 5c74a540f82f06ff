"""How long commands and imports take, next to Python that starts and does nothing."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from typing import Any

from tests.bench.measured import Run, figures

STARTS = {
    "python -c pass": ["-c", "pass"],
    "python -c 'import typer'": ["-c", "import typer"],
    "import threadsworker": ["-c", "import threadsworker"],
    "from threadsworker import Post": ["-c", "from threadsworker import Post"],
    "from threadsworker import Client": ["-c", "from threadsworker import Client"],
    "threadsworker --help": ["-m", "threadsworker", "--help"],
    "threadsworker post --help": ["-m", "threadsworker", "post", "--help"],
    "threadsworker post --dry-run": ["-m", "threadsworker", "post", "hello", "--dry-run"],
}


def measure(*, rounds: int) -> list[dict[str, Any]]:
    """Rows of figures; the time of each is that of one start."""
    runs: dict[str, list[Run]] = {name: [] for name in STARTS}
    for _ in range(rounds):
        for name, arguments in STARTS.items():
            runs[name].append(_started(arguments))
    bare = runs["python -c pass"]
    found = []
    for name, of in runs.items():
        row = figures(name, of, bare)
        for useless in ("a second", "slowest", "quickest", "cpu, ms each"):
            del row[useless]
        walls, cpus = sorted(run.wall for run in of), sorted(run.cpu for run in of)
        row["wall, ms"] = round(1000 * walls[len(walls) // 2])
        row["quickest, ms"], row["slowest, ms"] = round(1000 * walls[0]), round(1000 * walls[-1])
        row["cpu, ms"] = round(1000 * cpus[len(cpus) // 2])
        found.append(row)
    return found


def _started(arguments: list[str]) -> Run:
    run = Run(1)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    run.wall = time.perf_counter() - began
    run.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return run
