"""Rows of a file that is imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from threadsworker.cli.rows import Row, read_rows
from threadsworker.errors import InvalidPost


def rows_of(folder: Path, name: str, written: str | bytes) -> list[Row]:
    file = folder / name
    file.write_bytes(written if isinstance(written, bytes) else written.encode())
    return read_rows(file)


def problems_of(folder: Path, name: str, written: str | bytes) -> list[tuple[str, str]]:
    """Rule and place of each problem, of the file or of its rows."""
    try:
        found = [problem for row in rows_of(folder, name, written) for problem in row.problems]
    except InvalidPost as error:
        found = list(error.problems)
    return [(problem.rule, problem.where) for problem in found]


def test_a_csv_of_a_spreadsheet(tmp_path: Path) -> None:
    """Byte order mark, CRLF, quoted line breaks, blank lines, spaces around names."""
    written = (
        "\ufefftext, Reply-To ,file,numbering,pace\r\n"
        '" One,\r\n""two""",17,a.jpg|https://e.com/b.png,yes,1.5\r\n'
        ",,,,\r\n"
        "\r\n"
        "Three,,,no\r\n"
    )
    assert [(row.number, row.options) for row in rows_of(tmp_path, "a.csv", written)] == [
        (
            2,
            {
                "text": ' One,\n"two"',
                "reply_to": "17",
                "file": ["a.jpg", "https://e.com/b.png"],
                "numbering": True,
                "pace": "1.5",
            },
        ),
        (5, {"text": "Three"}),
    ]


def test_jsonl_with_blank_lines(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "text": "a\u2028b",
        "tag": "sea",
        "file": ["a.jpg"],
        "countries": ["US", "CA"],
    }
    given |= {"no-chain": True, "numbering": False, "at": None, "pace": 2}
    written = "\r\n" + json.dumps(given, ensure_ascii=False) + '\r\n\r\n{"text": "c"}'
    assert [(row.number, row.options) for row in rows_of(tmp_path, "a.jsonl", written)] == [
        (
            2,
            {
                "text": "a\u2028b",
                "tag": ["sea"],
                "file": ["a.jpg"],
                "countries": "US,CA",
                "no_chain": True,
                "pace": 2,
            },
        ),
        (4, {"text": "c"}),
    ]


@pytest.mark.parametrize(
    ("name", "written", "problem"),
    [
        ("a.csv", "text,topik\nx,y\n", ("import.column.unknown", "row 1: column")),
        ("a.csv", "text,wait\nx,y\n", ("import.column.unknown", "row 1: column")),
        ("a.csv", "text,Text\nx,y\n", ("import.column.twice", "row 1")),
        ("a.csv", "text\nx,y\n", ("import.row.invalid", "row 2: row")),
        ("a.csv", 'text\nx\n"never closed\n', ("import.file.invalid", "row 3")),
        ("a.csv", "text,no_chain\nx,perhaps\n", ("import.value.invalid", "row 2: no_chain")),
        ("a.csv", "text\n\n", ("import.file.empty", "file")),
        ("a.csv", b"text\ncaf\xe9\n", ("import.file.unreadable", "file")),
        ("a.txt", "text\nx\n", ("import.file.unknown", "file")),
        ("a.jsonl", "", ("import.file.empty", "file")),
        ("a.jsonl", '{"text": ', ("import.row.invalid", "row 1: row")),
        ("a.jsonl", "[" * 100_000, ("import.row.invalid", "row 1: row")),
        ("a.jsonl", '\n["x"]', ("import.row.invalid", "row 2: row")),
        ("a.jsonl", '{"topik": "x"}', ("import.column.unknown", "row 1: column")),
        (
            "a.jsonl",
            '{"reply_to": "1", "reply-to": "2"}',
            ("import.column.twice", "row 1: reply_to"),
        ),
        ("a.jsonl", '{"tag": [1]}', ("import.value.invalid", "row 1: tag")),
        ("a.jsonl", '{"reply_to": 17}', ("import.value.invalid", "row 1: reply_to")),
        ("a.jsonl", '{"pace": true}', ("import.value.invalid", "row 1: pace")),
        ("a.jsonl", '{"numbering": "yes"}', ("import.value.invalid", "row 1: numbering")),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    tmp_path: Path, name: str, written: str | bytes, problem: tuple[str, str]
) -> None:
    assert problems_of(tmp_path, name, written) == [problem]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidPost) as refused:
        read_rows(tmp_path / "missing.csv")
    assert [one.rule for one in refused.value.problems] == ["import.file.unreadable"]


def key(timezone: str | None = None, account: str = "main", **options: Any) -> str:
    return Row(1, options).key(account=account, timezone=timezone)


def test_the_key_of_a_row_is_its_own_or_made_of_what_is_written() -> None:
    assert key(key="mine", text="x") == "mine"
    made = key(text="x", at="tomorrow 9am")
    assert (
        made == key(at="tomorrow 9am", text="x") == key(text="x", at="tomorrow 9am", account="main")
    )
    others = [
        key(text="y", at="tomorrow 9am"),
        key(text="x", at="tomorrow 10am"),
        key(text="x"),
        key(text="x", at="tomorrow 9am", account="other"),
        key(text="x", at="tomorrow 9am", timezone="Africa/Lagos"),
        key(text="x", at="tomorrow 9am", tag=["sea"]),
    ]
    assert len({made, *others}) == 1 + len(others)
    assert key(text="x") == key(text="x", timezone="Africa/Lagos")
    assert key("UTC", text="x", at="9am") == Row(
        2, {"text": "x", "at": "9am", "timezone": "UTC"}
    ).key(account="main", timezone=None)
