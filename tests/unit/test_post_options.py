"""The options of a post mean the same on the command line, in front matter and in rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from threadsworker.cli.given import post_fields
from threadsworker.cli.markdown import read_thread
from threadsworker.cli.options import OPTIONS
from threadsworker.cli.rows import read_rows
from threadsworker.cli.styling import styled
from threadsworker.errors import InvalidPost
from threadsworker.post import Styling, TextAttachment

#: Of each option: how it is given, and the fields of `Post` that it becomes.
CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "reply_to": ("1", {"reply_to": "1"}),
    "quote": ("1", {"quote": "1"}),
    "quote_all": (True, {"quote_all": True}),
    "tag": (["a", "b"], {"tags": ("a", "b")}),
    "topic": ("sea", {"topic": "sea"}),
    "link": (["https://e.com"], {"links": ("https://e.com",)}),
    "reply_control": ("mentioned_only", {"reply_control": "mentioned_only"}),
    "approve_replies": (True, {"reply_approvals": True}),
    "countries": ("US,CA", {"countries": "US,CA"}),
    "location": ("7", {"location_id": "7"}),
    "poll": (["Yes, please", "no"], {"poll": ["Yes, please", "no"]}),
    "gif": ("g", {"gif": "g"}),
    "attach_text": ("long.txt", {"text_attachment": TextAttachment(plaintext="**long**")}),
    "spoiler": (["he", "she"], {"spoilers": ("he", "she")}),
    "spoiler_media": (True, {"spoiler_media": True}),
    "ghost": (True, {"ghost": True}),
    "share_to_instagram": (True, {"share_to_instagram": True}),
    "dark": (True, {"instagram_dark_mode": True}),
    "no_chain": (True, {"chain": False}),
    "continuation_marks": (True, {"continuation_marks": True}),
    "numbering": (True, {"numbering": True}),
    "auto_hashtags": (True, {"auto_handle_hashtags": True}),
    "no_hashtags": (True, {"handle_hashtags": False}),
    "persist_tags": (True, {"persist_tags": True}),
    "pace": ("2", {"pace": "2"}),
    "pace_jitter": ("1", {"pace_jitter": "1"}),
    "no_rate_limit_check": (True, {"check_rate_limit_before_post": False}),
    "no_rate_limit_wait": (True, {"wait_on_rate_limit": False}),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "long.txt").write_text("**long**\n")
    (tmp_path / "long.md").write_text("A **long** one.\n")
    return tmp_path


def test_every_option_is_here() -> None:
    assert {*CASES, "attach_link"} == set(OPTIONS)


@pytest.mark.parametrize("name", CASES)
def test_an_option_means_the_same_wherever_it_is_written(folder: Path, name: str) -> None:
    value, fields = CASES[name]
    written = "true" if value is True else str(value)
    listed = json.dumps(value) if isinstance(value, list) else written
    front = read_thread(f"---\n{name.replace('_', '-')}: {listed}\n---\nx", folder=folder)
    assert post_fields(front.options) == fields

    cell = "|".join(value) if isinstance(value, list) else written
    (folder / "rows.csv").write_text(f'text,{name}\nx,"{cell}"\n')
    (row,) = read_rows(folder / "rows.csv")
    assert row.problems == []
    given = {**row.options}
    if name == "attach_text":
        given[name] = str(folder / given[name])
    assert post_fields(given) == fields


def test_a_text_to_attach_with_a_link_and_styles(folder: Path) -> None:
    given = {"attach_text": str(folder / "long.md"), "attach_link": "https://e.com"}
    assert post_fields(given)["text_attachment"] == TextAttachment(
        plaintext="A long one.",
        link="https://e.com",
        styling=(Styling(offset=2, length=4, styling_info=("bold",)),),
    )


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"attach_text": "missing.txt"}, "text_attachment.file.unreadable"),
        ({"attach_link": "https://e.com"}, "text_attachment.link.without_text"),
    ],
)
def test_what_cannot_be_attached_is_named(given: dict[str, Any], rule: str) -> None:
    with pytest.raises(InvalidPost) as refused:
        post_fields(given)
    assert [one.rule for one in refused.value.problems] == [rule]


def test_a_poll_may_be_written_in_one() -> None:
    assert post_fields({"poll": ["yes | no"]}) == {"poll": ["yes", "no"]}


def look(written: str) -> list[tuple[str, tuple[str, ...]]]:
    """The styled stretches, and the whole text as the first."""
    text, styling = styled(written)
    return [
        (text, ()),
        *((text[one.offset : one.offset + one.length], one.styling_info) for one in styling),
    ]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("plain", [("plain", ())]),
        ("a **b c** d", [("a b c d", ()), ("b c", ("bold",))]),
        ("*i* ~~s~~ ==h== <u>u</u>", [
            ("i s h u", ()),
            ("i", ("italic",)),
            ("s", ("strikethrough",)),
            ("h", ("highlight",)),
            ("u", ("underline",)),
        ]),
        ("**a *b* c**", [
            ("a b c", ()),
            ("a ", ("bold",)),
            ("b", ("bold", "italic")),
            (" c", ("bold",)),
        ]),
        ("***b***", [("b", ()), ("b", ("bold", "italic"))]),
        ("2 * 3 * 4, a_b_c, x**2", [("2 * 3 * 4, a_b_c, x**2", ())]),
        (r"\*no\* \\", [("*no* \\", ())]),
        ("**not\n\nover a paragraph**", [("**not\n\nover a paragraph**", ())]),
        ("a == b and c == d", [("a == b and c == d", ())]),
    ],
)  # fmt: skip
def test_marks_become_styles(written: str, expected: list[tuple[str, tuple[str, ...]]]) -> None:
    assert look(written) == expected
