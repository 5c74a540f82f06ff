"""Telling others: the outbox and its subscribers, on SQLite and PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session

from tests.integration.notice_office import HOUR, MINUTE, START, Office
from threadsworker import InvalidPost, NotFound
from threadsworker.job import Trouble
from threadsworker.notice import NoticeEvent
from threadsworker.steps.refresh import refresh_tokens
from threadsworker.store import decisions, jobs, lateness, notices, reviews, runs, standing

TROUBLE = Trouble(code="threads.10", message="no permission", advice="give it")


def hook(notice: dict[str, Any]) -> None:
    """What an app subscribes."""


@pytest.fixture
def office(notice_office: Office) -> Office:
    return notice_office


def finish(office: Office, job_id: str) -> None:
    claim = office.held(job_id)
    office.write(lambda session: jobs.finish(session, claim, now=office.now))


def test_a_notice_says_what_is_known_of_the_job_and_nothing_of_its_text(
    office: Office,
) -> None:
    office.client.subscribe("shop.tasks.published", events=["job.published"])
    job_id = office.job(key="blog-42")
    finish(office, job_id)
    (told,) = office.log()
    assert told.body == {
        "id": told.id.split("-")[0],
        "event": "job.published",
        "created_at": START.isoformat(),
        "account": "main",
        "job": {
            "id": job_id,
            "key": "blog-42",
            "state": "published",
            "reason": None,
            "error": None,
            "run": 1,
            "segments": [{"index": 0, "state": "waiting", "media_id": None, "permalink": None}],
        },
        "data": {},
    }
    assert "text of a post" not in told.model_dump_json()


def test_a_change_that_is_rolled_back_tells_nobody(office: Office) -> None:
    office.client.subscribe("shop.tasks.published")
    job_id = office.job()
    claim = office.held(job_id)

    def finish_and_break(session: Session) -> None:
        jobs.finish(session, claim, now=office.now)
        session.flush()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        office.write(finish_and_break)
    assert office.log() == []
    assert office.client.get(job_id).state == "publishing"


def test_every_change_is_told_to_those_who_want_it(office: Office) -> None:
    every = office.client.subscribe("shop.tasks.all")
    office.client.subscribe("shop.tasks.failed", events="job.failed")
    office.client.subscribe("shop.tasks.other", account="other")
    failed, reviewed, cancelled, missed, given_up = (office.job() for _ in range(5))
    for job_id, act in (
        (failed, lambda s, c: jobs.fail(s, c, TROUBLE, now=office.now)),
        (reviewed, lambda s, c: jobs.review(s, c, TROUBLE, now=office.now)),
        (given_up, lambda s, c: jobs.review(s, c, TROUBLE, now=office.now)),
    ):
        claim = office.held(job_id)
        office.write(lambda s, act=act, claim=claim: act(s, claim))  # type: ignore[misc]
    office.client.cancel(cancelled)
    office.write(lambda s: reviews.give_up(s, given_up, by="me", now=office.now))
    office.now += 1000 * HOUR
    office.write(lambda s: lateness.miss(s, now=office.now, limit=100))
    account_id = office.held(office.job("other")).account_id
    office.write(lambda s: standing.disconnect(s, account_id, token_version=1, now=office.now))
    told = [(one.target, str(one.event), (one.body["job"] or {}).get("id")) for one in office.log()]
    assert sorted(told, key=str) == sorted(
        [
            ("shop.tasks.all", "job.failed", failed),
            ("shop.tasks.failed", "job.failed", failed),
            ("shop.tasks.all", "job.needs_review", reviewed),
            ("shop.tasks.all", "job.needs_review", given_up),
            ("shop.tasks.all", "job.failed", given_up),
            ("shop.tasks.failed", "job.failed", given_up),
            ("shop.tasks.all", "job.cancelled", cancelled),
            ("shop.tasks.all", "job.missed", missed),
            ("shop.tasks.all", "account.needs_reconnect", None),
            ("shop.tasks.other", "account.needs_reconnect", None),
        ],
        key=str,
    )
    codes = {one.body["job"]["error"]["code"] for one in office.log() if one.event == "job.failed"}
    assert codes == {"threads.10"}
    office.client.pause_subscription(every.id)
    office.client.cancel(office.job())
    assert len(office.log()) == len(told)


def test_an_account_that_is_disconnected_already_is_not_told_of_again(office: Office) -> None:
    office.client.subscribe("shop.tasks.all")
    account_id = office.held(office.job()).account_id
    for _ in range(2):
        office.now += MINUTE
        office.write(lambda s: standing.disconnect(s, account_id, token_version=1, now=office.now))
    assert [one.event for one in office.log()] == ["account.needs_reconnect"]


def test_a_review_that_time_does_not_end_is_told_once(office: Office) -> None:
    office.client.subscribe("shop.tasks.all", events="job.needs_review")
    job_id = office.job()

    def review(code: str) -> None:
        claim = office.held(job_id)
        trouble = Trouble(code=code, message="", advice="")

        def act(session: Session) -> None:
            jobs.review(session, claim, trouble, now=office.now, recheck_at=office.now + HOUR)
            jobs.record(session, claim, "needs_review", now=office.now, code=code)

        office.write(act)

    def again() -> None:
        office.now += 2 * HOUR
        lease = {"silence": HOUR, "now": office.now, "limit": 9, "concurrency": 4}
        office.write(lambda s: runs.dispatch(s, **lease))  # type: ignore[arg-type]

    review("in_doubt")
    again()
    review("in_doubt")
    assert len(office.log()) == 1
    again()
    review("published_id_unknown")
    assert len(office.log()) == 2
    office.write(lambda s: runs.retry(s, job_id, silence=HOUR, now=office.now))
    review("published_id_unknown")
    assert len(office.log()) == 3


def test_a_token_that_ends_is_told_for_itself_and_for_each_post_that_outlives_it(
    office: Office,
) -> None:
    office.client.subscribe("shop.tasks.told", events="token.expiring")
    job_id, ends = office.job(), START + MINUTE
    account = {"user_id": "1", "access_token": "another", "token_expires_at": ends}
    office.client.add_account("main", **account)  # type: ignore[arg-type]
    for _ in range(2):
        # Nobody answers, so nothing is refreshed.
        refresh_tokens(office.desk)
        told = [one.body for one in office.log()]
        assert sorted((one["job"] or {}).get("id", "") for one in told) == ["", job_id]
        assert {one["data"]["expires_at"] for one in told} == {ends.isoformat()}
        assert {one["account"] for one in told} == {"main"}


def test_while_nobody_listens_a_change_costs_one_query_more(office: Office) -> None:
    statements: list[str] = []

    def note(_c: Any, _cur: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    ids = [office.job() for _ in range(3)]
    office.client.subscribe("shop.tasks.failed", events="job.failed")
    event.listen(office.desk.engine, "before_cursor_execute", note)
    office.write(lambda s: notices.tell(s, NoticeEvent.JOB_PUBLISHED, *ids, now=office.now))
    event.remove(office.desk.engine, "before_cursor_execute", note)
    assert [one.split()[0] for one in statements if one.split()[0] != "BEGIN"] == ["SELECT"]
    assert office.log() == []


def test_a_decision_that_comes_too_late_tells_nobody(office: Office) -> None:
    office.client.subscribe("shop.tasks.told")
    job_id = office.job()
    office.client.cancel(job_id)
    with office.desk.transaction() as session:
        assert not decisions.cancel(session, job_id, now=office.now)
    assert len(office.log()) == 1


def test_a_target_has_one_subscription_for_each_account(office: Office) -> None:
    subscribe = office.client.subscribe
    first = subscribe("shop.tasks.told", events="job.failed")
    again = office.client.on_failed("shop.tasks.told")
    more = office.client.on_published("shop.tasks.told")
    assert first.id == again.id == more.id
    assert more.events == (NoticeEvent.JOB_FAILED, NoticeEvent.JOB_PUBLISHED)
    other = subscribe("shop.tasks.told", account="other", events="job.failed")
    assert (other.account, other.id == first.id) == ("other", False)
    assert subscribe("shop.tasks.told").events == ()
    assert office.client.on_failed("shop.tasks.told").events == ()
    assert {one.id for one in office.client.subscriptions()} == {first.id, other.id}


def test_two_who_subscribe_the_same_at_once_get_one(office: Office) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = set(threads.map(lambda _: office.client.on_failed(hook).id, range(4)))
    assert len(found) == 1
    assert [one.id for one in office.client.subscriptions()] == [*found]


def test_a_secret_is_shown_once_and_kept_as_a_ciphertext(office: Office) -> None:
    url = "http://127.0.0.1:9/hook"
    made = office.client.subscribe(url)
    secret = made.secret
    assert secret is not None
    assert secret not in repr(made)
    assert secret.startswith("whsec_")
    assert len(secret) > 40
    assert office.client.subscribe(url).secret is None
    assert office.client.subscribe(url, secret="mine-" * 4).secret == "mine-" * 4
    assert office.client.subscribe("shop.tasks.told").secret is None
    assert {one.secret for one in office.client.subscriptions()} == {None}
    with office.desk.engine.connect() as connection:
        kept = (
            connection.exec_driver_sql("SELECT secret FROM threadsworker_subscription")
            .scalars()
            .all()
        )
    assert not any(secret in (one or "") or "mine" in (one or "") for one in kept)


def test_what_cannot_be_subscribed(office: Office) -> None:
    for target, options, rule in (
        ("https://10.0.0.1/", {}, "subscription.url.private"),
        ("http://example.com/", {}, "subscription.url.scheme"),
        ("no target", {}, "subscription.target.invalid"),
        ("http://127.0.0.1:9/", {"secret": "short"}, "subscription.secret.short"),
        ("shop.tasks.told", {"secret": "mine-" * 4}, "subscription.secret.unused"),
        ("shop.tasks.told", {"events": "job.done"}, "subscription.event.unknown"),
        (lambda notice: None, {}, "subscription.callable.local"),
    ):
        with pytest.raises(InvalidPost) as refused:
            office.client.subscribe(target, **options)
        assert [problem.rule for problem in refused.value.problems] == [rule]
    with pytest.raises(NotFound):
        office.client.subscribe("shop.tasks.told", account="nobody")
    for act in (office.client.unsubscribe, office.client.pause_subscription, office.client.replay):
        with pytest.raises(NotFound):
            act("nothing")
    assert office.client.subscriptions() == []


def test_an_account_goes_and_its_subscriptions_with_it(office: Office) -> None:
    office.client.subscribe("shop.tasks.told", account="other")
    office.client.remove_account("other")
    assert office.client.subscriptions() == []
