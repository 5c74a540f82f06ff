"""Messages that are sent, as the broker itself tells: `MONITOR` of Redis."""

from __future__ import annotations

import ast
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from tests.services import RedisServer, eventually

_WORD = re.compile(rb'"(?:[^"\\]|\\.)*"')
_HEAD = re.compile(rb"\+?(\d+\.\d+) \[")


@dataclass(frozen=True)
class Message:
    """One message: when it was sent, in seconds since 1970, and the bytes that it takes."""

    at: float
    body: bytes


class BrokerLog:
    """The messages of one queue since `clear`."""

    def __init__(self, server: RedisServer, queue: str) -> None:
        self._server = server
        self._queue = queue.encode()
        self._messages: list[Message] = []
        self._marks: set[bytes] = set()

    def messages(self) -> list[Message]:
        """All that were sent before this was called."""
        mark = uuid4().hex
        with self._server.client() as client:
            client.echo(mark)
        eventually(lambda: mark.encode() in self._marks)
        return list(self._messages)

    def clear(self) -> None:
        self.messages()
        self._messages.clear()

    def listen(self, connection: socket.socket) -> None:
        """Read what the broker tells, until the connection is closed."""
        with connection.makefile("rb") as lines:
            for line in lines:
                self._note(line)

    def _note(self, line: bytes) -> None:
        head = _HEAD.match(line)
        if head is None:
            return
        # Redis writes what cannot be printed as Python does.
        words: list[bytes] = [ast.literal_eval(f"b{one.decode()}") for one in _WORD.findall(line)]
        match words:
            case [command, queue, *bodies] if command.upper() == b"LPUSH" and queue == self._queue:
                self._messages += [Message(float(head[1]), body) for body in bodies]
            case [command, mark] if command.upper() == b"ECHO":
                self._marks.add(mark)


@contextmanager
def broker_log(server: RedisServer, queue: str) -> Iterator[BrokerLog]:
    """What is sent to the queue while the block lasts."""
    log = BrokerLog(server, queue)
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"MONITOR\r\n")
        listener = threading.Thread(target=log.listen, args=(connection,), daemon=True)
        listener.start()
        try:
            yield log
        finally:
            connection.shutdown(socket.SHUT_RDWR)
            listener.join(10)
