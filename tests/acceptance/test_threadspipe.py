"""`ThreadsPipe` beside a real worker: the worker does the work, and may die in it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.acceptance.installation import ACCESS_TOKEN, USER_ID, Installation, installation
from tests.services import eventually
from threadsworker import ThreadsPipe
from threadsworker.sandbox import Sandbox


def of(installed: Installation) -> ThreadsPipe:
    return ThreadsPipe(USER_ID, ACCESS_TOKEN, settings=installed.client().settings)


def test_a_worker_that_is_running_is_left_to_it_and_replaced_when_it_dies(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"THREADSWORKER_LEASE": "4", "THREADSWORKER_QUIET_PERIOD": "2"}
    with installation(tmp_path, sandbox, settings, processes=[("up",)]) as installed:
        eventually(lambda: "ready" in installed.logs(), timeout=60)
        with of(installed) as api:
            answer = api.pipe("by the worker")
            assert answer["info"] == "success"
            assert "No worker is running" not in caplog.text
            waiting = api.pipe("by whoever is there\n---\nand a second part", wait=False)
            # The whole family at once: nobody says goodbye.
            (family,) = installed.processes
            _kill_tree(family.pid)
            done = api.finish(waiting["job_id"], timeout=60)
        assert done["info"] == "success"
        posts = {post.id: post.text for post in sandbox.posts()}
        ids = [*answer["data"]["media_ids"], *done["data"]["media_ids"]]
        assert [posts[one] for one in ids] == [
            "by the worker",
            "by whoever is there",
            "and a second part",
        ]
        texts = [text for text in posts.values() if text == "by whoever is there"]
        assert len(texts) == 1


def _kill_tree(pid: int) -> None:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(pid, signal.SIGKILL)
    for child in children:
        _kill_tree(int(child))
