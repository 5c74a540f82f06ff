"""The workers and beats of the soak: process groups that are killed, stopped and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, time

ROOT = Path(__file__).parents[2]
#: Seconds until a process that ended on its own is started again, as by systemd.
RESTART_AFTER = 1.0
#: Seconds that processes are given to end in order.
GRACE = 60.0


@dataclass
class Member:
    """A worker or a beat, in its present life."""

    name: str
    arguments: tuple[str, ...]
    process: subprocess.Popen[bytes]
    lives: int = 1

    @property
    def group(self) -> int:
        """Its process group, which outlives it if its children do."""
        return self.process.pid


@dataclass(frozen=True)
class Ending:
    """A process that ended although nobody had killed it."""

    at: float
    name: str
    code: int


@dataclass
class Fleet:
    """
    Workers and beats that share a home.

    A member that ends on its own is started again. Safe to use from several threads.
    """

    home: Path
    environment: Mapping[str, str]
    members: dict[str, Member] = field(default_factory=dict)
    #: Endings that nobody had asked for.
    endings: list[Ending] = field(default_factory=list)
    _groups: set[int] = field(default_factory=set)
    _due: dict[str, float] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def launch(self, name: str, *arguments: str) -> None:
        """Start `threadsworker …` for the first time."""
        self.members[name] = Member(name, arguments, self._spawn(name, arguments))

    def run(self, *arguments: str) -> None:
        """Run `threadsworker …` to its end."""
        subprocess.run(
            [sys.executable, "-m", "threadsworker", *arguments],
            env=dict(self.environment),
            cwd=self.home,
            check=True,
        )

    def of_kind(self, kind: str) -> list[str]:
        """Names of the members of that kind: ``worker`` or ``beat``."""
        return sorted(name for name, one in self.members.items() if one.arguments[0] == kind)

    def pids(self, name: str) -> list[int]:
        """The member's process and its children."""
        return _pids_of_groups({self.members[name].group})

    def all_pids(self) -> list[int]:
        """Every process of every member, and children that outlived theirs."""
        return _pids_of_groups(self._groups)

    def replace(self, name: str) -> None:
        """Start the member anew, in the place of one that was killed."""
        with self._lock:
            member = self.members[name]
            member.process.wait(GRACE)
            # A number that nobody of ours has any more may soon be somebody else's.
            self._groups = {group for group in self._groups if _pids_of_groups({group})}
            member.lives += 1
            member.process = self._spawn(name, member.arguments)

    def kill(self, name: str) -> None:
        """SIGKILL for the whole group, and a new life."""
        with self._lock:
            with suppress(ProcessLookupError):
                os.killpg(self.members[name].group, signal.SIGKILL)
            self.replace(name)

    def kill_one(self, name: str, pid: int) -> None:
        """SIGKILL for one process of the group; a new life if it was the first of it."""
        with self._lock:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            if pid == self.members[name].group:
                self.replace(name)

    def look_after(self) -> None:
        """Start what has ended on its own, after a moment."""
        with self._lock:
            for name, member in self.members.items():
                code = member.process.poll()
                if code is None:
                    continue
                if name not in self._due:
                    self.endings.append(Ending(time(), name, code))
                    self._due[name] = monotonic() + RESTART_AFTER
                elif monotonic() >= self._due[name]:
                    del self._due[name]
                    self.replace(name)

    def are_up(self) -> bool:
        """Whether every member is running."""
        return all(member.process.poll() is None for member in self.members.values())

    def signal_all(self, what: signal.Signals) -> None:
        for group in list(self._groups):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, what)

    def stop(self) -> list[str]:
        """Ask all to end; the names of those that had to be killed."""
        self.signal_all(signal.SIGCONT)
        for member in self.members.values():
            member.process.terminate()
        deadline = monotonic() + GRACE
        late = []
        for name, member in self.members.items():
            try:
                member.process.wait(max(0.1, deadline - monotonic()))
            except subprocess.TimeoutExpired:
                late.append(name)
        self.signal_all(signal.SIGKILL)
        for member in self.members.values():
            member.process.wait()
        return late

    def logs(self) -> list[Path]:
        return sorted(self.home.glob("*.log"))

    def _spawn(self, name: str, arguments: Iterable[str]) -> subprocess.Popen[bytes]:
        with (self.home / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "threadsworker", *arguments],
                env=dict(self.environment),
                cwd=self.home,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._groups.add(process.pid)
        return process


def _pids_of_groups(groups: set[int]) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            # The name in brackets may hold anything; state, parent and group follow it.
            state, _, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(group) in groups and state != "Z":
                found.append(int(entry.name))
    return sorted(found)


def client_ports(pids: Iterable[int], server_port: int) -> dict[int, int]:
    """Local ports of the processes' connections to a loopback server, with their pids."""
    ports = _ports_by_inode(server_port)
    found = {}
    for pid in pids:
        with suppress(OSError):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    target = str(descriptor.readlink())
                    if target.startswith("socket:[") and target[8:-1] in ports:
                        found[ports[target[8:-1]]] = pid
    return found


def _ports_by_inode(server_port: int) -> dict[str, int]:
    remote = f"0100007F:{server_port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = (line.split() for line in lines)
    return {row[9]: int(row[1].rpartition(":")[2], 16) for row in rows if row[2] == remote}
