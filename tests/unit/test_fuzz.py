"""
Whatever is given, an answer or an error of ours comes out: never a crash, nothing lost.

Quick here; ``make fuzz`` tries many times as much.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.pictures import CHUNKS, JPEG, MP4, PNG, SEGMENTS, exif, jpeg_with, png_with
from threadsworker import outbound
from threadsworker.cli.given import post_fields
from threadsworker.errors import (
    BadSignature,
    InvalidPost,
    InvalidSettings,
    Problem,
    ThreadsWorkerError,
)
from threadsworker.media import Spool, inspect
from threadsworker.media.metadata import Unreadable, without_metadata
from threadsworker.plan import as_post, plan
from threadsworker.post import CAROUSEL_MAX, TEXT_LIMIT, Media, MediaItem, MediaKind
from threadsworker.settings import Settings, load_settings
from threadsworker.text import measure
from threadsworker.threads_api.notifications import (
    read_notifications,
    read_signed_request,
    signature_is_good,
)

NOW = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
SECRET = SecretStr("the-app-secret")
#: Parts that texts of people and of attackers are made of.
PARTS = st.sampled_from(
    [
        " ",
        "\n",
        "\n\n",
        "word ",
        "#tag ",
        "@name ",
        "https://e.com/a?b=c ",
        "👩‍👩‍👧‍👦",
        "🇳🇬",
        "é",
        "e\u0301",
        "x" * 499,
        "x" * 501,
        "—",
        "\u202e",
        "\u200b",
        "\ufeff",
        "1.",
        "…",
        "||hidden||",
        "字",
        "\u0645",
    ]
)
TEXTS = st.lists(PARTS | st.text(max_size=30), max_size=40).map("".join)


def sentences(problems: Iterable[Problem]) -> None:
    """Every problem names its rule and its place, in words, and does not go on for pages."""
    for problem in problems:
        assert problem.rule
        assert problem.where
        assert problem.message
        assert len(problem.rule) < 60
        assert "Traceback" not in problem.message


def packed(text: str) -> str:
    return "".join(text.split())


# Text


@given(TEXTS, st.integers(0, 45), st.booleans(), st.booleans(), st.booleans())
@settings(deadline=None)
def test_a_plan_loses_nothing_and_keeps_to_the_limits(
    text: str, media: int, marks: bool, numbering: bool, chain: bool
) -> None:
    items = [MediaItem(MediaKind.IMAGE, None, url=f"https://e.com/{n}.jpg") for n in range(media)]
    options = {"continuation_marks": marks, "numbering": numbering, "chain": chain}
    try:
        planned = plan(as_post(text, (), {**options, "handle_hashtags": False}), items)
    except InvalidPost as error:
        sentences(error.problems)
        return
    assert [one for segment in planned for one in segment.media] == items
    for segment in planned:
        assert measure(segment.text) <= TEXT_LIMIT
        assert len(segment.media) <= CAROUSEL_MAX
    if not marks and not numbering:
        assert packed("".join(segment.text for segment in planned)) == packed(text)


OPTION = st.none() | st.text(max_size=20) | st.booleans() | st.integers() | st.floats()
WORDS = st.lists(
    st.text(max_size=30) | st.sampled_from(["yes|no", "#a", "https://e.com"]), max_size=5
)


@given(
    TEXTS,
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("reply_to", "quote", "topic", "countries", "location", "gif"), OPTION),
            **dict.fromkeys(("reply_control", "numbering", "ghost", "pace", "pace_jitter"), OPTION),
            **dict.fromkeys(("tag", "link", "poll", "spoiler"), WORDS),
        },
    ),
)
@settings(deadline=None)
def test_any_options_make_a_post_or_problems(text: str, options: dict[str, Any]) -> None:
    with suppress(InvalidPost):
        plan(as_post(text, (), post_fields(options)), [])


# Settings

VALUES = (
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
    | st.sampled_from(["0", "-1", "nan", "inf", "1e400", "PT5M", "PT99999999999999H", "true", "[]"])
    | st.sampled_from(["{}", "[1]", "a:b", "/a:/b", "redis://[", "http://[::1", "sqlite://", ":"])
)
NAMES = sorted(f"THREADSWORKER_{name.upper()}" for name in Settings.model_fields)


@given(st.dictionaries(st.sampled_from([*NAMES, "DATABASE_URL", "REDIS_URL"]), VALUES))
@settings(deadline=None)
def test_any_environment_is_valid_or_refused_without_a_value_of_it(
    environment: dict[str, str],
) -> None:
    marked = {name: f"{value}planted-secret" for name, value in environment.items()}
    for given_ in (environment, marked):
        with mock.patch.dict(os.environ, given_):
            said, made = "", None
            try:
                made = load_settings(_env_file=None)
            except InvalidSettings as error:
                said = str(error)
        assert "planted-secret" not in said
        assert bool(said) == (made is None)
        if made is None:
            continue
        assert made.sqlalchemy_url
        assert made.spool
        assert made.private_urls_allowed in (True, False)


# What Meta tells

#: Lone surrogates too, which JSON can say and no database keeps.
ANY = st.text(st.characters(), max_size=20) | st.sampled_from(["\0", "\ud800", "a\udfffb"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["values", "entry", "changes", "field", "value", "id", "target_id"])
            | st.sampled_from(["root_post", "owner", "owner_id", "replied_to"])
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)
BODIES = st.binary(max_size=300) | JSON.map(lambda said: json.dumps(said).encode())


@given(BODIES)
@settings(deadline=None)
def test_any_body_is_notifications_or_cannot_be_read(body: bytes) -> None:
    try:
        told = read_notifications(body)
    except ValueError:
        return
    for one in told:
        assert one.digest
        assert all(isinstance(each, str) for each in [*one.user_ids, *one.media_ids, one.field])


@given(BODIES, st.none() | st.text(max_size=80))
def test_no_header_but_the_right_one_is_a_signature(body: bytes, header: str | None) -> None:
    assert not signature_is_good(body, header, [SECRET])


@given(
    st.text(max_size=200) | st.tuples(BODIES, BODIES).map(lambda both: f"{both[0]!r}.{both[1]!r}")
)
def test_no_signed_request_is_taken_that_is_not_signed(written: str) -> None:
    with pytest.raises(BadSignature):
        read_signed_request(written, [SECRET], now=NOW.timestamp())


# Media

REAL = st.sampled_from(
    [
        *(JPEG, PNG, MP4, b"GIF89a" + bytes(40)),
        *(jpeg_with([*SEGMENTS.values(), exif(6)]), png_with(CHUNKS.values())),
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real medium of which some bytes are others, gone, or doubled."""
    content = bytearray(draw(REAL))
    for _ in range(draw(st.integers(0, 6))):
        # Most of what matters stands at the beginning.
        ends = draw(st.sampled_from([64, 1024, len(content)]))
        place = draw(st.integers(0, max(1, min(ends, len(content)))))
        length = draw(st.integers(0, 16))
        match draw(st.sampled_from(["other", "gone", "doubled", "marker", "cut"])):
            case "other":
                content[place : place + length] = draw(st.binary(max_size=16))
            case "gone":
                del content[place : place + length]
            case "doubled":
                content[place:place] = content[place : place + length]
            case "marker":
                content[place:place] = bytes((0xFF, draw(st.integers(0, 255))))
            case "cut":
                del content[place + 1000 * length :]
    return bytes(content)


CONTENTS = st.binary(max_size=200) | mutated()


@given(CONTENTS, st.sampled_from(["image/jpeg", "image/png"]))
@settings(deadline=None)
def test_what_is_cleaned_is_clean_and_no_longer_than_before(content: bytes, kind: str) -> None:
    try:
        cleaned = without_metadata(content, kind)
    except Unreadable:
        return
    # A preview of no bytes, and an upright word of Exif, may be longer than nonsense was.
    assert len(cleaned) <= len(content) + 64
    assert without_metadata(cleaned, kind) == cleaned


@given(CONTENTS)
@settings(deadline=None)
def test_any_bytes_are_a_medium_or_a_problem(content: bytes) -> None:
    inspected, problems = inspect([Media(content)])
    sentences(problems)
    assert len(inspected) + bool(problems) == 1
    for one in inspected:
        with one.open() as stream:
            assert len(stream.read()) == one.item.size
        Spool("memory://fuzz").put(one)


@given(st.text(max_size=200) | st.binary(max_size=100).map(lambda raw: raw.decode("latin-1")))
@settings(deadline=None)
def test_any_text_is_a_medium_or_a_problem(written: str) -> None:
    for source in (written, f"data:{written}", f"https://{written}", f"http://{written}/a.jpg"):
        _, problems = inspect([Media(source)])
        sentences(problems)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_url_may_be_told_or_not(written: str) -> None:
    for url in (
        written,
        f"https://{written}",
        f"https://{written}@e.com",
        f"https://e.com{written}",
    ):
        sentences(outbound.problems(url, allow_loopback=True))


def test_suppressing_hides_no_crash() -> None:
    """What the tests above suppress is ours, and nothing that Python raises by itself."""
    assert issubclass(InvalidPost, ThreadsWorkerError)
    assert not issubclass(InvalidPost, ValueError | TypeError | KeyError)
