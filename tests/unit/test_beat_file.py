"""Whose schedule files a beat takes away from a home that others share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from socket import gethostname

import pytest

from threadsworker.cli.processes import beat_command
from threadsworker.settings import load_settings


@pytest.fixture
def ended() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_beat_takes_away_what_beats_of_its_host_have_left(tmp_path: Path, ended: int) -> None:
    here, beside = f"beat-{gethostname()}", f"beat-{gethostname()}-2"
    kept = [
        # Of this host, and alive.
        f"{here}-{os.getppid()}.db",
        # Of other hosts, where that number is another process.
        f"beat-elsewhere-{ended}.db",
        f"{beside}-{ended}.db",
    ]
    gone = [f"{here}-{ended}.db", f"{here}-{ended}.db-wal", "beat-forgotten-7.db"]
    for name in (*kept, *gone):
        (tmp_path / name).touch()
    os.utime(tmp_path / "beat-forgotten-7.db", (0, 0))
    command = beat_command(load_settings(home=tmp_path))
    assert sorted(path.name for path in tmp_path.glob("beat-*")) == sorted(kept)
    schedule = Path(command[command.index("--schedule") + 1])
    assert schedule == tmp_path / f"{here}-{os.getpid()}.db"
