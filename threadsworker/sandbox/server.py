"""The sandbox: one local port that plays Meta, GitHub, and GitHub's raw host."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit, urlunsplit

from threadsworker.sandbox import control
from threadsworker.sandbox.answers import Answer
from threadsworker.sandbox.connection import Delivery, Received, Server
from threadsworker.sandbox.containers import Container
from threadsworker.sandbox.faults import Fault, FaultAnswer, Faults, OnHit, PlannedFault
from threadsworker.sandbox.github import GitHubService
from threadsworker.sandbox.ledger import Ledger
from threadsworker.sandbox.media import MediaService
from threadsworker.sandbox.media_check import CRAWLER
from threadsworker.sandbox.options import SandboxOptions
from threadsworker.sandbox.page import page
from threadsworker.sandbox.posts import SandboxPost
from threadsworker.sandbox.raw import RawService
from threadsworker.sandbox.request import Request, Service
from threadsworker.sandbox.threads import ThreadsService
from threadsworker.sandbox.world import World

_PREFIXES: tuple[Service, ...] = ("github", "raw", "media")
_CONTROL = "/_sandbox"
_HTML = Answer(
    502,
    b"<html><head><title>502 Bad Gateway</title></head>"
    b"<body><h1>502 Bad Gateway</h1></body></html>",
    content_type="text/html",
)
_UNACTED = Answer(200, b'{"id":"0"}')


class _Answers(Protocol):
    def answer(self, request: Request) -> Answer: ...


class Sandbox:
    """
    Meta's Threads API and GitHub on one port of this machine, with the truth in a ledger.

    Use it as a context manager, or call `start` and `stop`; it may be started again, on the
    same port and with everything that it knew. All state is in memory.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        options: SandboxOptions | None = None,
        time: Callable[[], float] = time.time,
        ledger_path: Path | None = None,
    ) -> None:
        """
        Parameters
        ----------
        port:
            0 takes a free one.
        time:
            The sandbox's clock: seconds since 1970.
        ledger_path:
            The ledger is written to this file too, as JSON lines.
        """
        self._host, self._port = host, port
        self._begun_with = options or SandboxOptions()
        self._world = World(self._begun_with, time=time)
        self._faults = Faults()
        self._ledger = Ledger(self._world.now, ledger_path)
        self._server: Server | None = None
        self._stopped = threading.Event()
        self._begin()

    def _begin(self) -> None:
        self._threads = ThreadsService(self._world, fetch_ended=self._fetch_ended)
        self._github = GitHubService(self._world)
        self._media = MediaService()
        self._services: Mapping[Service, _Answers] = {
            "threads": self._threads,
            "github": self._github,
            "raw": RawService(self._world, self._github),
            "media": self._media,
        }

    # Running

    def start(self) -> None:
        """Listen. The port is known from here on."""
        assert self._server is None, "the sandbox is running"
        self._stopped.clear()
        self._server = Server((self._host, self._port), serve=self._serve)
        self._port = self._server.server_address[1]
        threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="sandbox",
            daemon=True,
        ).start()

    def stop(self) -> None:
        """Stop listening and end all connections. Nothing happens if it is not running."""
        if self._server is None:
            return
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.close_connections()
        self._server = None

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where it listens: ``http://127.0.0.1:41234``."""
        host = "127.0.0.1" if self._host in ("", "0.0.0.0") else self._host
        return f"http://{host}:{self._port}"

    @property
    def threads_api_url(self) -> str:
        return self.url

    @property
    def github_api_url(self) -> str:
        return f"{self.url}/github"

    @property
    def github_raw_url(self) -> str:
        return f"{self.url}/raw"

    # The truth

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """What was asked and what happened, in order; see `Ledger` for an entry's keys."""
        with self._world.lock:
            return self._ledger.entries()

    def posts(self) -> list[SandboxPost]:
        """Live posts of all accounts in the order in which they were published."""
        with self._world.lock:
            return self._threads.posts.all()

    def containers(self) -> list[Container]:
        """All containers in the order of their creation."""
        with self._world.lock:
            return self._threads.containers.all()

    def staged_paths(self) -> list[str]:
        """Files that some ref leads to, as ``owner/name refs/heads/branch path``."""
        with self._world.lock:
            return [
                f"{repository.full_name} {ref} {path}"
                for repository in self._github.repositories()
                for ref, path in repository.staged_files()
            ]

    def staged_files(self) -> int:
        """How many files some ref leads to; a README at the top of a branch is not counted."""
        return len(self.staged_paths())

    # Changing the world

    @property
    def options(self) -> SandboxOptions:
        return self._world.options

    def set_options(self, **changes: Any) -> None:
        """
        Change options while it runs; repositories and containers that exist stay as they are.

        Raises
        ------
        pydantic.ValidationError:
            An option does not exist or does not take that value.
        """
        with self._world.lock:
            self._world.options = self._world.options.changed(changes)

    def now(self) -> float:
        """The sandbox's clock: seconds since 1970."""
        return self._world.now()

    def advance_clock(self, seconds: float) -> None:
        """Put the clock forward: processing ends, quotas are freed, containers expire."""
        with self._world.lock:
            self._world.clock.advance(seconds)

    def set_token(
        self,
        token: str,
        state: Literal["valid", "expired", "revoked"],
        *,
        service: Literal["threads", "github"] = "threads",
    ) -> None:
        """
        Let a token die or live again. For GitHub, expired and revoked are the same.

        Raises
        ------
        ValueError:
            The Threads token is none that the sandbox would accept.
        """
        with self._world.lock:
            if service == "github":
                (self._github.accept if state == "valid" else self._github.reject)(token)
                return
            self._threads.tokens.set_state(token, state)

    def plan_fault(self, fault: Fault | Mapping[str, Any], *, on_hit: OnHit | None = None) -> int:
        """
        Plan a fault; its number, by which the ledger names it.

        Parameters
        ----------
        on_hit:
            Called with the request, after the service has acted and before the answer goes
            out: the place to kill a client for certain.

        Raises
        ------
        pydantic.ValidationError:
            A key is unknown, or a value is wrong.
        """
        with self._world.lock:
            return self._faults.plan(Fault.model_validate(fault), on_hit).id

    def faults(self) -> list[dict[str, Any]]:
        """The plan, and how often each fault has hit."""
        with self._world.lock:
            return self._faults.shown()

    def clear_faults(self) -> None:
        with self._world.lock:
            self._faults.clear()

    def reset(self) -> None:
        """Forget everything but the clock: posts, containers, files, tokens, faults, ledger."""
        with self._world.lock:
            self._world.options = self._begun_with
            self._faults.clear()
            self._ledger.clear()
            self._begin()

    # Serving

    def _serve(self, received: Received) -> Delivery:
        request = self._request(received)
        path = urlsplit(received.target).path
        if path.startswith(f"{_CONTROL}/"):
            return Delivery(control.answer(self, request))
        if path == "/" and received.method == "GET":
            return Delivery(page(self.posts()))
        half_way = self._round_trip(request) / 2
        self._pass(half_way)
        delivery = self._answer(request)
        self._pass(half_way)
        return delivery

    def _answer(self, request: Request) -> Delivery:
        with self._world.lock:
            planned = self._faults.take(request)
        if planned is None:
            return self._act(request, Fault(), None)
        self._stopped.wait(planned.fault.act_after)
        delivery = self._act(request, planned.fault, planned.id)
        self._hit(planned, request)
        return delivery

    def _request(self, received: Received) -> Request:
        parts = urlsplit(received.target)
        service, path = _split(parts.path)
        return Request(
            service=service,
            method=received.method,
            path=path,
            query_string=parts.query,
            headers=received.headers,
            body=received.body,
            origin=f"http://{received.headers.get('host') or urlsplit(self.url).netloc}",
            body_size=received.body_size,
        )

    def _act(self, request: Request, fault: Fault, number: int | None) -> Delivery:
        """Let the service act and write it down, as one."""
        with self._world.lock:
            own = self._services[request.service].answer(request) if fault.act else _UNACTED
            delivery = _delivery(own, fault)
            self._ledger.append(_entry(request, own, delivery, number))
        return delivery

    def _round_trip(self, request: Request) -> float:
        """Real seconds that the request and its answer are under way."""
        near = request.service == "media" or request.headers.get("user-agent") == CRAWLER
        return 0.0 if near else self._world.options.round_trip

    def _pass(self, seconds: float) -> None:
        """Let real time pass, unless the sandbox is stopped."""
        if seconds:
            self._stopped.wait(seconds)

    def _hit(self, planned: PlannedFault, request: Request) -> None:
        if planned.on_hit is not None:
            planned.on_hit(request)
        self._stopped.wait(planned.fault.delay)

    def _fetch_ended(self, container: Container, url: str) -> None:
        """A download for a container is over. Called under the lock."""
        fetched = container.fetched
        assert fetched is not None
        self._media.keep(fetched)
        self._ledger.append(
            {
                "service": "fetch",
                "method": "GET",
                # A signed URL holds a secret in its query.
                "path": urlunsplit((*urlsplit(url)[:3], "", "")),
                "acted": "media_refused" if fetched.error_message else "media_fetched",
                "status": None,
                "token_in_query": False,
                "container_id": container.id,
                "sha256": fetched.sha256,
                "reason": fetched.reason,
            }
        )


def _split(path: str) -> tuple[Service, str]:
    """Whose path it is, and what it is to them."""
    first, _, rest = path.lstrip("/").partition("/")
    for service in _PREFIXES:
        if first == service:
            return service, f"/{rest}"
    if path.startswith(f"{_CONTROL}/"):
        return "threads", path.removeprefix(_CONTROL)
    return "threads", path


def _delivery(own: Answer, fault: Fault) -> Delivery:
    match fault.answer:
        case None if fault.act:
            return Delivery(own)
        case None | "drop":
            return Delivery(own, "drop")
        case "reset":
            return Delivery(own, "reset")
        case "half":
            return Delivery(own, "half")
        case "html":
            return Delivery(_HTML)
        case FaultAnswer() as given:
            return Delivery(_given(given))


def _given(given: FaultAnswer) -> Answer:
    text = given.body if isinstance(given.body, str) else json.dumps(given.body)
    return Answer(given.status, text.encode(), headers=given.headers)


def _entry(request: Request, own: Answer, delivery: Delivery, fault: int | None) -> dict[str, Any]:
    return {
        "service": request.service,
        "method": request.method,
        "path": request.path,
        "query": request.loggable_query,
        "form": request.loggable_form,
        "acted": own.acted,
        "status": delivery.answer.status if delivery.how in ("sent", "half") else None,
        "answer": delivery.how,
        "fault": fault,
        "token_in_query": request.token_in_query,
        **own.facts,
    }
