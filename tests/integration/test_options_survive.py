"""
A post's options reach Meta whichever way they came, and through every change of mind.

The commands run in this process; what left is in the sandbox's ledger.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.reliability.virtual_world import World, fast_folder
from threadsworker.cli.application import app
from threadsworker.cli.options import OPTIONS as POST_OPTIONS
from threadsworker.cli.tables import plan_json

PAGE = Path(__file__).parents[2] / "docs" / "publishing.md"

TEXT = "Snape did it."
#: On the command line, with those files in the folder.
OPTIONS = {
    "topic": "books",
    "reply-control": "followers_only",
    "countries": "US,NG",
    "location": "77",
    "gif": "g17",
    "attach-text": "long.md",
    "attach-link": "https://e.com/long",
    "spoiler": "Snape",
}
FLAGS = ["approve-replies", "share-to-instagram", "dark"]
FORM = {
    "media_type": "TEXT",
    "text": TEXT,
    "topic_tag": "books",
    "reply_control": "followers_only",
    "allowlisted_country_codes": "US,NG",
    "location_id": "77",
    "gif_attachment": {"gif_id": "g17", "provider": "GIPHY"},
    "text_attachment": {
        "plaintext": "A long story.",
        "link_attachment_url": "https://e.com/long",
        "text_with_styling_info": [{"offset": 2, "length": 4, "styling_info": ["bold"]}],
    },
    "text_entities": [{"entity_type": "SPOILER", "offset": 0, "length": 5}],
    "enable_reply_approvals": "true",
    "crossreshare_to_ig": "true",
    "crossreshare_to_ig_dark_mode": "true",
}
#: The world's clock stands at 2027-01-15 08:00 UTC.
AT = "2027-01-15T09:00Z"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(fast_folder(tmp_path), lease="30") as world:
        yield world


class Shell:
    """`threadsworker …` in a folder, on the world's home."""

    def __init__(self, world: World) -> None:
        settings = world.settings
        self.environment = {
            "THREADSWORKER_HOME": str(settings.home),
            "THREADSWORKER_THREADS_API_URL": str(settings.threads_api_url),
        }

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env=self.environment)

    def json(self, *arguments: str) -> Any:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def text(self, *arguments: str) -> str:
        return self.run(*arguments).stdout


@pytest.fixture
def shell(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    (tmp_path / "long.md").write_text("A **long** story.\n")
    monkeypatch.chdir(tmp_path)
    return Shell(world)


def arguments() -> list[str]:
    return [f"--{name}={value}" for name, value in OPTIONS.items()] + [f"--{n}" for n in FLAGS]


def front_matter() -> str:
    lines = [f"{name}: {value}" for name, value in OPTIONS.items()]
    return "\n".join(["---", *lines, *(f"{name}: true" for name in FLAGS), "---", TEXT, ""])


def sent(world: World) -> list[dict[str, Any]]:
    """The forms of the containers that became posts; objects read from their JSON."""
    published = {post.container_id for post in world.sandbox.posts()}
    return [
        {name: json.loads(v) if v[0] in "[{" else v for name, v in entry["form"].items()}
        for entry in world.sandbox.ledger
        if entry.get("container_id") in published and entry["path"] == "/v1.0/me/threads"
    ]


def test_from_the_command_line(world: World, shell: Shell) -> None:
    shell.json("post", TEXT, *arguments())
    world.run()
    assert sent(world) == [FORM]


def test_from_the_front_matter_of_a_thread(world: World, shell: Shell) -> None:
    Path("folder").mkdir()
    Path("folder/long.md").write_text("A **long** story.\n")
    Path("folder/thread.md").write_text(front_matter())
    Path("long.md").unlink()
    shell.json("thread", "folder/thread.md")
    world.run()
    assert sent(world) == [FORM]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_from_the_rows_of_an_import(world: World, shell: Shell, ending: str) -> None:
    row = {"text": TEXT, **OPTIONS, **dict.fromkeys(FLAGS, "true")}
    if ending == "csv":
        cells = [f'"{value}"' for value in row.values()]
        Path("rows.csv").write_text(",".join(row) + "\n" + ",".join(cells) + "\n")
    else:
        Path("rows.jsonl").write_text(json.dumps({**row, **dict.fromkeys(FLAGS, True)}))
    shell.json("import", f"rows.{ending}")
    world.run()
    assert sent(world) == [FORM]


@pytest.mark.parametrize("how", ["options", "file"])
def test_from_a_schedule(world: World, shell: Shell, how: str) -> None:
    Path("posts.md").write_text(front_matter())
    given = [TEXT, *arguments()] if how == "options" else ["--from", "posts.md"]
    when = ["--every", "1d", "--start", AT, "--count", "1", "--timezone", "UTC"]
    shell.json("schedule", "add", "daily", *given, *when)
    world.clock.seconds += 3600
    world.upkeep()
    world.run()
    assert sent(world) == [FORM]


def test_after_a_change_of_time(world: World, shell: Shell) -> None:
    job = shell.json("post", TEXT, *arguments(), "--at", "2027-03-01T09:00Z")["id"]
    shell.json("reschedule", job, AT)
    world.run()
    assert sent(world) == [FORM]


@pytest.mark.parametrize("how", ["options", "file"])
def test_after_a_change_of_the_post(world: World, shell: Shell, how: str) -> None:
    job = shell.json("post", "another", "--poll", "yes|no", "--at", AT)["id"]
    Path("thread.md").write_text(front_matter())
    given = [TEXT, *arguments()] if how == "options" else ["--from", "thread.md"]
    assert shell.json("edit", job, *given)["revision"] == 2
    world.run()
    assert sent(world) == [FORM]


def test_after_a_failure(world: World, shell: Shell) -> None:
    refusal = {"status": 400, "body": {"error": {"message": "no", "code": 100}}}
    world.sandbox.plan_fault(
        {"match": {"path_regex": "/me/threads$"}, "act": False, "answer": refusal}
    )
    job = shell.json("post", TEXT, *arguments())["id"]
    world.run()
    assert shell.json("show", job)["state"] == "failed"
    shell.json("retry", job)
    world.run()
    assert sent(world) == [FORM]


def test_what_does_not_go_together_is_told_with_its_rule(world: World, shell: Shell) -> None:
    refused = shell.run("post", "boo", "--ghost", "--poll", "yes|no", "--spoiler", "not there")
    assert refused.exit_code == 3
    for rule in ("threads.ghost.with_poll", "threads.spoilers.not_found"):
        assert f"[{rule}]" in refused.stderr
    Path("rows.csv").write_text("text,attach_text,topic\nx,missing.txt,a.b\n")
    refused = shell.run("import", "rows.csv")
    assert refused.exit_code == 3
    assert (
        "row 2: attach_text: The file 'missing.txt' cannot be read: No such file" in refused.stderr
    )
    assert "row 2: topic: " in refused.stderr
    assert world.client.jobs() == []


def test_they_are_shown_before_and_after(world: World, shell: Shell) -> None:
    (planned,) = shell.json("post", TEXT, *arguments(), "--dry-run")
    assert planned["gif"] == {"gif_id": "g17", "provider": "GIPHY"}
    assert planned["spoilers"] == [{"offset": 0, "length": 5}]
    assert planned["instagram_dark_mode"] is True
    table = shell.text("post", TEXT, "--poll", "yes|no", "--spoiler", "Snape", "--dry-run")
    assert "poll: yes | no" in table
    assert "spoilers: Snape" in table

    world.sandbox.set_options(instagram_share="FAILED", instagram_answered_by="publish")
    job = shell.json("post", TEXT, *arguments())["id"]
    world.run()
    shown = shell.json("show", job)
    assert shown["state"] == "published"
    assert shown["segments"][0]["options"] == {
        name: value
        for name, value in planned.items()
        if name not in ("index", "characters", "text")
    }
    told = shell.text("show", job)
    assert "Meta could not share it to Instagram" in told
    assert "location id: 77" in told


def test_a_reply_says_what_it_replies_to_before_it_is_live(shell: Shell) -> None:
    job = shell.json("post", "word " * 150, "--reply-to", "1777")["id"]
    first, second = shell.json("show", job)["segments"]
    assert (first["reply_to"], second["reply_to"]) == ("1777", None)
    told = shell.text("show", job)
    assert "replies to 1777" in told
    assert "replies to the segment before" in told
    assert "root" not in told


def test_the_examples_of_the_page_work(
    world: World, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in shell.environment.items():
        monkeypatch.setenv(name, value)
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        exec(compile(example, PAGE.name, "exec"), {})
    world.run()
    (form,) = sent(world)
    assert form["poll_attachment"] == {"option_a": "yes", "option_b": "no"}
    assert form["text_entities"] == [{"entity_type": "SPOILER", "offset": 7, "length": 5}]


def test_the_page_names_every_option_that_meta_hears_of() -> None:
    page = PAGE.read_text(encoding="utf-8")
    ours = {"tag", "no_chain", "continuation_marks", "numbering", "auto_hashtags", "no_hashtags"}
    ours |= {"persist_tags", "pace", "pace_jitter", "no_rate_limit_check", "no_rate_limit_wait"}
    told = {f"--{name.replace('_', '-')}" for name in set(POST_OPTIONS) - ours}
    assert [name for name in sorted(told) if name not in page] == []


def test_the_plan_is_json_without_what_is_not_set(world: World) -> None:
    planned = plan_json(world.client.plan("hello", poll=["yes", "no"]))
    assert planned == [
        {
            "index": 0,
            "characters": 5,
            "text": "hello",
            "spoilers": [],
            "poll": {"options": ["yes", "no"]},
        }
    ]
