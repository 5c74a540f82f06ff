"""The processes as operators start them: `up`, the Procfile, two of each, and the demo."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import requests

from tests.acceptance.installation import (
    ACCESS_TOKEN,
    GITHUB_TOKEN,
    Installation,
    installation,
)
from tests.services import eventually, free_port
from threadsworker.broker import is_running
from threadsworker.sandbox import Sandbox
from threadsworker.steps.upkeep import DISPATCH
from threadsworker.store import duties
from threadsworker.store.database import reading

ROOT = Path(__file__).parents[2]
#: Of the Procfile: `release` is a phase before them, and `web` needs an app at Meta.
STARTED = ("worker", "beat", "flower")


def running_below(home: Path) -> list[str]:
    """Command lines of the processes that belong to this home."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if str(home) in line]


def answers(port: int) -> bool:
    """Whether Flower shows its page."""
    try:
        return requests.get(f"http://127.0.0.1:{port}/", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def test_up_takes_everything_down_with_it(sandbox: Sandbox, tmp_path: Path) -> None:
    with installation(tmp_path, sandbox, {}, processes=[("up",)]) as installed:
        installed.publish("before the end")
        assert is_running(tmp_path)
    eventually(lambda: not is_running(tmp_path))
    eventually(lambda: not running_below(tmp_path))


def test_up_killed_leaves_nothing_behind(sandbox: Sandbox, tmp_path: Path) -> None:
    with installation(tmp_path, sandbox, {}, processes=[("up",)]) as installed:
        installed.publish("before the kill")
        installed.processes[0].send_signal(signal.SIGKILL)
        eventually(lambda: not is_running(tmp_path), timeout=30)
        eventually(lambda: not running_below(tmp_path), timeout=30)


def test_two_workers_and_two_beats_share_a_home_and_publish_once(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    twice = [("worker",), ("beat",), ("worker",), ("beat",)]
    with installation(tmp_path, sandbox, {}, processes=twice) as installed:
        jobs = [installed.json("post", f"shared {n}\n---\nand more")["id"] for n in range(6)]
        for job in jobs:
            installed.run("watch", job, "--timeout", "60")
    texts = [post.text for post in sandbox.posts()]
    assert [texts.count(f"shared {n}") for n in range(6)] == [1] * 6
    logs = installed.logs()
    assert "DuplicateNodenameWarning" not in logs
    assert "Traceback" not in logs, logs


def test_a_long_queue_is_waited_for_and_not_rung_for_again(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Or the messages in it would be stale by the time that they reach its head."""
    settings = {"THREADSWORKER_LEASE": "3"}
    slow = [("worker", "--pool=solo"), ("beat",)]
    with (
        installation(tmp_path, sandbox, settings, processes=[]) as installed,
        installed.client() as client,
    ):
        jobs = [client.enqueue(f"one of many, {number}").id for number in range(80)]
        for arguments in slow:
            installed.start(*arguments)
        ended = [client.wait(job, timeout=120) for job in jobs]
    assert {job.state for job in ended} == {"published"}
    # Each is dispatched once, since there was no broker when it was enqueued.
    again = sum(job.run - 2 for job in ended)
    assert again < len(jobs) / 2, f"{again} restarts"
    texts = [post.text for post in sandbox.posts() if post.text.startswith("one of many")]
    assert len(texts) == len(set(texts)) == len(jobs)


def test_a_post_waits_for_a_worker(sandbox: Sandbox, tmp_path: Path) -> None:
    with installation(tmp_path, sandbox, {}, processes=[]) as installed:
        posted = installed.run("post", "early", "--json")
        assert "threadsworker up" in posted.stderr
        installed.start("up")
        job = installed.json("jobs")[0]["id"]
        installed.run("watch", job, "--timeout", "60")
        assert installed.json("show", job)["state"] == "published"


@pytest.mark.parametrize("where", ["embedded"])
def test_the_procfile_starts_worker_beat_and_flower(
    where: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    installed = Installation(tmp_path, sandbox, {})
    port = free_port()
    environment = {
        **installed.environment,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        # honcho gives the third process of a Procfile this and 200 more.
        "PORT": str(port - 200),
    }
    with (tmp_path / "honcho.log").open("wb") as log:
        honcho = subprocess.Popen(
            [sys.executable, "-m", "honcho", "-f", str(ROOT / "Procfile"), "start", *STARTED],
            env=environment,
            cwd=tmp_path,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    installed.processes.append(honcho)
    try:
        installed.publish(f"from a Procfile, {where}")
        eventually(partial(answers, port), timeout=30)
    finally:
        installed.stop()
    eventually(lambda: not is_running(tmp_path), timeout=30)
    assert "Traceback" not in installed.logs(), installed.logs()


def was_dispatched(installed: Installation) -> bool:
    """Whether due jobs were looked for: beat and worker are up."""
    with installed.client() as client, reading(client._ready()) as session:
        return duties.last_done(session, DISPATCH) is not None


def test_check_says_what_is_wrong(sandbox: Sandbox, tmp_path: Path) -> None:
    with installation(tmp_path, sandbox, {}, processes=[]) as installed:
        said = installed.run("check", expect=1).stdout
        assert "database: OK" in said
        assert "broker: FAILED" in said
        installed.start("up")
        eventually(lambda: is_running(tmp_path))
        assert "dispatch: FAILED" in said
        eventually(partial(was_dispatched, installed), timeout=60)
        said = installed.run("check").stdout
        assert "dispatch: OK" in said
        assert "staging in octo/stage: OK" in said


def test_accounts_are_added_shown_and_removed_without_their_tokens(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with installation(tmp_path, sandbox, {"THREADSWORKER_USER_ID": ""}, processes=[]) as installed:
        installed.run("account", "add", "astronomy", "--user-id", "17")
        installed.run("account", "add", "botany", "--user-id", "18", "--github-repo", "o/r")
        listed = installed.json("account", "list")
        assert [(one["name"], one["user_id"]) for one in listed] == [
            ("astronomy", "17"),
            ("botany", "18"),
        ]
        shown = installed.run("account", "show", "botany").stdout
        assert "botany" in shown
        assert ACCESS_TOKEN not in shown
        assert GITHUB_TOKEN not in shown
        installed.run("account", "remove", "botany", "--yes")
        installed.run("account", "show", "botany", expect=4)


def test_the_demo(tmp_path: Path) -> None:
    """The whole of it, as a newcomer sees it."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-m", "threadsworker", "demo"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("The plan:", "The thread:", "published in", "staged files left: 0"):
        assert said in done.stdout
    assert done.stdout.count("replies to") == 5
    assert done.stdout.count("https://www.threads.com/@") == 5
    for tag in ("#python", "#celery", "#threads"):
        assert done.stdout.count(tag) >= 1
    assert "segment 1: verified" in done.stderr
