"""What of a text is hidden until tapped: from the whole text to each of its segments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from threadsworker.errors import Problem
from threadsworker.plan.bodies import Body
from threadsworker.post import Post, Spoiler


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
    for spoiler in ranges(post):
        end = spoiler.offset + spoiler.length
        left = [n for n in range(spoiler.offset, min(end, len(post.text))) if _stays(post, n)]
        shown = [n for n in left if not any(body.start <= n < body.end for body in texts)]
        if shown:
            yield Problem(
                "threads.spoilers.dealt_tag",
                "A hashtag at the end of the text is dealt out, and cannot be hidden: "
                f"{post.text[shown[0] : shown[-1] + 1]!r}; leave the hashtags alone, or end the "
                "spoiler before them",
                "spoilers",
            )


def within(spoilers: Iterable[Spoiler], body: Body) -> Iterator[Spoiler]:
    """The parts of the spoilers that fall into this segment, counted from its beginning."""
    for spoiler in spoilers:
        start = max(spoiler.offset, body.start)
        end = min(spoiler.offset + spoiler.length, body.end)
        if start < end:
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


def _stays(post: Post, place: int) -> bool:
    """Whether the character goes out at all: white space at a cut, and lines of --- do not."""
    if post.text[place].isspace():
        return False
    line_start = post.text.rfind("\n", 0, place) + 1
    line = post.text[line_start:].partition("\n")[0]
    return line.strip() != "---"
