"""
Who is told when something happens: subscriptions and their deliveries, as the client manages
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import SecretStr
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from threadsworker import outbound, report
from threadsworker.client.accounts import Accounts
from threadsworker.client.offloading import offloaded
from threadsworker.errors import InvalidPost, NotPossible, Problem
from threadsworker.log import redact
from threadsworker.notice import (
    DeliveryState,
    NoticeEvent,
    TargetKind,
    events_of,
    kind_of,
    target_of,
)
from threadsworker.store import deliveries, subscriptions
from threadsworker.store.database import clock

#: Characters below which a secret signs nothing that could not be guessed.
SHORTEST_SECRET = 16

Target = str | Callable[..., Any]


class Subscriptions(Accounts):
    """Telling others what happens: addresses, Celery tasks, and functions."""

    def subscribe(
        self,
        target: Target,
        *,
        events: Iterable[NoticeEvent | str] | str | None = None,
        account: str | None = None,
        secret: SecretStr | str | None = None,
    ) -> report.Subscription:
        """
        Tell `target` of events from now on. A target that is subscribed gets the events added.

        Parameters
        ----------
        target:
            An https URL, the name of a Celery task, or a function: itself, or as
            ``module:name``. See `threadsworker.notice`.
        events:
            Names such as ``job.published``; None: all, those of later versions too.
        account:
            Of this account alone; None: of all.
        secret:
            What signs the deliveries to a URL, 16 characters or more; None: one is made. A
            given one replaces that of a target that is subscribed.

        Returns
        -------
        report.Subscription:
            Its `secret` is set when it is new, and can be read nowhere later.

        Raises
        ------
        InvalidPost:
            With everything that is wrong with the target, the events or the secret
            (`subscription.…`).
        NotFound:
            There is no such account.
        """
        wanted = events_of(events)
        name = target_of(target)
        kind = kind_of(name)
        given = SecretStr(secret) if isinstance(secret, str) else secret
        problems = list(_secret_problems(given, kind))
        if kind is TargetKind.URL:
            problems += self._url_problems(name)
        if problems:
            raise InvalidPost(problems)

        def put(session: Session) -> report.Subscription:
            row, fresh = subscriptions.put(
                session,
                name,
                kind=kind,
                account_id=None if account is None else self._account(session, account).id,
                events=wanted,
                secret=given,
                cipher=self._cipher,
                now=clock(session),
            )
            if fresh is not None:
                redact(fresh)
            return subscriptions.describe(session, row, secret=fresh)

        try:
            return self._write(put)
        except IntegrityError:
            # Somebody has subscribed the same target at the same moment.
            return self._write(put)

    asubscribe = offloaded(subscribe)

    def _url_problems(self, url: str) -> list[Problem]:
        allow = self.settings.private_urls_allowed
        problems = list(outbound.problems(url, allow_loopback=allow))
        if problems:
            return problems
        try:
            addresses = outbound.resolved(url)
        except (OSError, UnicodeError):
            # It may be known by the time that something is sent: it is looked at again then.
            return []
        return list(outbound.unfit(addresses, allow_loopback=allow))

    def subscriptions(self) -> list[report.Subscription]:
        """Every subscription, oldest first; without secrets."""
        with self._reading() as session:
            return [subscriptions.describe(session, row) for row in subscriptions.all_of(session)]

    asubscriptions = offloaded(subscriptions)

    def unsubscribe(self, subscription_id: str) -> None:
        """Remove a subscription and its deliveries; NotFound if there is none of that id."""
        self._write(lambda session: subscriptions.remove(session, subscription_id))

    aunsubscribe = offloaded(unsubscribe)

    def pause_subscription(self, subscription_id: str) -> report.Subscription:
        """
        Tell nothing until it is resumed; what was not delivered yet waits.

        Raises
        ------
        NotFound, NotPossible:
            There is none of that id; it is paused already (`subscription.paused`).
        """

        def pause(session: Session) -> report.Subscription:
            row = subscriptions.find(session, subscription_id)
            reason, now = subscriptions.BY_HAND, clock(session)
            if not subscriptions.pause(session, subscription_id, reason=reason, now=now):
                raise NotPossible(
                    f"subscription {subscription_id} is paused already", code="subscription.paused"
                )
            session.refresh(row)
            return subscriptions.describe(session, row)

        return self._write(pause)

    apause_subscription = offloaded(pause_subscription)

    def resume_subscription(self, subscription_id: str) -> report.Subscription:
        """
        Tell again. What happened during the pause is not made up for.

        Raises
        ------
        NotFound, NotPossible:
            There is none of that id; it is not paused (`subscription.not_paused`).
        """

        def resume(session: Session) -> report.Subscription:
            row = subscriptions.find(session, subscription_id)
            if not subscriptions.resume(session, subscription_id):
                raise NotPossible(
                    f"subscription {subscription_id} is not paused", code="subscription.not_paused"
                )
            session.refresh(row)
            return subscriptions.describe(session, row)

        return self._write(resume)

    aresume_subscription = offloaded(resume_subscription)

    def deliveries(
        self,
        *,
        subscription: str | None = None,
        state: DeliveryState | str | None = None,
        limit: int | None = None,
    ) -> list[report.Delivery]:
        """What was told to whom, and what came of it, newest first; kept for 30 days."""
        with self._reading() as session:
            return deliveries.newest(
                session,
                subscription_id=subscription,
                state=None if state is None else DeliveryState(state),
                limit=limit,
            )

    adeliveries = offloaded(deliveries)

    def replay(self, delivery_id: str) -> report.Delivery:
        """
        Deliver it again, soon, under the same id.

        Raises
        ------
        NotFound, NotPossible:
            There is none of that id; it is being tried just now (`delivery.in_hand`).
        """

        def again(session: Session) -> report.Delivery:
            if not deliveries.replay(session, delivery_id, now=clock(session)):
                raise NotPossible(
                    f"delivery {delivery_id} is being tried just now", code="delivery.in_hand"
                )
            return deliveries.newest(session, delivery_id=delivery_id)[0]

        return self._write(again)

    areplay = offloaded(replay)

    def on_published(self, target: Target, *, account: str | None = None) -> report.Subscription:
        """Call `target` when a job is published. Like all of these: see `subscribe`."""
        return self.subscribe(target, events=NoticeEvent.JOB_PUBLISHED, account=account)

    aon_published = offloaded(on_published)

    def on_failed(self, target: Target, *, account: str | None = None) -> report.Subscription:
        """Call `target` when a job has failed."""
        return self.subscribe(target, events=NoticeEvent.JOB_FAILED, account=account)

    aon_failed = offloaded(on_failed)

    def on_needs_review(self, target: Target, *, account: str | None = None) -> report.Subscription:
        """Call `target` when a job needs a person."""
        return self.subscribe(target, events=NoticeEvent.JOB_NEEDS_REVIEW, account=account)

    aon_needs_review = offloaded(on_needs_review)

    def on_missed(self, target: Target, *, account: str | None = None) -> report.Subscription:
        """Call `target` when a job was too late by policy."""
        return self.subscribe(target, events=NoticeEvent.JOB_MISSED, account=account)

    aon_missed = offloaded(on_missed)

    def on_cancelled(self, target: Target, *, account: str | None = None) -> report.Subscription:
        """Call `target` when somebody has stopped a job."""
        return self.subscribe(target, events=NoticeEvent.JOB_CANCELLED, account=account)

    aon_cancelled = offloaded(on_cancelled)

    def on_segment_published(
        self, target: Target, *, account: str | None = None
    ) -> report.Subscription:
        """Call `target` when one post of a thread is live."""
        return self.subscribe(target, events=NoticeEvent.SEGMENT_PUBLISHED, account=account)

    aon_segment_published = offloaded(on_segment_published)

    def on_token_expiring(
        self, target: Target, *, account: str | None = None
    ) -> report.Subscription:
        """Call `target` when a token is about to end."""
        return self.subscribe(target, events=NoticeEvent.TOKEN_EXPIRING, account=account)

    aon_token_expiring = offloaded(on_token_expiring)

    def on_needs_reconnect(
        self, target: Target, *, account: str | None = None
    ) -> report.Subscription:
        """Call `target` when an account has to be connected again."""
        return self.subscribe(target, events=NoticeEvent.ACCOUNT_NEEDS_RECONNECT, account=account)

    aon_needs_reconnect = offloaded(on_needs_reconnect)

    def on_reply(self, target: Target, *, account: str | None = None) -> report.Subscription:
        """Call `target` when Meta tells of a reply, see `threadsworker.webhooks`."""
        return self.subscribe(target, events=NoticeEvent.REPLY_RECEIVED, account=account)

    aon_reply = offloaded(on_reply)

    def on_mention(self, target: Target, *, account: str | None = None) -> report.Subscription:
        """Call `target` when Meta tells of a mention, see `threadsworker.webhooks`."""
        return self.subscribe(target, events=NoticeEvent.MENTION_RECEIVED, account=account)

    aon_mention = offloaded(on_mention)


def _secret_problems(secret: SecretStr | None, kind: TargetKind) -> Iterable[Problem]:
    if secret is None:
        return
    if kind is not TargetKind.URL:
        yield Problem("subscription.secret.unused", "Only deliveries to a URL are signed", "secret")
    elif len(secret.get_secret_value()) < SHORTEST_SECRET:
        yield Problem(
            "subscription.secret.short",
            f"A secret has {SHORTEST_SECRET} characters or more, and this has "
            f"{len(secret.get_secret_value())}",
            "secret",
            SHORTEST_SECRET,
            len(secret.get_secret_value()),
        )
