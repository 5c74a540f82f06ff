"""Jobs that are worked without a worker: by scripts that die, freeze, meet, and wait."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.scripts import THREE, TOKEN, new_api, quick_sandbox, settings_for, start_script
from tests.services import eventually
from threadsworker import Client
from threadsworker.sandbox import Sandbox
from threadsworker.settings import Settings, load_settings
from threadsworker.steps.desk import Desk
from threadsworker.steps.upkeep import DISPATCH
from threadsworker.store import duties, workers
from threadsworker.walk import Walker


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with quick_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def given(sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    return settings_for(sandbox, tmp_path / "home")


@pytest.fixture
def settings(given: dict[str, str]) -> Settings:
    return load_settings(**given)


class Clock:
    """The database's time, put forward by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def check_thread(sandbox: Sandbox, answer: dict[str, Any]) -> None:
    """The answer names every post of the sandbox, in order, each below the one before."""
    ids = answer["data"]["media_ids"]
    posts = sandbox.posts()
    assert [post.id for post in posts] == ids
    assert [post.text for post in posts] == ["one", "two", "three"]
    assert [post.parent_id for post in posts[1:]] == ids[:-1]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_script_that_was_ended_in_the_middle_is_run_again(
    given: dict[str, str], settings: Settings, sandbox: Sandbox, how: signal.Signals
) -> None:
    """It ends when its second post is live and nobody has told it so."""
    process: list[subprocess.Popen[str]] = []
    sandbox.plan_fault(
        {"match": {"path_regex": "/threads_publish$", "nth": 2}, "delay": 0.5},
        on_hit=lambda _: process[0].send_signal(how),
    )
    process.append(start_script(given))
    _, err = process[0].communicate(timeout=60)
    assert process[0].returncode == -how
    assert ("`threadsworker up` goes on with it" in err) is (how is signal.SIGINT)
    assert [post.text for post in sandbox.posts()] == ["one", "two"]
    sandbox.clear_faults()
    with new_api(settings) as api:
        answer = api.pipe(THREE, key="k")
    assert answer["info"] == "success"
    check_thread(sandbox, answer)


def test_a_script_that_was_frozen_and_goes_on_does_no_harm(
    given: dict[str, str], settings: Settings, sandbox: Sandbox
) -> None:
    """Another one takes its place meanwhile, since it gives no sign of life."""
    process: list[subprocess.Popen[str]] = []
    frozen = threading.Event()

    def freeze(_: object) -> None:
        process[0].send_signal(signal.SIGSTOP)
        frozen.set()

    sandbox.plan_fault({"match": {"path_regex": "/threads_publish$", "nth": 2}}, on_hit=freeze)
    process.append(start_script(given))
    try:
        assert frozen.wait(30)
        with new_api(settings) as api:
            own = api.pipe(THREE, key="k")
        assert own["info"] == "success"
    finally:
        process[0].send_signal(signal.SIGCONT)
    out, err = process[0].communicate(timeout=60)
    assert process[0].returncode == 0, err
    assert json.loads(out) == own
    check_thread(sandbox, own)


def test_two_at_once_under_the_same_key_publish_once(settings: Settings, sandbox: Sandbox) -> None:
    answers: list[dict[str, Any]] = []

    def publish() -> None:
        with new_api(settings) as api:
            answers.append(api.pipe(THREE, key="k"))

    threads = [threading.Thread(target=publish) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, *others = answers
    assert first["info"] == "success"
    assert others == [first, first]
    check_thread(sandbox, first)


def test_without_a_worker_it_says_so_once(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with new_api(settings) as api:
        for n in range(2):
            api.pipe(f"hello {n}")
    said = [one for one in caplog.records if "No worker is running" in one.getMessage()]
    assert [one.levelname for one in said] == ["WARNING"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(settings: Settings, clock: Clock) -> Iterator[Client]:
    with Client(settings, now=clock) as client:
        client.add_account("main", user_id="17841400000000001", access_token=TOKEN)
        yield client


@pytest.fixture
def throttled(client: Client, settings: Settings, sandbox: Sandbox, clock: Clock) -> Iterator[str]:
    """A job for which Meta wants a pause of an hour, while somebody sees it to its end."""
    refusal = {"error": {"message": "Too many calls", "code": 613}}
    sandbox.plan_fault(
        {
            "match": {"method": "POST", "path_regex": "/threads$"},
            "act": False,
            "answer": {"status": 400, "body": refusal, "headers": {"Retry-After": "3600"}},
        }
    )
    job_id = client.enqueue("hello").id
    walker = Walker(settings, now=clock)
    thread = threading.Thread(target=walker.finish, args=(job_id,))
    thread.start()
    eventually(lambda: client.get(job_id).reason == "throttled")
    yield job_id
    thread.join(20)
    walker.close()
    assert not thread.is_alive()


def test_a_parked_job_goes_on_when_its_time_has_come(
    client: Client,
    sandbox: Sandbox,
    clock: Clock,
    throttled: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert sandbox.posts() == []

    def said() -> list[str]:
        records = [*caplog.get_records("setup"), *caplog.get_records("call")]
        return [one.getMessage() for one in records]

    eventually(lambda: [one for one in said() if one.startswith(f"Job {throttled} waits: thro")])
    clock.ahead = timedelta(hours=2)
    assert client.wait(throttled, timeout=20).state == "published"
    assert [post.text for post in sandbox.posts()] == ["hello"]


def test_a_parked_job_that_is_cancelled_is_waited_for_no_longer(
    client: Client, sandbox: Sandbox, throttled: str
) -> None:
    client.cancel(throttled)
    assert sandbox.posts() == []


def test_a_paused_account_is_not_waited_for(
    client: Client, settings: Settings, clock: Clock, sandbox: Sandbox
) -> None:
    client.pause_account("main")
    job_id = client.enqueue("hello").id
    walker = Walker(settings, now=clock)
    walker.finish(job_id, timeout=20)
    assert client.get(job_id).reason == "paused"
    client.resume_account("main")
    walker.finish(job_id, timeout=20)
    assert client.get(job_id).state == "published"
    walker.close()


@pytest.mark.parametrize("has_beat", [True, False])
def test_what_is_due_is_left_to_a_worker_only_while_beat_sends_for_one(
    client: Client, settings: Settings, clock: Clock, sandbox: Sandbox, has_beat: bool
) -> None:
    """Else a job whose message was lost, or that is parked, would be waited for without end."""
    job_id = client.enqueue("hello").id
    walker = Walker(settings, now=clock)
    desk = Desk(settings, now=clock)
    clock.ahead = timedelta(hours=1)
    with desk.transaction() as session:
        # It will not fall silent.
        workers.beat(session, "a worker", now=clock() + timedelta(days=1))
        if has_beat:
            duties.done(session, DISPATCH, now=clock())
    if has_beat:
        with pytest.raises(TimeoutError):
            walker.finish(job_id, timeout=1)
    else:
        walker.finish(job_id, timeout=20)
    assert [post.text for post in sandbox.posts()] == ([] if has_beat else ["hello"])
    desk.engine.dispose()
    walker.close()


def test_another_job_of_the_account_is_left_alone_and_named(
    client: Client,
    settings: Settings,
    clock: Clock,
    sandbox: Sandbox,
    caplog: pytest.LogCaptureFixture,
) -> None:
    other, own = client.enqueue("another").id, client.enqueue("this one").id
    walker = Walker(settings, now=clock)
    walker.finish(own, timeout=20)
    assert [post.text for post in sandbox.posts()] == ["this one"]
    assert client.get(other).state == "queued"
    (named,) = [one.getMessage() for one in caplog.records if "left behind" in one.getMessage()]
    assert (other in named, own in named) == (True, False)
    with pytest.raises(TimeoutError):
        walker.finish(other, timeout=0)
    walker.close()
