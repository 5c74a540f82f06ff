"""
docs/coverage.md: what the older library and Meta offer, each with the test that covers it.

The list itself is there and nowhere else. What can be found out from the code must have its row.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

import threadsworker
from threadsworker import intents
from threadsworker.cli.application import app
from threadsworker.threads_api import ContainerSpec, ThreadsApi
from threadsworker.threads_api.connection import Connection

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "coverage.md"
_TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)(\[[^\]]+\])?")


@dataclass(frozen=True)
class Row:
    """What is covered, what does it here, and the tests."""

    what: str
    here: str
    tests: tuple[str, ...]


def rows() -> Iterator[Row]:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            first, *middle, last = cells
            found = re.findall(r"`([^`]+)`", last)
            yield Row(first.strip("` "), " ".join(middle).strip("`"), tuple(found))


ROWS = list(rows())
WHAT = {row.what for row in ROWS}
HERE = {word for row in ROWS for word in row.here.split()}


@cache
def functions(file: str) -> dict[str, bool]:
    """The tests of a file, and whether they are parametrised."""
    path = ROOT / file
    if not path.is_file():
        return {}
    return {
        node.name: any("parametrize" in ast.unparse(one) for one in node.decorator_list)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[:5] == "test_"
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_a_row_names_tests_that_exist(row: Row) -> None:
    assert row.tests, "it has no test"
    for test in row.tests:
        found = _TEST.fullmatch(test)
        assert found, f"{test} is no test's name"
        file, name, case = found.groups()
        assert name in functions(file), f"there is no {test}"
        assert not case or functions(file)[name], f"{test} has no parameters"


def test_there_are_rows_and_none_is_there_twice() -> None:
    counted = Counter(row.what for row in ROWS)
    assert counted
    assert [what for what, count in counted.items() if count > 1] == []


def parameters(function: Any) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def calls(name: str, function: Any) -> list[str]:
    """``name(parameter)`` for each, or ``name()``."""
    return [f"{name}({one})" for one in parameters(function)] or [f"{name}()"]


def methods(kind: type) -> Iterator[tuple[str, Any]]:
    for name, found in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_"):
            yield name, found


def test_everything_of_the_older_librarys_class_has_a_row() -> None:
    kind = threadsworker.ThreadsPipe
    offered = [f"ThreadsPipe({one})" for one in parameters(kind.__init__)]
    for name, method in methods(kind):
        offered += calls(f"ThreadsPipe.{name}", method)
    lists = {
        name: value for one in kind.__mro__[:-1] for name, value in vars(one).items()
        if isinstance(value, list | dict) and name not in ("__annotations__", "__dict__")
    }  # fmt: skip
    offered += [f"ThreadsPipe.{name}" for name in lists if not name.startswith("_ThreadsPipe")]
    assert sorted(set(offered) - WHAT) == []


@pytest.mark.parametrize("command", ["access_token", "refresh_token"])
def test_everything_of_the_older_librarys_commands_has_a_row(command: str) -> None:
    known = typer.main.get_command(app)
    found = known.commands[command]  # type: ignore[attr-defined]
    options = {opt for one in found.params for opt in one.opts if opt.startswith("-")}
    assert sorted({f"{command} {opt}" for opt in options} - WHAT) == []
    assert command in WHAT


def test_every_call_to_meta_has_a_row() -> None:
    ours = [pair for pair in methods(ThreadsApi) if pair[0] not in vars(Connection)]
    offered = {call for name, method in ours for call in calls(name, method)}
    offered |= set(calls("post_intent", intents.post_intent))
    offered |= set(calls("follow_intent", intents.follow_intent))
    assert sorted(offered - HERE) == []


def test_every_parameter_of_a_container_has_a_row() -> None:
    sent = {f"ContainerSpec.{one.name}" for one in fields(ContainerSpec)}
    assert sorted(sent - HERE) == []
    assert {f"POST /{{user}}/threads {one.name}" for one in fields(ContainerSpec)} <= WHAT


def test_every_option_of_a_post_that_meta_hears_of_has_a_row() -> None:
    ours = {"chain", "continuation_marks", "numbering", "pace", "pace_jitter", "quote_all"}
    ours |= {"tags", "handle_hashtags", "auto_handle_hashtags", "persist_tags"}
    ours |= {"check_rate_limit_before_post", "wait_on_rate_limit"}
    told = {f"Post.{name}" for name in threadsworker.Post.model_fields if name not in ours}
    assert sorted(told - HERE) == []


#: What stands before the rest of a path in the methods of the sandbox that answer it.
_BEFORE = {"_of_user": "/{user}", "_search": "", "_of_object": "/{id}"}


def routes(file: str) -> Iterator[str]:
    """``GET /{user}/threads`` for each case of the sandbox's matches."""
    tree = ast.parse((ROOT / "threadsworker/sandbox" / file).read_text(encoding="utf-8"))
    for method in ast.walk(tree):
        if not isinstance(method, ast.FunctionDef) or method.name not in _BEFORE:
            continue
        for case in (one for one in ast.walk(method) if isinstance(one, ast.match_case)):
            assert isinstance(case.pattern, ast.MatchSequence)
            verb, path = case.pattern.patterns
            parts = "".join(f"/{_word(one)}" for one in ast.iter_child_nodes(path))
            yield f"{_word(verb)} {_BEFORE[method.name]}{parts}"


def _word(node: ast.AST) -> str:
    if isinstance(node, ast.MatchValue):
        return str(ast.literal_eval(node.value))
    return "{id}"


def test_every_route_of_the_sandbox_has_a_row() -> None:
    served = set(routes("threads.py"))
    assert len(served) > 20
    covered = {
        re.sub(r"\{(media|reply|container|location)\}", "{id}", " ".join(what.split()[:2]))
        for what in WHAT
    }
    assert sorted(served - covered) == []


def test_every_address_that_meta_calls_has_a_row() -> None:
    written = (ROOT / "threadsworker/webhooks.py").read_text(encoding="utf-8")
    called = set(re.findall(r'Route\("(/[\w-]+)"', written)) - {"/healthz"}
    assert called
    covered = {what.split()[1] for what in WHAT if " /" in what}
    assert sorted(called - covered) == []
