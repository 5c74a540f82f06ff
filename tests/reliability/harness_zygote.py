"""
Celery workers for a third of a second each.

Most of a worker's start is imports. A zygote is a process that has made them once and forks
a worker on request: a real process, started with the command line that `threadsworker worker`
uses, which reads its settings, makes its connections and installs its signal handlers itself.

`python -m tests.reliability.harness_zygote` is the process; `Zygote` is the way to it.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

#: Everything that a worker imports, but for `tasks`, whose import reads the settings.
PRELOADED = (
    "celery.__main__",
    "celery.bin.celery",
    "celery.bin.worker",
    "celery.apps.worker",
    "celery.worker.worker",
    "celery.worker.consumer",
    "celery.worker.strategy",
    "celery.concurrency.solo",
    "celery.app.amqp",
    "celery.app.events",
    "celery.app.log",
    "celery.app.trace",
    "celery.fixups.django",
    "kombu.transport.redis",
    "alembic.command",
    "alembic.script",
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "tests.reliability.harness_lines",
    "threadsworker.cli.processes",
    "threadsworker.steps.cleanup",
    "threadsworker.steps.create_containers",
    "threadsworker.steps.poll_status",
    "threadsworker.steps.publish",
    "threadsworker.steps.reply_chain",
    "threadsworker.steps.start",
    "threadsworker.steps.take",
    "threadsworker.steps.upkeep",
    "threadsworker.steps.upload",
    "threadsworker.store.schema",
)
_PR_SET_PDEATHSIG = 1


class Zygote:
    """The process, and requests to it. Safe to share between threads."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lock = threading.Lock()

    def start_worker(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path,
        log: Path,
        lines: Mapping[str, Any] | None = None,
    ) -> int:
        """
        Start ``celery …``; its process id. It ends with this process at the latest.

        Parameters
        ----------
        lines:
            What `harness_lines.follow` is called with in the worker, if anything.
        """
        request = {
            "arguments": list(arguments),
            "environment": dict(environment),
            "directory": str(directory),
            "log": str(log),
            "lines": lines,
        }
        return int(self._ask(json.dumps(request)))

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
            return self._process.stdout.readline()


@contextmanager
def zygote() -> Iterator[Zygote]:
    """A running zygote. It and its workers are gone afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.harness_zygote"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "the zygote did not start"
        yield Zygote(process)
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    """Fork a worker for every line of standard input, and answer with its process id."""
    for name in PRELOADED:
        importlib.import_module(name)
    # The pages of what is imported stay shared with the children.
    gc.freeze()
    # The kernel buries the dead.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _say("ready")
    while line := sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            _become_worker(json.loads(line))
        _say(str(pid))


def _say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def _become_worker(request: Mapping[str, Any]) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if sys.platform == "linux":
        # A worker that is stopped when the zygote dies would stay for ever.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["directory"])
    sys.argv = ["celery", *request["arguments"]]
    if request["lines"] is not None:
        from tests.reliability import harness_lines

        harness_lines.follow(**request["lines"])
    from celery.__main__ import main as celery

    try:
        celery()
    except SystemExit:
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
