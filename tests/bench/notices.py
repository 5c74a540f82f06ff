"""
How many notices a second a worker delivers to receivers that answer at once.

The worker and beat are processes of their own, as in life, and the receivers real servers. The
same notices again, while another receiver takes a connection and says nothing. The bare loop
posts a signed body, marks a row, and commits.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.acceptance.installation import Installation, installation
from tests.bench.measured import Run, figures, timed
from tests.receiver import Receiver, receiver
from tests.services import eventually
from threadsworker.notice import NoticeEvent
from threadsworker.sandbox import Sandbox
from threadsworker.signature import SIGNATURE, sign
from threadsworker.store import notices
from threadsworker.store.database import make_engine, transaction

#: Each gets the same share.
RECEIVERS = 4
SILENT = "beside one that says nothing"


def measure(
    database_url: str, redis_url: str, home: Path, count: int, rounds: int
) -> list[dict[str, Any]]:
    """Rows of figures: the bare loop's and the worker's."""
    settings = {
        "THREADSWORKER_DATABASE_URL": database_url,
        "THREADSWORKER_BROKER_URL": redis_url,
        "THREADSWORKER_LOG_LEVEL": "ERROR",
    }
    runs: dict[str, list[Run]] = {"bare loop": [], "worker": [], f"worker, {SILENT}": []}
    workers = [["worker", "-c", "2"], ["beat"]]
    with (
        Sandbox() as sandbox,
        receiver() as heard,
        _silent() as silent,
        installation(home / "home", sandbox, settings, processes=workers) as installed,
    ):
        url = installed.client().settings.sqlalchemy_url
        client = installed.client()
        client.enqueue("shows that all is up", key="up")
        client.wait(client.enqueue("shows that all is up", key="up").id, timeout=120)
        for number in range(RECEIVERS):
            client.subscribe(f"{heard.url}/{number}", events=[NoticeEvent.TOKEN_EXPIRING])
        for _ in range(rounds):
            runs["bare loop"].append(_bare(database_url, heard, count))
            runs["worker"].append(_delivered(url, heard, count))
        client.subscribe(f"{silent.url}/silent", events=[NoticeEvent.TOKEN_EXPIRING])
        for _ in range(rounds):
            runs[f"worker, {SILENT}"].append(_delivered(url, heard, count))
        client.close()
        _audit(database_url, installed, 2 * rounds * count)
    return [figures(name, of, runs["bare loop"]) for name, of in runs.items()]


@contextmanager
def _silent() -> Iterator[Receiver]:
    import threading

    with receiver() as silent:
        silent.hold = threading.Event()
        yield silent


def _delivered(url: str, heard: Receiver, count: int) -> Run:
    """From the first that is heard to the last; what each was heard once more is not counted."""
    heard.heard.clear()
    engine = make_engine(url)
    with transaction(engine) as session:
        for _ in range(count // RECEIVERS):
            now = datetime.now(UTC)
            notices.tell_of_account(session, NoticeEvent.TOKEN_EXPIRING, None, now=now)
    engine.dispose()
    eventually(lambda: heard.heard, timeout=120, every=0.005)
    began = time.perf_counter()
    eventually(lambda: len(heard.heard) >= count, timeout=600, every=0.005)
    run = Run(count)
    run.wall = time.perf_counter() - began
    ids = {one.headers["X-Threadsworker-Delivery"] for one in heard.heard}
    if len(ids) != count // RECEIVERS * RECEIVERS:
        raise SystemExit(f"{count} were to be delivered, and {len(ids)} were")
    return run


def _bare(database_url: str, heard: Receiver, count: int) -> Run:
    heard.heard.clear()
    parts = urlsplit(heard.url)
    body = json.dumps({"id": "one", "event": "token.expiring", "data": {}}).encode()
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bare (id int PRIMARY KEY, done int)")
        connection.execute("DELETE FROM bare")
        for number in range(count):
            connection.execute("INSERT INTO bare VALUES (%s, 0)", (number,))
        connection.commit()
        with timed(count) as run:
            for number in range(count):
                one = http.client.HTTPConnection(parts.hostname or "", parts.port)
                headers = {
                    SIGNATURE: sign("a secret of some length", "0", body),
                    "X-Threadsworker-Event": "token.expiring",
                }
                one.request("POST", "/", body, headers)
                one.getresponse().read()
                one.close()
                connection.execute("UPDATE bare SET done = 1 WHERE id = %s", (number,))
                connection.commit()
    return run


def _audit(database_url: str, installed: Installation, wanted: int) -> None:
    """What was heard is marked as delivered."""

    def marked() -> int:
        with psycopg.connect(database_url) as connection:
            found = connection.execute(
                "SELECT count(*) FROM threadsworker_delivery WHERE state = 'delivered'"
            ).fetchone()
        return int(found[0]) if found else 0

    eventually(lambda: marked() == wanted, timeout=60, every=0.2)
