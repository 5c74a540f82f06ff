"""
docs/settings.md, written from the settings class: ``python -m tests.settings_page`` prints it.

Names, types and defaults are the class's; a meaning is the ``#:`` comment above its field, so
that whoever adds a setting documents it where it stands.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo

from threadsworker.settings import Settings
from threadsworker.settings.fields import Fields

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"

_HEAD = """\
# Settings

Environment variables, or lines of a file `.env` in the working directory; the environment wins.
Where a variable has two names, ours wins. An empty variable is one that is not set. A duration
is a number of seconds (`90`, `0.5`) or ISO 8601 (`PT5M`). What cannot be read, or contradicts
another setting, is refused with a sentence before anything starts.

A **secret** never appears in a log, a message, an error or a process list. Keep it in a file
that only its user reads, or in your platform's store of secrets.

This page is written from `threadsworker/settings/fields.py`: change the comment there, and run
`make docs`.
"""
_TABLE = "| variable | type | default | meaning |\n|---|---|---|---|"
#: How the types of fields are called on the page.
_TYPES: dict[Any, str] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "`true` or `false`",
    Path: "path",
    timedelta: "duration",
    SecretStr: "**secret**",
}
#: Defaults that a factory makes.
_MADE = {"home": "the platform's data directory"}


def page() -> str:
    """The whole page."""
    meanings = _comments()
    rows = [_row(name, field, meanings) for name, field in Settings.model_fields.items()]
    return "\n".join([_HEAD, _TABLE, *rows]) + "\n"


def variables() -> set[str]:
    """Every name that a setting goes by."""
    return {name for key, field in Settings.model_fields.items() for name in _names(key, field)}


def _row(name: str, field: FieldInfo, meanings: dict[str, str]) -> str:
    names = ", ".join(f"`{each}`" for each in _names(name, field))
    kind, default = _kind(field.annotation), _default(name, field)
    cells = (names, kind, default, meanings[name])
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _names(name: str, field: FieldInfo) -> list[str]:
    if isinstance(field.validation_alias, AliasChoices):
        return [str(choice) for choice in field.validation_alias.choices]
    if isinstance(field.validation_alias, str):
        # A variable of somebody else's, read as well.
        return [field.validation_alias]
    return [f"{Settings.model_config['env_prefix']}{name.upper()}"]


def _kind(annotation: Any) -> str:
    if get_origin(annotation) in (Union, UnionType):
        (inner,) = (each for each in get_args(annotation) if each is not NoneType)
        return _kind(inner)
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) in (list, tuple, set, frozenset):
        return f"list of {_kind(get_args(annotation)[0])}"
    return _TYPES[annotation]


def _default(name: str, field: FieldInfo) -> str:
    if field.default_factory is not None:
        return _MADE[name]
    match field.default:
        case None | ():
            return "–"
        case bool(value):
            return f"`{str(value).lower()}`"
        case timedelta() as duration:
            return _spoken(duration)
        case value:
            return f"`{value}`"


def _spoken(duration: timedelta) -> str:
    """A duration in the largest unit that it is a whole number of."""
    for seconds, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if duration and not duration % timedelta(seconds=seconds):
            count = duration // timedelta(seconds=seconds)
            # Two days are better read as hours, which is how such things are said.
            if unit != "d" or count > 2:
                return f"{count} {unit}"
    return f"{duration.total_seconds():g} s"


def _comments() -> dict[str, str]:
    """Each field's ``#:`` comment, as one line of Markdown."""
    source = inspect.getsource(sys.modules[Fields.__module__])
    lines = source.splitlines()
    (body,) = (
        node.body
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == Fields.__name__
    )
    found: dict[str, str] = {}
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            said = " ".join(reversed(list(_above(lines, node.lineno - 1))))
            if not said:
                raise LookupError(
                    f"settings/fields.py: {node.target.id} has no comment #: above it"
                )
            found[node.target.id] = _for_users(said)
    return found


def _for_users(said: str) -> str:
    """Two backticks are reStructuredText's, and None is Python's."""
    said = re.sub(r"``(.+?)``", r"`\1`", said)
    return said.replace("; None: ", "; not set: ").replace("None: ", "Not set: ")


def _above(lines: list[str], number: int) -> Iterator[str]:
    """The lines of the comment that ends above line `number` (counted from 0), upwards."""
    while number and (line := lines[number - 1].strip()).startswith("#:"):
        yield line.removeprefix("#:").strip()
        number -= 1


if __name__ == "__main__":
    sys.stdout.write(page())
