"""
Text by Meta's rules: how long it is, what is in it, and where it may be cut. Pure.

A cut is taken, in this order of preference, at the end of a paragraph, of a line, of a
sentence, of a word; inside a word only if it does not fit into a segment by itself, and
then between grapheme clusters. A better place is preferred while it leaves the segment at
least half full. Scripts that write words without spaces between them may be cut between any
two clusters.

Every piece is a stretch of the text as it was given; only the white space between two
pieces is left out.
"""

from __future__ import annotations

import hashlib
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate, chain
from typing import NamedTuple

import regex

#: Non-ASCII code points that count as their UTF-8 bytes: everything but letters, marks and
#: digits. Of the marks, those that make emoji (variation selectors, the keycap) count as
#: bytes too.
_COSTLY = regex.compile(r"[^\x00-\x7F\p{L}\p{M}\p{N}]|[\uFE00-\uFE0F\u20E3]")

#: Where a hashtag ends.
#: Source: https://developers.facebook.com/documentation/threads/posts (2026-04-14).
_NO_CHARACTER = regex.compile(r"[\x00\ud800-\udfff]")
_TAG_END = r"\s.&@!?,;:#"
#: ``#1`` is no tag: it takes more than digits.
_TAG = rf"\#(?!\d+(?:[{_TAG_END}]|$))[^{_TAG_END}]{{1,50}}(?=[{_TAG_END}]|$)"
_TAG_ALONE = regex.compile(rf"(?<!\S){_TAG}(?!\S)")
_TAG_ANYWHERE = regex.compile(rf"(?<![\w/#&]){_TAG}")
_URL = r"(?:https?://|www\.)\S+"
_URL_ANYWHERE = regex.compile(rf"(?<![\w@./]){_URL}", regex.IGNORECASE)
_SCHEME = regex.compile(r"https?://(?:www\.)?", regex.IGNORECASE)
_MENTION = r"@[\w.]+"
#: Scripts that do not put spaces between words.
_CONTINUOUS = (
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}"
    r"\u3000-\u303F\uFF01-\uFF60]"
)
_HAS_CONTINUOUS = regex.compile(_CONTINUOUS)
#: Punctuation that must not begin a line.
_CLOSING = r"[、。，．！？：；…）」』】〉》ー]"
#: A word is what stands between white space. A space that carries a combining mark is one
#: cluster with it, and no place to cut; nor is one that follows a prepended character.
_WORD = regex.compile(
    r"(?:\S|\p{Zs}(?=[\p{GCB=Extend}\p{GCB=SpacingMark}\p{GCB=ZWJ}])"
    r"|(?<=\p{GCB=Prepend})\p{Zs})+"
)
#: What a word is made of, when it has to be cut: things that stay whole, then clusters.
_CLUSTER = regex.compile(r"\X")
_WHOLE = regex.compile(rf"{_URL}|(?<!\w){_MENTION}|(?<!\w){_TAG}", regex.IGNORECASE)
_CLOSES = regex.compile(_CLOSING)
_SENTENCE_END = regex.compile(r"[.!?…。！？؟।॥።][\"'”’»)\]）」』]*$")
_BREAK_LINE = regex.compile(r"(?:^|(?<=\n))[^\S\n]*---[^\S\n]*(?=\n|$)")


def measure(text: str) -> int:
    """
    How many of Meta's 500 characters the text takes.

    ASCII characters, and letters, marks and digits of all scripts, take one each; every other
    code point (punctuation, symbols, emoji, joiners) takes its bytes in UTF-8.

    The rule satisfies all that is known. Meta's documentation counts emoji by their UTF-8
    bytes (https://developers.facebook.com/documentation/threads/posts, 2026-04-14). 498
    characters with three U+2019 apostrophes were refused (Postiz, pull request 1946, August
    2026), while a Chinese character was measured as one, and Japanese, Korean and Russian
    bots rely on 500 letters.
    """
    if text.isascii():
        return len(text)
    costly = "".join(_COSTLY.findall(text))
    return len(text) + len(costly.encode("utf-8", "surrogatepass")) - len(costly)


def no_character(text: str) -> str | None:
    """The first of it that is no character and that no database keeps, as ``U+D800``."""
    found = _NO_CHARACTER.search(text)
    return None if found is None else f"U+{ord(found.group()):04X}"


def characters_only(text: str) -> str:
    """The text with U+FFFD for each of it that is no character."""
    replaced: str = _NO_CHARACTER.sub("\ufffd", text)
    return replaced


def links(text: str) -> list[str]:
    """URLs in the text in order, bare ``www.`` ones too, without the punctuation after them."""
    return [found.group().rstrip(".,;:!?)]}'\"”’»") for found in _URL_ANYWHERE.finditer(text)]


def hashtags(text: str) -> list[str]:
    """Hashtags in the text in order, each with its ``#``. A fragment of a URL is none."""
    without_links = _URL_ANYWHERE.sub(" ", text)
    return [found.group() for found in _TAG_ANYWHERE.finditer(without_links)]


def is_hashtag(text: str) -> bool:
    """Whether the text is one hashtag, ``#`` included, and nothing else."""
    return regex.fullmatch(_TAG, text) is not None


def trailing_hashtags(text: str) -> tuple[str, list[str]]:
    """The text before the run of hashtags at its end, and those hashtags."""
    found: list[str] = []
    end = len(text.rstrip())
    while end > 0:
        start = end
        while start > 0 and not text[start - 1].isspace():
            start -= 1
        if not _TAG_ALONE.fullmatch(text[start:end]):
            break
        found.append(text[start:end])
        end = len(text[:start].rstrip())
    return text[:end], found[::-1]


class Unbreakable(ValueError):
    """Something that must stay whole does not fit into a segment."""

    def __init__(self, whole: str, room: int) -> None:
        super().__init__(f"{whole[:60]!r} takes {measure(whole)} of {room} characters")
        self.whole = whole
        self.room = room


class Level(IntEnum):
    """How good a place is for a cut."""

    CLUSTER = 0
    WORD = 1
    SENTENCE = 2
    LINE = 3
    PARAGRAPH = 4


@dataclass(frozen=True)
class Piece:
    """A stretch of the text, `text[start:end]`, without white space at its ends."""

    start: int
    end: int
    #: Whether it ends where the author wrote ``---``, or where the text ends.
    final: bool


class _Unit(NamedTuple):
    """A stretch that stays whole. There are as many as words: a tuple is made faster."""

    start: int
    end: int
    #: Of a cut behind it.
    level: Level


class _Measure:
    """`measure` of any stretch of one text, for a text that is measured again and again."""

    def __init__(self, text: str) -> None:
        costly = [] if text.isascii() else list(_COSTLY.finditer(text))
        self._places = [found.start() for found in costly]
        extra = (len(one.group().encode("utf-8", "surrogatepass")) - 1 for one in costly)
        self._extra = [0, *accumulate(extra)]

    def before(self, place: int) -> int:
        """What the text takes up to there; a stretch takes the difference."""
        if not self._places:
            return place
        return place + self._extra[bisect_left(self._places, place)]


class Cutter:
    """
    Cuts a text piece by piece; every piece may have another room.

    `pieces` left are taken with `take` until `done`. Linear: of what one piece looks at, at
    most half is looked at again by the next.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._measure = _Measure(text)
        self._parts = _parts(text)
        self._words: list[_Unit] = []
        self._next = 0
        self._load()

    @property
    def done(self) -> bool:
        """Whether all of the text was taken."""
        return self._next >= len(self._words)

    def take(self, room: int) -> Piece:
        """
        The next piece, of at most `room` by `measure`.

        Raises
        ------
        Unbreakable:
            A URL, mention, hashtag or grapheme cluster is longer than `room`.
        """
        units, end = self._words, self._next
        #: Where to cut, by how good the place is: the last that leaves it half full.
        best: dict[Level, int] = {}
        start = units[end].start
        before = self._measure.before(start)
        while end < len(units):
            unit = units[end]
            used = self._measure.before(unit.end) - before
            if used > room:
                break
            end += 1
            if used * 2 >= room:
                best[unit.level] = end
        if end == self._next:
            return self._divide(room)
        if end == len(units):
            self._next = end
            self._load()
            return Piece(start, units[-1].end, final=True)
        # Nowhere is it half full, since something long follows: as far as it goes, then.
        cut = best[max(best)] if best else end
        self._next = cut
        return Piece(start, units[cut - 1].end, final=False)

    def _load(self) -> None:
        """Move on to the next part that has words."""
        while self.done and (part := next(self._parts, None)) is not None:
            self._words, self._next = list(_words(self._text, *part)), 0

    def _divide(self, room: int) -> Piece:
        """The next word does not fit: put its clusters in its place, and take again."""
        word = self._words[self._next]
        smaller = list(_clusters(self._text, word))
        if len(smaller) == 1:
            raise Unbreakable(self._text[word.start : word.end], room)
        self._words[self._next : self._next + 1] = smaller
        return self.take(room)


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """The stretches between lines of ``---``."""
    start = 0
    for line in _BREAK_LINE.finditer(text):
        yield start, line.start()
        start = line.end()
    yield start, len(text)


def _words(text: str, start: int, end: int) -> Iterator[_Unit]:
    """The words of the stretch; those of continuous scripts cluster by cluster."""
    spans = [found.span() for found in _WORD.finditer(text, start, end)]
    following_of = chain((first for first, _ in spans[1:]), [end])
    for (first, last), following in zip(spans, following_of, strict=False):
        word = text[first:last]
        unit = _Unit(first, last, _level(word, text[last:following]))
        if not word.isascii() and _HAS_CONTINUOUS.search(word):
            yield from _clusters(text, unit, every=False)
        else:
            yield unit


def _level(word: str, gap: str) -> Level:
    if "\n" in gap:
        return Level.PARAGRAPH if gap.count("\n") > 1 else Level.LINE
    # Most words end with a letter.
    ends = not word[-1].isalnum() and _SENTENCE_END.search(word[-8:]) is not None
    return Level.SENTENCE if ends else Level.WORD


def _clusters(text: str, word: _Unit, *, every: bool = True) -> Iterator[_Unit]:
    """
    What the word is made of, whole things and clusters; the last one keeps the word's level.

    With `every` false only clusters of continuous scripts stand alone.
    """
    stretches: list[tuple[int, int]] = []
    position = word.start
    for whole in _WHOLE.finditer(text, word.start, word.end):
        stretches += _split(text, position, whole.start(), every=every)
        stretches.append(whole.span())
        position = whole.end()
    stretches += _split(text, position, word.end, every=every)
    for start, end in stretches[:-1]:
        # Most end with a letter.
        sentence = not (every or text[end - 1].isalnum()) and _SENTENCE_END.search(text, start, end)
        yield _Unit(start, end, Level.SENTENCE if sentence else Level.CLUSTER)
    yield _Unit(stretches[-1][0], word.end, word.level)


def _split(text: str, start: int, end: int, *, every: bool) -> list[tuple[int, int]]:
    stretches: list[tuple[int, int]] = []
    glued = False
    for cluster in _CLUSTER.finditer(text, start, end):
        continuous = _HAS_CONTINUOUS.match(cluster.group()) is not None
        joins = (
            stretches
            and not every
            and ((glued and not continuous) or _CLOSES.match(cluster.group()) is not None)
        )
        if joins:
            stretches[-1] = (stretches[-1][0], cluster.end())
        else:
            stretches.append(cluster.span())
        glued = not continuous
    return stretches


def plain(text: str) -> str:
    """Without what Meta may change: composition, white space, the ``#`` of a topic, schemes."""
    found = _SCHEME.sub("", unicodedata.normalize("NFC", text)).replace("#", "")
    return " ".join(found.split())


def likeness(text: str) -> str:
    """The same for texts that could not be told apart in a listing of Meta's."""
    return hashlib.sha256(plain(text).encode()).hexdigest()
