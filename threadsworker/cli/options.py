"""
The options of a post, written down once: its commands take them, and front matter and the rows
of an import may hold them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any, Literal

import typer

Kind = Literal["text", "list", "flag", "number"]


@dataclass(frozen=True)
class Option:
    """An option; a ``list`` may be given several times."""

    kind: Kind
    help: str

    def parameter(self, name: str) -> inspect.Parameter:
        """As a command's parameter."""
        default: Any = False if self.kind == "flag" else None
        written = f"--{name.replace('_', '-')}"
        types: dict[Kind, Any] = {
            "text": str | None,
            "list": list[str] | None,
            "flag": bool,
            "number": float | None,
        }
        return inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[types[self.kind], typer.Option(written, help=self.help)],
        )


#: By their names in front matter and in rows; on the command line with dashes.
OPTIONS: dict[str, Option] = {
    "reply_to": Option("text", "Media id of the post to reply to."),
    "quote": Option("text", "Media id of the post to quote."),
    "quote_all": Option("flag", "Quote it on every segment."),
    "tag": Option("list", "A hashtag to deal out; may be repeated."),
    "topic": Option("text", "The topic of the first segment."),
    "link": Option("list", "A link attachment; may be repeated."),
    "reply_control": Option(
        "text",
        "everyone, accounts_you_follow, mentioned_only, parent_post_author_only or followers_only.",
    ),
    "approve_replies": Option("flag", "Replies stay hidden until you approve them."),
    "countries": Option("text", "Two-letter codes: US,CA."),
    "location": Option("text", "Id of one of Meta's locations."),
    "poll": Option("list", "An option of a poll, two to four of them; or all in one: 'yes|no'."),
    "gif": Option("text", "Id of a GIF of GIPHY."),
    "attach_text": Option(
        "text", "A file with a long text to attach; in a .md one **bold** and the like is styled."
    ),
    "attach_link": Option("text", "The link of the attached text."),
    "spoiler": Option("list", "Words of the text to hide, wherever they stand; may be repeated."),
    "spoiler_media": Option("flag", "Hide the media until tapped."),
    "ghost": Option("flag", "Gone after 24 hours; text only."),
    "share_to_instagram": Option("flag", "Share the first segment to the Instagram story too."),
    "dark": Option("flag", "Dark, on Instagram."),
    "no_chain": Option("flag", "Refuse what does not fit one post."),
    "continuation_marks": Option("flag", "Mark cuts with an ellipsis."),
    "numbering": Option("flag", "End each segment with 1/7."),
    "auto_hashtags": Option("flag", "Deal tags to segments that have none."),
    "no_hashtags": Option("flag", "Leave the tags in the text alone."),
    "persist_tags": Option("flag", "All tags on every segment."),
    "pace": Option("number", "Seconds between two segments at least."),
    "pace_jitter": Option("number", "Seconds that are added to the pace at most, at random."),
    "no_rate_limit_check": Option("flag", "Begin without a look at the publishing quota."),
    "no_rate_limit_wait": Option("flag", "Fail at once if the quota has no room for it."),
}


def _is_said(value: Any) -> bool:
    return value is not None and value is not False and value != []


def with_post_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with all options of a post in place of its `given`: a dict of those."""

    @wraps(command)
    def taking(**named: Any) -> None:
        given = {name: named.pop(name) for name in OPTIONS}
        # Of what was not said nothing is given, so that it overrides nothing.
        command(**named, given={name: value for name, value in given.items() if _is_said(value)})

    own = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for parameter in own.parameters.values():
        if parameter.name == "given":
            parameters += [option.parameter(name) for name, option in OPTIONS.items()]
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    taking.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    return taking
