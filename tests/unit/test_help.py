"""What `threadsworker --help` lists: every command in one whole line, under a heading."""

from __future__ import annotations

import subprocess
import sys

import pytest

from threadsworker.cli.application import app
from threadsworker.cli.overview import HEADINGS

GROUPS = [group.name for group in app.registered_groups]
COMMANDS = {command.name or command.callback.__name__ for command in app.registered_commands}  # type: ignore[union-attr]


def told(*arguments: str) -> str:
    """The help, in a terminal of 80 columns."""
    asked = [sys.executable, "-m", "threadsworker", *arguments, "--help"]
    done = subprocess.run(
        asked, capture_output=True, text=True, timeout=60, check=True, env={"COLUMNS": "80"}
    )
    return done.stdout


@pytest.mark.parametrize("group", [(), *((str(name),) for name in GROUPS)])
def test_no_commands_line_is_cut(group: tuple[str, ...]) -> None:
    lines = told(*group).splitlines()
    assert [line for line in lines if line.endswith("...") and "Usage:" not in line] == []
    assert max(map(len, lines)) <= 80


def test_every_command_stands_under_a_heading_once() -> None:
    listed, heading = [], ""
    for line in told().splitlines():
        if line.endswith(":") and line[:-1] in HEADINGS:
            heading = line[:-1]
        elif not line:
            heading = ""
        elif heading:
            listed.append(line.split()[0])
    assert sorted(listed) == sorted({*COMMANDS, *map(str, GROUPS)})


@pytest.mark.parametrize("command", ["worker", "beat", "flower"])
def test_what_passes_options_on_tells_its_own_and_whose_the_others_are(command: str) -> None:
    text = " ".join(told(command).split())
    assert f"threadsworker {command} [OPTIONS]" in text
    assert f"go to `celery {command}`" in text
