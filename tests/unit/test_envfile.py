"""A variable of a `.env` file is replaced, and nothing else is."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values
from dotenv.parser import parse_stream
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from threadsworker import envfile
from threadsworker.errors import InvalidSettings

NEW = "THAAnew-token_1|2"
FILE = """# Mine.
export TOKEN = "old token"   # 60 days
OTHER='a # b'
LONG="first
TOKEN=not me
last"

  EMPTY=
LAST=1"""


def put(path: Path, value: str = NEW, name: str = "TOKEN") -> str:
    envfile.write_variable(path, name, SecretStr(value))
    return path.read_bytes().decode()


def test_only_the_value_changes(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(FILE)
    assert put(path) == FILE.replace('"old token"', f'"{NEW}"')
    assert envfile.read_variable(path, "TOKEN") == SecretStr(NEW)


def test_a_new_variable_is_added_on_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text(FILE)
    assert put(path, name="FRESH") == f"{FILE}\nFRESH={NEW}\n"


def test_line_ends_and_a_byte_order_mark_stay(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes("\ufeffTOKEN=old # now\r\nA=1\r\n".encode())
    assert put(path) == f"\ufeffTOKEN={NEW} # now\r\nA=1\r\n"
    assert put(path, name="B") == f"\ufeffTOKEN={NEW} # now\r\nA=1\r\nB={NEW}\r\n"
    assert envfile.read_variable(path, "TOKEN") == SecretStr(NEW)


def test_every_line_that_sets_it_is_changed(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("TOKEN=a\nTOKEN=b\nTOKENS=c\n#TOKEN=d\n")
    assert put(path) == f"TOKEN={NEW}\nTOKEN={NEW}\nTOKENS=c\n#TOKEN=d\n"


@pytest.mark.parametrize(
    ("line", "rewritten"),
    [
        ("TOKEN=", f"TOKEN={NEW}"),
        ("TOKEN= # none yet", f"TOKEN={NEW} # none yet"),
        ("TOKEN=#a #b", f"TOKEN={NEW} #b"),
        ("TOKEN='a'", f"TOKEN='{NEW}'"),
        ("TOKEN=''", f"TOKEN='{NEW}'"),
        ("'TOKEN'=a#b", f"'TOKEN'={NEW}"),
        ("TOKEN", f"TOKEN\nTOKEN={NEW}\n"),
    ],
)
def test_quotes_and_comments_stay(line: str, rewritten: str) -> None:
    assert envfile.changed(line, "TOKEN", NEW) == rewritten


LINES = st.lists(
    st.one_of(
        st.sampled_from(["", "# a comment", "A=1", "export B='x y'", 'C="#"', "TOKEN=old", "D"]),
        st.from_regex(r"E=[ -~]*", fullmatch=True),
    )
)


@given(LINES, st.text(st.characters(max_codepoint=0x2FF, exclude_categories=["Cc"]), min_size=1))
def test_what_is_written_is_what_is_read_and_the_rest_stays(lines: list[str], value: str) -> None:
    if not value.isprintable():
        return
    before = "\n".join(lines)
    try:
        after = envfile.changed(before, "TOKEN", value)
    except InvalidSettings:
        # It would not be read. Nothing but an open quote is a reason.
        assert any(line.error for line in parse_stream(StringIO(before)))
        return

    def read(text: str) -> dict[str, str | None]:
        return dotenv_values(stream=StringIO(text), interpolate=False)

    assert read(after) == {**read(before), "TOKEN": value}
    # And once more: no quotes and no lines are added.
    assert envfile.changed(after, "TOKEN", value) == after


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_the_mode_stays(tmp_path: Path, mode: int) -> None:
    path = tmp_path / ".env"
    path.write_text(FILE)
    path.chmod(mode)
    put(path)
    assert path.stat().st_mode & 0o777 == mode


def test_a_file_that_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    assert put(path) == f"TOKEN={NEW}\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "real.env", tmp_path / ".env"
    path.write_text(FILE)
    link.symlink_to(path)
    put(link)
    assert link.is_symlink()
    assert NEW in path.read_text()


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """The old file, which somebody has open, is not written to: another takes its place."""
    path = tmp_path / ".env"
    path.write_text(FILE)
    with path.open() as reader:
        before = os.fstat(reader.fileno()).st_ino
        put(path)
        assert reader.read() == FILE
    assert path.stat().st_ino != before
    # And nothing is left behind.
    assert os.listdir(tmp_path) == [".env"]


def test_what_cannot_be_written_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"TOKEN=\xff\xfe\n")
    with pytest.raises(InvalidSettings, match="not UTF-8"):
        put(path)
    assert path.read_bytes() == b"TOKEN=\xff\xfe\n"
    assert os.listdir(tmp_path) == [".env"]
    with pytest.raises(InvalidSettings, match="line breaks") as refused:
        put(path, "a\nOTHER=b")
    assert "OTHER" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "A B", "A=B", "1A", "A\n"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    for act in (envfile.read_variable, envfile.check_writable):
        with pytest.raises(InvalidSettings, match="no name of a variable"):
            act(tmp_path / ".env", name)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    with pytest.raises(InvalidSettings, match=r"\.env cannot be read: no such file"):
        envfile.read_variable(path, "TOKEN")
    path.write_text("OTHER=1\nEMPTY=\n")
    with pytest.raises(InvalidSettings, match="has no variable TOKEN"):
        envfile.read_variable(path, "TOKEN")
    with pytest.raises(InvalidSettings, match="has no value for the variable EMPTY"):
        envfile.read_variable(path, "EMPTY")
    for wrong, words in ((tmp_path, "is a directory"), (tmp_path / "no" / ".env", "not exist")):
        with pytest.raises(InvalidSettings, match=words):
            envfile.check_writable(wrong, "TOKEN")


def test_a_quote_that_stands_open_elsewhere_swallows_no_value(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("E='\nTOKEN=old\n")
    with pytest.raises(InvalidSettings, match=r"the line of TOKEN .* a quote stands open"):
        put(path, "in need of quotes")
    assert path.read_text() == "E='\nTOKEN=old\n"
    # A token of Meta's needs none.
    assert put(path) == f"E='\nTOKEN={NEW}\n"


def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / ".env"
    os.mkfifo(pipe)
    with pytest.raises(InvalidSettings, match="a pipe or a device, not a file"):
        envfile.check_writable(pipe, "TOKEN")
    with pytest.raises(InvalidSettings, match="a pipe or a device, not a file"):
        put(pipe)
    assert pipe.is_fifo()
