"""How long a text is, what is in it, and where it is cut."""

from __future__ import annotations

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from threadsworker.text import (
    Cutter,
    Unbreakable,
    hashtags,
    is_hashtag,
    links,
    measure,
    trailing_hashtags,
)

FAMILY = "👨‍👩‍👧‍👦"
WORDS = st.sampled_from(
    [
        "word", "naïve", "Straße", "日本語の文章です。", "ไทย", "العربية", "עברית", "한국어",
        "слово", "😀", FAMILY, "🇳🇬", "👍🏽", "1️⃣", "é", "don’t", "end.", "wow!", "(x)", "“quoted.”",
        "https://example.com/a/b?c=d#e", "www.example.org/path", "@some.user", "#tag", "#日本語",
        "#1", "C#", "a_b-c", "…", "—", "x" * 40,
    ]
)  # fmt: skip
GAPS = st.sampled_from([" ", "  ", "\n", "\n\n", "\t", " ", "\n \n"])
MIXED = st.lists(st.tuples(WORDS, GAPS), max_size=80).map(
    lambda pairs: "".join(word + gap for word, gap in pairs)
)
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def cut(text: str, room: int = 60) -> list[str]:
    cutter, pieces = Cutter(text), []
    while not cutter.done:
        piece = cutter.take(room)
        pieces.append(text[piece.start : piece.end])
    return pieces


def bare(text: str) -> str:
    """The text without white space and without lines of ---."""
    return "".join(regex.sub(r"(?m)^[^\S\n]*---[^\S\n]*$", "", text).split())


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("hello", 5),
        ("naïve Straße", 12),
        ("日本語", 3),
        ("привет", 6),
        ("한국어", 3),
        ("e\u0301", 2),
        ("don’t", 7),
        ("…", 3),
        ("😀", 4),
        ("❤️", 6),
        (FAMILY, 25),
        ("🇳🇬", 8),
        ("1️⃣", 7),
        ("١٢٣", 3),
    ],
)
def test_the_measure(text: str, length: int) -> None:
    assert measure(text) == length


@given(ANYTHING, ANYTHING)
def test_the_measure_adds_up(one: str, other: str) -> None:
    assert measure(one + other) == measure(one) + measure(other)


@given(ANYTHING)
def test_the_measure_is_between_code_points_and_bytes(text: str) -> None:
    assert len(text) <= measure(text) <= len(text.encode())


@given(MIXED)
def test_joining_the_pieces_of_words_gives_the_text_back(text: str) -> None:
    assert bare("".join(cut(text))) == bare(text)


@given(ANYTHING)
@example("a \u0301b " * 20)
@example("\u0600 x" * 30)
@example("---\n---\n x")
def test_joining_the_pieces_of_anything_gives_the_text_back(text: str) -> None:
    try:
        pieces = cut(text)
    except Unbreakable:
        return
    assert bare("".join(pieces)) == bare(text)


@given(MIXED)
def test_every_piece_fits_none_is_empty_and_the_same_text_is_cut_the_same(text: str) -> None:
    pieces = cut(text)
    assert all(piece.strip() and measure(piece) <= 60 for piece in pieces)
    assert pieces == cut(text)


@given(MIXED)
def test_links_mentions_and_tags_stay_whole(text: str) -> None:
    whole = regex.compile(r"https?://\S+|www\.\S+|@[\w.]+|#tag|#日本語")
    pieces = [found for piece in cut(text) for found in whole.findall(piece)]
    assert pieces == whole.findall(text)


@given(MIXED)
def test_clusters_stay_whole(text: str) -> None:
    def clusters(part: str) -> list[str]:
        return [one for one in regex.findall(r"\X", part) if not one.isspace()]

    assert [one for piece in cut(text) for one in clusters(piece)] == clusters(text)


@given(st.lists(st.text("abcdefg", min_size=1, max_size=60), max_size=40))
def test_a_word_that_fits_stays_whole(words: list[str]) -> None:
    assert " ".join(cut(" ".join(words))).split() == words


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        pytest.param(
            "One two three four.\n\nFive six seven eight nine.",
            ["One two three four.", "Five six seven eight nine."],
            id="a paragraph is the best place",
        ),
        pytest.param(
            "One two three four five. Six seven eight nine ten",
            ["One two three four five.", "Six seven eight nine ten"],
            id="then a sentence",
        ),
        pytest.param(
            "one two three four five six seven",
            ["one two three four five six", "seven"],
            id="then a word",
        ),
        pytest.param(
            "a. bb ccc dddd eeeee ffffff ggg",
            ["a. bb ccc dddd eeeee ffffff", "ggg"],
            id="but not if little would be left on the segment",
        ),
        pytest.param("x" * 45, ["x" * 30, "x" * 15], id="a word that is too long is cut"),
        pytest.param(
            "日本語の文章です。とても長いですね！そして続きます。もう少し。",
            ["日本語の文章です。とても長いですね！", "そして続きます。もう少し。"],
            id="a script without spaces at its sentences",
        ),
        pytest.param("one\n---\n two \n --- \nthree", ["one", "two", "three"], id="breaks"),
        pytest.param("a --- b\n----\nc", ["a --- b\n----\nc"], id="no breaks"),
    ],
)
def test_where_it_is_cut(text: str, pieces: list[str]) -> None:
    assert cut(text, 30) == pieces


def test_a_link_that_does_not_fit_is_a_problem_and_is_not_cut() -> None:
    with pytest.raises(Unbreakable, match="67 of 60"):
        cut("see https://example.com/" + "x" * 47)


@pytest.mark.parametrize(
    ("text", "body", "tags"),
    [
        ("Hello #one #two", "Hello", ["#one", "#two"]),
        ("Hello #one  #two\n#three\n", "Hello", ["#one", "#two", "#three"]),
        ("#a #b", "", ["#a", "#b"]),
        ("Merhaba #dünya #日本語", "Merhaba", ["#dünya", "#日本語"]),
        ("Hello #python world", "Hello #python world", []),
        ("we are #1", "we are #1", []),
        ("done #one.", "done #one.", []),
        ("C#sharp", "C#sharp", []),
    ],
)
def test_the_tags_at_the_end(text: str, body: str, tags: list[str]) -> None:
    assert trailing_hashtags(text) == (body, tags)


def test_tags_within_a_text_end_where_meta_says_and_fragments_are_none() -> None:
    text = "#one, #two! see https://e.com/p#section (#three) #4 #5th C#"
    assert hashtags(text) == ["#one", "#two", "#three)", "#5th"]


def test_links_are_found_without_the_punctuation_behind_them() -> None:
    text = "see https://a.example/x), www.b.example. and HTTP://C.example!"
    assert links(text) == ["https://a.example/x", "www.b.example", "HTTP://C.example"]


@pytest.mark.parametrize("tag", ["#", "#1", "#a b", "#a.b", "#" + "x" * 51, "a"])
def test_what_is_no_hashtag(tag: str) -> None:
    assert not is_hashtag(tag)
