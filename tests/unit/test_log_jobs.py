"""Lines say which job they are about, as text and as JSON, and no secret in either."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import SecretStr

from threadsworker.log import MARK, LineHandler, configure, redact, redacted
from threadsworker.subject import Subject, about, carried, current

JOB, OTHER = "0123456789abcdef0123", "fedcba9876543210fedc"
SUBJECT = Subject(JOB, account="main", run=2, segment=3, step="publish")
library = logging.getLogger("some.library")


@pytest.fixture
def logged() -> Iterator[Callable[[str], io.StringIO]]:
    """Begin to log in that form, to what is given back."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]

    def begin(form: str) -> io.StringIO:
        stream = io.StringIO()
        configure("DEBUG", stream=stream, form=form)
        return stream

    yield begin
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_librarys_line_during_a_step_names_the_job(logged: Callable[[str], io.StringIO]) -> None:
    stream = logged("text")
    with about(SUBJECT):
        library.info("connection lost")
        library.info("Job %s: done", JOB)
    library.info("connection lost")
    during, own, after = stream.getvalue().splitlines()
    assert during.endswith(f"connection lost [job {JOB}]")
    assert own.endswith(f"Job {JOB}: done")
    assert after.endswith("connection lost")


def test_the_job_stands_on_the_first_line_of_an_exception(
    logged: Callable[[str], io.StringIO],
) -> None:
    stream = logged("text")
    with about(SUBJECT):
        try:
            raise RuntimeError("broken")
        except RuntimeError:
            library.exception("it broke")
    assert stream.getvalue().splitlines()[0].endswith(f"it broke [job {JOB}]")


def test_what_celery_logs_beside_a_step_names_its_job(
    logged: Callable[[str], io.StringIO],
) -> None:
    stream = logged("text")
    for arguments in (f"('{JOB}', 1)", f"main/{JOB} run 2 segment 3/7"):
        library.info(
            "received", extra={"data": {"name": "threadsworker.upload", "args": arguments}}
        )
    assert stream.getvalue().count(f"received [job {JOB}]") == 2


def test_threads_of_a_step_belong_to_its_job() -> None:
    with about(SUBJECT), ThreadPoolExecutor(4) as threads:
        seen = [one.result() for one in [threads.submit(carried(current)) for _ in range(20)]]
        not_carried = threads.submit(current).result()
    assert seen == [SUBJECT] * 20
    assert not_carried is None
    assert current() is None


def test_json_has_one_object_a_line_with_its_fields(logged: Callable[[str], io.StringIO]) -> None:
    stream = logged("json")
    with about(SUBJECT):
        library.warning('two\nlines, "quoted", and ü')
    library.info("Job %s fell silent", OTHER)
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first.pop("time").endswith("Z")
    assert first.pop("process") > 0
    assert first == {
        "level": "WARNING",
        "logger": "some.library",
        "message": 'two\nlines, "quoted", and ü',
        "job": JOB,
        "account": "main",
        "run": 2,
        "segment": 3,
        "step": "publish",
    }
    assert second["job"] == OTHER
    assert "account" not in second


@pytest.mark.parametrize("words", ['token="abcdefgh"', 'api_key="', 'password=\\"x', "secret=\t"])
def test_what_is_taken_out_of_json_leaves_json(
    words: str, logged: Callable[[str], io.StringIO]
) -> None:
    stream = logged("json")
    library.warning("said %s", words)
    assert json.loads(stream.getvalue())["message"] == redacted(f"said {words}")


def test_a_line_that_cannot_be_written_is_told_of_without_its_secrets(
    capsys: pytest.CaptureFixture[str],
) -> None:
    secret = "a-secret-among-the-arguments"
    redact(SecretStr(secret))
    record = library.makeRecord("a", logging.ERROR, "f", 1, "%d of them", (secret,), None)
    LineHandler(io.StringIO()).handle(record)
    told = capsys.readouterr().err
    assert "of them" in told
    assert "TypeError" in told
    assert MARK in told
    assert secret not in told


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "secret", ['with "quotes" and \\ in it', "päss wörd and more", "plain-secret-8f3a"]
)
def test_no_secret_is_in_a_line(
    form: str, secret: str, logged: Callable[[str], io.StringIO]
) -> None:
    redact(SecretStr(secret))
    stream = logged(form)
    try:
        raise RuntimeError(f"GET /me?access_token=THAAabcdefghijklmnopqrstu&x=1 {secret}")
    except RuntimeError:
        library.exception("with %s", secret, stack_info=True)
    written = stream.getvalue()
    assert MARK in written
    told: list[Any] = [written]
    if form == "json":
        told = [value for line in written.splitlines() for value in json.loads(line).values()]
        assert "Traceback" in json.loads(written)["exception"]
    for one in told:
        assert secret not in str(one)
        assert "THAAabc" not in str(one)
