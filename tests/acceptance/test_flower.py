"""Flower as an operator opens it: in a browser, behind a password, with chains of every fate."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import time

import pytest
import requests

from tests.acceptance.flower_scene import (
    PASSWORD,
    REFUSAL,
    TEXTS,
    USER,
    Scene,
    browser,
    listed,
    scene,
)
from tests.acceptance.installation import ACCESS_TOKEN, GITHUB_TOKEN, Installation
from tests.services import eventually, free_port
from threadsworker.sandbox import Sandbox


@pytest.fixture(scope="module")
def seen(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("home"), sandbox) as seen:
        yield seen


def test_a_browser_finds_a_finished_a_waiting_and_a_failed_chain(seen: Scene) -> None:
    with browser(seen) as page:
        finished = listed(page, seen, seen.jobs["finished"])
        assert any("segment 3/3" in row and "published" in row for row in finished)
        assert all("SUCCESS" in row for row in finished)
        waiting = listed(page, seen, seen.jobs["waiting"])
        assert any("waits: throttled, until" in row for row in waiting)
        failed = [row for row in listed(page, seen, "state:FAILURE") if REFUSAL in row]
        assert [seen.jobs["failed"] in row for row in failed] == [True]
        # From the list to the one task, which tells what to do.
        page.get_by_role("link", name=seen.jobs["failed"][:8]).first.click()
        page.wait_for_url("**/task/**")
        assert "ChainFailed: " in page.content()
        assert "Traceback" not in page.content()


def test_all_tasks_of_a_run_share_a_root_that_begins_with_the_job(seen: Scene) -> None:
    tasks = seen.tasks("finished")
    # Staging, four steps for each of three segments, cleaning up.
    assert len(tasks) == 1 + 3 * 4 + 1
    assert {one["root_id"] for one in tasks} == {tasks[0]["uuid"]}
    assert tasks[0]["uuid"].startswith(f"{seen.jobs['finished']}-run1-upload-")
    assert tasks[0]["args"] == f"main/{seen.jobs['finished']} run 1"
    assert len({one["uuid"] for one in tasks}) == len(tasks)
    # What comes after a failure is of the same chain.
    assert len({one["root_id"] for one in seen.tasks("failed")}) == 1


def test_a_failed_step_tells_metas_words_and_what_to_do(seen: Scene) -> None:
    failed = seen.stands("failed", "FAILURE", "create_containers")
    assert failed is not None
    assert failed["args"] == f"main/{seen.jobs['failed']} run 1 segment 1/1"
    error = seen.installed.json("show", seen.jobs["failed"])["error"]
    said = f"{error['message']} [{error['code']}] {error['advice']}"
    assert failed["exception"] == f"ChainFailed: {said}"
    assert REFUSAL in said
    assert not failed["traceback"]


def test_a_job_that_needs_a_person_says_so(seen: Scene) -> None:
    failed = seen.stands("review", "FAILURE", "cleanup")
    assert failed is not None
    assert failed["args"] == f"main/{seen.jobs['review']} run 1"
    assert failed["exception"].startswith("NeedsReview: segment 1 is live as ")


def test_a_step_that_waits_tells_what_for_and_keeps_its_name(seen: Scene) -> None:
    waits = seen.waits("processing")
    assert waits is not None
    assert waits["name"] == "threadsworker.publish"
    assert waits["exception"].startswith("waits: processing, until 20")
    assert not waits["traceback"]
    # Also when it comes back.
    assert waits["args"] == f"main/{seen.jobs['processing']} run 1 segment 1/1"


def test_the_page_of_the_broker_shows_both_queues(seen: Scene) -> None:
    shown = seen.get("/broker").text
    assert "threadsworker-upkeep" in shown


def test_beats_duties_do_not_hide_the_chains(seen: Scene) -> None:
    names = {one["name"] for one in seen.get("/api/tasks").json().values()}
    assert "threadsworker.publish" in names
    assert not names & {"threadsworker.dispatch_due", "threadsworker.rescue_stalled", None}


def test_no_text_and_no_secret_is_in_the_api_or_on_the_pages(seen: Scene) -> None:
    pages = ["/api/tasks", "/api/workers", "/", "/tasks", "/broker", "/metrics"]
    pages += [f"/task/{one['uuid']}" for job in seen.jobs for one in seen.tasks(job)[:3]]
    pages += [f"/api/task/info/{one['uuid']}" for one in seen.tasks("failed")]
    log = seen.installed.logs()
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    everything = {where: seen.get(where).text for where in pages}
    everything |= {"the logs": log, "the process list": commands.stdout}
    for where, shown in everything.items():
        for planted in (*TEXTS, ACCESS_TOKEN, GITHUB_TOKEN, PASSWORD):
            assert planted not in shown, where


@pytest.mark.parametrize("path", ["/", "/tasks", "/broker", "/api/tasks", "/api/workers"])
def test_nobody_gets_in_without_the_password(seen: Scene, path: str) -> None:
    for auth in (None, (USER, "another password")):
        answer = requests.get(f"{seen.url}{path}", auth=auth, timeout=30)
        assert answer.status_code == 401


def test_it_remembers_after_a_restart(seen: Scene, sandbox: Sandbox) -> None:
    """Also after a kill: what it has seen is saved every so often."""
    port = free_port()
    second = {"THREADSWORKER_FLOWER_DB": str(seen.installed.home / "second.db")}
    settings = {**seen.installed.settings, **second, "THREADSWORKER_FLOWER_PORT": str(port)}
    settings["THREADSWORKER_FLOWER_SAVE_EVERY"] = "1"
    own = Installation(seen.installed.home, sandbox, settings)
    other = Scene(own, port, dict(seen.jobs))
    try:
        first = own.start("flower")
        eventually(other.answers, timeout=90)
        other.jobs["late"] = own.json("post", "a late one")["id"]
        eventually(lambda: other.stands("late", "SUCCESS", "upload"), timeout=60)
        heard = time()
        eventually(lambda: saved_at(seen.installed.home) > heard + 1, timeout=60)
        first.kill()
        first.wait(20)
        own.start("flower")
        eventually(other.answers, timeout=90)
        assert other.stands("late", "SUCCESS", "upload")
    finally:
        own.stop()


def saved_at(home: Path) -> float:
    """When the second Flower last saved; the kind of file is Python's choice."""
    return max((file.stat().st_mtime for file in home.glob("second.db*")), default=0.0)


OPEN = ["--address=0.0.0.0", "--address=", "--address=::", "--address=192.0.2.1"]


@pytest.mark.parametrize("given", [["flower", option] for option in OPEN])
def test_an_open_address_needs_a_password(
    given: list[str], sandbox: Sandbox, tmp_path: Path
) -> None:
    installed = Installation(tmp_path, sandbox, {})
    said = installed.run(*given, expect=3).stderr
    assert "without a password" in said
    assert "THREADSWORKER_FLOWER_BASIC_AUTH" in said
    assert not list(tmp_path.glob("*.db"))


def test_up_follows_the_same_rule(sandbox: Sandbox, tmp_path: Path) -> None:
    installed = Installation(tmp_path, sandbox, {"THREADSWORKER_FLOWER_ADDRESS": "0.0.0.0"})
    assert "without a password" in installed.run("up", "--flower", expect=3).stderr


def test_an_open_api_is_for_loopback_alone(sandbox: Sandbox, tmp_path: Path) -> None:
    settings = {
        "THREADSWORKER_FLOWER_BASIC_AUTH": f"{USER}:{PASSWORD}",
        "FLOWER_UNAUTHENTICATED_API": "true",
    }
    installed = Installation(tmp_path, sandbox, settings)
    said = installed.run("flower", "--address", "0.0.0.0", expect=3).stderr
    assert "FLOWER_UNAUTHENTICATED_API" in said
    assert PASSWORD not in said


@pytest.mark.parametrize("where", ["its configuration file", "a single dash"])
def test_the_rule_is_for_what_flower_really_does(
    where: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "flowerconfig.py").write_text("basic_auth = []\nport = 0\n")
    given = ["-address=0.0.0.0"] if where == "a single dash" else ["--address=0.0.0.0"]
    settings = {"FLOWER_BASIC_AUTH": f"{USER}:{PASSWORD}"}
    if where == "a single dash":
        settings = {}
    installed = Installation(tmp_path, sandbox, settings)
    installed.run("flower", *given, expect=3)


def test_a_password_on_the_command_line_is_taken_off_it(sandbox: Sandbox, tmp_path: Path) -> None:
    port = free_port()
    installed = Installation(tmp_path, sandbox, {})
    try:
        process = installed.start(
            "flower", f"--basic_auth={USER}:{PASSWORD}", "--port", str(port), "--address=0.0.0.0"
        )
        eventually(lambda: listens(port), timeout=90)
        shown = Path(f"/proc/{process.pid}/cmdline")
        if sys.platform == "linux":
            assert PASSWORD.encode() not in shown.read_bytes()
        answer = requests.get(f"http://127.0.0.1:{port}/", timeout=30)
        assert answer.status_code == 401
        answer = requests.get(f"http://127.0.0.1:{port}/", auth=(USER, PASSWORD), timeout=30)
        assert answer.status_code == 200
    finally:
        installed.stop()
    assert PASSWORD not in installed.logs()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_an_option_that_flower_does_not_know_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    installed = Installation(tmp_path, sandbox, {})
    assert "--prot=1" in installed.run("flower", "--prot=1", expect=2).stderr
