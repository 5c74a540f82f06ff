"""
The sandbox in a process of its own, so that it does not share a benchmark's interpreter.

`python -m tests.bench.sandbox_process` is that process: options come as JSON on standard input,
and the port goes out as the first line.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from threadsworker.sandbox import Sandbox, SandboxOptions

#: Seconds that a ledger of a long run may take to come.
PATIENCE = 120.0


@dataclass(frozen=True)
class SandboxProcess:
    """Where it is, and what it can be asked."""

    pid: int
    url: str

    @property
    def addresses(self) -> dict[str, str]:
        """The settings that lead to it."""
        return {
            "THREADSWORKER_THREADS_API_URL": self.url,
            "THREADSWORKER_GITHUB_API_URL": f"{self.url}/github",
            "THREADSWORKER_GITHUB_RAW_URL": f"{self.url}/raw",
        }

    def ledger(self) -> list[dict[str, Any]]:
        """What was asked, in order."""
        return self._get("ledger")

    def posts(self) -> list[dict[str, Any]]:
        """Live posts in the order in which they were published."""
        return self._get("posts")

    def reset(self) -> None:
        """Forget everything but the options that it was begun with."""
        requests.post(f"{self.url}/_sandbox/reset", timeout=PATIENCE).raise_for_status()

    def _get(self, what: str) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.url}/_sandbox/{what}", timeout=PATIENCE)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found


@contextmanager
def sandbox_process(options: SandboxOptions) -> Iterator[SandboxProcess]:
    """A running one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.sandbox_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(options.model_dump_json() + "\n")
        process.stdin.flush()
        yield SandboxProcess(process.pid, process.stdout.readline().strip())
    finally:
        # It ends with its standard input, also where this process was killed.
        process.stdin.close()
        process.wait(30)


def main() -> None:
    """Serve until standard input ends."""
    options = SandboxOptions.model_validate(json.loads(sys.stdin.readline()))
    # What it serves by one connection waits no longer than need be for another's turn.
    sys.setswitchinterval(0.001)
    with Sandbox(options=options) as sandbox:
        sys.stdout.write(f"{sandbox.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
