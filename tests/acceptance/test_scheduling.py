"""Moments, pace and quota options on the command line, and `retry --failed`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.installation import Installation, installation
from threadsworker.sandbox import Sandbox, SandboxOptions
from threadsworker.store.database import reading
from threadsworker.store.jobs import find
from threadsworker.store.tables import JobRow


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation in Lagos, without a worker."""
    home = tmp_path_factory.mktemp("home")
    with (
        Sandbox(options=SandboxOptions()) as sandbox,
        installation(home, sandbox, {"TZ": "Africa/Lagos"}, processes=[]) as installed,
    ):
        yield installed


def row(installed: Installation, job_id: str) -> JobRow:
    with installed.client() as client, reading(client._ready()) as session:
        return find(session, job_id)


def in_three_days() -> str:
    return f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"


def test_a_time_without_a_zone_is_local_and_the_answer_prints_the_zone(idle: Installation) -> None:
    day = in_three_days()
    posted = idle.run("post", "hello", "--at", f"{day} 09:00")
    assert f"scheduled for {day} 09:00 Africa/Lagos (08:00 UTC)" in posted.stderr
    assert "no worker is running here" in posted.stderr
    shown = idle.json("show", posted.stdout.strip())
    assert shown["state"] == "scheduled"
    assert shown["scheduled_at"] == f"{day}T08:00:00Z"
    assert shown["timezone"] == "Africa/Lagos"


def test_a_phrase_in_a_given_zone(idle: Installation) -> None:
    posted = idle.json("post", "hello", "--at", "tomorrow 9am", "--timezone", "Asia/Tokyo")
    assert posted["state"] == "scheduled"
    assert posted["scheduled_at"].endswith("T00:00:00+00:00")
    planned = idle.run("post", "hello", "--at", "next friday 18:00", "--dry-run")
    assert "18:00 Africa/Lagos (17:00 UTC)" in planned.stderr


@pytest.mark.parametrize(
    ("rule", "arguments"),
    [
        ("schedule.at.invalid", ["--at", "banana"]),
        ("schedule.at.invalid", ["--at", ""]),
        ("schedule.at.invalid", ["--at", "banana", "--dry-run"]),
        ("schedule.in_past", ["--at", "yesterday"]),
        ("schedule.timezone.unknown", ["--at", "tomorrow 9am", "--timezone", "Africa/Nowhere"]),
    ],
)
def test_a_bad_moment_is_refused_with_whatever_else_is_wrong(
    idle: Installation, rule: str, arguments: list[str]
) -> None:
    refused = idle.run("post", "refuse me", "--topic", "a.b", *arguments, "--json", expect=3)
    rules = [problem["rule"] for problem in json.loads(refused.stdout)["problems"]]
    assert sorted(rules) == sorted([rule, "threads.topic.invalid"])
    with idle.client() as client:
        texts = [client.get(job.id).segments[0].text for job in client.jobs()]
    assert "refuse me" not in texts


def test_pace_and_quota_options_reach_the_job(idle: Installation, tmp_path: Path) -> None:
    options = ["--pace", "60", "--pace-jitter", "5", "--no-rate-limit-check"]
    posted = row(idle, idle.json("post", "x", *options, "--no-rate-limit-wait")["id"])
    assert (posted.pace, posted.pace_jitter) == (60.0, 5.0)
    assert (posted.check_quota, posted.wait_on_quota) == (False, False)
    plain = row(idle, idle.json("post", "x")["id"])
    assert (plain.pace, plain.check_quota, plain.wait_on_quota) == (0.0, None, None)


def test_front_matter_knows_them_too_and_the_command_line_overrides_it(
    idle: Installation, tmp_path: Path
) -> None:
    day = in_three_days()
    matter = (
        f"---\nat: {day} 09:00\ntimezone: Asia/Tokyo\npace: 30\nno_rate_limit_check: yes\n---\n"
    )
    essay = tmp_path / "essay.md"
    essay.write_text(f"{matter}One.\n\n---\n\nTwo.\n", encoding="utf-8")
    given = row(idle, idle.json("thread", str(essay))["id"])
    assert f"{given.scheduled_at:%Y-%m-%dT%H:%M}" == f"{day}T00:00"
    assert (given.timezone, given.pace, given.check_quota) == ("Asia/Tokyo", 30.0, False)
    over = ["--timezone", "Africa/Lagos", "--pace", "10"]
    overridden = row(idle, idle.json("thread", str(essay), *over)["id"])
    assert f"{overridden.scheduled_at:%Y-%m-%dT%H:%M}" == f"{day}T08:00"
    assert overridden.pace == 10.0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["retry", "--failed", "--since", "24h"], 0),
        (["retry", "--failed", "--since", "2 hours ago"], 0),
        (["retry", "--failed", "--since", "banana"], 2),
        (["retry", "--failed", "--since", "tomorrow"], 2),
        (["retry", "--failed", "--account", "nobody"], 4),
        (["retry", "--since", "24h"], 2),
        (["retry", "x", "--account", "main"], 2),
        (["retry"], 2),
    ],
)
def test_exit_codes_of_retry(idle: Installation, arguments: list[str], code: int) -> None:
    idle.run(*arguments, expect=code)


def test_retry_answers_with_json(idle: Installation) -> None:
    assert idle.json("retry", "--failed") == []


def test_a_scheduled_post_is_waited_for(tmp_path: Path) -> None:
    settings = {"THREADSWORKER_PREPARE_AHEAD": "15"}
    with (
        Sandbox(options=SandboxOptions(speed=4.0)) as sandbox,
        installation(tmp_path, sandbox, settings, processes=[("up",)]) as installed,
    ):
        posted = installed.json("post", "soon", "--at", "in 6 seconds", "--wait", "--timeout", "90")
        assert posted["state"] == "published"
        assert [post.text for post in sandbox.posts()] == ["soon"]
        published = installed.json("show", posted["id"])["finished_at"]
    assert datetime.fromisoformat(published) >= datetime.fromisoformat(posted["scheduled_at"])


def test_a_post_is_rescheduled_and_edited_from_a_shell(idle: Installation) -> None:
    day = in_three_days()
    posted = idle.json("post", "hello", "--at", f"{day} 09:00")["id"]
    moved = idle.json("reschedule", posted, f"{day} 18:30", "--timezone", "Asia/Tokyo")
    assert (moved["state"], moved["scheduled_at"]) == ("scheduled", f"{day}T09:30:00Z")
    assert moved["timezone"] == "Asia/Tokyo"
    (idle.home / "new.md").write_text("---\ntopic: boats\n---\nOne.\n\n---\n\nTwo.\n")
    edited = idle.json("edit", posted, "--from", "new.md")
    assert [one["text"] for one in edited["segments"]] == ["One.", "Two."]
    assert (edited["revision"], edited["scheduled_at"]) == (2, f"{day}T09:30:00Z")
    assert "revision 3" in idle.run("edit", posted, "Another text.").stderr
    idle.run("edit", posted, "", expect=3)
    idle.run("reschedule", posted, "2020-01-01", expect=3)
    idle.run("reschedule", "nobody", "now", expect=4)
    assert idle.json("reschedule", posted, "now")["state"] == "queued"
    idle.run("cancel", posted)
    idle.run("edit", posted, "Too late.", expect=5)
    idle.run("reschedule", posted, "now", expect=5)
