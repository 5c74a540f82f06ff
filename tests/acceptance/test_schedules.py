"""Recurring posts as their users see them: commands, their answers and exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import pytest

from tests.acceptance.installation import Installation, installation
from tests.services import eventually
from threadsworker.sandbox import Sandbox

ASSETS = files("threadsworker.sandbox").joinpath("assets")
VARIANTS = """---
topic: boats
---
One. ![a street](street.jpg)

---

Two.
---
"""


@pytest.fixture(scope="module")
def idle(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation without a worker."""
    home = tmp_path_factory.mktemp("home")
    with installation(home, sandbox, {}, processes=[]) as installed:
        yield installed


def add(idle: Installation, name: str, *arguments: str, expect: int = 0) -> str:
    return idle.run("schedule", "add", name, *arguments, expect=expect).stdout


def test_a_schedule_from_its_first_day_to_its_last(idle: Installation) -> None:
    every_morning = ["Good morning!", "--cron", "0 9 * * *", "--timezone", "Africa/Lagos"]
    said = add(idle, "morning", *every_morning)
    assert said.startswith("morning: next ")
    assert "09:00:00+01:00 Africa/Lagos" in said
    shown = idle.json("schedule", "show", "morning")
    assert shown["next_at"].endswith("T08:00:00Z")
    assert shown["posts"] == [["Good morning!"]]
    assert idle.json("schedule", "list") == [shown]
    assert idle.json("schedule", "pause", "morning")["next_at"] is None
    assert idle.json("schedule", "resume", "morning")["next_at"] == shown["next_at"]
    assert "Good morning!" in idle.run("schedule", "show", "morning").stdout
    assert "0 9 * * *" in idle.run("schedule", "list").stdout
    removed = idle.json("schedule", "remove", "morning")
    assert removed == {"name": "morning", "cancelled": 0}
    assert idle.json("schedule", "list") == []


def test_exit_codes(idle: Installation) -> None:
    once = ["hello", "--every", "1d"]
    add(idle, "taken", *once)
    add(idle, "taken", *once, expect=5)
    idle.run("schedule", "resume", "taken", expect=5)
    idle.run("schedule", "pause", "taken")
    idle.run("schedule", "pause", "taken", expect=5)
    for command in ("show", "pause", "resume", "remove"):
        idle.run("schedule", command, "nothing", expect=4)
    add(idle, "new", *once, "--account", "nobody", expect=4)
    add(idle, "new", *once, "--late", "perhaps", expect=2)
    add(idle, "new", "hello", "--from", "posts.md", "--every", "1d", expect=2)
    idle.run("schedule", "remove", "taken")


@pytest.mark.parametrize(
    ("rule", "arguments"),
    [
        ("schedule.cron.invalid", ["x", "--cron", "every day"]),
        ("schedule.every.invalid", ["x", "--every", "0"]),
        ("schedule.cron_or_every", ["x"]),
        ("schedule.timezone.unknown", ["x", "--every", "1d", "--timezone", "Mars/Base"]),
        ("schedule.in_past", ["x", "--every", "1d", "--start", "2020-01-01T00:00"]),
        ("schedule.count.invalid", ["x", "--every", "1d", "--count", "0"]),
        ("schedule.jitter.invalid", ["x", "--every", "1d", "--jitter", "soon"]),
        ("post.empty", ["", "--every", "1d"]),
        ("thread.file.unreadable", ["--from", "missing.md", "--every", "1d"]),
        ("thread.option.unknown", ["--from", "key.md", "--every", "1d"]),
        ("schedule.posts.none", ["--from", "none.md", "--every", "1d"]),
    ],
)
def test_it_is_refused(idle: Installation, rule: str, arguments: list[str]) -> None:
    (idle.home / "key.md").write_text("---\nkey: a\n---\nhello\n")
    (idle.home / "none.md").write_text("---\ntopic: boats\n---\n\n---\n")
    refused = idle.run("schedule", "add", "refused", *arguments, "--json", expect=3)
    assert rule in [problem["rule"] for problem in json.loads(refused.stdout)["problems"]]
    assert f"[{rule}]" in refused.stderr


def test_posts_of_a_file_are_published_in_turn(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "street.jpg").write_bytes(ASSETS.joinpath("street.jpg").read_bytes())
    (tmp_path / "posts.md").write_text(VARIANTS, encoding="utf-8")
    settings = {"THREADSWORKER_PREPARE_AHEAD": "10"}
    with installation(tmp_path, sandbox, settings, processes=[("up",)]) as installed:
        before = len(sandbox.posts())
        options = ["--every", "3", "--count", "3", "--reply-control", "followers_only"]
        installed.run("schedule", "add", "boats", "--from", "posts.md", *options)
        (tmp_path / "street.jpg").unlink()
        eventually(lambda: len(sandbox.posts()) == before + 3, timeout=90)
        posts = sandbox.posts()[before:]
        # On a busy machine a picture may take longer than the way to the next post.
        told = sorted((post.text, post.alt_texts) for post in posts)
        assert told == [("One.", ("a street",)), ("One.", ("a street",)), ("Two.", ())]
        assert {(post.topic, post.reply_control) for post in posts} == {("boats", "followers_only")}
        shown = installed.json("schedule", "show", "boats")
        assert (shown["made"], shown["next_at"]) == (3, None)
    began = datetime.fromisoformat(shown["starts_at"]).timestamp()
    for number, published in enumerate(sorted(post.published_at for post in posts), 1):
        # The sandbox's clock and the database's are this machine's.
        assert published >= began + 3 * number - 0.1
