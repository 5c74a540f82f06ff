"""Servers that the soak may kill: PostgreSQL and Redis of its own, on ports that stay theirs."""

from __future__ import annotations

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import psycopg

from tests.services import RedisServer, postgres_programs

#: Seconds that a server may take to start, crash recovery included.
START = 60.0
#: Below the kernel's range for outgoing connections: no client takes the port of a server
#: that is down.
PORTS = range(15_000, 30_000)


def wait_until(look: Callable[[], bool], *, timeout: float, every: float = 0.05) -> bool:
    """Whether `look` became true within `timeout` seconds."""
    deadline = monotonic() + timeout
    while not look():
        if monotonic() > deadline:
            return False
        sleep(every)
    return True


def lasting_port() -> int:
    """A free loopback port that stays free while its server is down."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class LastingRedis(RedisServer):
    """A `RedisServer` that finds its port free when it comes back."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self.port = lasting_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"


class PostgresCluster:
    """A PostgreSQL server that can be shut down at once, as by a power cut, and come back."""

    def __init__(self, programs: Path, data: Path) -> None:
        self.port = lasting_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._programs = programs
        self._data = data
        self._log = data.with_name(f"{data.name}.log")
        self._process: subprocess.Popen[bytes] | None = None
        self._user = _other_than_root(data)

    def create(self) -> None:
        subprocess.run(
            [self._programs / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust"],
            check=True,
            user=self._user,
            stdout=subprocess.DEVNULL,
        )

    def start(self) -> None:
        """Start and recover; returns when it answers."""
        is_back = wait_until(self._is_back, timeout=START)
        assert is_back, f"PostgreSQL does not come back\n{self._log.read_text()[-4000:]}"

    def kill(self) -> None:
        """An immediate shutdown: no checkpoint, no goodbye, every transaction cut off."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        self._end(signal.SIGINT)

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=3) as connection:
                connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def _is_back(self) -> bool:
        # What was cut off may be in its way for a moment, and then it ends at once.
        if self._process is None or self._process.poll() is not None:
            self._process = self._launched()
        return self.answers()

    def _launched(self) -> subprocess.Popen[bytes]:
        options = ["-p", str(self.port), "-k", str(self._data)]
        options += ["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=400"]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *options],
                user=self._user,
                # A Ctrl-C is for the soak, which ends its servers last.
                start_new_session=True,
                stderr=log,
            )

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(START)


def _other_than_root(data: Path) -> str | None:
    """PostgreSQL refuses to run as root: who shall, and the directory made his."""
    data.mkdir(parents=True)
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = next(name for name in ("postgres", "nobody") if name in known)
    shutil.chown(data, user)
    for parent in data.parents:
        if parent.is_relative_to(Path("/tmp")) and parent != Path("/tmp"):
            parent.chmod(0o755)
    return user


@contextmanager
def postgres_cluster(data: Path) -> Iterator[PostgresCluster]:
    """A running `PostgresCluster`."""
    programs = postgres_programs()
    assert programs is not None, "the soak needs the programs of PostgreSQL (initdb, postgres)"
    cluster = PostgresCluster(programs, data)
    cluster.create()
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()


@contextmanager
def lasting_redis() -> Iterator[LastingRedis]:
    """A running `LastingRedis`."""
    with TemporaryDirectory() as folder:
        server = LastingRedis(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
