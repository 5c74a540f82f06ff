"""The commands that read Threads and change what is there, as a shell runs them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.profiles import ASTRO_TOKEN, Profiles, profiles, publish
from threadsworker.cli.application import app

Run = Callable[..., Result]


@pytest.fixture
def world() -> Iterator[Profiles]:
    with profiles() as found:
        yield found


@pytest.fixture
def run(world: Profiles, tmp_path: Path) -> Run:
    """Run `threadsworker …`; it has to end with `expect`."""
    environment = {
        "THREADSWORKER_HOME": str(tmp_path),
        "THREADSWORKER_THREADS_API_URL": world.sandbox.threads_api_url,
        "THREADSWORKER_USER_ID": "17841400000000011",
        "THREADSWORKER_ACCESS_TOKEN": ASTRO_TOKEN,
        "COLUMNS": "120",
    }

    def go(*arguments: str, expect: int = 0, given: str | None = None) -> Result:
        done = CliRunner(env=environment).invoke(app, arguments, input=given)
        assert done.exit_code == expect, (done.output, done.exception)
        assert ASTRO_TOKEN not in done.output
        return done

    return go


def answer(done: Result) -> Any:
    return json.loads(done.stdout)


def test_posts_as_a_table_and_as_json(world: Profiles, run: Run) -> None:
    post = publish(world.astro, "Look at the [bold]stars[/]", topic_tag="stars")
    shown = run("posts").stdout
    assert post in shown
    assert "[bold]stars[/]" in shown
    (found,) = answer(run("posts", "--json"))
    assert (found["id"], found["text"]) == (post, "Look at the [bold]stars[/]")
    assert found["topic_tag"] == "stars"
    assert found["media_product_type"] == "THREADS"
    assert found["timestamp"].endswith("Z")
    assert None not in found.values()


def test_posts_of_a_period_and_of_others(world: Profiles, run: Run) -> None:
    publish(world.astro, "now")
    ghost = publish(world.astro, "for a day", is_ghost_post=True)
    assert answer(run("posts", "--json", "--until", "2 hours ago")) == []
    assert len(answer(run("posts", "--json", "--since", "2 hours ago"))) == 2
    assert len(answer(run("posts", "@astro", "--json", "--limit", "1"))) == 1
    assert [post["id"] for post in answer(run("posts", "--ghost", "--json"))] == [ghost]


def test_a_listing_shows_a_page_unless_told_otherwise(world: Profiles, run: Run) -> None:
    for number in range(30):
        publish(world.astro, f"post {number}")
    assert len(answer(run("posts", "--json"))) == 25
    assert len(answer(run("posts", "--json", "--all"))) == 30


def test_post_info(world: Profiles, run: Run) -> None:
    post = publish(world.astro, "Look")
    assert answer(run("post-info", post, "--json"))["text"] == "Look"
    assert "TEXT_POST" in run("post-info", post).stdout
    assert "<blockquote" in run("post-info", post, "--embed").stdout


def test_replies_and_conversation(world: Profiles, run: Run) -> None:
    root = publish(world.astro, "root")
    first = publish(world.cook, "first", reply_to_id=root)
    nested = publish(world.astro, "nested", reply_to_id=first)
    assert [one["id"] for one in answer(run("replies", root, "--json"))] == [first]
    assert [one["id"] for one in answer(run("replies", "--json"))] == [nested]
    found = answer(run("conversation", root, "--json", "--oldest-first"))
    assert [one["id"] for one in found] == [first, nested]


def test_hide_and_unhide(world: Profiles, run: Run) -> None:
    root = publish(world.astro, "root")
    reply = publish(world.cook, "hm", reply_to_id=root)
    assert run("hide", reply).stdout.strip() == reply
    assert "[hidden]" in run("replies", root).stdout
    assert answer(run("unhide", reply, "--json")) == {"id": reply, "done": "shown"}
    assert "[hidden]" not in run("replies", root).stdout


def test_ignore_and_approve(world: Profiles, run: Run) -> None:
    root = publish(world.astro, "root", enable_reply_approvals=True)
    reply = publish(world.cook, "hm", reply_to_id=root)
    assert answer(run("ignore", reply, "--json")) == {"id": reply, "done": "ignored"}
    assert answer(run("replies", root, "--pending", "--json")) == []
    assert len(answer(run("replies", root, "--ignored", "--json"))) == 1
    run("approve", reply)
    assert len(answer(run("replies", root, "--json"))) == 1


def test_mentions_and_search(world: Profiles, run: Run) -> None:
    post = publish(world.cook, "soup for @astro", topic_tag="food")
    assert [one["id"] for one in answer(run("mentions", "--json"))] == [post]
    options = ("--tag", "--recent", "--media", "text", "--author", "cook")
    assert [one["id"] for one in answer(run("search", "food", *options, "--json"))] == [post]
    assert world.last()["query"]["search_mode"] == "TAG"
    assert world.last()["query"]["media_type"] == "TEXT"


def test_profile_of_oneself_and_of_others(world: Profiles, run: Run) -> None:
    assert answer(run("profile", "--json"))["id"] == "17841400000000011"
    assert answer(run("profile", "@astro", "--json"))["follower_count"] == 1200
    assert "threads_biography" in run("profile").stdout


def test_locations(world: Profiles, run: Run) -> None:
    assert "Menlo Park" in run("locations", "menlo").stdout
    (found,) = answer(run("locations", "--latitude", "51.4", "--longitude", "0", "--json"))
    assert answer(run("locations", "--id", found["id"], "--json")) == found


def test_insights_of_the_account_as_bars(world: Profiles, run: Run) -> None:
    shown = run("insights", "--since", "9 days ago", "--metric", "views").stdout
    lines = [line for line in shown.splitlines() if "━" in line]
    assert len(lines) == 10
    total = sum(int(line.split()[-1]) for line in lines)
    assert shown.startswith(f"Views: {total:,}")


def test_insights_as_json(world: Profiles, run: Run) -> None:
    post = publish(world.astro, "Look")
    (found,) = answer(run("insights", post, "--metric", "likes", "--json"))
    assert found["name"] == "likes"
    assert isinstance(found["values"][0]["value"], int)
    metric = ("--metric", "follower_demographics", "--breakdown", "age")
    (found,) = answer(run("insights", *metric, "--json"))
    assert found["total_value"]["breakdowns"][0]["dimension_keys"] == ["age"]


def test_repost(world: Profiles, run: Run) -> None:
    post = publish(world.cook, "soup")
    made = answer(run("repost", post, "--json"))
    assert made["reposted_post"] == post
    assert f"repost of {post}" in " ".join(run("posts").stdout.split())


def test_delete_asks_first(world: Profiles, run: Run) -> None:
    post = publish(world.astro, "oops")
    asked = run("delete", post, given="n\n", expect=1)
    assert f"Delete post {post} of account main for good?" in asked.stderr
    assert len(world.sandbox.posts()) == 1
    assert run("delete", post, given="y\n").stdout.splitlines()[-1] == post
    assert world.sandbox.posts() == []


def test_delete_as_json_does_not_ask(world: Profiles, run: Run) -> None:
    post = publish(world.astro, "oops")
    assert answer(run("delete", post, "--json")) == {"job": None, "deleted": [post]}


def test_a_job_that_is_not_at_rest_is_not_deleted(world: Profiles, run: Run) -> None:
    job_id = answer(run("post", "later", "--at", "2099-01-01T09:00+00:00", "--json"))["id"]
    assert "job.not_at_rest" in run("delete", job_id, "--yes", expect=5).stderr
    run("cancel", job_id)
    assert "job.nothing_live" in run("delete", job_id, "--yes", expect=5).stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("post-info", "me"), 2, "threads.id.invalid"),
        (("posts", "--since", "soonish"), 2, "is no moment"),
        (("posts", "--since", "2020-01-01"), 2, "threads.since.too_early"),
        (("posts", "--limit", "0"), 2, "threads.limit.too_small"),
        (("insights", "--metric", "fame"), 2, "threads.metric.unknown"),
        (("search", " "), 2, "threads.q.missing"),
        (("posts", "--account", "nobody"), 4, "there is no account"),
        (("delete", "nonsense", "--yes"), 4, "there is no job"),
        (("post-info", "123"), 1, "does not exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_has_its_exit_code(
    run: Run, arguments: tuple[str, ...], code: int, words: str
) -> None:
    assert words in " ".join(run(*arguments, expect=code).stderr.split())


def test_a_bad_argument_is_json_too(run: Run) -> None:
    (problem,) = answer(run("posts", "--limit", "0", "--json", expect=2))["problems"]
    assert (problem["rule"], problem["given"]) == ("threads.limit.too_small", 0)
