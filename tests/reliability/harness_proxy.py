"""
Proxies before PostgreSQL, Redis, Meta and GitHub, which show a gun what passes.

A connection's bytes are cut into messages by what speaks on it (a `Dialect`). When a message
is a moment at which a worker can be stopped, it waits until the gun has seen it. When one side
of a connection ends, the other hears of it at once.
"""

from __future__ import annotations

import re
import socket
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

from tests.reliability.harness_gun import Edge, Gun, Moment, What
from threadsworker.queue import STEPS_QUEUE

_CHUNK = 256 * 1024


class Dialect(ABC):
    """What is spoken on one connection, and what of it a gun shall see."""

    def __init__(self, gun: Gun) -> None:
        self.gun = gun

    @abstractmethod
    def cut_question(self, data: bytes) -> int:
        """Length of the client's message that `data` begins with; 0 while it is incomplete."""

    @abstractmethod
    def cut_answer(self, data: bytes) -> int:
        """The same for the server's."""

    @abstractmethod
    def question(self, message: bytes) -> Moment | None:
        """The moment before this takes effect, if it is one."""

    @abstractmethod
    def answer(self, message: bytes) -> Moment | None:
        """The moment before the client hears of it, if it is one."""


class Proxy:
    """Listens on a loopback port and forwards to `upstream`, until `close`."""

    def __init__(self, upstream: tuple[str, int], dialect: Callable[[], Dialect]) -> None:
        self._upstream = upstream
        self._dialect = dialect
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def close(self) -> None:
        # Closing alone would not wake the thread that accepts.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._upstream)
            except OSError:
                client.close()
                continue
            threading.Thread(
                target=_serve, args=(client, server, self._dialect()), name="proxy", daemon=True
            ).start()


def _serve(client: socket.socket, server: socket.socket, dialect: Dialect) -> None:
    """One connection, until either side ends it."""
    with client, server:
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = threading.Thread(
            target=_forward,
            args=(server, client, dialect.cut_answer, dialect.answer, dialect.gun),
            name="proxy",
            daemon=True,
        )
        answers.start()
        _forward(client, server, dialect.cut_question, dialect.question, dialect.gun)
        answers.join()


def _forward(
    source: socket.socket,
    target: socket.socket,
    cut: Callable[[bytes], int],
    moment_of: Callable[[bytes], Moment | None],
    gun: Gun,
) -> None:
    data = b""
    try:
        while chunk := source.recv(_CHUNK):
            data += chunk
            ready = b""
            while size := cut(data):
                message, data = data[:size], data[size:]
                moment = moment_of(message)
                if moment is not None:
                    target.sendall(ready)
                    ready = b""
                    gun.saw(moment)
                ready += message
            target.sendall(ready)
        # What was sent before may still be answered.
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # One of the two is gone, or the gun has fired.
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Postgres(Dialect):
    """
    COMMITs of PostgreSQL's protocol 3, each labelled with what its transaction wrote.

    psycopg commits with a simple query. The connection must ask for neither TLS nor GSSAPI.
    """

    #: Transactions that wrote nothing, and signs of life of a worker or of a claim.
    _BACKGROUND = frozenset({"", "threadsworker_worker", "lease"})

    def __init__(self, gun: Gun) -> None:
        super().__init__(gun)
        self._started = False
        self._prepared: dict[bytes, str] = {}
        self._written: list[str] = []
        self._committing: Moment | None = None

    def cut_question(self, data: bytes) -> int:
        # The first message has no type.
        return _cut(data, 0 if not self._started else 1)

    def cut_answer(self, data: bytes) -> int:
        return _cut(data, 1)

    def question(self, message: bytes) -> Moment | None:
        if not self._started:
            self._started = True
            return None
        kind, body = message[:1], message[5:]
        if kind == b"P":
            name, statement, _ = body.split(b"\0", 2)
            self._prepared[name] = statement.decode()
        elif kind == b"B":
            self._note(self._prepared[body.split(b"\0", 2)[1]])
        elif kind == b"Q":
            return self._command(body.rstrip(b"\0").decode().upper())
        return None

    def answer(self, message: bytes) -> Moment | None:
        # ROLLBACK instead: the transaction had failed before.
        if self._committing is None or message[:1] != b"C" or message[5:] != b"COMMIT\0":
            return None
        committed, self._committing = self._committing, None
        return _after(committed)

    def _command(self, command: str) -> Moment | None:
        if command != "COMMIT":
            # What a savepoint takes back was written for nothing, and does no harm here.
            if command.startswith("BEGIN"):
                self._written = []
            return None
        label = "+".join(dict.fromkeys(self._written))
        background = label in self._BACKGROUND
        self._committing = Moment(What.COMMIT, Edge.BEFORE, label, background=background)
        return self._committing

    def _note(self, statement: str) -> None:
        renewal = r"UPDATE threadsworker_job SET lease_until=\S+ wake_at=[^,]* WHERE"
        if re.match(renewal, statement):
            self._written.append("lease")
            return
        # One statement may write to several tables, each in a WITH of its own.
        writes = r"(?:INSERT INTO|UPDATE|DELETE FROM) (threadsworker_\w+)"
        self._written += re.findall(writes, statement)


def _cut(data: bytes, head: int) -> int:
    """A message is a type of `head` bytes, then its length without the type."""
    if len(data) < head + 4:
        return 0
    size = head + int.from_bytes(data[head : head + 4])
    return size if len(data) >= size else 0


class Redis(Dialect):
    """LPUSHes to the queue of steps. A connection of kombu's asks one thing at a time."""

    def __init__(self, gun: Gun) -> None:
        super().__init__(gun)
        self._pushing: Moment | None = None

    def cut_question(self, data: bytes) -> int:
        sizes = _Command(data)
        return sizes.length if sizes.is_complete else 0

    def cut_answer(self, data: bytes) -> int:
        return len(data)

    def question(self, message: bytes) -> Moment | None:
        name, key, *_ = [*_Command(message).parts, b""]
        if name.upper() == b"BRPOP":
            self.gun.listening.set()
        if name.upper() != b"LPUSH" or key != STEPS_QUEUE.encode():
            return None
        self._pushing = Moment(What.PUSH, Edge.BEFORE, "")
        return self._pushing

    def answer(self, message: bytes) -> Moment | None:
        if self._pushing is None:
            return None
        pushed, self._pushing = self._pushing, None
        return _after(pushed)


class _Command:
    """A command of RESP: an array of bulk strings, of which `data` may be a beginning."""

    def __init__(self, data: bytes) -> None:
        self.parts: list[bytes] = []
        self.length = 0
        self.is_complete = False
        head, newline, _ = data.partition(b"\r\n")
        if not newline:
            return
        at = len(head) + 2
        for _ in range(int(head[1:])):
            end = data.find(b"\r\n", at)
            if end < 0:
                return
            size = int(data[at + 1 : end])
            self.parts.append(data[end + 2 : end + 2 + size])
            at = end + 2 + size + 2
        self.length, self.is_complete = at, at <= len(data)


class Http(Dialect):
    """Calls to Meta and GitHub, each labelled with what it is for."""

    def __init__(self, gun: Gun) -> None:
        super().__init__(gun)
        self._asked: deque[Moment | None] = deque()

    def cut_question(self, data: bytes) -> int:
        return _cut_http(data)

    def cut_answer(self, data: bytes) -> int:
        return _cut_http(data)

    def question(self, message: bytes) -> Moment | None:
        head, _, body = message.partition(b"\r\n\r\n")
        lines = head.decode("latin-1")
        # The sandbox's own downloads for containers come through here too.
        is_ours = re.search(r"(?im)^user-agent: threadsworker/", lines) is not None
        method, target, _ = lines.split(" ", 2)
        asked = Moment(What.CALL, Edge.BEFORE, call_kind(method, target, body)) if is_ours else None
        self._asked.append(asked)
        return asked

    def answer(self, message: bytes) -> Moment | None:
        asked = self._asked.popleft()
        return None if asked is None else _after(asked)


#: What a call is for, by method and path; the first that fits.
CALL_KINDS = (
    ("GET", r"/git/ref/", "find_branch"),
    ("GET", r"/git/(commits|trees)/", "list_branch"),
    ("POST", r"/git/blobs$", "send_file"),
    ("POST", r"/git/trees$", "make_tree"),
    ("POST", r"/git/commits$", "make_commit"),
    ("(POST|PATCH)", r"/git/refs", "make_branch"),
    ("DELETE", r"/git/refs/", "unstage"),
    ("GET", r"^/github/repos/[^/]+/[^/]+$", "look_at_repository"),
    ("GET", r"^/raw/", "check_served"),
    ("POST", r"/threads_publish$", "publish"),
    ("GET", r"/threads_publishing_limit$", "quota"),
    ("GET", r"/me/(threads|replies)$", "search"),
)


def call_kind(method: str, target: str, body: bytes) -> str:
    """What a call is for, in a word."""
    parts = urlsplit(target)
    for methods, path, kind in CALL_KINDS:
        if re.fullmatch(methods, method) and re.search(path, parts.path):
            return kind
    if method == "POST" and parts.path.endswith("/threads"):
        return "create_item" if b"is_carousel_item=true" in body else "create"
    fields = ",".join(parse_qs(parts.query).get("fields", [])).split(",")
    return "status" if "status" in fields else "read_back"


def _cut_http(data: bytes) -> int:
    head, blank, _ = data.partition(b"\r\n\r\n")
    if not blank:
        return 0
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    size = len(head) + 4 + (int(found[1]) if found else 0)
    return size if len(data) >= size else 0


def _after(moment: Moment) -> Moment:
    return Moment(moment.what, Edge.AFTER, moment.label, background=moment.background)
