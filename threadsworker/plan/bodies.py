"""
The text of every segment: cut, with its hashtags dealt out, marked and numbered.

No character of the text and no tag is lost: what is not dealt out stays in the last segment.
"""

from __future__ import annotations

from dataclasses import dataclass

from threadsworker.post import TEXT_LIMIT, Post
from threadsworker.text import Cutter, Piece, hashtags, measure, trailing_hashtags

#: What a segment that goes on ends with, and the next one begins with.
MARK = "…"
#: Characters that tags, marks and a number must leave to the text of a segment.
LEAST_ROOM = 50


@dataclass(frozen=True)
class Body:
    """The text of one segment, and where it was taken from."""

    text: str
    #: `post.text[start:end]` stands in `text`, `lead` characters from its beginning.
    start: int = 0
    end: int = 0
    lead: int = 0


class NoRoom(ValueError):
    """Tags, marks and a number leave too little room for the text."""


def bodies(post: Post) -> list[Body]:
    """
    The texts of the thread, at most 500 characters each by `measure`. None for no text.

    Raises
    ------
    Unbreakable, NoRoom:
        Something that must stay whole is too long; the tags are.
    """
    text = post.text
    tags = [_with_hash(tag) for tag in post.tags]
    if whole := _as_it_is(post, tags):
        return whole
    if not tags and (post.handle_hashtags or post.auto_handle_hashtags):
        text, tags = trailing_hashtags(text)
        if not text.strip():
            # Nothing but tags: they are the text.
            text, tags = post.text, []
    if not post.numbering:
        return _deal(post, text, tags, number_room=0)
    digits = 1
    while True:
        dealt = _deal(post, text, tags, number_room=_number_room(digits))
        if len(str(len(dealt))) <= digits:
            return _numbered(dealt)
        digits = len(str(len(dealt)))


def _as_it_is(post: Post, tags: list[str]) -> list[Body] | None:
    """A text that fits into one segment stays as it is."""
    stripped = post.text.strip()
    if not stripped and not tags:
        return []
    if tags or measure(stripped) > TEXT_LIMIT:
        return None
    cutter = Cutter(post.text)
    if cutter.done:
        return []
    piece = cutter.take(TEXT_LIMIT)
    if not cutter.done:
        return None
    return [Body(post.text[piece.start : piece.end], start=piece.start, end=piece.end)]


def _deal(post: Post, text: str, tags: list[str], *, number_room: int) -> list[Body]:
    """Cut the text; every segment gets the next tag, or all, or none."""
    deals = post.handle_hashtags or post.auto_handle_hashtags
    left = list(tags) if deals and not post.persist_tags else []
    everywhere = " ".join(tags) if post.persist_tags else ""
    cutter, dealt, opened = Cutter(text), [], False
    while not cutter.done:
        tag = everywhere or (left[0] if left else "")
        tail = f"\n{tag}" if tag else ""
        marks = (opened + 1) * measure(MARK) if post.continuation_marks else 0
        room = TEXT_LIMIT - measure(tail) - marks - number_room
        if room < LEAST_ROOM:
            raise NoRoom
        piece = cutter.take(room)
        body = text[piece.start : piece.end]
        if tag and not everywhere:
            if post.auto_handle_hashtags and hashtags(body):
                tail = ""
            else:
                left.pop(0)
        goes_on = not piece.final
        dealt.append(_marked(post, piece, body, opened=opened, goes_on=goes_on, tail=tail))
        opened = goes_on
    if not deals and not post.persist_tags:
        left = list(tags)
    return _with_rest(dealt, left, number_room=number_room)


def _marked(post: Post, piece: Piece, body: str, *, opened: bool, goes_on: bool, tail: str) -> Body:
    before = MARK if post.continuation_marks and opened else ""
    after = MARK if post.continuation_marks and goes_on else ""
    return Body(f"{before}{body}{after}{tail}", start=piece.start, end=piece.end, lead=len(before))


def _with_rest(dealt: list[Body], rest: list[str], *, number_room: int) -> list[Body]:
    """Surplus tags join the last segment; those that do not fit make segments of their own."""
    if not rest:
        return dealt
    limit = TEXT_LIMIT - number_room
    if dealt:
        last = dealt[-1]
        # Behind a tag that stands there already, they go on the same line.
        joint = " " if _ends_with_a_tag_line(last.text) else "\n"
        joined = f"{last.text}{joint}{' '.join(rest)}"
        if measure(joined) <= limit:
            return [*dealt[:-1], Body(joined, start=last.start, end=last.end, lead=last.lead)]
    line = " ".join(rest)
    cutter, more = Cutter(line), []
    while not cutter.done:
        piece = cutter.take(limit)
        more.append(Body(line[piece.start : piece.end]))
    return [*dealt, *more]


def _ends_with_a_tag_line(text: str) -> bool:
    line = text.rpartition("\n")[2]
    return "\n" in text and trailing_hashtags(line)[0] == ""


def _with_hash(tag: str) -> str:
    return tag if tag.startswith("#") else f"#{tag}"


def _number_room(digits: int) -> int:
    return 2 + 2 * digits


def _numbered(dealt: list[Body]) -> list[Body]:
    if len(dealt) == 1:
        return dealt
    return [
        Body(f"{one.text}\n{n}/{len(dealt)}", start=one.start, end=one.end, lead=one.lead)
        for n, one in enumerate(dealt, 1)
    ]
