"""
How many of Meta's notifications a second `threadsworker webhooks` accepts.

The server is a process of its own, as in life. Signed notifications come as fast as they are
answered, on connections that stay open; afterwards the row of each has to be there.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import requests

from tests.bench.measured import Run, figures
from tests.bench.processor import cpu_seconds
from tests.services import eventually, free_port
from threadsworker import Client
from threadsworker.settings import load_settings
from threadsworker.store import schema
from threadsworker.store.database import make_engine

SECRET = "the secret of the benchmark's app"
CONNECTIONS = 16


def measure(
    database_url: str, redis_url: str, home: Path, count: int, rounds: int
) -> list[dict[str, Any]]:
    """Rows of figures: the bare app's, and ours."""
    environment = {
        **os.environ,
        "THREADSWORKER_HOME": str(home),
        "THREADSWORKER_DATABASE_URL": database_url,
        "THREADSWORKER_BROKER_URL": redis_url,
        "THREADSWORKER_APP_SECRET": SECRET,
        "THREADSWORKER_LOG_LEVEL": "WARNING",
    }
    given = {"home": str(home), "database_url": database_url, "broker_url": redis_url}
    with closing(Client(load_settings(**given))) as client:
        engine = make_engine(client.settings.sqlalchemy_url)
        schema.upgrade(engine)
        engine.dispose()
        client.add_account("main", user_id="1784", access_token="a token")
    bare, ours, port, bare_port = [], [], free_port(), free_port()
    with (
        _server(
            ["tests.bench.bare_webhooks", database_url, str(bare_port), SECRET], bare_port
        ) as b,
        _server(["threadsworker", "webhooks", "--port", str(port)], port, environment) as o,
    ):
        _sent(b, bare_port, "warm up", CONNECTIONS)
        _sent(o, port, "warm up", CONNECTIONS)
        _audit(database_url, "threadsworker_notification", CONNECTIONS)
        for number in range(1, rounds + 1):
            bare.append(_sent(b, bare_port, f"round {number}", count))
            _audit(database_url, "bare", number * count + CONNECTIONS)
            ours.append(_sent(o, port, f"round {number}", count))
            _audit(database_url, "threadsworker_notification", number * count + CONNECTIONS)
    return [
        figures("bare app, one INSERT", bare, bare),
        figures("threadsworker webhooks", ours, bare),
    ]


@contextmanager
def _server(
    module: Sequence[str], port: int, environment: dict[str, str] | None = None
) -> Iterator[int]:
    """The process's id."""
    process = subprocess.Popen([sys.executable, "-m", *module], env=environment)
    try:
        eventually(lambda: _answers(port), timeout=120)
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=10).ok
    except requests.ConnectionError:
        return False


def _sent(process: int, port: int, called: str, count: int) -> Run:
    """All are sent, and each is answered with 200."""
    wanted = [_request(f"{called} {number}") for number in range(count)]
    run = Run(count)
    wall, cpu = time.perf_counter(), cpu_seconds(process)
    statuses = asyncio.run(_send_all(port, wanted))
    run.wall, run.cpu = time.perf_counter() - wall, cpu_seconds(process) - cpu
    if set(statuses) != {200}:
        raise SystemExit(f"{called}: answered with {sorted(set(statuses))}")
    return run


async def _send_all(port: int, wanted: list[bytes]) -> list[int]:
    statuses: list[int] = []
    waiting = iter(wanted)

    async def send() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            statuses.append(int(head.split()[1]))
        writer.close()

    await asyncio.gather(*(send() for _ in range(CONNECTIONS)))
    return statuses


def _request(name: str) -> bytes:
    """A reply of somebody's, as Meta tells of it."""
    value = {
        "id": hashlib.sha256(name.encode()).hexdigest()[:18],
        "username": "somebody",
        "text": f"a reply: {name}",
        "media_type": "TEXT_POST",
        "permalink": "https://www.threads.com/@somebody/post/one",
        "replied_to": {"id": "567"},
        "root_post": {"id": "567", "owner_id": "1784", "username": "us"},
        "shortcode": "Pp",
        "timestamp": "2026-11-25T02:10:19+0000",
    }
    told = {
        "app_id": "123456",
        "topic": "moderate",
        "target_id": "78901",
        "time": 1723226877,
        "subscription_id": "234567",
        "has_uid_field": False,
        "values": [{"value": value, "field": "replies"}],
    }
    body = json.dumps(told).encode()
    signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"X-Hub-Signature-256: sha256={signed}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _audit(database_url: str, table: str, wanted: int) -> None:
    with psycopg.connect(database_url) as connection:
        (found,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone() or (0,)
    if found != wanted:
        raise SystemExit(f"{wanted} were accepted, and {table} has {found}")
