"""
Posts written as the rows of a file: CSV with a header, or one JSON object a line (JSONL).

    account,at,text,file,alt
    main,2026-12-01 09:00,"Good morning.",sunrise.jpg|harbour.jpg,the sun|boats

    {"text": "Good morning.", "at": "tomorrow 9am", "file": ["sunrise.jpg"], "tag": ["sea"]}

Columns are the names of `post`'s options. Several values in a cell of CSV are separated by
``|``; an empty cell says nothing. Paths are relative to the file. Rows are counted as a
spreadsheet counts them, the header is row 1; those of JSONL as an editor counts lines.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from threadsworker.cli.given import FLAGS, LISTS, NUMBERS, TEXTS, TRUE
from threadsworker.cli.written import read_file
from threadsworker.errors import InvalidPost, Problem

_LISTS = LISTS | {"file", "alt", "kind"}
_TEXTS = TEXTS | {"text"}
_COLUMNS = _LISTS | FLAGS | _TEXTS | NUMBERS
_SEPARATOR = "|"
#: Characters of a cell: a post may have any length.
_LONGEST_CELL = 2**31 - 1
#: Hexadecimal digits of a key that is made from a row's content.
_DIGITS = 32


@dataclass(frozen=True)
class Row:
    """One row: options by their names, as they were written, and what is wrong with them."""

    number: int
    options: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"row {self.number}"

    def complain(self, rule: str, message: str, where: str, **measures: Any) -> None:
        """Note a problem at that option of the row."""
        self.problems.append(Problem(rule, message, f"{self.name}: {where}", **measures))

    def key(self, *, account: str, timezone: str | None) -> str:
        """
        The row's own key, or one made from its content, its account, and its moment as it is
        written: the same row again is the same job, and what ``tomorrow`` is does not matter.

        `account` and `timezone` are those of rows that name none.
        """
        if "key" in self.options:
            return str(self.options["key"])
        options = {"account": account, "timezone": timezone, **self.options}
        if "at" not in options:
            del options["timezone"]
        written = json.dumps(options, sort_keys=True, ensure_ascii=False)
        return (
            "import-" + hashlib.sha256(written.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
        )


def read_rows(file: Path) -> list[Row]:
    """
    The rows of the file, in order.

    Raises
    ------
    InvalidPost:
        It cannot be read, is neither CSV nor JSONL, holds no row, or has a column that is no
        option of `post` (`import.column.unknown`), or has one twice.
    """
    readers: dict[str, Callable[[str], Iterator[Row]]] = {
        ".csv": _csv,
        ".jsonl": _jsonl,
        ".ndjson": _jsonl,
    }
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise _refused("import.file.unknown", f"{file}: it is neither .csv nor .jsonl")
    # The ends of lines within a quoted cell are the cell's.
    written = read_file(file, rule="import.file.unreadable")
    rows = list(reader(written))
    if not rows:
        raise _refused("import.file.empty", f"{file}: it holds no row")
    return rows


def _csv(written: str) -> Iterator[Row]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(StringIO(written, newline=""), strict=True)
    columns: list[str] | None = None
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _header(cells)
                continue
            yield _csv_row(number, columns, cells)
    except csv.Error as error:
        raise _refused("import.file.invalid", str(error), f"row {number + 1}") from None


def _header(cells: list[str]) -> list[str]:
    columns = [_option(cell) for cell in cells]
    problems = [
        _unknown(cell, "row 1")
        for cell, column in zip(cells, columns, strict=True)
        if column not in _COLUMNS
    ]
    problems += [
        Problem("import.column.twice", f"There are two columns {column!r}", "row 1", given=column)
        for column in sorted(_COLUMNS & set(columns))
        if columns.count(column) > 1
    ]
    if problems:
        raise InvalidPost(problems)
    return columns


def _csv_row(number: int, columns: list[str], cells: list[str]) -> Row:
    row = Row(number)
    if len(cells) > len(columns):
        row.complain(
            "import.row.invalid",
            f"It has {len(cells)} cells, and there are {len(columns)} columns; a cell that holds "
            'a comma is written in quotes: "a, b"',
            "row",
            limit=len(columns),
            given=len(cells),
        )
        return row
    for column, cell in zip(columns, cells, strict=False):
        if not cell.strip():
            continue
        if column in _LISTS:
            row.options[column] = [part.strip() for part in cell.split(_SEPARATOR)]
        elif column in FLAGS:
            _take_flag(row, column, TRUE.get(cell.strip().lower()))
        elif column == "text":
            row.options[column] = cell.replace("\r\n", "\n")
        else:
            row.options[column] = cell.strip()
    return row


def _jsonl(written: str) -> Iterator[Row]:
    for number, line in enumerate(written.split("\n"), 1):
        if line.strip():
            yield _json_row(number, line)


def _json_row(number: int, line: str) -> Row:
    row = Row(number)
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        row.complain("import.row.invalid", f"It is not JSON: {error}", "row")
        return row
    if not isinstance(given, dict):
        row.complain("import.row.invalid", "It is not a JSON object", "row")
        return row
    for written, value in given.items():
        option = _option(written)
        if option not in _COLUMNS:
            row.problems.append(_unknown(written, row.name))
        elif option in row.options:
            row.complain("import.column.twice", f"{option!r} is there twice", option)
        elif value is not None:
            _take_json(row, option, value)
    return row


def _take_json(row: Row, option: str, value: Any) -> None:
    if option in FLAGS:
        _take_flag(row, option, value if isinstance(value, bool) else None)
        return
    if option in _LISTS | {"countries"}:
        value = [value] if isinstance(value, str) else value
        fits = isinstance(value, list) and all(isinstance(one, str) for one in value)
        needed = "a list of texts"
    elif option in NUMBERS:
        fits, needed = isinstance(value, int | float) and not isinstance(value, bool), "a number"
    else:
        fits, needed = isinstance(value, str), "a text, in quotes"
    if fits:
        row.options[option] = ",".join(value) if option == "countries" else value
        return
    row.complain("import.value.invalid", f"It takes {needed}", option)
    if option == "text":
        # Else the row would be said to have no text.
        row.options[option] = str(value)


def _take_flag(row: Row, option: str, value: bool | None) -> None:
    if value is None:
        row.complain("import.value.invalid", "It is true or false", option)
    elif value:
        row.options[option] = True


def _option(written: str) -> str:
    return written.strip().lower().replace("-", "_")


def _unknown(written: str, where: str) -> Problem:
    known = ", ".join(sorted(_COLUMNS))
    return Problem(
        "import.column.unknown",
        f"There is no option {written.strip()!r}; there are {known}",
        f"{where}: column",
        given=written,
    )


def _refused(rule: str, message: str, where: str = "file") -> InvalidPost:
    return InvalidPost([Problem(rule, message, where)])
