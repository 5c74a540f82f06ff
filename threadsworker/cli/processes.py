"""Workers, beats and Flower as processes."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from socket import gethostname
from time import monotonic, time
from uuid import uuid4

from threadsworker.cli.console import note
from threadsworker.settings import Settings

#: Steps that one worker takes at a time. They wait for Meta most of the time.
CONCURRENCY = 4
#: Seconds until a child that ended on its own is started again, and the longest pause.
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
#: A child that has lived for this long is started again at once.
STEADY = 60.0
#: Time that a worker needs to end, once its own grace period is over.
FAREWELL = timedelta(seconds=10)
#: A beat writes its schedule file every three minutes; one so old is nobody's.
FORGOTTEN = timedelta(days=1)
_PR_SET_PDEATHSIG = 1
#: Celery looks for `tasks` in the working directory first, and an app may have one there.
_OURS_FIRST = (
    "import sys; sys.path.insert(0, sys.argv[1]); import tasks; del sys.path[0], sys.argv[:2]; "
)
_CELERY = _OURS_FIRST + "from tasks.command import main; main()"
_FLOWER = _OURS_FIRST + "from threadsworker.cli.flower import main; main()"


def celery(*arguments: str) -> list[str]:
    """The command line of `celery -A tasks.app …`, whatever else is called `tasks`."""
    return [sys.executable, "-c", _CELERY, _ours(), "celery", "-A", "tasks.app", *arguments]


def _ours() -> str:
    return str(Path(__file__).parents[2])


def worker_command(settings: Settings, extra: Sequence[str] = ()) -> list[str]:
    """A worker with a node name of its own, so that two may share a machine."""
    given = [part.split("=")[0] for part in extra]
    options = ["--without-mingle", "--without-gossip"]
    if not {"-n", "--hostname"} & set(given):
        options += ["-n", f"worker-{uuid4().hex[:8]}@%h"]
    if not any(part in ("-c", "--concurrency", "--autoscale") for part in given):
        options += ["--concurrency", str(CONCURRENCY)]
    return celery("worker", *options, *extra)


def beat_command(settings: Settings, extra: Sequence[str] = ()) -> list[str]:
    """A beat with a schedule file of its own, so that two may share a home, from two hosts too."""
    home = settings.ensure_home()
    host = re.sub(r"[^\w.-]", "_", gethostname())
    for old in home.glob("beat-*.db*"):
        if _is_left_over(old, host):
            old.unlink(missing_ok=True)
    options = []
    if not {"-s", "--schedule"} & {part.split("=")[0] for part in extra}:
        # The process keeps its id when celery takes its place.
        options = ["--schedule", str(home / f"beat-{host}-{os.getpid()}.db")]
    return celery("beat", *options, *extra)


def _is_left_over(schedule: Path, host: str) -> bool:
    """Whether its beat has ended: here the process tells, of another host only the file's age."""
    process = schedule.name.removeprefix(f"beat-{host}-").partition(".")[0]
    if process.isdigit():
        return not _lives(int(process))
    with suppress(FileNotFoundError):
        return time() - schedule.stat().st_mtime > FORGOTTEN.total_seconds()
    return False


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        # It is another user's, or no number of a process: not ours to judge.
        return True
    return True


def flower_command(extra: Sequence[str] = ()) -> list[str]:
    """Flower, as its settings say; see `threadsworker.cli.flower`."""
    return [sys.executable, "-c", _FLOWER, _ours(), "flower", *extra]


def become(command: Sequence[str], changes: Mapping[str, str] | None = None) -> None:
    """
    Put `command` in the place of this process. Signals and exit code are its own; `changes` are
    to its environment.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], list(command), environment(changes or {}))  # noqa: S606 - no shell


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `changes`, for children that live by other settings."""
    return {**os.environ, **changes}  # noqa: TID251 - handed on, not read


@dataclass
class _Child:
    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = 0.0


@dataclass
class Family:
    """
    Children that live and end with this process.

    A child that ends on its own is started again. On Linux the kernel ends them if this
    process is killed.
    """

    commands: Mapping[str, Sequence[str]]
    env: Mapping[str, str] | None = None
    log: Path | None = None
    #: What children are given to end after SIGTERM.
    grace: timedelta = timedelta(seconds=60)
    _children: list[_Child] = field(default_factory=list)
    _asked: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self._children = [_Child(name, command) for name, command in self.commands.items()]
        for child in self._children:
            self._start(child)

    def run(self) -> None:
        """Start, keep alive until SIGINT or SIGTERM, end."""
        signal.signal(signal.SIGTERM, lambda *_: self._asked.set())
        signal.signal(signal.SIGINT, lambda *_: self._asked.set())
        self.start()
        try:
            while not self._asked.wait(0.5):
                for child in self._children:
                    self._look_after(child)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            self.stop()

    def stop(self) -> None:
        """Ask the children to finish what they have in hand; kill those that do not end."""
        for child in self._children:
            if child.process is not None and child.process.poll() is None:
                child.process.terminate()
        deadline = monotonic() + self.grace.total_seconds()
        for child in self._children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, deadline - monotonic()))
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                child.process.kill()
                child.process.wait()

    def ended(self) -> list[str]:
        """Names of the children that are not running."""
        return [c.name for c in self._children if c.process is None or c.process.poll() is not None]

    def _look_after(self, child: _Child) -> None:
        if child.process is not None:
            code = child.process.poll()
            if code is None:
                return
            if monotonic() - child.started > STEADY:
                child.pause = FIRST_PAUSE
            note(f"{child.name} ended with {code}; started again in {child.pause:.0f} s")
            child.due = monotonic() + child.pause
            child.pause = min(LONGEST_PAUSE, child.pause * 2)
            child.process = None
        if monotonic() >= child.due:
            self._start(child)

    def _start(self, child: _Child) -> None:
        output = self.log.open("ab") if self.log else None
        child.started = monotonic()
        child.process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            child.command,
            env=self.env,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            # A Ctrl-C in the terminal is ours to hand on.
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
        if output:
            output.close()


def _end_with_parent() -> None:
    """In the child: have the kernel send SIGTERM when the parent is gone, even by kill -9."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
