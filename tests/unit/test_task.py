"""What an error that nobody foresaw takes with it when it leaves its process."""

from __future__ import annotations

import pickle
import traceback
from typing import Any

import pytest
from celery import Celery
from celery.exceptions import Ignore
from pydantic import SecretStr

from tasks.task import Task, Told, Unforeseen
from threadsworker.redaction import MARK, redact

SECRET = "a-token-that-a-step-has-opened"


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """What comes out of a task that raises this."""
    app = Celery("of this test", task_cls=Task, set_as_current=False)

    @app.task(name="fails")  # type: ignore[untyped-decorator] # Celery has no types
    def fails() -> None:
        local: Any = SECRET
        assert local
        raise error from cause

    with pytest.raises((type(error), Unforeseen)) as caught:
        fails()
    app.close()
    return caught.value


def test_its_words_and_those_of_what_it_came_from_are_redacted() -> None:
    redact(SecretStr(SECRET))
    came = raised(RuntimeError(f"asked with {SECRET}"), OSError(f"GET /?x={SECRET}"))
    assert str(came) == (f"RuntimeError: asked with {MARK}; because of OSError: GET /?x={MARK}")
    # In the traceback, which Flower shows, and behind the process too.
    written = "".join(traceback.format_exception(came))
    assert SECRET not in written
    assert "in fails" in written
    assert str(pickle.loads(pickle.dumps(came))) == str(came)
    assert came.__cause__ is came.__context__ is None


def test_a_secret_that_only_its_arguments_or_notes_hold_does_not_leave_either() -> None:
    redact(SecretStr(SECRET))

    class Reticent(Exception):
        def __str__(self) -> str:
            return "no word of it"

    with_note = ValueError("plain")
    with_note.add_note(f"it was asked with {SECRET}")
    for error in (Reticent(SECRET), with_note):
        came = raised(error)
        assert isinstance(came, Unforeseen)
        assert SECRET not in repr(came) + "".join(traceback.format_exception(came))


def test_what_a_chain_is_told_stays_what_it_is_without_the_secret() -> None:
    redact(SecretStr(SECRET))
    came = raised(Told("refused", f"Meta says {SECRET}"))
    assert type(came) is Told
    assert came.args == ("refused", f"Meta says {MARK}")
    assert came.__cause__ is came.__context__ is None


def test_an_error_without_a_secret_stays_what_it_is() -> None:
    assert str(raised(ValueError("a plain one"))) == "a plain one"


def test_what_is_no_error_passes() -> None:
    assert isinstance(raised(Ignore()), Ignore)
