"""
Real servers for the tests: Redis on a free loopback port, PostgreSQL wherever there is one.

Never the machine's own Redis on 6379: the tests stop and empty theirs.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import glob
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import TypeVar
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from redis import Redis
from redis.exceptions import RedisError

from threadsworker.broker import server_program

T = TypeVar("T")

#: Seconds that a server may take to start.
START = 20.0


def eventually(look: Callable[[], T], *, timeout: float = 20.0, every: float = 0.05) -> T:
    """What `look` gives as soon as it is true; fails the test after `timeout` seconds."""
    deadline = monotonic() + timeout
    while True:
        seen = look()
        if seen:
            return seen
        if monotonic() > deadline:
            pytest.fail(f"still {seen!r} after {timeout} seconds")
        sleep(every)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class RedisServer:
    """A Redis-protocol server that can be stopped, killed and started again, empty."""

    def __init__(self, folder: str | None = None) -> None:
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._process = subprocess.Popen(
            [str(server_program()), *options, "--appendonly", "no", "--daemonize", "no"],
            # Where a test that has it write files finds them.
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(self._answers, timeout=START)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(START)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(START)

    def client(self) -> Redis:
        return Redis(port=self.port)

    def _answers(self) -> bool:
        with suppress(RedisError), self.client() as client:
            return bool(client.ping())
        return False


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A running `RedisServer`."""
    with TemporaryDirectory(prefix="redis-") as folder:
        server = RedisServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def missing(what: str) -> None:
    """Skip where a server is not to be had; fail where it has to be."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


class PostgresServer:
    """A PostgreSQL server on which databases can be made."""

    def __init__(self, url: str) -> None:
        self.url = url

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a fresh database, dropped afterwards."""
        name = f"threadsworker_test_{uuid4().hex[:12]}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield self._url_of(name)
        finally:
            with psycopg.connect(self.url, autocommit=True) as connection:
                drop = "DROP DATABASE {} WITH (FORCE)"
                connection.execute(sql.SQL(drop).format(sql.Identifier(name)))

    def _url_of(self, name: str) -> str:
        head, _, query = self.url.partition("?")
        address = head.rsplit("/", 1)[0] + f"/{name}"
        return f"{address}?{query}" if query else address


@contextmanager
def postgres_server(directory: Path) -> Iterator[PostgresServer | None]:
    """
    The server of THREADSWORKER_TEST_DATABASE_URL, a local one, or a cluster of our own.

    None where there is neither a server nor the programs to make one.
    """
    candidates = [
        os.environ.get("THREADSWORKER_TEST_DATABASE_URL"),
        "postgresql://postgres@127.0.0.1:5432/postgres",
        "postgresql:///postgres",
    ]
    for url in filter(None, candidates):
        if _may_create_databases(url):
            yield PostgresServer(url)
            return
    with own_postgres_server(directory) as server:
        yield server


@contextmanager
def own_postgres_server(directory: Path, **settings: str) -> Iterator[PostgresServer | None]:
    """A cluster of our own, run with these settings; None where there are no programs for it."""
    programs = postgres_programs()
    if programs is None:
        yield None
        return
    with _own_cluster(programs, directory, settings) as url:
        yield PostgresServer(url)


def _may_create_databases(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            found = connection.execute(
                "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.Error:
        return False
    return bool(found and found[0])


def postgres_programs() -> Path | None:
    places = [*sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True), ""]
    for place in places:
        if found := shutil.which("initdb", path=place or None):
            return Path(found).resolve().parent
    return None


@contextmanager
def _own_cluster(
    programs: Path, directory: Path, settings: Mapping[str, str] | None = None
) -> Iterator[str]:
    data, port = directory / "postgres", free_port()
    data.mkdir(parents=True)
    # PostgreSQL refuses to run as root.
    user = None
    if os.geteuid() == 0:
        user = next(n for n in ("postgres", "nobody") if n in {p.pw_name for p in pwd.getpwall()})
        shutil.chown(data, user)
        for parent in data.parents:
            if parent.is_relative_to(Path("/tmp")) and parent != Path("/tmp"):
                parent.chmod(0o755)
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"],
        check=True,
        user=user,
        stdout=subprocess.DEVNULL,
    )
    options = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-k", str(data)]
    for name, value in (settings or {}).items():
        options += ["-c", f"{name}={value}"]
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, *options], user=user, stderr=subprocess.DEVNULL
    )
    url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    try:
        eventually(lambda: _may_create_databases(url), timeout=START)
        yield url
    finally:
        server.terminate()
        server.wait(START)
