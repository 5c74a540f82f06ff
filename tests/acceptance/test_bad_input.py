"""Bad input is refused with its rule before anything is stored or sent, and leaves no trace."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from importlib.resources import files
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests.acceptance.bad_commands import commands
from tests.acceptance.bad_files import written
from tests.acceptance.bad_inputs import Case, posts
from tests.acceptance.installation import Installation, installation
from threadsworker.cli.application import app
from threadsworker.sandbox import Sandbox, SandboxOptions

ASSETS = files("threadsworker.sandbox").joinpath("assets")
SUNRISE = str(ASSETS.joinpath("sunrise.jpg"))
#: Made once: it takes longer than what most of the commands do.
COMMANDS = typer.main.get_command(app)
#: Tables that hold something before anything is refused.
EXPECTED = {"threadsworker_account", "threadsworker_version"}


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation without a worker, and a folder of files."""
    home = tmp_path_factory.mktemp("home")
    (home / "bad.md").write_text("---\ntopik: x\n---\nhello\n")
    with (
        Sandbox(options=SandboxOptions()) as sandbox,
        installation(home, sandbox, {}, processes=[]) as installed,
    ):
        yield installed


@pytest.fixture(scope="module")
def table(idle: Installation) -> list[Case]:
    """All bad inputs; the files that they name are laid out."""
    return [*posts(idle.home), *written(idle.home), *commands()]


def traces(installed: Installation) -> list[str]:
    """What the refused has left behind: rows, files, requests."""
    left = [f"{one['method']} {one['path']}" for one in installed.sandbox.ledger]
    left = [request for request in left if not request.startswith("GET ")]
    left += [str(path) for path in (installed.home / "spool").rglob("*") if path.is_file()]
    database = installed.home / "threadsworker.db"
    if database.exists():
        with closing(sqlite3.connect(database)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            for (name,) in names.fetchall():
                if name not in EXPECTED and not name.startswith("sqlite_"):
                    rows = connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
                    left += [f"{rows} rows of {name}"] if rows else []
    return left


def run(arguments: Sequence[str]) -> tuple[int, str]:
    """What the command line exits with, in this process, and what it says on stderr."""
    told = StringIO()
    with redirect_stderr(told), redirect_stdout(StringIO()), pytest.raises(SystemExit) as ended:
        COMMANDS.main(list(arguments), prog_name="threadsworker")
    code = ended.value.code
    return code if isinstance(code, int) else 0, told.getvalue()


def refused(case: Case, installed: Installation, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """What was wrong with how the case was refused; None: nothing."""
    before = traces(installed)
    with monkeypatch.context() as patched:
        patched.chdir(installed.home)
        for name, value in {**installed.environment, **case.environment}.items():
            patched.setenv(name, value)
        patched.setattr(sys, "stdin", TextIOWrapper(BytesIO(case.stdin)))
        try:
            code, said = run(case.arguments)
        except Exception as error:
            return f"{case}: {error!r}"
    if code != case.code:
        return f"{case}: exit {code}, not {case.code}: {said[-500:]}"
    if missing := [word for word in case.says if word not in said]:
        return f"{case}: {missing} is not in {said[-1500:]!r}"
    if not said.strip() or "Traceback" in said:
        return f"{case}: {said[-500:]!r}"
    if (left := traces(installed)) != before:
        return f"{case}: {left}"
    return None


def test_each_is_refused_with_its_rule_and_leaves_nothing(
    idle: Installation, table: list[Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len({(one.arguments, one.stdin, str(one.environment)) for one in table}) == len(table)
    assert len(table) >= 200
    wrong = [said for case in table if (said := refused(case, idle, monkeypatch)) is not None]
    assert not wrong, "\n".join(wrong)
    assert traces(idle) == []


@pytest.mark.parametrize(
    "arguments",
    [("post", "x", "--topic", "a.b"), ("post", "x", "-f", "large.png"), ("import", "rows-0.csv")],
)
def test_a_program_is_told_the_rule_the_limit_and_what_was_given(
    idle: Installation, table: list[Case], arguments: tuple[str, ...]
) -> None:
    refused = idle.run(*arguments, "--json", expect=3)
    problems: list[dict[str, Any]] = json.loads(refused.stdout)["problems"]
    for problem in problems:
        assert problem.keys() == {"rule", "message", "where", "limit", "given"}
        assert f"[{problem['rule']}]" in refused.stderr
    assert traces(idle) == []


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
