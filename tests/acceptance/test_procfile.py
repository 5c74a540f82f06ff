"""The Procfile as a platform runs it: the release phase, then its processes, on real servers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from honcho.environ import parse_procfile

from tests.acceptance.installation import Installation
from tests.deployment import redis_of_compose
from tests.services import PostgresServer, eventually, free_port
from threadsworker.sandbox import Fault, FaultMatch, Sandbox
from threadsworker.sandbox.request import Request

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "threadsworker" / "sandbox" / "assets" / "harbour.jpg"
#: Those that run without an app at Meta; `web` receives what it tells.
STARTED = ("worker", "beat", "flower")
FLOWER = ("operator", "flower-password-93b1")
#: Of a busy machine: seconds until processes are up, or a thread is out.
PATIENCE = 120.0


@dataclass
class Platform:
    """Runs the Procfile in one installation, as honcho does."""

    installed: Installation
    port: int
    honcho: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.installed.environment,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            # honcho gives the third process this and 200 more.
            "PORT": str(self.port - 200),
            "FLOWER_BASIC_AUTH": ":".join(FLOWER),
            "THREADSWORKER_FLOWER_BASIC_AUTH": ":".join(FLOWER),
        }

    def release(self) -> str:
        """What the release phase says. Fails if it fails."""
        command = parse_procfile((ROOT / "Procfile").read_text()).processes["release"]
        done = subprocess.run(
            ["sh", "-c", command],
            env=self.environment,
            cwd=self.installed.home,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stderr

    def start(self) -> None:
        # By name: all of a Procfile's would be the release phase too, and honcho ends the others
        # when one has ended.
        command = [sys.executable, "-m", "honcho", "-f", str(ROOT / "Procfile"), "start"]
        with (self.installed.home / "honcho.log").open("ab") as log:
            self.honcho = subprocess.Popen(
                [*command, *STARTED],
                env=self.environment,
                cwd=self.installed.home,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def terminate(self) -> None:
        """SIGTERM, as on each deployment; gone when this returns."""
        assert self.honcho is not None
        self.honcho.send_signal(signal.SIGTERM)
        self.honcho.wait(PATIENCE)

    def ask_flower(self, path: str) -> requests.Response | None:
        """What Flower answers; None while it does not."""
        with suppress(requests.RequestException):
            url = f"http://127.0.0.1:{self.port}{path}"
            answer = requests.get(url, auth=FLOWER, timeout=30)
            return answer if answer.ok else None
        return None

    def tasks_of(self, job: str) -> dict[str, dict[str, Any]]:
        """What Flower's API tells of the job's tasks, by their ids."""
        answer = self.ask_flower("/api/tasks?limit=1000")
        tasks: dict[str, dict[str, Any]] = {} if answer is None else answer.json()
        return {uuid: task for uuid, task in tasks.items() if job in str(task["args"])}


@pytest.fixture(scope="module")
def platform(
    sandbox: Sandbox, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Platform]:
    """Released, and running."""
    folder = tmp_path_factory.mktemp("platform")
    with redis_of_compose(folder / "redis") as broker, postgres.database() as database:
        settings = {
            "THREADSWORKER_BROKER_URL": broker,
            "THREADSWORKER_DATABASE_URL": database,
            "THREADSWORKER_SECRET_KEY": "a key that every process has",
            # So long that nothing here can be due to its end.
            "THREADSWORKER_LEASE": "600",
        }
        home = folder / "home"
        home.mkdir()
        platform = Platform(Installation(home, sandbox, settings), free_port())
        assert "schema version" in platform.release()
        try:
            platform.start()
            eventually(partial(platform.ask_flower, "/healthcheck"), timeout=PATIENCE)
            yield platform
        finally:
            if platform.honcho is not None and platform.honcho.poll() is None:
                platform.terminate()


def texts_of(sandbox: Sandbox, beginning: str) -> list[str]:
    return [post.text for post in sandbox.posts() if post.text.startswith(beginning)]


def test_a_thread_goes_out_and_flower_shows_it(platform: Platform, sandbox: Sandbox) -> None:
    thread = "A tide comes.\n---\nA tide goes.\n---\nA tide has gone."
    posted = ("post", thread, "-f", str(PICTURE), "--wait", "--timeout", str(PATIENCE))
    published = platform.installed.json(*posted, timeout=PATIENCE + 60)
    assert len(texts_of(sandbox, "A tide")) == 3
    assert sandbox.staged_files() == 0

    def finished() -> dict[str, dict[str, Any]]:
        tasks = platform.tasks_of(published["id"])
        ends = {task["name"]: task["state"] for task in tasks.values()}
        return tasks if ends.get("threadsworker.cleanup") == "SUCCESS" else {}

    tasks = eventually(finished, timeout=PATIENCE)
    names = [task["name"] for task in tasks.values()]
    assert names.count("threadsworker.publish") >= 3
    assert "A tide" not in str(tasks)
    publish = next(uuid for uuid in tasks if tasks[uuid]["name"] == "threadsworker.publish")
    page = platform.ask_flower(f"/task/{publish}")
    assert page is not None
    assert "threadsworker.publish" in page.text
    assert published["id"] in page.text


def test_a_deployment_during_a_publish_costs_no_post_and_no_time(
    platform: Platform, sandbox: Sandbox
) -> None:
    """SIGTERM while Meta has published, and has not answered yet; then the new release."""
    installed = platform.installed

    def deploy(_: Request) -> None:
        assert platform.honcho is not None
        platform.honcho.send_signal(signal.SIGTERM)

    publish = FaultMatch(service="threads", method="POST", path_regex="threads_publish$")
    sandbox.plan_fault(Fault(match=publish, delay=2.0), on_hit=deploy)
    job = installed.json("post", "Ebb one.\n---\nEbb two.\n---\nEbb three.")["id"]
    assert platform.honcho is not None
    platform.honcho.wait(PATIENCE)
    assert len(texts_of(sandbox, "Ebb")) == 1

    assert "schema version" in platform.release()
    platform.start()
    # Where somebody had to wait for the lease to end, this would take ten minutes.
    with installed.client() as client:
        ended = client.wait(job, timeout=PATIENCE)
    assert ended.state == "published", installed.logs()
    assert texts_of(sandbox, "Ebb") == ["Ebb one.", "Ebb two.", "Ebb three."]
