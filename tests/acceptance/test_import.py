"""`threadsworker import`: all rows or none, each once however often the file is imported."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.acceptance.installation import Installation, installation
from threadsworker.sandbox import Sandbox, SandboxOptions

ASSETS = files("threadsworker.sandbox").joinpath("assets")
LAGOS = ZoneInfo("Africa/Lagos")
DAY = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Installation]:
    """An installation in Lagos, without a worker, and pictures."""
    for name in ("harbour.jpg", "street.jpg"):
        (tmp_path / name).write_bytes(ASSETS.joinpath(name).read_bytes())
    with (
        Sandbox(options=SandboxOptions()) as sandbox,
        installation(tmp_path, sandbox, {"TZ": "Africa/Lagos"}, processes=[]) as installed,
    ):
        yield installed


def spooled(installed: Installation) -> int:
    return sum(path.is_file() for path in (installed.home / "spool").rglob("*"))


def refused(installed: Installation, *arguments: str, expect: int = 3) -> list[tuple[str, str]]:
    """Rule and place of each problem; nothing was stored."""
    done = installed.run("import", *arguments, "--json", expect=expect)
    problems: list[dict[str, Any]] = json.loads(done.stdout)["problems"]
    assert installed.json("jobs") == []
    assert spooled(installed) == 0
    return [(problem["rule"], problem["where"]) for problem in problems]


def write_jsonl(path: Path, rows: list[Any]) -> None:
    path.write_text("\n\n".join(json.dumps(row) for row in rows) + "\n\n", encoding="utf-8")


def test_a_spreadsheets_csv_is_imported_once(idle: Installation) -> None:
    """With a byte order mark, CRLF, and a cell that holds line breaks, commas and quotes."""
    written = (
        "\ufefftext,at,file,alt,tag,key,reply-control,numbering\r\n"
        f'"One,\r\n""two""",{DAY} 09:00,harbour.jpg|street.jpg,a harbour|,sea|boats,first,,\r\n'
        "\r\n"
        f"Three.,{DAY}T09:00+09:00,,,,,followers_only,yes\r\n"
        "Now.,,,,,,,\r\n"
    )
    (idle.home / "posts.csv").write_bytes(written.encode())

    first = idle.json("import", "posts.csv")
    assert [(one["row"], one["state"], one["new"]) for one in first] == [
        (2, "scheduled", True),
        (4, "scheduled", True),
        (5, "queued", True),
    ]
    assert first[0]["scheduled_at"] == f"{DAY}T08:00:00Z"
    assert (first[0]["key"], first[0]["timezone"]) == ("first", "Africa/Lagos")
    assert first[1]["scheduled_at"] == f"{DAY}T00:00:00Z"
    shown = idle.json("show", first[0]["id"])
    assert shown["segments"][0]["text"].startswith('One,\n"two"')
    media = shown["segments"][0]["media"]
    assert [item["alt_text"] for item in media] == ["a harbour", None]

    again = idle.run("import", "posts.csv")
    assert "3 posts, 0 are new" in again.stderr
    assert [one["id"] for one in idle.json("import", "posts.csv")] == [one["id"] for one in first]
    assert len(idle.json("jobs")) == 3


def test_a_file_is_found_again_when_its_moments_are_past(idle: Installation) -> None:
    """And what "in 3 seconds" means by then does not matter either."""
    soon = datetime.now(UTC) + timedelta(seconds=20)
    write_jsonl(
        idle.home / "posts.jsonl",
        [{"text": "a", "at": soon.isoformat()}, {"text": "b", "at": "in 3 hours"}],
    )
    first = idle.json("import", "posts.jsonl")
    with idle.client() as client:
        late = client.enqueue_all(
            [{"post": "a", "key": first[0]["key"], "at": "2020-01-01T00:00Z"}]
        )
    assert [(one.id, one.new) for one in late] == [(first[0]["id"], False)]
    again = idle.json("import", "posts.jsonl")
    assert [(one["id"], one["new"]) for one in again] == [(one["id"], False) for one in first]
    assert again[1]["scheduled_at"] == first[1]["scheduled_at"]


def test_every_problem_of_every_row_is_told_and_nothing_is_stored(idle: Installation) -> None:
    write_jsonl(
        idle.home / "posts.jsonl",
        [
            {"text": "fine", "file": "harbour.jpg"},
            {"text": "x", "topic": "a.b", "at": "banana", "key": ""},
            {"text": "x", "file": ["missing.jpg"], "at": "yesterday"},
            {"text": "x", "topik": "boats", "numbering": "yes", "reply_control": "nobody"},
            {"text": "x", "account": "nobody"},
            {"text": "x", "alt": ["of nothing"], "timezone": "Nowhere", "at": "2030-01-01"},
            {"text": 5, "pace": "slow"},
            ["no object"],
            {"text": "same", "key": "k"},
            {"text": "other", "key": "k"},
            {"text": "twice"},
            {"text": "twice"},
        ],
    )
    assert refused(idle, "posts.jsonl") == [
        ("key.empty", "row 3: key"),
        ("schedule.at.invalid", "row 3: at"),
        ("threads.topic.invalid", "row 3: topic"),
        ("schedule.in_past", "row 5: at"),
        ("media.path.not_found", "row 5: media 1"),
        ("import.column.unknown", "row 7: column"),
        ("import.value.invalid", "row 7: numbering"),
        ("post.reply_control", "row 7: reply_control"),
        ("account.unknown", "row 9: account"),
        ("media.alt_text.without_file", "row 11: alt"),
        ("schedule.timezone.unknown", "row 11: at"),
        ("import.value.invalid", "row 13: text"),
        ("import.value.invalid", "row 13: pace"),
        ("import.row.invalid", "row 15: row"),
        ("key.duplicate", "row 19: key"),
        ("key.duplicate", "row 23: key"),
    ]


def test_what_is_not_there_and_what_is_no_spread(idle: Installation) -> None:
    assert refused(idle, "missing.csv") == [("import.file.unreadable", "file")]
    (idle.home / "a.csv").write_text("text\nx\n")
    assert refused(idle, "a.csv", "--spread", "often") == [("import.spread.invalid", "spread")]
    idle.run("import", "a.csv", "--account", "nobody", expect=4)


def test_a_key_that_belongs_to_another_post_stores_nothing(idle: Installation) -> None:
    idle.run("post", "hello", "--key", "k")
    (idle.home / "a.csv").write_text("text,key\nnew,\nother,k\n")
    said = idle.run("import", "a.csv", expect=5).stderr
    assert "row 3: " in said
    assert "[key.mismatch]" in said
    assert len(idle.json("jobs")) == 1


def test_rows_without_a_moment_are_spread_and_others_count_as_taken(idle: Installation) -> None:
    """Neither twice into one slot, nor where another post is, nor anew the second time."""
    tomorrow = (datetime.now(LAGOS) + timedelta(days=1)).date()
    idle.run("post", "taken", "--at", f"{tomorrow} 13:30")
    (idle.home / "a.csv").write_text(
        f"text,at\none,\nfixed,{tomorrow} 16:45\ntwo,\nthree,\nfour,\n", encoding="utf-8"
    )
    (idle.home / "b.csv").write_text("text\nfive\n", encoding="utf-8")
    arguments = ("--spread", "3/day 09:00-21:00")
    planned = idle.json("import", "a.csv", *arguments, "--dry-run")
    assert [one["id"] for one in planned] == [None] * 5
    assert len(idle.json("jobs")) == 1

    def places(rows: list[dict[str, Any]]) -> list[datetime]:
        return [datetime.fromisoformat(one["scheduled_at"]).astimezone(LAGOS) for one in rows]

    first = idle.json("import", "a.csv", *arguments)
    one, fixed, two, three, four = places(first)
    assert f"{fixed:%H:%M}" == "16:45"
    assert [one, two, three, four] == sorted({one, two, three, four})
    assert {f"{at:%H:%M}" for at in (one, two, three, four)} <= {"09:00", "13:00", "17:00"}
    assert not [at for at in (one, two, three, four) if at.date() == tomorrow and at.hour > 9]
    assert {row["timezone"] for row in first} == {"Africa/Lagos"}

    again = idle.json("import", "a.csv", *arguments)
    assert [(row["new"], row["scheduled_at"]) for row in again] == [
        (False, row["scheduled_at"]) for row in first
    ]
    (five,) = places(idle.json("import", "b.csv", *arguments))
    assert five > four
    assert len(idle.json("jobs")) == 7


def test_a_thousand_rows(idle: Installation) -> None:
    with (idle.home / "many.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "tag", "at"])
        writer.writerows([f"Post {n}. " + "word " * (n % 300), "sea", ""] for n in range(1_000))
    imported = idle.json("import", "many.csv", "--spread", "24/day")
    assert [one["row"] for one in imported] == list(range(2, 1_002))
    assert len({one["id"] for one in imported}) == 1_000
    assert len({one["scheduled_at"] for one in imported}) == 1_000
    assert max(one["segments"] for one in imported) > 1
    again = idle.run("import", "many.csv", "--spread", "24/day").stderr
    assert "1000 posts, 0 are new" in again
    assert len(idle.json("jobs")) == 1_000


def test_what_is_imported_is_published(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\n" + "\n".join(f"post {n}" for n in range(6)))
    with (
        Sandbox(options=SandboxOptions(speed=4.0)) as sandbox,
        installation(tmp_path, sandbox, {}, processes=[("up",)]) as installed,
    ):
        imported = installed.json("import", "a.csv")
        for one in imported:
            with installed.client() as client:
                assert client.wait(one["id"], timeout=90).state == "published"
        assert sorted(post.text for post in sandbox.posts()) == [f"post {n}" for n in range(6)]
