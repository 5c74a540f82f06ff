"""What Meta tells, on a terminal."""

from __future__ import annotations

import pytest

from threadsworker.cli.told import detail, posts_table
from threadsworker.threads_api import MediaObject


def test_what_strangers_write_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    reply = MediaObject(id="1", username="u", text="hi \x1b]0;mine\x07 \x9b2Jthere 😀")
    posts_table([reply])
    detail(reply)
    shown = capsys.readouterr().out
    assert shown.count("mine") == 2
    assert shown.count("there 😀") == 2
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)
