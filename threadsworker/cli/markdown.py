"""
A thread written as Markdown.

    ---
    topic: python
    tag: [celery, redis]
    ---
    The first segment. ![a cat](cat.jpg)

    ---

    The second one.

Front matter is optional; its keys are the names of `post`'s options. Media are taken out of
the text in order; paths are relative to the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadsworker.cli.given import FLAGS, LISTS, NUMBERS, TEXTS, TRUE
from threadsworker.errors import InvalidPost, Problem

if TYPE_CHECKING:
    from threadsworker.post import Media

_OPTIONS = LISTS | FLAGS | TEXTS | NUMBERS
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_BREAK = re.compile(r"^[ \t]*---[ \t]*$", re.MULTILINE)
_IMAGE = re.compile(r"!\[([^\]]*)\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
#: Of a list; one in quotes may hold a comma.
_ITEM = re.compile(r"""\s*(?:"[^"]*"|'[^']*')\s*(?=,|$)|[^,]+""")
_KEY = re.compile(r"^[A-Za-z_-]+\s*:(\s|$)")


@dataclass(frozen=True)
class Thread:
    text: str
    media: list[Media]
    options: dict[str, Any]


def read_thread(written: str, *, folder: Path) -> Thread:
    """
    Text, media and options of a Markdown thread.

    Raises
    ------
    InvalidPost:
        The front matter holds an unknown option or a line that is none.
    """
    options, body = _opened(written, folder)
    return _thread(body, folder, options)


def read_posts(written: str, *, folder: Path) -> list[Thread]:
    """
    The posts of a Markdown file, with lines of `---` between them; all have its options.

    Raises
    ------
    InvalidPost:
        As in `read_thread`; or the front matter holds a key, which belongs to one job.
    """
    options, body = _opened(written, folder)
    if "key" in options:
        message = "A key belongs to one job, and a schedule makes many"
        raise InvalidPost([Problem("thread.option.unknown", message, "front matter")])
    found = [_thread(part, folder, options) for part in _BREAK.split(body)]
    return [one for one in found if one.text.strip() or one.media]


def _opened(written: str, folder: Path) -> tuple[dict[str, Any], str]:
    """The options of the front matter, and the rest."""
    written = written.replace("\r\n", "\n").removeprefix("\ufeff")
    found = _FRONT_MATTER.match(written)
    # A text may begin with a break; front matter begins with an option.
    if found and _begins_with_an_option(found.group(1)):
        options = _front_matter(found.group(1))
        return in_folder(options, folder), written[found.end() :]
    return {}, written


def _thread(body: str, folder: Path, options: dict[str, Any]) -> Thread:
    from threadsworker.post import Media

    media: list[Media] = []

    def take(image: re.Match[str]) -> str:
        media.append(Media(source(image.group(2), folder), alt_text=image.group(1) or None))
        return ""

    return Thread(_IMAGE.sub(take, body), media, options)


def _begins_with_an_option(matter: str) -> bool:
    lines = [line for line in matter.split("\n") if line.strip() and not line.startswith("#")]
    return bool(lines) and _KEY.match(lines[0]) is not None


def source(target: str, folder: Path) -> str | Path:
    """Where a medium is that a file in `folder` names: a URL as it is, a path from there."""
    if re.match(r"[a-z][a-z0-9+.-]+:", target, re.IGNORECASE):
        return target
    return folder / target


def in_folder(options: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The options, with the file to attach where one that lies in `folder` names it."""
    if "attach_text" not in options:
        return options
    return {**options, "attach_text": str(folder / options["attach_text"])}


def _front_matter(matter: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    problems, name = [], ""
    for line in matter.split("\n"):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line.lstrip().startswith("- ") and name in LISTS:
            options.setdefault(name, []).append(_unquoted(line.lstrip()[2:]))
            continue
        key, colon, value = line.partition(":")
        name = key.strip().replace("-", "_")
        if not colon or name not in _OPTIONS:
            problems.append(_unknown(key.strip()))
        elif name in LISTS:
            options[name] = _items(value)
        elif name in FLAGS:
            if value.strip().lower() not in TRUE:
                problems.append(Problem("thread.option.invalid", f"{name} is true or false", name))
            options[name] = TRUE.get(value.strip().lower(), False)
        else:
            options[name] = ",".join(_items(value)) if name == "countries" else _unquoted(value)
    if problems:
        raise InvalidPost(problems)
    return options


def _items(value: str) -> list[str]:
    value = value.strip()
    if value.startswith("[") and value.endswith("]"):
        value = value[1:-1]
    return [_unquoted(part) for part in _ITEM.findall(value) if part.strip()]


def _unquoted(value: str) -> str:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _unknown(key: str) -> Problem:
    known = ", ".join(sorted(_OPTIONS))
    return Problem(
        "thread.option.unknown", f"There is no option {key!r}; there are {known}", "front matter"
    )
