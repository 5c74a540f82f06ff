"""Posts, replies, profile, quota and insights, as Meta answers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from threadsworker.errors import RequestRefused, ThreadsWorkerError
from threadsworker.threads_api import Breakdown, MediaMetric, UserMetric, fields
from threadsworker.threads_api.answers import without_next
from threadsworker.threads_api.arguments import object_id, word_of, words_of
from threadsworker.threads_api.insights import TIMELESS
from threadsworker.threadspipe.answers import Answer, answered
from threadsworker.threadspipe.base import Base

logger = logging.getLogger(__name__)

Moment = str | int | date | datetime
Word = TypeVar("Word", bound=StrEnum)

_POST, _REPLY, _PROFILE = (",".join(names) for names in (fields.POST, fields.REPLY, fields.PROFILE))
_FOLLOWERS = UserMetric.FOLLOWER_DEMOGRAPHICS


class Reading(Base):
    """See `ThreadsPipe`. What Meta refuses is ``{"info": "error", "message", "error"}``."""

    threads_post_insight_metrics: ClassVar[list[str]] = [one.value for one in MediaMetric]
    threads_user_insight_metrics: ClassVar[list[str]] = [
        one.value for one in UserMetric if one is not UserMetric.CLICKS
    ]
    threads_follower_demographic_breakdown_list: ClassVar[list[str]] = [
        one.value for one in Breakdown
    ]

    def get_quota_usage(self, for_reply: bool = False) -> Answer | None:
        """
        The publishing quota, or that of replies: ``{"data": [{"quota_usage", "config"}]}``.

        None, and an error in the log, if Meta does not tell.
        """
        asked = "reply_quota_usage,reply_config" if for_reply else "quota_usage,config"
        try:
            found = self._api().get("/me/threads_publishing_limit", fields=asked)
        except ThreadsWorkerError as error:
            logger.error("The quota of %r cannot be read: %s", self, error)
            return None
        return without_next(found) if "data" in found else None

    @answered
    def get_allowlisted_country_codes(self, limit: str | int | None = None) -> Answer:
        """The account's posts with the countries that may see them, newest first."""
        return self._listing("/me/threads", "id,allowlisted_country_codes", limit=limit)

    @answered
    def get_posts(
        self,
        since_date: Moment | None = None,
        until_date: Moment | None = None,
        limit: str | int | None = None,
    ) -> Answer:
        """
        The account's own posts, newest first: ``{"data": […], "paging": {"cursors"}}``.

        Parameters
        ----------
        since_date, until_date:
            A date such as ``2026-11-01``, seconds since 1970, or an aware datetime.
        limit:
            1 to 100; Meta's default is 25.
        """
        return self._listing("/me/threads", _POST, since_date, until_date, limit)

    @answered
    def get_post(self, post_id: str | int) -> Answer:
        """One post."""
        return self._api().get(f"/{_id(post_id)}", fields=_POST)

    @answered
    def get_profile(self) -> Answer:
        """The account's profile."""
        return self._api().get("/me", fields=_PROFILE)

    @answered
    def get_post_replies(
        self, post_id: str | int, top_levels: bool = True, reverse: bool = False
    ) -> Answer:
        """
        The replies to a post, oldest first.

        Parameters
        ----------
        top_levels:
            False: replies to replies too; then the post has to be the root of its thread.
        reverse:
            Newest first.
        """
        edge = "replies" if top_levels else "conversation"
        found = self._api().get(
            f"/{_id(post_id)}/{edge}", fields=_REPLY, reverse="true" if reverse else "false"
        )
        return without_next(found)

    @answered
    def get_user_replies(
        self,
        since_date: Moment | None = None,
        until_date: Moment | None = None,
        limit: int | str | None = None,
    ) -> Answer:
        """The account's own replies, newest first; see `get_posts`."""
        return self._listing("/me/replies", _REPLY, since_date, until_date, limit)

    @answered
    def hide_reply(self, reply_id: str | int, hide: bool) -> Answer:
        """Hide a reply to one of the account's posts, or show it again: ``{"success": True}``."""
        form = {"hide": "true" if hide else "false"}
        return self._api().post(f"/{_id(reply_id)}/manage_reply", form)

    @answered
    def repost_post(self, post_id: str | int) -> Answer:
        """Repost a post: ``{"id"}``. Sent once."""
        return self._api().post(f"/{_id(post_id)}/repost", {})

    @answered
    def get_post_insights(self, post_id: str | int, metrics: str | Sequence[str] = "all") -> Answer:
        """
        What became of a post: ``{"data": [{"name", "period", "values", …}]}``.

        Parameters
        ----------
        metrics:
            Some of `threads_post_insight_metrics`, as a list or with commas; or ``all``.
        """
        wanted = _words(MediaMetric, metrics, self.threads_post_insight_metrics)
        return without_next(self._api().get(f"/{_id(post_id)}/insights", metric=",".join(wanted)))

    @answered
    def get_user_insights(
        self,
        user_id: str | int | None = None,
        since_date: Moment | None = None,
        until_date: Moment | None = None,
        follower_demographic_breakdown: str = "country",
        metrics: str | Sequence[str] = "all",
    ) -> Answer:
        """
        What became of an account: ``{"data": [{"name", "total_value" or "values", …}]}``.

        Parameters
        ----------
        user_id:
            None: of this account.
        since_date, until_date:
            As of `get_posts`, a date being its first second in UTC. Not before 13 April 2024;
            Meta's default is the last day. Figures of followers are those of now.
        follower_demographic_breakdown:
            One of `threads_follower_demographic_breakdown_list`.
        metrics:
            Some of `threads_user_insight_metrics`, as a list or with commas; or ``all``.
        """
        wanted = _words(UserMetric, metrics, self.threads_user_insight_metrics)
        by = word_of(Breakdown, follower_demographic_breakdown, where="breakdown")
        path = f"/{'me' if user_id is None else _id(user_id)}/threads_insights"
        in_time = _window(_seconds(since_date), _seconds(until_date))
        api = self._api()
        data: list[Any] = []
        for names, given in (
            ([one for one in wanted if one not in TIMELESS], in_time),
            ([one for one in wanted if one in TIMELESS and one != _FOLLOWERS], {}),
            ([one for one in wanted if one == _FOLLOWERS], {"breakdown": by.value}),
        ):
            try:
                data += api.get(path, metric=",".join(names), **given)["data"] if names else []
            except RequestRefused as error:
                # Without a hundred followers there is no such figure, and that is no reason to
                # keep back the others.
                if metrics != "all" or names != [_FOLLOWERS]:
                    raise
                logger.warning("Meta does not tell who follows %r: %s", self, error)
        return {"data": data}

    def _listing(
        self,
        path: str,
        asked: str,
        since: Moment | None = None,
        until: Moment | None = None,
        limit: str | int | None = None,
    ) -> Answer:
        given = {"fields": asked, **_window(since, until)}
        if limit is not None:
            given["limit"] = str(limit)
        return without_next(self._api().get(path, **given))


def _window(since: Moment | None, until: Moment | None) -> dict[str, str]:
    """What Meta cannot read it refuses: it takes more kinds of dates than we know."""
    named = {"since": since, "until": until}
    return {name: _moment(given) for name, given in named.items() if given is not None}


def _moment(given: Moment) -> str:
    return str(int(given.timestamp())) if isinstance(given, datetime) else str(given)


def _seconds(given: Moment | None) -> Moment | None:
    """For insights Meta takes seconds since 1970, and no dates."""
    if isinstance(given, str) and not given.isdecimal():
        try:
            given = datetime.fromisoformat(given)
        except ValueError:
            return given
    if isinstance(given, datetime):
        return given if given.tzinfo else given.replace(tzinfo=UTC)
    if isinstance(given, date):
        return datetime(given.year, given.month, given.day, tzinfo=UTC)
    return given


def _words(kind: type[Word], given: str | Sequence[str], everything: list[str]) -> tuple[Word, ...]:
    if given == "all":
        given = everything
    names = given.split(",") if isinstance(given, str) else given
    return words_of(kind, [name.strip() for name in names], where="metrics")


def _id(given: str | int) -> str:
    return object_id(str(given))
