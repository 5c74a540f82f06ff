"""What files and bodies get wrong: Markdown, rows of posts, and what Meta might send."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.acceptance.bad_inputs import UNKNOWN, Case


def written(folder: Path) -> Iterator[Case]:
    """Files of posts; they are laid out in the folder."""
    yield from (*_markdown(), *_rows(folder))


def _markdown() -> Iterator[Case]:
    def thread(rule: str, written: str) -> Case:
        return Case(("thread", "-"), (f"[{rule}]",), stdin=written.encode())

    yield thread("thread.option.unknown", "---\ntopik: x\n---\nhello")
    yield thread("thread.option.unknown", "---\ntopic: x\nnot an option\n---\nhello")
    yield thread("thread.option.unknown", "---\n__class__: x\n---\nhello")
    yield thread("thread.option.invalid", "---\nnumbering: perhaps\n---\nhello")
    yield thread("threads.topic.invalid", "---\ntopic: a.b\n---\nhello")
    yield thread("post.pace", "---\npace: often\n---\nhello")
    yield thread("media.path.not_found", "![a](missing.jpg)")
    yield thread("media.url.scheme", "![a](ftp://e.com/a.jpg)")
    yield thread("post.empty", "")
    yield thread("post.empty", "---\ntopic: x\n---\n")
    yield thread("schedule.at.invalid", "---\nat: whenever\n---\nhello")
    for file in ("missing.md", "folder.jpg", "latin.md", "/dev/zero", "loop.jpg", ""):
        yield Case(("thread", file), ("[thread.file.unreadable]",))


#: Rows of a file, with its suffix.
ROWS: list[tuple[str, str, bytes]] = [
    ("import.file.unreadable", ".csv", b"text\ncaf\xe9"),
    ("import.file.empty", ".csv", b""),
    ("import.file.empty", ".csv", b"text\n"),
    ("import.file.empty", ".jsonl", b"\n\n"),
    ("import.file.invalid", ".csv", b'text\n"open'),
    ("import.column.unknown", ".csv", b"words\nhello"),
    ("import.column.unknown", ".csv", b"text;at\nhello;now"),
    ("import.column.twice", ".csv", b"text,text\na,b"),
    ("import.row.invalid", ".csv", b"text\nhello, world"),
    ("import.value.invalid", ".csv", b"text,ghost\nhello,perhaps"),
    ("post.pace", ".csv", b"text,pace\nhello,often"),
    ("schedule.at.invalid", ".csv", b"text,at\nhello,whenever"),
    ("schedule.in_past", ".csv", b"text,at\nhello,2020-01-01T00:00Z"),
    ("schedule.timezone.unknown", ".csv", b"text,at,timezone\nhello,2030-01-01 09:00,Mars/Base"),
    ("account.unknown", ".csv", b"text,account\nhello,nobody"),
    ("key.duplicate", ".csv", b"text,key\na,one\nb,one"),
    ("media.path.not_found", ".csv", b"text,file\nhello,missing.jpg"),
    ("media.alt_text.without_file", ".csv", b"text,alt\nhello,a cat"),
    ("media.kind.unknown", ".csv", b"text,file,kind\nhello,sunrise.jpg,film"),
    ("threads.topic.invalid", ".csv", b"text,topic\nfine,ok\nhello,a.b"),
    ("text.invalid_character", ".csv", b"text\na\0b"),
    ("import.row.invalid", ".jsonl", b'{"text": "open'),
    ("import.row.invalid", ".jsonl", b"[1, 2]"),
    ("import.row.invalid", ".jsonl", b"[" * 100_000),
    ("import.column.unknown", ".jsonl", b'{"text": "a", "txt": "b"}'),
    ("import.column.twice", ".jsonl", b'{"reply-to": "1", "reply_to": "2"}'),
    ("import.value.invalid", ".jsonl", b'{"text": 7}'),
    ("import.value.invalid", ".jsonl", b'{"text": "a", "tag": [1]}'),
    ("import.value.invalid", ".jsonl", b'{"text": "a", "pace": "3"}'),
    ("import.value.invalid", ".jsonl", b'{"text": "a", "ghost": "true"}'),
    ("post.pace", ".jsonl", b'{"text": "a", "pace": NaN}'),
    ("text.invalid_character", ".jsonl", b'{"text": "a\\ud800b"}'),
    ("text.invalid_character", ".jsonl", b'{"text": "a\\u0000b"}'),
    *(
        ("text.invalid_character", ".jsonl", b'{"text": "a", "%s": "b\\u%s"}' % (name, wrong))
        for name in (b"topic", b"tag", b"location", b"link", b"gif")
        for wrong in (b"0000", b"d800")
    ),
    ("key.invalid_character", ".jsonl", b'{"text": "a", "key": "b\\u0000"}'),
    ("key.invalid_character", ".jsonl", b'{"text": "a", "key": "b\\udfff"}'),
    ("account.unknown", ".jsonl", b'{"text": "a", "account": "b\\ud800"}'),
    ("text.invalid_character", ".jsonl", b'{"file": "sunrise.jpg", "alt": "b\\ud800"}'),
    ("media.path.not_found", ".jsonl", b'{"text": "a", "file": "b\\u0000.jpg"}'),
    ("media.url.invalid", ".jsonl", b'{"text": "a", "file": "https://e.com/\\ud800.jpg"}'),
    ("import.file.unknown", ".txt", b"hello"),
    ("import.file.unknown", ".xlsx", b"PK\3\4"),
]


def _rows(folder: Path) -> Iterator[Case]:
    for number, (rule, suffix, content) in enumerate(ROWS):
        file = folder / f"rows-{number}{suffix}"
        file.write_bytes(content)
        yield Case(("import", file.name), (f"[{rule}]",))
    (folder / "good.csv").write_text("text\nhello\n")
    for spread in (
        "often",
        "0/day",
        "251/day",
        "3/day 9-21",
        "3/day 09:00-09:00",
        "1/day 25:00-26:00",
    ):
        yield Case(("import", "good.csv", "--spread", spread), ("[import.spread.invalid]", spread))
    yield Case(("import", "good.csv", "--account", "nobody"), ("nobody",), UNKNOWN)
    yield Case(("import", "missing.csv"), ("[import.file.unreadable]",))
    (folder / "directory.csv").mkdir()
    yield Case(("import", "directory.csv"), ("[import.file.unreadable]",))


#: Bodies that are signed as Meta's are, and say nothing that can be kept.
BODIES: list[bytes] = [
    *(b"", b" ", b"null", b"[]", b"7", b'"text"', b"{}", b"{", b"\xff\xfe", b"\0"),
    *(b'{"values": 7}', b'{"values": []}', b'{"values": {"field": "x"}}', b'{"entry": "x"}'),
    *(b'{"values": {"field": [], "value": {}}}', b'{"entry": [{"changes": [{"field": "x"}]}]}'),
    *(b"[" * 100_000, b'{"values":' * 50_000, b"NaN", b'{"values": {"value": {}}}'),
    json.dumps({"values": [{"field": "x" * 500_000}]}).encode(),
]
