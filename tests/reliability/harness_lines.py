"""Follow a worker line by line through some modules, and kill it at one of the lines."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

Trace = Callable[[FrameType, str, Any], Any]


def follow(
    modules: Sequence[str], *, kill_at: int | None = None, record: str | None = None
) -> None:
    """
    Count the lines that this process runs in `modules` from now on, in all its threads.

    Parameters
    ----------
    modules:
        File names without their directory, such as ``publish.py`` of the steps.
    kill_at:
        SIGKILL this process before it runs the line of that number, counted from 1.
    record:
        A file that every ``module:line`` is appended to.
    """
    wanted = {f"{os.sep}steps{os.sep}{name}" for name in modules}
    journal = None if record is None else os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    seen = 0

    def line(frame: FrameType, event: str, _argument: Any) -> Trace:
        nonlocal seen
        if event == "line":
            seen += 1
            if journal is not None:
                name = os.path.basename(frame.f_code.co_filename)
                os.write(journal, f"{name}:{frame.f_lineno}\n".encode())
            if seen == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return line

    def call(frame: FrameType, _event: str, _argument: Any) -> Trace | None:
        return line if frame.f_code.co_filename.endswith(tuple(wanted)) else None

    sys.settrace(call)
    threading.settrace(call)
