"""
Send the notices that are due: at least once each, in no promised order.

A notice is a row until its receiver has taken it. It is claimed for a while, tried without any
transaction open, and what came of it is written down; who dies in between leaves a claim that
ends. The id of the delivery is the same for every try, so that a receiver knows it again.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any

from threadsworker import counting, outbound, signature
from threadsworker.counting.instruments import NOTICES
from threadsworker.errors import InvalidSettings
from threadsworker.log import redact
from threadsworker.notice import GAPS, TargetKind, gap_after, task_and_queue
from threadsworker.steps.desk import Desk
from threadsworker.store import deliveries, duties, inbox, subscriptions
from threadsworker.store.database import clock
from threadsworker.store.deliveries import Claimed

logger = logging.getLogger(__name__)

#: Deliveries in hand at a time, of all workers; and of these, of one subscription.
MOST, EACH = 16, 4
#: Seconds for which one go takes more in hand: quick receivers get much at once, and slow ones do
#: not keep the worker.
LONGEST_GO = 5.0
#: Seconds for which those that come back are gathered, so that the next are claimed together. Who
#: takes longer keeps a place, and nobody waiting.
TOGETHER = 0.05
#: How long a claim lasts: longer than any try.
LEASE = timedelta(seconds=3 * outbound.DEADLINE)
#: Seconds for which a function is waited for.
CALL_DEADLINE = 50.0
#: Tries after which a delivery is given up, also if none of them lived to tell what came of it.
MOST_TRIES = len(GAPS) + 1
#: How long what is over can be looked at and replayed, and how often older rows are removed.
KEPT_FOR, PRUNE_EVERY = timedelta(days=30), timedelta(hours=1)
#: Most rows removed in one transaction, and most of these in one go.
PRUNE_BATCH, PRUNE_BATCHES = 1000, 20
_PRUNE = "prune_notices"

#: Sends a task: its name, its queue, and its keyword arguments.
Send = Callable[[str, str, dict[str, Any]], None]


@dataclass(frozen=True)
class Try:
    """What came of one try."""

    delivered: bool
    status: int | None = None
    error: str = ""


def deliver(desk: Desk, *, send: Send, lease: timedelta = LEASE) -> int:
    """Try what is due; how many were delivered. `send` is for targets that are tasks."""
    _prune(desk)
    done, until = 0, time.monotonic() + LONGEST_GO
    with ThreadPoolExecutor(MOST, "deliver") as threads:
        tried: set[Future[bool]] = set()
        while True:
            if time.monotonic() < until:
                tried |= {
                    threads.submit(_deliver, desk, one, send)
                    for one in _claim(desk, lease, most=MOST - len(tried))
                }
            if not tried:
                return done
            ended, tried = _ended(tried)
            done += sum(one.result() for one in ended)


def _ended(tried: set[Future[bool]]) -> tuple[set[Future[bool]], set[Future[bool]]]:
    """Those that have come back, one at least, and the others: they keep nobody waiting."""
    ended, others = wait(tried, timeout=TOGETHER)
    return (ended, others) if ended else wait(tried, return_when=FIRST_COMPLETED)


def _claim(desk: Desk, lease: timedelta, *, most: int) -> list[Claimed]:
    with desk.reading() as session:
        due = deliveries.next_due(session, now=clock(session), most=MOST, each=EACH)[:most]
    if not due:
        return []
    with desk.transaction() as session:
        return deliveries.claim(session, due, lease=lease, now=clock(session))


def _deliver(desk: Desk, one: Claimed, send: Send) -> bool:
    tried = _tried(desk, one, send)
    counting.count(NOTICES, outcome="delivered" if tried.delivered else "failed")
    try:
        _record(desk, one, tried)
    except Exception:
        # The claim ends, and the delivery is due again.
        logger.exception("Delivery %s: what came of it is not known", one.id)
        return False
    return tried.delivered


def _tried(desk: Desk, one: Claimed, send: Send) -> Try:
    if one.tries > MOST_TRIES:
        return Try(False, error="no worker came back from its tries")
    try:
        return _try(desk, one, send)
    except Exception as error:
        # It comes back as any other that failed: later each time, and not for ever.
        logger.exception("Delivery %s could not be tried", one.id)
        return Try(False, error=type(error).__name__)


def _try(desk: Desk, one: Claimed, send: Send) -> Try:
    match one.kind:
        case TargetKind.URL:
            return _post(desk, one)
        case TargetKind.TASK:
            try:
                send(*task_and_queue(one.target), json.loads(one.body))
            except OSError:
                return Try(False, error="the broker is out of reach")
        case TargetKind.CALLABLE:
            return _call(one)
    return Try(True)


def _call(one: Claimed) -> Try:
    """
    Call the function, in a thread that ends with the process: one that never returns must not
    keep the worker from all else. Python cannot end it, so not many are let hang.
    """
    name = f"notice to {one.target}"
    if sum(thread.name == name for thread in threading.enumerate()) >= EACH:
        return Try(False, error="calls before it have not come back")
    came: list[BaseException | None] = []

    def call() -> None:
        try:
            load_callable(one.target)(json.loads(one.body))
        except BaseException as error:
            # `sys.exit` too: it is the function's end, and not the worker's.
            came.append(error)
        else:
            came.append(None)

    thread = threading.Thread(target=call, name=name, daemon=True)
    thread.start()
    thread.join(CALL_DEADLINE)
    if not came:
        return Try(False, error="took too long")
    if (error := came[0]) is None:
        return Try(True)
    # Its message may hold anything; the log redacts, the row does not.
    logger.warning("Delivery %s: %s failed", one.id, one.target, exc_info=error)
    return Try(False, error=type(error).__name__)


def _post(desk: Desk, one: Claimed) -> Try:
    body = one.body.encode()
    try:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "threadsworker",
            signature.EVENT: one.event,
            signature.DELIVERY: one.id,
            **_signed(desk, one, body),
        }
    except InvalidSettings as error:
        return Try(False, error=str(error))
    answer = outbound.post(
        one.target, body, headers, allow_loopback=desk.settings.private_urls_allowed
    )
    if answer.status is None:
        return Try(False, error=answer.error or "no answer")
    delivered = 200 <= answer.status < 300
    return Try(delivered, answer.status, "" if delivered else f"HTTP {answer.status}")


def _signed(desk: Desk, one: Claimed, body: bytes) -> dict[str, str]:
    assert one.secret is not None, "a subscription of a URL has a secret"
    secret = desk.cipher.decrypt(one.secret, bound_to=one.subscription_id)
    redact(secret)
    timestamp = str(int(one.claimed_at.timestamp()))
    return {
        signature.TIMESTAMP: timestamp,
        signature.SIGNATURE: signature.sign(secret, timestamp, body),
    }


def _record(desk: Desk, one: Claimed, tried: Try) -> None:
    with desk.transaction() as session:
        now = clock(session)
        if tried.delivered:
            deliveries.delivered(session, one.id, status=tried.status, now=now)
            return
        gone = tried.status == 410
        gap = None if gone else gap_after(one.tries, dice=desk.dice)
        deliveries.failed(
            session,
            one,
            status=tried.status,
            error=tried.error,
            again_at=None if gap is None else now + gap,
            now=now,
        )
        if gone:
            subscriptions.pause(session, one.subscription_id, reason=subscriptions.GONE, now=now)
    logger.warning(
        "Delivery %s (%s), try %s: %s; %s",
        one.id,
        one.event,
        one.tries,
        tried.error,
        "given up" if gap is None else f"again in {gap.total_seconds():.0f} s",
    )


def load_callable(target: str) -> Callable[[dict[str, Any]], Any]:
    """The function of ``module:name``, imported; raises what importing it raises."""
    module, _, name = target.partition(":")
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    function: Callable[[dict[str, Any]], Any] = found
    return function


def _prune(desk: Desk) -> None:
    """Remove, now and then, what is long over."""
    with desk.reading() as session:
        last = duties.last_done(session, _PRUNE)
        if last is not None and clock(session) - last < PRUNE_EVERY:
            return
    for _ in range(PRUNE_BATCHES):
        with desk.transaction() as session:
            now = clock(session)
            duties.done(session, _PRUNE, now=now)
            before = now - KEPT_FOR
            removed = max(
                deliveries.prune(session, before=before, limit=PRUNE_BATCH),
                inbox.prune(session, before=before, limit=PRUNE_BATCH),
            )
        if removed < PRUNE_BATCH:
            return
