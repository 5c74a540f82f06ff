"""
From "post" to "live", next to the floor and to a serial client: `python -m tests.bench.latency`.

Workers, beat, Redis and PostgreSQL are real, the sandbox plays Meta and GitHub 50 ms away. Its
processing times are log-normal; the floor (`tests.bench.floor`) and the serial client's time
(`tests.bench.serial`) are computed from the very times that each run drew. What was published is
looked at after each run: texts, parents, pictures, and that nothing is still staged.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests

from tests.acceptance.installation import Installation
from tests.bench import floor, serial
from tests.bench.chains import CASES, App, Case, draw_pictures
from tests.bench.floor import Drawn
from tests.bench.installed import running
from tests.bench.measured import table, write
from tests.bench.went import Books, Wasted, check, parts_of
from tests.services import eventually
from threadsworker import Client
from threadsworker.sandbox import Sandbox, SandboxOptions

#: Median and sigma of Meta's processing times, in seconds; a carousel is put together as
#: quickly as a text is read.
PROCESSING = {
    "text_seconds": 0.8,
    "text_spread": 0.5,
    "carousel_seconds": 0.8,
    "carousel_spread": 0.5,
    "image_seconds": 4.0,
    "image_spread": 0.6,
    "video_seconds": 30.0,
    "video_spread": 0.7,
}
#: The runs follow each other quicker than GitHub's secondary limits allow in life.
NO_LIMITS = {"github_writes_per_minute": None, "github_writes_per_hour": None}
#: Cases that are short enough to measure the serial client with.
SHORT = ("text", "image")
#: How often a bare round trip is timed.
ROUND_TRIPS = 20
#: Seconds until a run is given up.
PATIENCE = 600.0


@dataclass(frozen=True)
class Timed:
    """One run. Seconds from just before the post was handed in, unless it is said otherwise."""

    #: The last segment is live.
    live: float
    #: The row says published.
    published: float
    #: The least time to `live`, and that of a serial client at its defaults and as quick as
    #: its documentation allows.
    floor: float
    serial: float
    serial_least: float
    #: Handing the post in took so long.
    handed_in: float
    #: Over the floor: until staging has ended, and until the first containers exist, the
    #: staging included.
    staging: float
    start: float
    segments: list[Wasted]
    drawn: list[Drawn]


def main() -> int:
    """Print the tables, and write them as JSON if asked to."""
    parser = argparse.ArgumentParser(prog="tests.bench.latency", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each case")
    parser.add_argument("--case", action="append", choices=list(CASES), help="only these")
    parser.add_argument("--round-trip", type=float, default=0.05, help="seconds")
    parser.add_argument("--processes", type=int, default=4, help="of the worker")
    parser.add_argument("--pool", default="prefork", help="of the worker, as Celery calls it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--measure-serial",
        action="store_true",
        help="run the serial client too, with the short cases: more than a minute",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args()
    options = SandboxOptions(
        round_trip=asked.round_trip, seed=asked.seed, **PROCESSING, **NO_LIMITS
    )
    names = asked.case or list(CASES)
    worker = ["worker", "-c", str(asked.processes), "-P", asked.pool]
    with (
        running(options, [worker, ["beat"]], dispatch_every="5") as installed,
        closing(App(installed.client())) as app,
    ):
        _warm_up(installed, app, asked.processes)
        far = _round_trips(installed.sandbox)
        timed = {name: _runs(installed, app, name, asked) for name in names}
        measured = _measure_serial(installed) if asked.measure_serial else []
    sys.stdout.write(
        f"a round trip takes {_ms(far)} ms, from {_ms([min(far)])} to {_ms([max(far)])}\n\n"
    )
    sys.stdout.write(table("post to live", [_row(name, timed[name]) for name in names]) + "\n")
    sys.stdout.write(table("over the floor, ms", [_lost(name, timed[name]) for name in names]))
    if measured:
        sys.stdout.write("\n" + table("the serial client, measured", measured))
    document = {
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "worker": worker,
        "round trip": asked.round_trip,
        "round trips, measured": far,
        "processing": PROCESSING,
        "seed": asked.seed,
        "latency": [_row(name, timed[name]) for name in names],
        "over the floor, ms": [_lost(name, timed[name]) for name in names],
        "serial, measured": measured,
        "runs": {name: [asdict(run) for run in timed[name]] for name in names},
    }
    write(asked.json, document)
    return 0


# Running


def _warm_up(installed: Installation, app: App, processes: int) -> None:
    """One post with pictures for each process, at once: it pays for what is made once."""
    case = CASES["carousel"]
    jobs = [
        app.hand_in(case, case.text(f"warm up {number}"), _pictures(installed, case))
        for number in range(processes)
    ]
    for job in jobs:
        _wait(app.client, job)


def _round_trips(sandbox: Sandbox) -> list[float]:
    """Seconds of some: how much of them is the machine's own, and whether it is busy."""
    taken = []
    with requests.Session() as session:
        for _ in range(ROUND_TRIPS):
            begun = time.perf_counter()
            session.get(f"{sandbox.threads_api_url}/v1.0/me", timeout=PATIENCE)
            taken.append(time.perf_counter() - begun)
    return taken


def _runs(installed: Installation, app: App, name: str, asked: argparse.Namespace) -> list[Timed]:
    """The case's runs, each with processing times of its own, the same every time."""
    first_seed = asked.seed * 1_000_000 + list(CASES).index(name) * 1000
    runs = []
    for turn in range(asked.rounds):
        installed.sandbox.set_options(seed=first_seed + turn)
        runs.append(_run(installed, app, CASES[name], f"{name} {turn + 1}"))
    return runs


def _run(installed: Installation, app: App, case: Case, title: str) -> Timed:
    sandbox, text = installed.sandbox, case.text(title)
    pictures = _pictures(installed, case)
    posts, entries = len(sandbox.posts()), len(sandbox.ledger)
    begun = time.time()
    job_id = app.hand_in(case, text, pictures)
    handed_in = time.time() - begun
    eventually(
        lambda: len(sandbox.posts()) - posts >= len(case.pictures), timeout=PATIENCE, every=0.02
    )
    finished = _wait(app.client, job_id)
    parts = parts_of(sandbox, sandbox.posts()[posts:])
    check(sandbox, case, text, parts)
    drawn = [part.drawn for part in parts]
    local, round_trip = case.total > 0, sandbox.options.round_trip
    books = Books(sandbox.ledger[entries:], begun, local=local, round_trip=round_trip)
    return Timed(
        live=parts[-1].post.published_at - begun,
        published=finished - begun,
        floor=floor.live(drawn, local=local, round_trip=round_trip),
        serial=_serial(case, drawn, round_trip, serial.DEFAULT_WAIT),
        serial_least=_serial(case, drawn, round_trip, serial.LEAST_WAIT),
        handed_in=handed_in,
        staging=books.staging(),
        start=books.start(parts[0]),
        segments=books.segments(parts),
        drawn=drawn,
    )


def _pictures(installed: Installation, case: Case) -> list[Path]:
    return draw_pictures(case, installed.home / "pictures")


def _wait(client: Client, job_id: str) -> float:
    """When the row said that it is published, seconds since 1970."""
    job = client.wait(job_id, timeout=PATIENCE)
    if job.state != "published" or job.finished_at is None:
        raise SystemExit(f"job {job_id} is {job.state}: {job.error}")
    return job.finished_at.timestamp()


def _serial(case: Case, drawn: Sequence[Drawn], round_trip: float, wait: float) -> float:
    return serial.live(drawn, files=case.total, round_trip=round_trip, wait=wait)


def _measure_serial(installed: Installation) -> list[dict[str, Any]]:
    """The short cases by the serial client, next to what is computed for it."""
    sandbox, client = installed.sandbox, serial.SerialClient(installed.sandbox)
    rows = []
    for case in (CASES[name] for name in SHORT):
        pictures = _pictures(installed, case)
        begun = time.time()
        client.publish(f"serial, {case.name}", *pictures)
        (part,) = parts_of(sandbox, sandbox.posts()[-1:])
        live = part.post.published_at - begun
        computed = _serial(case, [part.drawn], sandbox.options.round_trip, serial.DEFAULT_WAIT)
        rows.append(
            {
                "name": case.name,
                "live, s": round(live, 2),
                "computed, s": round(computed, 2),
                "ratio": round(live / computed, 3),
            }
        )
    return rows


# Figures


def _row(name: str, runs: Sequence[Timed]) -> dict[str, Any]:
    """Medians of the case's runs, and the spread of what the targets are about."""
    over = [run.live / run.floor for run in runs]
    quicker = [run.serial / run.live for run in runs]
    return {
        "name": CASES[name].name,
        "live, s": _median(run.live for run in runs),
        "spread": _spread(run.live for run in runs),
        "floor, s": _median(run.floor for run in runs),
        "over floor": _median(over),
        "min–max": _spread(over),
        "row, s": _median(run.published for run in runs),
        "serial, s": _median(run.serial for run in runs),
        "times quicker": _median(quicker),
        "from–to": _spread(quicker),
        "at the floor": _median(run.serial / run.floor for run in runs),
        "waiting 30 s": _median(run.serial_least / run.live for run in runs),
    }


def _lost(name: str, runs: Sequence[Timed]) -> dict[str, Any]:
    """Where the time over the floor goes: medians of the runs and of their segments, in ms."""
    segments = [segment for run in runs for segment in run.segments]
    return {
        "name": CASES[name].name,
        "handing in": _ms(run.handed_in for run in runs),
        "staging": _ms(run.staging for run in runs),
        "to the start": _ms(run.start for run in runs),
        "items": _ms(one.items_noticed for one in segments),
        "to create": _ms(one.to_create for one in segments),
        "to notice": _ms(one.to_notice for one in segments),
        "to publish": _ms(one.to_publish for one in segments),
        "live to row": _ms(run.published - run.live for run in runs),
        "all of it": _ms(run.live - run.floor for run in runs),
        "reads a segment": _median(one.reads for one in segments),
        "reads of items": _median(one.item_reads for one in segments),
    }


def _median(values: Iterable[float]) -> float:
    return round(float(statistics.median(values)), 2)


def _spread(values: Iterable[float]) -> str:
    found = sorted(values)
    return f"{found[0]:.2f}–{found[-1]:.2f}"


def _ms(seconds: Iterable[float]) -> int:
    return round(1000 * float(statistics.median(seconds)))


if __name__ == "__main__":
    sys.exit(main())
