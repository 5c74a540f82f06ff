"""threadsworker as its users run it: real processes, real servers, the sandbox over HTTP."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from threadsworker import Client
from threadsworker.sandbox import Sandbox
from threadsworker.settings import load_settings

ACCESS_TOKEN = "sandbox-access-token-7c1f0a52"
GITHUB_TOKEN = "ghp_sandboxGithubToken0123456789abcdef"
USER_ID = "17841400000000001"


@dataclass
class Installation:
    """One home, its settings, and the processes that were started in it."""

    home: Path
    sandbox: Sandbox
    settings: Mapping[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return {
            **inherited,
            "THREADSWORKER_HOME": str(self.home),
            "THREADSWORKER_THREADS_API_URL": self.sandbox.threads_api_url,
            "THREADSWORKER_GITHUB_API_URL": self.sandbox.github_api_url,
            "THREADSWORKER_GITHUB_RAW_URL": self.sandbox.github_raw_url,
            "THREADSWORKER_USER_ID": USER_ID,
            "THREADSWORKER_ACCESS_TOKEN": ACCESS_TOKEN,
            "THREADSWORKER_GITHUB_REPO": "octo/stage",
            "THREADSWORKER_GITHUB_TOKEN": GITHUB_TOKEN,
            "THREADSWORKER_DISPATCH_EVERY": "1",
            **self.settings,
        }

    def start(self, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        """
        Start `threadsworker …` in the background, its output in a log file of its own; with
        `settings` that the others do not have.
        """
        name = f"{len(self.processes)}-{arguments[0]}.log"
        with (self.home / name).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "threadsworker", *arguments],
                env={**self.environment, **settings},
                cwd=self.home,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def run(
        self, *arguments: str, expect: int = 0, timeout: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Run `threadsworker …` to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "threadsworker", *arguments],
            env=self.environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == expect, (
            f"{arguments}: exit {done.returncode}, not {expect}\n"
            f"{done.stdout}\n{done.stderr}\n{self.logs()}"
        )
        return done

    def client(self) -> Client:
        """A client of the installation, in this process."""
        prefix = "THREADSWORKER_"
        given = {
            name.removeprefix(prefix).lower(): value
            for name, value in self.environment.items()
            if name.startswith(prefix)
        }
        return Client(load_settings(**given))

    def json(self, *arguments: str, expect: int = 0, timeout: float = 120.0) -> Any:
        """What `threadsworker … --json` answers."""
        return json.loads(self.run(*arguments, "--json", expect=expect, timeout=timeout).stdout)

    def publish(self, *arguments: str, timeout: float = 120.0) -> dict[str, Any]:
        """Post, wait until it is published, and what `show` says of the job then."""
        posted = self.json(
            "post", *arguments, "--wait", "--timeout", str(timeout), timeout=timeout + 20
        )
        shown: dict[str, Any] = self.json("show", posted["id"])
        return shown

    def logs(self) -> str:
        """The last of what the processes have written."""
        return "\n".join(
            f"--- {log.name}\n{log.read_text(errors='replace')[-6000:]}"
            for log in sorted(self.home.glob("*.log"))
        )

    def stop(self) -> None:
        """Stop the processes, the last started first, as an operator would."""
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(20)


@contextmanager
def installation(
    home: Path,
    sandbox: Sandbox,
    settings: Mapping[str, str],
    *,
    processes: Sequence[Sequence[str]] = (("worker",), ("beat",)),
) -> Iterator[Installation]:
    """An installation whose `processes` are running."""
    home.mkdir(exist_ok=True)
    installed = Installation(home=home, sandbox=sandbox, settings=settings)
    if "THREADSWORKER_DATABASE_URL" in settings:
        installed.run("db", "upgrade")
    try:
        for arguments in processes:
            installed.start(*arguments)
        yield installed
    finally:
        installed.stop()
