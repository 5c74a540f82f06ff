"""Notices on their way: claims, tries and the log, on SQLite and PostgreSQL."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.notice_office import HOUR, SECOND, START, Office
from tests.receiver import receiver
from tests.services import eventually
from threadsworker import NotPossible
from threadsworker.notice import GAPS, DeliveryState
from threadsworker.signature import SIGNATURE, verify
from threadsworker.steps import deliver as delivering
from threadsworker.steps.deliver import EACH, LEASE, MOST, deliver
from threadsworker.steps.desk import Desk
from threadsworker.store import deliveries
from threadsworker.store.notice_tables import DeliveryRow

CALLED: list[dict[str, Any]] = []


def called(notice: dict[str, Any]) -> None:
    """What an app subscribes."""
    CALLED.append(notice)


def broken(notice: dict[str, Any]) -> None:
    """What an app should not subscribe."""
    raise ValueError("the text of a post, perhaps")


def leaving(notice: dict[str, Any]) -> None:
    """What a script that was made a function may do."""
    sys.exit(3)


RELEASED = threading.Event()


def hanging(notice: dict[str, Any]) -> None:
    """What waits for something that does not come."""
    CALLED.append(notice)
    RELEASED.wait(60)


@pytest.fixture
def office(notice_office: Office) -> Office:
    return notice_office


def tell(office: Office) -> None:
    office.client.cancel(office.job())


def test_a_url_gets_the_signed_body_until_it_takes_it(office: Office) -> None:
    with receiver(answers=[500, 302, 200]) as heard:
        secret = office.client.subscribe(heard.url, events="job.cancelled").secret
        assert secret is not None
        tell(office)
        assert [office.deliver(), office.deliver()] == [0, 0]
        (told,) = office.log()
        assert (told.state, told.tries, told.last_status) == (DeliveryState.PENDING, 1, 500)
        assert told.due_at is not None
        assert 4 * SECOND <= told.due_at - START <= 6 * SECOND
        assert office.deliver(6 * SECOND) == 0
        assert office.deliver(36 * SECOND) == 1
        assert office.deliver(HOUR) == 0
        (told,) = office.log()
        assert (told.state, told.tries, told.last_status) == (DeliveryState.DELIVERED, 3, 200)
        assert [one.path for one in heard.heard] == ["/"] * 3
        assert {one.headers["X-Threadsworker-Delivery"] for one in heard.heard} == {told.id}
        for one in heard.heard:
            assert one.notice == told.body
            sent_at = int(one.headers["X-Threadsworker-Timestamp"])
            verify(secret, one.headers, one.body, now=sent_at + 1)
        assert len({one.headers[SIGNATURE] for one in heard.heard}) == 3


def test_gone_pauses_the_subscription(office: Office) -> None:
    with receiver(answers=[410, 200]) as heard:
        given = office.client.subscribe(heard.url)
        tell(office)
        office.deliver()
        (paused,) = office.client.subscriptions()
        assert (paused.state, paused.reason) == ("paused", "gone")
        assert office.log()[0].state == DeliveryState.FAILED
        tell(office)
        office.deliver(HOUR)
        assert len(heard.heard) == 1
        office.client.resume_subscription(given.id)
        with pytest.raises(NotPossible):
            office.client.resume_subscription(given.id)
        office.client.replay(office.log()[0].id)
        assert office.deliver() == 1


def test_a_pause_holds_what_is_not_delivered_yet(office: Office) -> None:
    given = office.client.subscribe("shop.tasks.told")
    tell(office)
    office.client.pause_subscription(given.id)
    with pytest.raises(NotPossible):
        office.client.pause_subscription(given.id)
    assert office.deliver(HOUR) == 0
    office.client.resume_subscription(given.id)
    assert office.deliver() == 1


def test_after_its_last_try_a_delivery_has_failed_until_it_is_replayed(
    office: Office,
) -> None:
    office.client.subscribe(broken)
    tell(office)
    for _ in range(len(GAPS) + 1):
        office.deliver(15 * HOUR)
    (told,) = office.client.deliveries(state="failed")
    assert (told.tries, told.last_error) == (len(GAPS) + 1, "ValueError")
    assert office.deliver(15 * HOUR) == 0
    assert office.client.replay(told.id).state == DeliveryState.PENDING
    office.deliver()
    assert [(one.id, one.tries) for one in office.log()] == [(told.id, 1)]


def test_tasks_and_functions_get_the_body(office: Office) -> None:
    CALLED.clear()
    office.client.on_cancelled("shop.tasks.told")
    office.client.on_cancelled("shop.tasks.told@marketing")
    office.client.on_cancelled(called)
    tell(office)
    assert office.deliver() == 3
    (body,) = CALLED
    assert sorted(office.sent, key=str) == [
        ("shop.tasks.told", "celery", body),
        ("shop.tasks.told", "marketing", body),
    ]
    assert body["event"] == "job.cancelled"


def test_a_function_that_is_not_there_any_more_is_a_failed_try(office: Office) -> None:
    office.client.subscribe("tests.no_such_module:told")
    tell(office)
    assert office.deliver() == 0
    assert office.log()[0].last_error == "ModuleNotFoundError"


def test_a_function_that_ends_the_process_is_a_failed_try(office: Office) -> None:
    office.client.subscribe(leaving)
    tell(office)
    assert office.deliver() == 0
    (told,) = office.log()
    assert (told.state, told.tries, told.last_error) == (DeliveryState.PENDING, 1, "SystemExit")


def test_functions_that_never_return_keep_neither_the_worker_nor_others(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "CALL_DEADLINE", 0.2)
    monkeypatch.setattr(delivering, "LONGEST_GO", 0.1)
    CALLED.clear()
    RELEASED.clear()
    office.client.subscribe(hanging)
    for _ in range(EACH + 1):
        tell(office)
    office.client.subscribe("shop.tasks.told")
    tell(office)
    try:
        assert office.deliver() == 1
        assert [one.last_error for one in office.log()].count("took too long") == EACH
        office.deliver(HOUR)
        assert len(CALLED) == EACH
        assert {one.last_error for one in office.client.deliveries(state="pending")} <= {
            "took too long",
            "calls before it have not come back",
            None,
        }
    finally:
        RELEASED.set()


def test_a_receiver_that_says_nothing_keeps_nobody_waiting(office: Office) -> None:
    with receiver() as silent, receiver() as quick:
        silent.hold = threading.Event()
        for heard in (silent, quick):
            office.client.subscribe(heard.url, events="job.cancelled")
        for _ in range(3 * EACH):
            tell(office)
        with ThreadPoolExecutor(1) as thread:
            going = thread.submit(office.deliver)
            eventually(lambda: len(quick.heard) == 3 * EACH, timeout=60)
            assert not going.done()
            assert len(silent.heard) == EACH
            silent.hold.set()
            assert going.result(60) == 6 * EACH


def test_what_cannot_be_tried_at_all_comes_back_later_each_time(office: Office) -> None:
    office.client.subscribe("shop.tasks.told")
    tell(office)

    def refuse(*_: Any) -> None:
        raise ValueError("the broker takes no more")

    assert deliver(office.desk, send=refuse) == 0
    (told,) = office.log()
    assert (told.state, told.last_error) == (DeliveryState.PENDING, "ValueError")
    assert told.due_at is not None
    assert told.due_at < office.now + LEASE


def test_a_delivery_that_no_worker_survives_is_given_up(office: Office) -> None:
    office.client.subscribe("shop.tasks.told")
    tell(office)
    for _ in range(len(GAPS) + 1):
        # Who claims it dies.
        assert len(claim(office)) == 1
        office.now += LEASE
    assert office.deliver() == 0
    assert office.sent == []
    assert office.log()[0].state == DeliveryState.FAILED


def test_one_go_empties_an_outbox_of_a_quick_receiver(office: Office) -> None:
    office.client.subscribe("shop.tasks.told")
    for _ in range(5 * EACH):
        tell(office)
    assert office.deliver() == 5 * EACH


def test_two_workers_at_once_deliver_once(office: Office) -> None:
    with receiver() as heard:
        office.client.subscribe(heard.url)
        for _ in range(10):
            tell(office)
        desks = [office.another_desk() for _ in range(2)]
        barrier = threading.Barrier(2)

        def work(desk: Desk) -> int:
            barrier.wait()
            return deliver(desk, send=lambda *_: None)

        with ThreadPoolExecutor(2) as threads:
            done = sum(threads.map(work, desks))
        for desk in desks:
            desk.engine.dispose()
        done += office.deliver()
        assert done == len(heard.heard) == 10
        assert len({one.headers["X-Threadsworker-Delivery"] for one in heard.heard}) == 10


def claim(office: Office) -> list[deliveries.Claimed]:
    with office.desk.transaction() as session:
        due = deliveries.next_due(session, now=office.now, most=MOST, each=EACH)
        return deliveries.claim(session, due, lease=LEASE, now=office.now)


def test_who_is_slower_than_its_claim_tells_facts_and_decides_nothing(office: Office) -> None:
    office.client.subscribe("shop.tasks.told")
    tell(office)
    (slow,) = claim(office)
    with pytest.raises(NotPossible):
        office.client.replay(slow.id)
    assert claim(office) == []
    office.now += LEASE
    (fast,) = claim(office)
    assert (fast.id, fast.tries) == (slow.id, 2)
    with office.desk.transaction() as session:
        late = deliveries.failed(session, slow, status=500, error="", again_at=None, now=office.now)
        assert not late
        assert deliveries.delivered(session, slow.id, status=200, now=office.now)
        assert not deliveries.delivered(session, slow.id, status=200, now=office.now)
    with office.desk.transaction() as session:
        assert not deliveries.failed(
            session, fast, status=500, error="", again_at=office.now, now=office.now
        )
    assert office.log()[0].state == DeliveryState.DELIVERED


def test_of_two_who_are_told_the_same_one_has_it(office: Office) -> None:
    office.client.subscribe("shop.tasks.told")
    for _ in range(EACH):
        tell(office)
    with office.desk.reading() as session:
        due = deliveries.next_due(session, now=office.now, most=MOST, each=EACH)
    taken = []
    for _ in range(2):
        with office.desk.transaction() as session:
            taken.append(deliveries.claim(session, due, lease=LEASE, now=office.now))
    assert [len(one) for one in taken] == [EACH, 0]
    assert {one.tries for one in taken[0]} == {1}


def test_one_receiver_does_not_take_the_place_of_others(office: Office) -> None:
    office.client.subscribe("shop.tasks.slow")
    for _ in range(2 * MOST):
        tell(office)
    office.client.subscribe("shop.tasks.quick")
    tell(office)
    taken = [one.target for one in claim(office)]
    assert taken.count("shop.tasks.slow") == EACH
    assert taken.count("shop.tasks.quick") == 1
    # What is in hand counts, whoever has it.
    assert claim(office) == []
    for number in range(MOST):
        office.client.subscribe(f"shop.tasks.more{number}")
    tell(office)
    others = [one.target for one in claim(office)]
    assert len(taken) + len(others) == MOST
    assert "shop.tasks.slow" not in others
    assert claim(office) == []


def test_a_subscription_that_goes_takes_its_deliveries_along(office: Office) -> None:
    given = office.client.subscribe("shop.tasks.told")
    tell(office)
    (one,) = claim(office)
    office.client.unsubscribe(given.id)
    with office.desk.transaction() as session:
        assert not deliveries.delivered(session, one.id, status=200, now=office.now)
    assert office.log() == []


def test_all_that_is_long_over_is_removed_however_much_it_is(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "PRUNE_BATCH", 2)
    office.client.subscribe("shop.tasks.told")
    for _ in range(5):
        tell(office)
    assert office.deliver() == 5
    office.deliver(31 * 24 * HOUR)
    assert office.log() == []


def test_what_is_long_over_is_removed(office: Office) -> None:
    given = office.client.subscribe("shop.tasks.told")
    tell(office)
    assert office.deliver() == 1
    office.deliver(29 * 24 * HOUR)
    assert len(office.log()) == 1
    # Told of a subscription that was removed at the same moment.
    stray = DeliveryRow(
        id="stray",
        subscription_id="gone",
        event="job.failed",
        body="{}",
        state=DeliveryState.PENDING,
        due_at=office.now,
        created_at=office.now,
    )
    office.write(lambda session: session.add(stray))
    office.deliver(2 * 24 * HOUR)
    assert office.log() == []
    with office.desk.engine.connect() as connection:
        assert (
            connection.exec_driver_sql("SELECT count(*) FROM threadsworker_delivery").scalar() == 0
        )
    assert [one.id for one in office.client.subscriptions()] == [given.id]
