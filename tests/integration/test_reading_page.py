"""What docs/reading.md says works: its program and its commands are run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.profiles import ASTRO_TOKEN, Profiles, profiles, publish
from threadsworker.cli.application import app
from threadsworker.client import Account

PAGE = (Path(__file__).parents[2] / "docs" / "reading.md").read_text(encoding="utf-8")
SHELL = re.findall(r"^    (threadsworker [^\n]+)$", PAGE, re.MULTILINE)


def environment(world: Profiles, home: Path) -> dict[str, str]:
    return {
        "THREADSWORKER_HOME": str(home),
        "THREADSWORKER_THREADS_API_URL": world.sandbox.threads_api_url,
        "THREADSWORKER_USER_ID": "17841400000000011",
        "THREADSWORKER_ACCESS_TOKEN": ASTRO_TOKEN,
    }


def test_the_program_on_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    with profiles() as world:
        post = publish(world.astro, "Look at the stars")
        world.astro.repost(publish(world.cook, "Look at the soup"))
        spam = publish(world.cook, "spam", reply_to_id=post)
        for name, value in environment(world, tmp_path).items():
            monkeypatch.setenv(name, value)
        exec(program, {"__name__": "page"})
        assert "Look at the stars" in capsys.readouterr().out
        assert [reply.hide_status for reply in world.astro.replies(post)] == ["HIDDEN"]
        assert spam in [one.id for one in world.sandbox.posts()]


def test_the_page_has_commands() -> None:
    assert len(SHELL) == 5


@pytest.mark.parametrize("command", SHELL)
def test_a_command_on_the_page_runs(command: str, tmp_path: Path) -> None:
    with profiles() as world:
        publish(world.astro, "Look at the stars", topic_tag="astronomy")
        _, *arguments = shlex.split(command)
        ran = CliRunner(env=environment(world, tmp_path)).invoke(app, arguments)
    assert ran.exit_code == 0, ran.output
    assert ran.stdout


def test_the_page_names_every_method_of_an_account() -> None:
    methods = {name for name in dir(Account) if not name.startswith("_")}
    # What is awaited is the same, with an ``a`` before its name.
    own = {name for name in methods if name[:1] != "a" or name[1:] not in methods}
    named = set(re.findall(r"`(\w+)\(", PAGE))
    assert own <= named, own - named
