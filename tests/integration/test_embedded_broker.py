"""The embedded broker, with real processes, real signals and a real server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from kombu.connection import Connection
from redis import Redis

from threadsworker import broker
from threadsworker.errors import InvalidSettings

#: Holds the broker of a home, says so, and waits to be told to leave or to be killed.
HOLDER = """
import sys
from pathlib import Path
from threadsworker import broker
held = broker.hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
held.release()
"""
#: The same, but becomes another program in between.
HOLDER_THAT_EXECS = """
import os, sys
from pathlib import Path
from threadsworker import broker
broker.hold(Path(sys.argv[1]))
os.execv(sys.executable, [
    sys.executable, "-c", "import sys; print('held', flush=True); sys.stdin.read()"
])
"""


class StartHolder(Protocol):
    def __call__(self, home: Path, program: str = HOLDER) -> subprocess.Popen[bytes]: ...


@pytest.fixture
def start_holder() -> Iterator[StartHolder]:
    """Start a process that holds the broker of a home; it does when this returns."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(home: Path, program: str = HOLDER) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home with a short path, and afterwards proof that nothing of it is running."""
    home = tmp_path / "home"
    yield home
    eventually(lambda: not broker.is_running(home))


def eventually(true: Callable[[], bool], *, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not become true in time"
        threading.Event().wait(0.02)


def server(home: Path) -> Redis:
    return Redis(unix_socket_path=str(broker.socket_path(home)), decode_responses=True)


def server_pid(home: Path) -> int:
    with server(home) as client:
        return int(client.info("server")["process_id"])


def servers_of(home: Path) -> list[str]:
    """The server processes that run in that home."""
    program = str(broker.server_program().resolve())
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (os.readlink(process / "exe"), os.readlink(process / "cwd")) == (program, str(home)):
                found.append(process.name)
        except OSError:  # gone meanwhile, or not ours
            continue
    return found


def keeper_pid(home: Path) -> int:
    with open(f"/proc/{server_pid(home)}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def test_a_hold_starts_the_server_and_its_release_stops_it(home: Path) -> None:
    assert not broker.is_running(home)
    with broker.hold(home):
        assert broker.is_running(home)
    eventually(lambda: not broker.socket_path(home).exists())
    assert not broker.is_running(home)


def test_the_server_listens_on_a_private_socket_only_and_writes_nothing(home: Path) -> None:
    with broker.hold(home), server(home) as client:
        config = {
            name: client.config_get(name)[name]
            for name in ("port", "save", "appendonly", "maxmemory-policy")
        }
        assert config == {
            "port": "0",
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
        }
        assert home.stat().st_mode & 0o777 == 0o700
        assert broker.socket_path(home).stat().st_mode & 0o077 == 0


def test_the_server_does_not_know_the_environment_of_a_holder(
    home: Path, start_holder: StartHolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THREADSWORKER_ACCESS_TOKEN", "THAAnot-for-the-server")
    start_holder(home)
    assert b"THAA" not in Path(f"/proc/{server_pid(home)}/environ").read_bytes()


def test_the_second_holder_uses_the_server_of_the_first(
    home: Path, start_holder: StartHolder
) -> None:
    start_holder(home)
    before = server_pid(home)
    start_holder(home)
    assert server_pid(home) == before


def test_holders_that_come_at_the_same_moment_share_one_server(home: Path) -> None:
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    try:
        for holder in holders:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
        servers = servers_of(home)
    finally:
        for holder in holders:
            holder.kill()
            holder.communicate()
    assert len(servers) == 1


def test_the_server_outlives_every_holder_but_the_last_even_if_they_are_killed(
    home: Path, start_holder: StartHolder
) -> None:
    first, second = start_holder(home), start_holder(home)
    before = server_pid(home)
    kill(first)
    # A server that had been told to stop would be gone by then.
    with pytest.raises(AssertionError):
        eventually(lambda: not broker.is_running(home), seconds=1)
    assert server_pid(home) == before
    kill(second)
    eventually(lambda: not broker.socket_path(home).exists())
    eventually(lambda: not os.path.exists(f"/proc/{before}"))


def test_a_hold_survives_exec(home: Path, start_holder: StartHolder) -> None:
    holder = start_holder(home, HOLDER_THAT_EXECS)
    with pytest.raises(AssertionError):
        eventually(lambda: not broker.is_running(home), seconds=1)
    kill(holder)
    eventually(lambda: not broker.is_running(home))


def test_a_killed_server_comes_back(home: Path, start_holder: StartHolder) -> None:
    start_holder(home)
    before = server_pid(home)
    os.kill(before, signal.SIGKILL)
    eventually(lambda: broker.is_running(home) and server_pid(home) != before)


def test_a_service_manager_that_stops_every_process_at_once_does_not_take_the_broker_away(
    home: Path, start_holder: StartHolder
) -> None:
    start_holder(home)
    before, keeper = server_pid(home), keeper_pid(home)
    os.kill(keeper, signal.SIGTERM)
    os.kill(before, signal.SIGTERM)
    eventually(lambda: broker.is_running(home) and server_pid(home) != before)
    assert keeper_pid(home) == keeper


def test_a_server_whose_keeper_was_killed_is_replaced_by_the_next_hold(
    home: Path, start_holder: StartHolder
) -> None:
    first = start_holder(home)
    orphan, keeper = server_pid(home), keeper_pid(home)
    os.kill(keeper, signal.SIGKILL)
    second = start_holder(home)
    eventually(lambda: not os.path.exists(f"/proc/{orphan}"))
    assert server_pid(home) != orphan
    kill(first)
    kill(second)
    eventually(lambda: not broker.is_running(home))


def test_a_newcomer_gets_a_server_while_the_old_one_is_stopping(home: Path) -> None:
    for _ in range(5):
        with broker.hold(home):
            assert broker.is_running(home)


def test_two_holds_of_one_process_are_counted(home: Path) -> None:
    first, second = broker.hold(home), broker.hold(home)
    second.release()
    second.release()
    with pytest.raises(AssertionError):
        eventually(lambda: not broker.is_running(home), seconds=0.5)
    first.release()
    eventually(lambda: not broker.is_running(home))


@pytest.mark.parametrize("name", ["a home with spaces & 100% ünicode", "x" * 150])
def test_kombu_reaches_the_server_through_its_url(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    with broker.hold(home):
        assert len(os.fsencode(broker.socket_path(home))) <= broker.SOCKET_PATH_LIMIT
        with Connection(broker.broker_url(home)) as connection:  # type: ignore[no-untyped-call]
            queue = connection.SimpleQueue("letters")
            queue.put("hello")
            message = queue.get(timeout=5)
            message.ack()
            queue.close()
    assert message.payload == "hello"
    eventually(lambda: not broker.socket_path(home).exists())
    directory = broker.socket_path(home).parent
    eventually(lambda: directory == home or not directory.exists())


def test_the_url_is_a_function_of_the_home_however_it_is_spelled(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 150)
    long.mkdir()
    (tmp_path / "link").symlink_to(long)
    assert broker.broker_url(tmp_path / "link") == broker.broker_url(long / "y" / "..")
    assert broker.broker_url(long) != broker.broker_url(tmp_path / ("y" * 150))


def test_a_socket_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    home = tmp_path / ("z" * 150)
    directory = broker.socket_path(home).parent
    directory.mkdir()
    directory.chmod(0o755)
    try:
        with pytest.raises(InvalidSettings, match="not this user's alone"):
            broker.hold(home)
    finally:
        directory.rmdir()


def test_a_home_without_a_server_is_not_running(tmp_path: Path) -> None:
    assert not broker.is_running(tmp_path)


def test_a_socket_that_a_killed_server_left_behind_is_not_running(
    home: Path, start_holder: StartHolder
) -> None:
    holder = start_holder(home)
    processes = server_pid(home), keeper_pid(home)
    for process in reversed(processes):
        os.kill(process, signal.SIGKILL)
    eventually(lambda: not broker.is_running(home))
    assert broker.socket_path(home).exists()
    start_holder(home)
    assert broker.is_running(home)
    kill(holder)
