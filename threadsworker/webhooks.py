"""
Where Meta tells what happens: an ASGI app, for `threadsworker webhooks` or any ASGI server.

    GET  /webhook               Meta's handshake
    POST /webhook               its notifications
    POST /deauthorize           a user has removed the app
    POST /data-deletion         a user wants to be forgotten
    GET  /data-deletion/{code}  whether that was done
    GET  /healthz               whether the database answers

A notification is kept in a row before it is answered. Whatever is not signed with a secret of
the app is answered with 401, and nothing of it is kept. No body is ever logged.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial, wraps
from typing import TypeVar
from urllib.parse import parse_qs

from pydantic import SecretStr

try:
    from starlette.applications import Starlette
    from starlette.background import BackgroundTask
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import JSONResponse, PlainTextResponse, Response
    from starlette.routing import Route
except ModuleNotFoundError as missing:
    raise ImportError(
        f"threadsworker.webhooks needs {missing.name}: pip install 'threadsworker[webhooks]'"
    ) from None

from threadsworker.broker import broker_url
from threadsworker.crypto import signing_keys
from threadsworker.errors import BadSignature, InvalidSettings
from threadsworker.queue import Doorbell
from threadsworker.settings import Settings, load_settings
from threadsworker.steps import inbound
from threadsworker.steps.desk import Desk
from threadsworker.store import schema
from threadsworker.threads_api.notifications import (
    SignedRequest,
    read_notifications,
    read_signed_request,
    signature_is_good,
)

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
Handler = Callable[[Request], Awaitable[Response]]

#: Bytes; what Meta sends is far below.
LONGEST_BODY = 1024 * 1024
#: Seconds in which a body has to be here, however slowly it drips.
PATIENCE = 10.0
#: Fields of a form; Meta sends one.
MOST_FIELDS = 16
#: Characters of the challenge that is repeated to Meta.
LONGEST_CHALLENGE = 256
_PLAIN = {"X-Content-Type-Options": "nosniff"}


class _TooLong(Exception):
    pass


class _TooSlow(Exception):
    pass


def make_app(settings: Settings | None = None) -> Starlette:
    """The app; `settings`: None: those of the environment, read at the first request."""
    reception = _Reception(settings)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await run_in_threadpool(reception.close)

    return Starlette(routes=reception.routes(), lifespan=lifespan)


class _Reception:
    """The handlers, and what they stand on, which is made at the first request."""

    def __init__(self, settings: Settings | None) -> None:
        self._given = settings
        self._lock = threading.Lock()
        self._desk: Desk | None = None

    def routes(self) -> list[Route]:
        return [
            Route("/webhook", _guarded(self.greet), methods=["GET"]),
            Route("/webhook", _guarded(self.hear), methods=["POST"]),
            Route("/deauthorize", _guarded(self.deauthorize), methods=["POST"]),
            Route("/data-deletion", _guarded(self.delete_data), methods=["POST"]),
            Route("/data-deletion/{code}", _guarded(self.deletion), name="deletion"),
            Route("/healthz", _guarded(self.health)),
        ]

    async def greet(self, request: Request) -> Response:
        """Meta asks whether the address is ours: repeat its challenge."""
        settings = (await self._ready()).settings
        asked = request.query_params
        token, challenge = asked.get("hub.verify_token", ""), asked.get("hub.challenge", "")
        known = settings.webhook_verify_token
        if (
            asked.get("hub.mode") != "subscribe"
            or not known
            or not hmac.compare_digest(token.encode(), known.get_secret_value().encode())
        ):
            return PlainTextResponse("the verify token is another one", 403)
        return PlainTextResponse(challenge[:LONGEST_CHALLENGE], headers=_PLAIN)

    async def hear(self, request: Request) -> Response:
        """Keep what Meta tells; 200 as soon as it is committed."""
        body, desk = await _body(request), await self._ready()
        header = request.headers.get("X-Hub-Signature-256")
        if not signature_is_good(body, header, _secrets(desk.settings)):
            raise BadSignature("the signature is not of this body and the app's secret")
        try:
            told = read_notifications(body)
        except ValueError:
            logger.warning("Meta has sent what cannot be read, of %s bytes", len(body))
            return PlainTextResponse("this cannot be read", 400)
        new = await run_in_threadpool(inbound.keep, desk, told)
        return PlainTextResponse("ok", background=BackgroundTask(self._ring, new))

    async def deauthorize(self, request: Request) -> Response:
        desk = await self._ready()
        await run_in_threadpool(inbound.deauthorize, desk, await self._signed(request))
        return JSONResponse({"ok": True})

    async def delete_data(self, request: Request) -> Response:
        desk = await self._ready()
        code = await run_in_threadpool(inbound.delete_data, desk, await self._signed(request))
        base = desk.settings.webhook_url
        url = (
            str(request.url_for("deletion", code=code))
            if base is None
            else f"{base.rstrip('/')}/data-deletion/{code}"
        )
        return JSONResponse({"url": url, "confirmation_code": code})

    async def deletion(self, request: Request) -> Response:
        code = request.path_params["code"]
        done_at = await run_in_threadpool(inbound.deletion, await self._ready(), code)
        if done_at is None:
            return JSONResponse({"error": "there is no such code"}, 404)
        return JSONResponse(
            {"confirmation_code": code, "status": "deleted", "deleted_at": done_at.isoformat()}
        )

    async def health(self, _request: Request) -> Response:
        await run_in_threadpool(inbound.now_of, await self._ready())
        return JSONResponse({"ok": True})

    async def _signed(self, request: Request) -> SignedRequest:
        """What the request says, if Meta has signed it."""
        body, desk = await _body(request), await self._ready()
        try:
            # A body of nothing but fields would keep everybody else waiting while it is read.
            form = parse_qs(body.decode(errors="replace"), max_num_fields=MOST_FIELDS)
        except ValueError:
            raise BadSignature("a form of more fields than Meta sends") from None
        given = form.get("signed_request", [""])[0]
        now = await run_in_threadpool(inbound.now_of, desk)
        return read_signed_request(given, _secrets(desk.settings), now=now)

    async def _ready(self) -> Desk:
        if self._desk is not None:
            return self._desk
        return await run_in_threadpool(self._open)

    def _open(self) -> Desk:
        with self._lock:
            if self._desk is None:
                settings = self._given or load_settings()
                settings.ensure_home()
                desk = Desk(settings)
                schema.ensure(desk.engine, embedded=settings.embedded_database)
                self._doorbell = Doorbell(
                    partial(_broker, settings),
                    key_prefix=settings.broker_key_prefix,
                    keys=partial(signing_keys, settings),
                )
                self._desk = desk
            return self._desk

    def close(self) -> None:
        """Close the connections; the next request makes new ones."""
        with self._lock:
            if self._desk is not None:
                self._desk.engine.dispose()
                self._doorbell.close()
                self._desk = None

    def _ring(self, notification_ids: Sequence[str]) -> None:
        """Hand them to Celery; what is not heard is found by `threadsworker.deliver`."""
        for notification_id in notification_ids:
            if not self._doorbell.ring_event(notification_id):
                return


def _broker(settings: Settings) -> str:
    if settings.broker_url is not None:
        return settings.broker_url.get_secret_value()
    return broker_url(settings.home)


def _secrets(settings: Settings) -> list[SecretStr]:
    """Either may sign: which one does, Meta documents nowhere."""
    # An empty one would be everybody's.
    return [one for one in (settings.app_secret, settings.meta_app_secret) if one]


async def _body(request: Request) -> bytes:
    """The body as it came; _TooLong as soon as it is, _TooSlow if it does not come."""
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LONGEST_BODY:
                    raise _TooLong
    except TimeoutError:
        raise _TooSlow from None
    return bytes(body)


def _guarded(handler: Handler) -> Handler:
    """What goes wrong is answered in a word. It is not logged in full: it may hold a body."""

    @wraps(handler)
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except BadSignature as refused:
            logger.warning("%s: refused: %s", request.url.path, refused)
            return PlainTextResponse("not signed by Meta", 401)
        except _TooLong:
            # Or the rest of it would be read, and thrown away, for as long as it comes.
            words = f"more than {LONGEST_BODY} bytes"
            return PlainTextResponse(words, 413, headers={"Connection": "close"})
        except _TooSlow:
            # Who is this slow is not waited for.
            return PlainTextResponse("too slow", 408, headers={"Connection": "close"})
        except ClientDisconnect:
            return PlainTextResponse("gone", 400)
        except InvalidSettings as error:
            logger.error("%s: %s", request.url.path, error)
            return PlainTextResponse("try again later", 503)
        except Exception as error:
            logger.error("%s: failed: %s", request.url.path, type(error).__name__)
            return PlainTextResponse("try again later", 503)

    return guarded


#: For ASGI servers: ``uvicorn threadsworker.webhooks:app``, or to be mounted in another app.
app = make_app()
