"""
What the two workers do: `threadsworker.steps`, one commit or one call at a time.

A worker claims the job and loads the segment; what it finds decides what it does next. A step
of the chain ends with the worker free and the claim released. Commands need the claim; facts
are taken from anyone. Every move of the segment is kept in `Model.moves`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.reliability.model_meta import NAMES, Step, events, handle
from tests.reliability.model_state import (
    ACCEPTED,
    ACTIVE,
    AUTHORISE,
    CLOSE,
    CREATE,
    CREATING,
    DEAD,
    DONE,
    FAILED,
    FINISHED,
    FREE,
    GIVE_UP,
    IDLE,
    IN_DOUBT,
    IN_FLIGHT,
    LISTEN,
    LIVE,
    NONE,
    NOT_SENT,
    NOTE,
    OBSERVE,
    OPEN,
    PARKED,
    POLL,
    POST,
    PROCESSING,
    PROOFS,
    PUBLISHABLE,
    PUBLISHED,
    PUBLISHING,
    READY,
    REFUSED,
    SEND,
    SENT,
    SETTLE,
    STORE,
    UNKNOWN,
    VERIFIED,
    WRITE_OFF,
    State,
    Worker,
    on_the_wire,
    with_status,
)
from tests.reliability.model_variants import GiveUp, Intent, NotFound, Quiet, Variant

#: Unanswered publishes of one container, after which a person is asked.
MOST_ATTEMPTS = 3
#: States of a segment whose container may have to be given up.
REBUILD = (CREATING, PROCESSING, PUBLISHABLE, PUBLISHING, IN_DOUBT)
#: Where an attempt may be written down.
SENDABLE = (PROCESSING, PUBLISHABLE)

Steps = Iterator[Step]


class Model:
    """All that may happen under one variant."""

    def __init__(self, variant: Variant) -> None:
        self.variant = variant
        #: Moves of the segment that some worker has made.
        self.moves: set[tuple[int, int]] = set()
        sole = variant.give_up in (GiveUp.REFUSED, GiveUp.ANY)
        self._proofs = PROOFS if sole else frozenset({NOT_SENT})
        self._parks = variant.not_found in (NotFound.PARK, NotFound.ASK_THEN_PARK)
        self._next: dict[int, Callable[[State, Worker, Worker], Steps]] = {
            CREATE: self._create,
            POLL: self._poll,
            NOTE: self._note,
            OBSERVE: self._observe,
            SETTLE: self._settle,
            WRITE_OFF: self._write_off,
            AUTHORISE: self._authorise,
            SEND: self._send,
            LISTEN: self._listen,
            STORE: self._store,
            CLOSE: self._close,
            GIVE_UP: self._give_up,
        }

    def steps(self, state: State) -> Steps:
        """Everything that may happen next."""
        one, two = state.workers
        if state.job == ACTIVE and one.next == IDLE:
            yield self._claim(state, two)
        for me, other in ((one, two), (two, one)):
            if me.next != IDLE:
                yield from self._next[me.next](state, me, other)
                yield Step("a worker crashes", True, _deaf(state, me, other))
            if one == two:
                break
        yield from events(state, self.variant)

    def _claim(self, state: State, other: Worker) -> Step:
        """`claim` and `load` in one: between them nothing could change that matters."""
        steal = other.held
        what = "a worker takes the job from another" if steal else "a worker claims the job"
        other = other._replace(held=False)
        recorded = self.variant.recorded
        if state.segment >= PUBLISHED:
            segment = self._moved(state, (PUBLISHED,), VERIFIED)
            after = state._replace(segment=segment, job=DONE, workers=(FREE, other))
            return Step(f"{what}: read back", steal, after)
        if state.container != NONE and recorded:
            if state.segment == PROCESSING and not state.attempts:
                what, step = f"{what}: poll", POLL
            elif self._is_in_doubt(state):
                what, step = f"{what}: settle", SETTLE
            else:
                what, step = f"{what}: observe", OBSERVE
            me = Worker(step, state.container, True)
            return Step(what, steal, state._replace(workers=(me, other)))
        if state.made == len(state.meta):
            return Step(f"{what}: over budget", steal, _freed(state._replace(job=FAILED), other))
        if recorded:
            segment = self._moved(state, (READY,), CREATING)
            me = Worker(CREATE, NONE, True)
            return Step(what, steal, state._replace(segment=segment, workers=(me, other)))
        me = Worker(AUTHORISE, state.made, True)
        after = _with_container(state)._replace(workers=(me, other))
        return Step(f"{what}: makes {NAMES[state.made]}", steal, after)

    def _create(self, state: State, _: Worker, other: Worker) -> Steps:
        """Meta has made a container: a fact. With a live one in the rows it is an orphan."""
        after = _freed(state, other)
        refused = state.container != NONE and not self.variant.second_live
        if refused or state.made == len(state.meta):
            yield Step("a container too many is made", False, after)
            return
        segment = self._moved(state, (READY, CREATING), PROCESSING)
        after = _with_container(after)._replace(segment=segment, container=state.made, attempts=())
        yield Step(f"{NAMES[state.made]} is recorded", False, after)

    def _poll(self, state: State, me: Worker, other: Worker) -> Steps:
        name = NAMES[me.container]
        if state.meta[me.container] == DEAD:
            yield self._bury(f"{name} reads EXPIRED", False, state, me, other)
        else:
            me_next = me._replace(next=NOTE)
            yield Step(f"{name} reads FINISHED", False, state._replace(workers=(me_next, other)))
        yield from self._unknown_before(state, me, other)

    def _note(self, state: State, me: Worker, other: Worker) -> Steps:
        segment = self._moved(state, (PROCESSING,), PUBLISHABLE)
        after = _freed(state._replace(segment=segment), other)
        yield Step(f"{NAMES[me.container]} is publishable", False, after)

    def _observe(self, state: State, me: Worker, other: Worker) -> Steps:
        """No publish of the container is in doubt: look before the send."""
        name, status = NAMES[me.container], state.meta[me.container]
        ready = me._replace(next=AUTHORISE)
        if status == DEAD:
            yield self._bury(f"{name} reads EXPIRED", False, state, me, other)
        else:
            if status == LIVE:
                yield from self._identify(state, me, other)
            segment = state.segment
            if self.variant.reopened:
                segment = self._moved(state, (PUBLISHING, IN_DOUBT), PUBLISHABLE)
            after = state._replace(segment=segment, workers=(ready, other))
            yield Step(f"{name} reads FINISHED", status == LIVE, after)
        yield from self._unknown_before(state, me, other)

    def _unknown_before(self, state: State, me: Worker, other: Worker) -> Steps:
        """Meta does not know a container of which no publish is in doubt."""
        name = NAMES[me.container]
        if self.variant.give_up is not GiveUp.NEVER:
            yield self._bury_harmless(f"{name} is not found", True, state, me, other)
        elif self._parks and me.held:
            yield _parked(f"{name} is not found", True, state, other)
        yield Step(f"{name} is left for later", False, _freed(state, other))

    def _identify(self, state: State, me: Worker, other: Worker) -> Steps:
        """It is live; its id is looked up in the listings, where it may be missing."""
        what = f"{NAMES[me.container]} reads PUBLISHED"
        if state.posts == POST:
            yield Step(f"{what}: found", False, self._published(state, other))
        if me.held:
            yield _parked(f"{what}: not listed", state.posts == POST, state, other)

    def _settle(self, state: State, me: Worker, other: Worker) -> Steps:
        """A publish of the container is in doubt: only its status leads on."""
        name, status = NAMES[me.container], state.meta[me.container]
        if status == DEAD:
            yield self._bury(f"{name} reads EXPIRED", False, state, me, other)
        else:
            if status == LIVE:
                yield from self._identify(state, me, other)
            yield from self._still_finished(state, me, other)
        rule = self.variant.not_found
        old = status != FINISHED and state.posts != POST
        if rule is NotFound.RENEW or (rule is NotFound.RENEW_WHEN_OLD and old):
            yield self._bury(f"{name} is not found", True, state, me, other)
        elif self._parks and me.held:
            yield _parked(f"{name} is not found", True, state, other)
        if self.variant.fails_in_doubt and me.held:
            failed = _freed(state._replace(job=FAILED), other)
            yield Step(f"Meta does not tell the status of {name}: failed", True, failed)
        yield Step(f"{name} is left for later", False, _freed(state, other))

    def _still_finished(self, state: State, me: Worker, other: Worker) -> Steps:
        """It reads FINISHED, truly or not, and the quiet period is over."""
        quiet, mine = self.variant.quiet, me.container
        frozen = other.next == SEND and other.container == mine
        if (
            quiet is Quiet.NEVER_AGAIN
            or (quiet is not Quiet.NOTHING and on_the_wire(state, mine))
            or (quiet is Quiet.NO_SENDER and frozen)
        ):
            return
        what, stale = f"{NAMES[mine]} reads FINISHED", state.meta[mine] == LIVE
        unanswered = sum(attempt not in PROOFS for attempt in state.attempts)
        if mine != state.container or unanswered < MOST_ATTEMPTS:
            me = me._replace(next=WRITE_OFF)
            yield Step(what, stale, state._replace(workers=(me, other)))
        elif me.held:
            yield _parked(what, stale, state, other)

    def _write_off(self, state: State, me: Worker, other: Worker) -> Steps:
        """`_did_not_happen`. Not fenced: it takes nothing back that is known."""
        attempts = state.attempts
        if me.container == state.container:
            attempts = tuple(UNKNOWN if attempt == OPEN else attempt for attempt in attempts)
            if other.attempt == OPEN:
                other = other._replace(attempt=UNKNOWN)
        after = state._replace(
            segment=self._moved(state, (PUBLISHING, IN_DOUBT), PUBLISHABLE),
            attempts=attempts,
            workers=(me._replace(next=AUTHORISE), other),
        )
        yield Step(f"attempts on {NAMES[me.container]} are written off", False, after)

    def _authorise(self, state: State, me: Worker, other: Worker) -> Steps:
        """A command: one row, committed, before one send."""
        intent = self.variant.intent
        sources = SENDABLE if intent is Intent.BEFORE and self.variant.recorded else REBUILD
        if not self._may_command(me) or (self.variant.recorded and state.segment not in sources):
            yield Step("the claim is lost", False, _freed(state, other))
            return
        attempts, attempt = state.attempts, NONE
        if intent is Intent.BEFORE and me.container == state.container:
            attempts, attempt = tuple(sorted((*attempts, OPEN))), OPEN
        after = state._replace(
            segment=self._moved(state, sources, PUBLISHING),
            attempts=attempts,
            workers=(me._replace(next=SEND, attempt=attempt), other),
        )
        yield Step(f"a publish of {NAMES[me.container]} is authorised", False, after)

    def _send(self, state: State, me: Worker, other: Worker) -> Steps:
        name = NAMES[me.container]
        if on_the_wire(state) < IN_FLIGHT:
            sent = me._replace(next=LISTEN, request=SENT)
            yield Step(f"it is sent: {name}", False, state._replace(workers=(sent, other)))
        after = self._closed(state, me, other, NOT_SENT)
        yield Step(f"it is never sent: {name}", True, after)

    def _listen(self, state: State, me: Worker, other: Worker) -> Steps:
        name, silent = NAMES[me.container], me._replace(request=NONE)
        waits = me.request != NONE
        if waits:
            for done in handle(state, me.container, me.request, atomic=self.variant.atomic):
                if done.request != NONE:
                    later = me._replace(request=done.request)
                    after = done.state._replace(workers=(later, other))
                    yield Step(done.what, done.is_fault, after)
                    continue
                heard = done.state._replace(workers=(silent._replace(next=done.answer), other))
                yield Step(done.what, done.is_fault, heard)
                unheard = done.state._replace(workers=(silent, other))
                yield Step(f"{done.what}, the answer is lost", True, unheard)
            lost = state._replace(workers=(silent, other))
            yield Step(f"the publish of {name} is lost", True, lost)
        unknown = self._closed(_deaf(state, me, other), me, other, UNKNOWN)
        yield Step(f"no answer: {name}", waits, unknown)
        if self.variant.http_repeats and on_the_wire(state) < IN_FLIGHT:
            again = _deaf(state, me, other)._replace(workers=(me._replace(request=SENT), other))
            yield Step(f"the library sends {name} again", True, again)

    def _store(self, state: State, me: Worker, other: Worker) -> Steps:
        """A fact: the media id is there."""
        after = self._closed(state, me, other, ACCEPTED)
        yield Step(f"{NAMES[me.container]} is published", False, self._published(after, other))

    def _close(self, state: State, me: Worker, other: Worker) -> Steps:
        """A fact: refused. When patience ends, the container may be given up."""
        what, after = f"{NAMES[me.container]} was refused", self._closed(state, me, other, REFUSED)
        yield Step(what, False, after)
        if self._proofs is PROOFS:
            me = me._replace(next=GIVE_UP, attempt=NONE)
            yield Step(f"{what}, patience ends", False, after._replace(workers=(me, other)))

    def _give_up(self, state: State, me: Worker, other: Worker) -> Steps:
        """After the last container a refusal is the answer; but not while one is in doubt."""
        name, last = NAMES[me.container], state.made == len(state.meta)
        if last and me.held and (self.variant.fails_in_doubt or not self._is_in_doubt(state)):
            yield Step(f"{name}: failed", False, _freed(state._replace(job=FAILED), other))
        else:
            yield self._bury_harmless(name, False, state, me, other)

    def _bury_harmless(
        self, what: str, fault: bool, state: State, me: Worker, other: Worker
    ) -> Step:
        """Give the container up if no publish of it can have happened."""
        if self._is_in_doubt(state) and self.variant.give_up is not GiveUp.ANY:
            return Step(f"{what}: left for later", fault, _freed(state, other))
        return self._bury(what, fault, state, me, other)

    def _bury(self, what: str, fault: bool, state: State, me: Worker, other: Worker) -> Step:
        """A command: the container is given up, and another may be made."""
        after = _freed(state, other)
        if not self._may_command(me) or me.container != state.container:
            return Step(f"{what}: the claim is lost", fault, after)
        segment = self._moved(state, REBUILD, READY)
        after = after._replace(segment=segment, container=NONE, attempts=())
        return Step(f"{what}: given up", fault, after)

    def _closed(self, state: State, me: Worker, other: Worker, result: int) -> State:
        """Write down what became of the worker's attempt; the worker is free."""
        attempts = list(state.attempts)
        late = self.variant.intent is Intent.AFTER and me.container == state.container
        if me.attempt != NONE:
            attempts.remove(me.attempt)
        if (me.attempt != NONE or late) and not (result in PROOFS and result in attempts):
            attempts.append(result)
        segment = state.segment
        if result != ACCEPTED:
            to = IN_DOUBT if result == UNKNOWN else PUBLISHABLE
            segment = self._moved(state, (PUBLISHING,), to)
        return _freed(state._replace(segment=segment, attempts=tuple(sorted(attempts))), other)

    def _published(self, state: State, other: Worker) -> State:
        segment = self._moved(state, (READY, *REBUILD), PUBLISHED)
        return _freed(state._replace(segment=segment), other)

    def _moved(self, state: State, sources: tuple[int, ...], to: int) -> int:
        """The segment's state after `segments.move`."""
        if state.segment not in sources:
            return state.segment
        if state.segment != to:
            self.moves.add((state.segment, to))
        return to

    def _may_command(self, me: Worker) -> bool:
        return me.held or not self.variant.fenced

    def _is_in_doubt(self, state: State) -> bool:
        return not self._proofs.issuperset(state.attempts)


def _freed(state: State, other: Worker) -> State:
    return state._replace(workers=(FREE, other))


def _deaf(state: State, me: Worker, other: Worker) -> State:
    """The worker is gone; its publish, if it is on the wire, is not."""
    late = () if me.request == NONE else ((me.container, me.request),)
    return state._replace(flight=state.flight + late, workers=(FREE, other))


def _parked(what: str, fault: bool, state: State, other: Worker) -> Step:
    return Step(f"{what}: parked", fault, _freed(state._replace(job=PARKED), other))


def _with_container(state: State) -> State:
    meta = with_status(state, state.made, FINISHED)
    return state._replace(made=state.made + 1, meta=meta)
