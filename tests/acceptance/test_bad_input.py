"""Bad input is refused with its rule before anything is stored or sent, and exits with 3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.installation import Installation, installation
from threadsworker.sandbox import Sandbox, SandboxOptions

ASSETS = files("threadsworker.sandbox").joinpath("assets")
SUNRISE = str(ASSETS.joinpath("sunrise.jpg"))


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation without a worker, and a folder of files."""
    home = tmp_path_factory.mktemp("home")
    (home / "empty.jpg").write_bytes(b"")
    (home / "picture.webp").write_bytes(b"RIFF\x10\0\0\0WEBPVP8 " + b"\0" * 16)
    (home / "large.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * (8 * 1024 * 1024))
    head = ASSETS.joinpath("clip.mp4").read_bytes()
    (home / "large.mp4").write_bytes(head + b"\0" * (36 * 1024 * 1024))
    (home / "bad.md").write_text("---\ntopik: x\n---\nhello\n")
    with (
        Sandbox(options=SandboxOptions()) as sandbox,
        installation(home, sandbox, {}, processes=[]) as installed,
    ):
        yield installed


CASES: list[tuple[str, list[str]]] = [
    ("post.empty", [""]),
    ("post.empty", [" \n "]),
    ("key.empty", ["x", "--key", ""]),
    ("threads.text.too_long", ["x" * 501, "--no-chain"]),
    ("threads.text.unbreakable", ["https://e.com/" + "x" * 500]),
    ("threads.links.too_many", [" ".join(f"https://e.com/{n}" for n in range(6))]),
    ("threads.alt_text.too_long", ["x", "-f", SUNRISE, "--alt", "a" * 1001]),
    ("threads.topic.too_long", ["x", "--topic", "t" * 51]),
    ("threads.topic.invalid", ["x", "--topic", "a.b"]),
    ("threads.topic.empty", ["x", "--topic", ""]),
    ("threads.tag.invalid", ["x", "--tag", "a b"]),
    ("threads.link.invalid", ["x", "--link", "nowhere"]),
    ("threads.reply_to.invalid", ["x", "--reply-to", "abc"]),
    ("threads.quote.invalid", ["x", "--quote", "abc"]),
    ("threads.countries.invalid", ["x", "--countries", "Nigeria"]),
    ("post.reply_control", ["x", "--reply-control", "nobody"]),
    ("threads.media.too_many", ["x", "--no-chain", *["-f", SUNRISE] * 21]),
    ("media.empty", ["x", "-f", "empty.jpg"]),
    ("media.path.not_found", ["x", "-f", "missing file.jpg"]),
    ("media.format.unsupported", ["x", "-f", "picture.webp"]),
    ("threads.image.too_large", ["x", "-f", "large.png"]),
    ("staging.file.too_large", ["x", "-f", "large.mp4"]),
    ("media.kind.mismatch", ["x", "-f", SUNRISE, "--kind", "video"]),
    ("media.url.kind_unknown", ["x", "-f", "https://e.com/picture"]),
    ("media.url.scheme", ["x", "-f", "ftp://e.com/a.jpg"]),
    ("media.alt_text.without_file", ["x", "--alt", "of nothing"]),
]


@pytest.mark.parametrize(("rule", "arguments"), CASES, ids=lambda value: str(value)[:40])
def test_it_is_refused(idle: Installation, rule: str, arguments: list[str]) -> None:
    refused = idle.run("post", *arguments, "--json", expect=3)
    problems: list[dict[str, Any]] = json.loads(refused.stdout)["problems"]
    assert rule in [problem["rule"] for problem in problems]
    assert f"[{rule}]" in refused.stderr
    assert idle.json("jobs") == []
    assert not [entry for entry in idle.sandbox.ledger if entry["method"] != "GET"]
    spool = idle.home / "spool"
    assert not [path for path in spool.rglob("*") if path.is_file()]


def test_an_unknown_option_in_front_matter_is_refused(idle: Installation) -> None:
    refused = idle.run("thread", "bad.md", expect=3)
    assert "thread.option.unknown" in refused.stderr


def test_all_problems_are_told_at_once(idle: Installation) -> None:
    refused = idle.run("post", "x", "--topic", "a.b", "--tag", "1", "-f", "empty.jpg", expect=3)
    for rule in ("threads.topic.invalid", "threads.tag.invalid", "media.empty"):
        assert rule in refused.stderr


def test_a_local_file_without_a_staging_repository_is_refused(idle: Installation) -> None:
    environment = {"THREADSWORKER_GITHUB_REPO": "", "THREADSWORKER_GITHUB_TOKEN": ""}
    home = idle.home / "without"
    home.mkdir()
    bare = Installation(home, idle.sandbox, environment)
    refused = bare.run("post", "x", "-f", SUNRISE, expect=3)
    assert "staging.repository.missing" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["show", "nothing"], 4),
        (["cancel", "nothing"], 4),
        (["retry", "nothing"], 4),
        (["resolve", "nothing", "--give-up"], 4),
        (["resolve", "nothing"], 2),
        (["resolve", "nothing", "--give-up", "--not-published"], 2),
        (["resolve", "nothing", "--published", "not-an-id"], 2),
        (["post", "x", "--account", "nobody"], 4),
        (["post", "x", "--no-such-option"], 2),
        (["frobnicate"], 2),
        (["jobs", "--state", "odd"], 2),
    ],
)
def test_exit_codes(idle: Installation, arguments: list[str], code: int) -> None:
    idle.run(*arguments, expect=code)


def test_the_plan_is_shown_and_nothing_is_stored(idle: Installation, tmp_path: Path) -> None:
    shown = idle.run("post", "word " * 250, "-f", SUNRISE, "--dry-run").stdout
    assert "499/500" in shown
    planned = idle.json("post", "word " * 250, "--dry-run")
    assert [segment["characters"] for segment in planned] == [499, 499, 249]
    assert idle.json("jobs") == []
