"""What of a text is hidden until tapped: from the whole text to each of its segments."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import regex

from threadsworker.errors import Problem
from threadsworker.plan.bodies import Body
from threadsworker.post import Post, Spoiler

_WORD = regex.compile(r"\S+")


def ranges(post: Post) -> list[Spoiler]:
    """
    The hidden ranges of the text in order, those that overlap as one.

    Words are hidden wherever they stand; those that stand nowhere are left to `check_ranges`.
    """
    found = [one for one in post.spoilers if isinstance(one, Spoiler)]
    for words in post.spoilers:
        if isinstance(words, str) and words:
            found += _places(post.text, words)
    return list(_joined(found))


def check_ranges(post: Post) -> Iterator[Problem]:
    """What is wrong with the spoilers before the text is cut."""
    for index, spoiler in enumerate(post.spoilers):
        if isinstance(spoiler, str):
            if not spoiler.strip() or spoiler not in post.text:
                yield Problem(
                    "threads.spoilers.not_found",
                    f"A spoiler is words of the text, letter by letter, and {spoiler!r} is not "
                    "in it",
                    f"spoilers[{index}]",
                    given=spoiler,
                )
        elif (end := spoiler.offset + spoiler.length) > len(post.text):
            yield Problem(
                "threads.spoilers.out_of_range",
                f"The text has {len(post.text)} characters, and the spoiler ends at {end}",
                f"spoilers[{index}]",
                len(post.text),
                end,
            )


def check_hidden(post: Post, texts: Sequence[Body]) -> Iterator[Problem]:
    """Nothing that is to be hidden may stand anywhere in the open: a tag that is dealt out."""
    hidden = ranges(post)
    for start, end in _left_out(post.text, texts):
        if any(one.offset < end and start < one.offset + one.length for one in hidden):
            yield Problem(
                "threads.spoilers.dealt_tag",
                "A hashtag at the end of the text is dealt out, and cannot be hidden: "
                f"{post.text[start:end]!r}; leave the hashtags alone, or end the spoiler before "
                "them",
                "spoilers",
            )


def within(spoilers: Sequence[Spoiler], body: Body) -> Iterator[Spoiler]:
    """The parts of the spoilers, as `ranges` gives them, that fall into this segment."""
    first = bisect_right(spoilers, body.start, key=lambda one: one.offset + one.length)
    for spoiler in islice(spoilers, first, None):
        start = max(spoiler.offset, body.start)
        end = min(spoiler.offset + spoiler.length, body.end)
        if start >= end:
            return
        # Counted from the segment's beginning.
        yield Spoiler(offset=start - body.start + body.lead, length=end - start)


def _places(text: str, words: str) -> Iterator[Spoiler]:
    start = text.find(words)
    while start >= 0:
        yield Spoiler(offset=start, length=len(words))
        start = text.find(words, start + len(words))


def _joined(spoilers: Iterable[Spoiler]) -> Iterator[Spoiler]:
    offset, end = 0, 0
    for one in sorted(spoilers, key=lambda one: one.offset):
        if one.offset < end:
            end = max(end, one.offset + one.length)
            continue
        if end:
            yield Spoiler(offset=offset, length=end - offset)
        offset, end = one.offset, one.offset + one.length
    if end:
        yield Spoiler(offset=offset, length=end - offset)


def _left_out(text: str, texts: Sequence[Body]) -> Iterator[tuple[int, int]]:
    """The words that no segment took from its place in the text; lines of --- are none."""
    position = 0
    for body in [*texts, Body("", start=len(text), end=len(text))]:
        for word in _WORD.finditer(text, position, max(position, body.start)):
            if word.group() != "---":
                yield word.span()
        position = max(position, body.end)
