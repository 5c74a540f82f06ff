"""The memory of a worker that waits, all of its processes together."""

from __future__ import annotations

import time
from pathlib import Path

from tests.acceptance.installation import Installation
from tests.bench.processor import children
from tests.services import eventually
from threadsworker.steps.desk import Desk
from threadsworker.steps.upkeep import DISPATCH
from threadsworker.store import duties

#: Looks for due posts after which a worker has what it needs.
LOOKS = 8
#: Posts that it publishes first: enough for each of its processes to have had some. One that has
#: published nothing is 10 MB smaller.
POSTS = 20


def megabytes(installed: Installation) -> float:
    """Resident megabytes of a worker that has published posts and looked for due ones since."""
    worker, beat = installed.start("worker", "-c", "2"), installed.start("beat")
    client = installed.client()
    try:
        posts = [f"number {n} shows that all is up {time.time()}" for n in range(POSTS)]
        for job in [client.enqueue(post) for post in posts]:
            ended = client.wait(job.id, timeout=120)
            if ended.state != "published":
                raise SystemExit(f"a post is {ended.state}")
        _looked(Desk(client.settings))
        return _kilobytes(worker.pid) / 1024
    finally:
        client.close()
        for process in (beat, worker):
            process.terminate()
            process.wait(60)
            installed.processes.remove(process)


def _looked(desk: Desk) -> None:
    """Wait until the worker has looked some times."""
    seen = set()

    def enough() -> bool:
        with desk.reading() as session:
            seen.add(duties.last_done(session, DISPATCH))
        return len(seen) > LOOKS

    eventually(enough, timeout=120, every=0.2)
    desk.engine.dispose()


def _kilobytes(pid: int) -> int:
    """Of the process and of its children."""
    status = Path(f"/proc/{pid}/status").read_text()
    own = int(status.split("VmRSS:")[1].split()[0])
    return own + sum(_kilobytes(child) for child in children(pid))
