"""The options of a post, by the names that they have on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from threadsworker.errors import InvalidPost, Problem
from threadsworker.post import Media, MediaKind

#: Options that may be given several times.
LISTS = frozenset({"tag", "link"})
FLAGS = frozenset(
    {
        "quote_all",
        "no_chain",
        "continuation_marks",
        "numbering",
        "auto_hashtags",
        "no_hashtags",
        "persist_tags",
        "no_rate_limit_check",
        "no_rate_limit_wait",
    }
)
#: Options with one value; `NUMBERS` are those of them that are numbers.
TEXTS = frozenset(
    {"account", "key", "at", "timezone", "reply_to", "quote", "topic", "reply_control"}
    | {"countries"}
)
NUMBERS = frozenset({"pace", "pace_jitter"})
#: How a flag is written.
TRUE = {"true": True, "yes": True, "false": False, "no": False}


def post_fields(given: dict[str, Any]) -> dict[str, Any]:
    """
    The fields of `Post`, from options of the command line, of front matter, or of a row.

    Its text and media are apart, as are the terms: account, key, at and timezone.
    """
    named = {
        "reply_to": given.get("reply_to"),
        "quote": given.get("quote"),
        "quote_all": given.get("quote_all"),
        "tags": tuple(given.get("tag") or ()),
        "topic": given.get("topic"),
        "links": tuple(given.get("link") or ()),
        "reply_control": given.get("reply_control"),
        "countries": given.get("countries"),
        "continuation_marks": given.get("continuation_marks"),
        "numbering": given.get("numbering"),
        "auto_handle_hashtags": given.get("auto_hashtags"),
        "persist_tags": given.get("persist_tags"),
        "pace": given.get("pace"),
        "pace_jitter": given.get("pace_jitter"),
    }
    options = {name: value for name, value in named.items() if value}
    # An empty topic, id or control is a mistake, not the absence of one.
    options |= {name: value for name, value in named.items() if value == ""}
    if given.get("no_chain"):
        options["chain"] = False
    if given.get("no_hashtags"):
        options["handle_hashtags"] = False
    if given.get("no_rate_limit_check"):
        options["check_rate_limit_before_post"] = False
    if given.get("no_rate_limit_wait"):
        options["wait_on_rate_limit"] = False
    return options


def media_of(files: Sequence[str | Path], alts: list[str], kinds: list[str]) -> list[Media]:
    """
    The media of a post, whose alt texts and kinds are in the order of its files.

    Raises
    ------
    InvalidPost:
        There are more of them than files, or a kind is unknown.
    """
    problems = []
    if len(alts) > len(files):
        problems.append(
            Problem(
                "media.alt_text.without_file",
                f"{len(alts)} alt texts for {len(files)} files",
                "alt",
                len(files),
                len(alts),
            )
        )
    unknown = [kind for kind in kinds if kind and kind not in list(MediaKind)]
    if unknown or len(kinds) > len(files):
        problems.append(
            Problem(
                "media.kind.unknown",
                f"A kind is image or video, one per file, and these are {', '.join(kinds)}",
                "kind",
            )
        )
    if problems:
        raise InvalidPost(problems)
    filled = zip(
        files,
        [*alts, *[""] * len(files)],
        [*kinds, *[""] * len(files)],
        strict=False,
    )
    return [
        Media(file, MediaKind(kind) if kind else None, alt or None) for file, alt, kind in filled
    ]
