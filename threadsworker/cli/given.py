"""The options of a post, by the names that they have on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from threadsworker.cli.options import OPTIONS
from threadsworker.cli.written import read_named, with_plain_ends
from threadsworker.errors import InvalidPost, Problem

if TYPE_CHECKING:
    from threadsworker.post import Media, TextAttachment

LISTS, FLAGS, NUMBERS = (
    frozenset(name for name, option in OPTIONS.items() if option.kind == kind)
    for kind in ("list", "flag", "number")
)
#: Options with one value; those that are none of `Post`'s are its terms.
TEXTS = frozenset(name for name, option in OPTIONS.items() if option.kind == "text") | {
    "account",
    "key",
    "at",
    "timezone",
}
#: How a flag is written.
TRUE = {"true": True, "yes": True, "false": False, "no": False}
#: Endings of files whose text is styled by marks.
_MARKDOWN = {".md", ".markdown"}


def post_fields(given: dict[str, Any]) -> dict[str, Any]:
    """
    The fields of `Post`, from options of the command line, of front matter, or of a row.

    Its text and media are apart, as are the terms: account, key, at and timezone.

    Raises
    ------
    InvalidPost:
        The text to attach cannot be read, or there is none for the link.
    """
    named = {
        "reply_to": given.get("reply_to"),
        "quote": given.get("quote"),
        "quote_all": given.get("quote_all"),
        "tags": tuple(given.get("tag") or ()),
        "topic": given.get("topic"),
        "links": tuple(given.get("link") or ()),
        "reply_control": given.get("reply_control"),
        "reply_approvals": given.get("approve_replies"),
        "countries": given.get("countries"),
        "location_id": given.get("location"),
        "poll": _poll(given.get("poll") or []),
        "gif": given.get("gif"),
        "text_attachment": _text_attachment(given.get("attach_text"), given.get("attach_link")),
        "spoilers": tuple(given.get("spoiler") or ()),
        "spoiler_media": given.get("spoiler_media"),
        "ghost": given.get("ghost"),
        "share_to_instagram": given.get("share_to_instagram"),
        "instagram_dark_mode": given.get("dark"),
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


def _poll(options: list[str]) -> list[str]:
    """Its options. A poll has two at least: a single value holds them all."""
    if len(options) == 1:
        return [part.strip() for part in options[0].split("|")]
    return options


def _text_attachment(file: str | None, link: str | None) -> TextAttachment | None:
    if file is None:
        if link is None:
            return None
        message = "A link of an attached text needs the text: --attach-text"
        raise InvalidPost([Problem("text_attachment.link.without_text", message, "attach_link")])
    from threadsworker.cli.styling import styled
    from threadsworker.post import TextAttachment

    written = read_named(file, rule="text_attachment.file.unreadable", where="attach_text")
    text = with_plain_ends(written).strip()
    plain, styling = styled(text) if Path(file).suffix.lower() in _MARKDOWN else (text, ())
    return TextAttachment(plaintext=plain, link=link, styling=styling)


def media_of(files: Sequence[str | Path], alts: list[str], kinds: list[str]) -> list[Media]:
    """
    The media of a post, whose alt texts and kinds are in the order of its files.

    Raises
    ------
    InvalidPost:
        There are more of them than files, or a kind is unknown.
    """
    from threadsworker.post import Media, MediaKind

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
