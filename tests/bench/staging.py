"""
What local media cost, until Meta can fetch them: `python -m tests.bench.staging`.

*Staging*: the images of a job made public, several at a time and one at a time, next to the
floor: the round trips that wait for each other. On new connections, and on those that are open.

*Enqueue*: how long `Client.enqueue` takes with and without media, next to a bare loop.

Every run is looked at afterwards: what was staged has to be served, what was enqueued to be
there.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from tests.bench import enqueues
from tests.bench.measured import table, write
from tests.pictures import JPEG
from tests.services import postgres_server, redis_server
from threadsworker.http import Http
from threadsworker.sandbox import Sandbox, SandboxOptions
from threadsworker.staging import FileToStage
from threadsworker.staging.github import PARALLEL, GitHubStaging

#: Seconds from a request to its answer.
ROUND_TRIP = 0.05
#: Round trips that wait for each other, however many files there are: blobs, tree, commit,
#: branch, a look at what is served.
FLOOR = 5
IMAGES = 20
SIZES = {"20 KB": 20_000, "1 MB": 1_000_000}
#: Media of the posts that are enqueued, and how many posts each run has.
POSTS = {"no media": (0, 0, 200), "1 image of 500 KB": (1, 500_000, 50), "20": (20, 500_000, 5)}
PARTS = ("staging", "enqueue")


def main() -> int:
    """Print the tables, and write them as JSON if asked to."""
    parser = argparse.ArgumentParser(prog="tests.bench.staging", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    asked = parser.parse_args()
    measured: dict[str, Callable[[int], Iterator[dict[str, Any]]]] = {
        "staging": staging,
        "enqueue": enqueue,
    }
    found: dict[str, Any] = {"rounds": asked.rounds, "round trip, s": ROUND_TRIP}
    for part in PARTS:
        if asked.only in (None, part):
            found[part] = list(measured[part](asked.rounds))
            sys.stdout.write(table(part, found[part]) + "\n")
            sys.stdout.flush()
    write(asked.json, found)
    return 0


# Staging


def staging(rounds: int) -> Iterator[dict[str, Any]]:
    """Seconds until all images of a job are served, and the connections opened for it."""
    with _far_away() as url:
        for name, size in SIZES.items():
            files = _files(size)
            runs: dict[str, list[tuple[float, int]]] = {}
            for number in range(rounds):
                http = Http()
                for way, kept, parallel in (
                    ("one at a time", Http(), 1),
                    (f"{PARALLEL} at a time, new connections", http, PARALLEL),
                    (f"{PARALLEL} at a time, kept connections", http, PARALLEL),
                ):
                    job = f"{size}-{number}-{len(runs)}-{way[:2]}-{time.monotonic_ns()}"
                    run = _staged(url, kept, parallel, job, files)
                    runs.setdefault(way, []).append(run)
            for way, of in runs.items():
                yield _row(f"{len(files)} of {name}, {way}", of, runs["one at a time"])


def _row(
    name: str, runs: Sequence[tuple[float, int]], serial: Sequence[tuple[float, int]]
) -> dict[str, Any]:
    walls = [wall for wall, _ in runs]
    floor = FLOOR * ROUND_TRIP
    pairs = zip(walls, (wall for wall, _ in serial), strict=True)
    return {
        "name": name,
        "median, ms": round(1000 * statistics.median(walls)),
        "quickest, ms": round(1000 * min(walls)),
        "slowest, ms": round(1000 * max(walls)),
        "floor, ms": round(1000 * floor),
        "times floor": round(statistics.median(walls) / floor, 2),
        "times quicker": round(statistics.median(one / wall for wall, one in pairs), 1),
        "connections": statistics.median(opened for _, opened in runs),
    }


def _staged(
    url: str, http: Http, parallel: int, job: str, files: Sequence[FileToStage]
) -> tuple[float, int]:
    place = GitHubStaging(
        repo="octo/stage",
        token=SecretStr("ghp_bench"),
        api_url=f"{url}/github",
        raw_url=f"{url}/raw",
        http=http,
        parallel=parallel,
    )
    opened, began = _OPENED.to(url), time.perf_counter()
    placed = place.stage(job, files)
    wall, opened = time.perf_counter() - began, _OPENED.to(url) - opened
    _audit(placed[0].url, files[0], http, len(placed))
    return wall, opened


def _audit(url: str, file: FileToStage, http: Http, count: int) -> None:
    """`stage` has asked for each of them; the first is compared byte for byte."""
    served = http.request("GET", url, service="github").content
    if count != IMAGES or served != file.read():
        raise SystemExit(f"{count} of {IMAGES} were staged, and {url} is served as it should not")


def _files(size: int) -> list[FileToStage]:
    return [_file(random.Random(n).randbytes(size)) for n in range(IMAGES)]


def _file(content: bytes) -> FileToStage:
    name = f"{hashlib.sha256(content).hexdigest()}.jpg"
    return FileToStage(name, "image/jpeg", lambda: content, len(content))


class _Opened:
    """Counts the connections that this process opens, by port."""

    def __init__(self) -> None:
        self._counted: dict[int, int] = {}
        sys.addaudithook(self._hear)

    def _hear(self, event: str, given: tuple[Any, ...]) -> None:
        if event == "socket.connect" and isinstance(given[1], tuple):
            port = given[1][1]
            self._counted[port] = self._counted.get(port, 0) + 1

    def to(self, url: str) -> int:
        """How many have been opened to the URL's port so far."""
        return self._counted.get(urlsplit(url).port or 0, 0)


@contextmanager
def _far_away() -> Iterator[str]:
    """A sandbox in a process of its own, a round trip away."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=_serve, args=(there,), daemon=True)
    child.start()
    try:
        yield here.recv()
    finally:
        child.terminate()
        child.join(20)


def _serve(told: Connection) -> None:
    unlimited = SandboxOptions(
        github_writes_per_minute=None,
        github_writes_per_hour=None,
        github_requests_per_hour=10**9,
    )
    with Sandbox(options=unlimited) as sandbox:
        for service in ("github", "raw"):
            sandbox.plan_fault({"match": {"service": service}, "delay": ROUND_TRIP, "times": 10**9})
        told.send(sandbox.url)
        signal.pause()


# Enqueue


def enqueue(rounds: int) -> Iterator[dict[str, Any]]:
    """Milliseconds of one call on PostgreSQL and Redis, next to the bare loop's."""
    directory = Path(tempfile.mkdtemp(prefix="bench-"))
    with redis_server() as redis, postgres_server(directory) as server:
        if server is None:
            raise SystemExit("there is no PostgreSQL here")
        for name, (images, size, count) in POSTS.items():
            with server.database() as url:
                home = directory / f"{images} images"
                measure = partial(
                    enqueues.measure_one, url, redis.url, home, count=count, rounds=rounds
                )
                for row in measure(media=_images(directory, images, size)):
                    yield {**row, "name": f"{name}, {row['name']}"}


def _images(directory: Path, count: int, size: int) -> list[Path]:
    paths = [directory / f"{n}.jpg" for n in range(count)]
    for n, path in enumerate(paths):
        path.write_bytes(_image(n, size))
    return paths


def _image(seed: int, size: int) -> bytes:
    """A JPEG of so many bytes: its coded data are noise, without anything like a marker."""
    noise = random.Random(seed).randbytes(size - len(JPEG)).replace(b"\xff", b"\xfe")
    return JPEG[:-2] + noise + JPEG[-2:]


_OPENED = _Opened()


if __name__ == "__main__":
    sys.exit(main())
