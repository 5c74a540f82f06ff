"""Answers that never end, in bytes or in time, and pages on servers that get no token."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic

import pytest
from pydantic import SecretStr

from threadsworker import http
from threadsworker.errors import AnswerLost
from threadsworker.http import Http
from threadsworker.sandbox import media_check
from threadsworker.staging.github import GitHubStaging

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#: Seconds that a receiver may take that should end after half a second: machines are busy.
SOON = 30.0


@contextmanager
def answering(answer: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """A server that answers each request so, until the test is over; its URL."""
    stop = threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            answer(connection, stop)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)


def drip(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(OK + b"Content-Length: 1000000\r\n\r\n")
    while not stop.wait(0.02):
        connection.sendall(b" ")


def drip_chunks(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    while not stop.wait(0.02):
        connection.sendall(b"1\r\n \r\n")


def pour(connection: socket.socket, stop: threading.Event) -> None:
    connection.sendall(OK + b"\r\n")
    while not stop.is_set():
        connection.sendall(b" " * 1_000_000)


def explode(connection: socket.socket, stop: threading.Event) -> None:
    bomb = gzip.compress(bytes(http.LONGEST_ANSWER + 1))
    head = OK + b"Content-Encoding: gzip\r\n" + b"Content-Length: %d\r\n\r\n" % len(bomb)
    connection.sendall(head + bomb)


@pytest.mark.parametrize("answer", [drip, drip_chunks])
def test_an_answer_that_drips_is_given_up_in_time(
    answer: Callable[[socket.socket, threading.Event], None],
) -> None:
    began = monotonic()
    with answering(answer) as url, pytest.raises(AnswerLost, match="EndlessAnswer"):
        Http(read_timeout=0.5).request("GET", url)
    assert monotonic() - began < SOON


@pytest.mark.parametrize("answer", [pour, explode])
def test_an_answer_that_has_no_end_is_given_up(
    answer: Callable[[socket.socket, threading.Event], None],
) -> None:
    with answering(answer) as url, pytest.raises(AnswerLost, match="EndlessAnswer"):
        Http(read_timeout=60).request("GET", url)


def test_a_packed_answer_is_unpacked() -> None:
    def packed(connection: socket.socket, stop: threading.Event) -> None:
        body = gzip.compress(b'{"id": "1"}')
        head = OK + b"Content-Encoding: gzip\r\n" + b"Content-Length: %d\r\n\r\n" % len(body)
        connection.sendall(head + body)

    with answering(packed) as url:
        assert Http().request("GET", url).json() == {"id": "1"}


def test_the_sandbox_gives_up_a_medium_that_drips() -> None:
    began = monotonic()
    with answering(drip) as url:
        fetched = media_check.fetch(url, "IMAGE", timeout=0.5)
    assert fetched.reason == "TimeoutError"
    assert monotonic() - began < SOON


def test_a_next_page_on_another_server_is_not_asked_for() -> None:
    seen: list[bytes] = []

    def listen(connection: socket.socket, stop: threading.Event) -> None:
        seen.append(b"somebody came")

    with answering(listen) as elsewhere:

        def first(connection: socket.socket, stop: threading.Event) -> None:
            link = f'Link: <{elsewhere}/page/2>; rel="next"\r\n'.encode()
            connection.sendall(OK + link + b"Content-Length: 2\r\n\r\n[]")

        with answering(first) as url:
            staging = GitHubStaging(
                repo="octo/stage", token=SecretStr("ghp_x"), api_url=url, raw_url=url, http=Http()
            )
            with pytest.raises(AnswerLost, match="another server"):
                list(staging.staged_jobs())
    assert seen == []
