"""
Whatever files, rows and moments are given, an answer or an error of ours comes out.

Quick here; ``make fuzz`` tries many times as much.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.test_fuzz import JSON, NOW, TEXTS, sentences
from threadsworker.cli.given import media_of
from threadsworker.cli.importing import _post
from threadsworker.cli.markdown import read_posts, read_thread
from threadsworker.cli.moments import meant, since
from threadsworker.cli.rows import read_rows
from threadsworker.errors import (
    InvalidPost,
)
from threadsworker.recurrence import recurrence
from threadsworker.spread import parse
from threadsworker.when import resolve, zone_of

# Files of posts

MATTER = st.lists(
    st.sampled_from(
        ["topic: x", "tag: [a, b]", "- c", "numbering: yes", "poll: a|b", "pace: 3", "#"]
    )
    | st.text(max_size=30),
    max_size=6,
).map(lambda lines: "---\n" + "\n".join(lines) + "\n---\n")


@given(MATTER | st.just(""), TEXTS, st.sampled_from(["", "![a](b.jpg)", "\n---\n", "![", "]("]))
@settings(deadline=None)
def test_any_markdown_is_a_thread_or_problems(matter: str, text: str, more: str) -> None:
    for read in (read_thread, read_posts):
        try:
            read(f"{matter}{text}{more}{text}", folder=Path("/nowhere"))
        except InvalidPost as error:
            sentences(error.problems)


CELL = st.text(max_size=20) | st.sampled_from(
    ["a|b", "true", "tomorrow 9am", "1e999", '"', '""', "\r\n"]
)
COLUMN = st.sampled_from(
    ["text", "file", "alt", "at", "key", "pace", "tag", "ghost", "poll", "attach_text"]
)


@given(
    st.sampled_from([".csv", ".jsonl"]),
    st.binary(max_size=200)
    | st.tuples(st.lists(COLUMN, max_size=5), st.lists(st.lists(CELL, max_size=6), max_size=4)).map(
        lambda table: "\n".join(",".join(row) for row in (table[0], *table[1])).encode(
            errors="surrogatepass"
        )
    )
    | st.lists(st.dictionaries(COLUMN, JSON, max_size=5), max_size=4).map(
        lambda rows: "\n".join(map(json.dumps, rows)).encode()
    ),
)
@settings(deadline=None)
def test_any_file_of_rows_is_posts_or_problems(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / f"rows{suffix}"
    file.write_bytes(content)
    try:
        rows = read_rows(file)
    except InvalidPost as error:
        sentences(error.problems)
        return
    for row in rows:
        sentences(row.problems)
        if row.options:
            _post(row, file.parent, "main", "UTC", now=NOW)
            sentences(row.problems)


@given(st.lists(st.text(max_size=20)), st.lists(st.text()), st.lists(st.text()))
def test_any_alt_texts_and_kinds_are_media_or_problems(
    files: list[str], alts: list[str], kinds: list[str]
) -> None:
    with suppress(InvalidPost):
        assert len(media_of(files, alts, kinds)) == len(files)


# Moments

SAID = st.lists(
    st.sampled_from(
        [
            *("tomorrow", "9am", "in", "2", "hours", "ago", "next", "monday", "2026-12-01"),
            *("09:00", "T", "+01:00", "-23:59", "24:00", "0001-01-01", "9999-12-31"),
            *("99999999", "noon", "EST", "Z"),
        ]
    )
    | st.text(max_size=12),
    max_size=5,
).map(" ".join)
ZONES = (
    st.sampled_from(["UTC", "Africa/Lagos", "Pacific/Kiritimati", "../etc", "\0", "/", "x" * 300])
    | st.text()
)


@given(SAID, st.none() | ZONES)
@settings(deadline=None)
def test_any_words_are_a_moment_or_a_problem(words: str, zone: str | None) -> None:
    try:
        at, timezone = meant(words, timezone=zone, now=NOW)
        when = resolve(at, timezone=timezone, now=NOW)
    except InvalidPost as error:
        sentences(error.problems)
    else:
        assert when.at.utcoffset() == timedelta(0)
        assert when.at >= NOW - timedelta(minutes=2)
    since(words, now=NOW)


@given(st.datetimes() | st.timedeltas() | st.text(max_size=40), st.none() | ZONES)
@settings(deadline=None)
def test_any_moment_of_python_is_one_or_a_problem(at: Any, zone: str | None) -> None:
    with suppress(InvalidPost):
        resolve(at, timezone=zone, now=NOW)


CRON = st.lists(
    st.sampled_from(
        ["*", "*/5", "0", "9", "1-5", "L", "LW", "MON", "JAN", "31", "60", "*/0", "2#5", "1-", ","]
    )
    | st.text(max_size=4),
    max_size=6,
).map(" ".join)


@given(CRON, ZONES)
@settings(deadline=None)
def test_any_cron_recurs_or_is_refused(cron: str, zone: str) -> None:
    try:
        found = recurrence(cron=cron, timezone=zone, anchor=NOW)
    except InvalidPost as error:
        sentences(error.problems)
        return
    following = found.next_after(NOW)
    assert following is None or following > NOW


@given(st.text(max_size=20) | st.floats() | st.integers() | st.timedeltas() | SAID)
@settings(deadline=None)
def test_any_interval_recurs_or_is_refused(every: Any) -> None:
    with suppress(InvalidPost):
        recurrence(every=every, timezone="UTC", anchor=NOW)


@given(
    st.text(max_size=20) | st.from_regex(r"\d{1,5}/day( \d\d?:\d\d-\d\d?:\d\d)?", fullmatch=True)
)
def test_any_spread_is_one_or_refused(written: str) -> None:
    with suppress(InvalidPost):
        parse(written)


@given(ZONES)
def test_any_zone_is_one_or_refused(name: str) -> None:
    with suppress(InvalidPost):
        zone_of(name)
