"""What deploy/ and the Procfile start exists, and what they set is a setting."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from tests import settings_page
from tests.acceptance.pages import blocks
from tests.deployment import DEPLOY, ROOT, command_lines, compose
from threadsworker.cli.application import app

PAGE = DEPLOY / "README.md"
#: What an operator reads.
PAGES = [
    PAGE,
    *(
        ROOT / "docs" / f"{name}.md"
        for name in ("operating", "flower", "watching", "backup", "upgrading", "security", "tls")
    ),
]


def told() -> dict[str, list[str]]:
    """The commands of these pages, in their blocks and their prose."""
    lines = [line for page in PAGES for _, text in blocks(page) for line in text.splitlines()]
    for page in PAGES:
        lines += re.findall(r"`(threadsworker [^`]+)`", page.read_text("utf-8").replace("\n", " "))
    ours = re.compile(r"^(?:docker compose .* exec worker )?threadsworker (.+)")
    found = filter(None, map(ours.match, lines))
    # Of a command that goes on with …, what is there.
    return {
        one.group(): shlex.split(re.split(" --only …| > ", one.group(1))[0], True) for one in found
    }


COMMANDS = {**command_lines(), **told()}
FILES = [path for path in DEPLOY.rglob("*") if path.is_file()]


@pytest.mark.parametrize("where", COMMANDS)
def test_a_command_that_is_started_exists_and_takes_these_options(where: str) -> None:
    command, words = typer.main.get_command(app), list(COMMANDS[where])
    if words == ["--help"]:
        return
    with command.make_context("threadsworker", list(words), resilient_parsing=True) as context:
        while hasattr(command, "get_command"):
            word = words.pop(0)
            found = command.get_command(context, word)
            assert found is not None, f"there is no {word!r}"
            command = found
    try:
        # Raises where an option is unknown, or a value is not one of its.
        command.make_context("threadsworker", words).close()
    except typer.BadParameter as error:
        # Prose names commands without all that they need.
        if type(error).__name__ != "MissingParameter":
            raise


def test_every_process_is_started_everywhere() -> None:
    for process in ("worker", "beat", "flower", "webhooks"):
        for place in ("Procfile", "compose", "systemd", "kubernetes"):
            started = [line[0] for where, line in COMMANDS.items() if where.startswith(place)]
            assert process in started, f"{place} starts no {process}"


def test_the_schema_is_brought_up_to_date_everywhere() -> None:
    for place in ("Procfile", "compose", "systemd", "kubernetes"):
        lines = [line for where, line in COMMANDS.items() if where.startswith(place)]
        assert ["db", "upgrade"] in lines, place


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_set_is_a_setting(path: Path) -> None:
    # A name that ends with _ is the beginning of some, in prose.
    named = re.findall(r"THREADSWORKER_\w*[A-Z]\b", path.read_text(encoding="utf-8"))
    assert set(named) <= settings_page.variables()


def test_the_example_of_an_environment_has_what_compose_demands() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    demanded = set(re.findall(r"\$\{(\w+):\?", text))
    example = (DEPLOY / "env.example").read_text(encoding="utf-8")
    offered = re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE)
    assert demanded
    assert demanded <= {name for name, _ in offered}
    assert {value for _, value in offered} == {""}, "an example holds no secret"


def test_the_page_names_files_that_exist() -> None:
    named = re.findall(r"\bdeploy/[\w./*-]+", PAGE.read_text(encoding="utf-8"))
    assert len(named) > 5
    for name in named:
        # What the reader makes of the example.
        assert name == "deploy/.env" or list(ROOT.glob(name.rstrip("."))), name


def test_no_password_stands_in_compose() -> None:
    for service in compose()["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|KEY|URL|TOKEN|AUTH", name):
                assert "${" in value, name
