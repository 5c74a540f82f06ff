"""Posts, replies, profile, quota and insights, as Meta answers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import quote

from threadsworker.errors import ThreadsWorkerError
from threadsworker.threadspipe.answers import Answer, answered, without_next
from threadsworker.threadspipe.base import Base

logger = logging.getLogger(__name__)

#: Source of the fields and metrics: https://developers.facebook.com/documentation/threads/
#: retrieve-and-discover-posts/retrieve-posts, …/retrieve-and-manage-replies/
#: replies-and-conversations and …/insights (2026-04-21).
_POST = (
    "id,media_product_type,media_type,media_url,permalink,owner,username,text,timestamp,"
    "shortcode,thumbnail_url,alt_text,children,is_quote_post,link_attachment_url"
)
_REPLY = (
    "id,text,timestamp,media_product_type,media_type,media_url,permalink,username,shortcode,"
    "thumbnail_url,children,has_replies,root_post,replied_to,is_reply,hide_status"
)
_OWN_REPLY = (
    "id,media_product_type,media_type,media_url,permalink,username,text,timestamp,shortcode,"
    "thumbnail_url,children,is_quote_post,has_replies,root_post,replied_to,is_reply,"
    "is_reply_owned_by_me,reply_audience"
)
_PROFILE = "id,username,name,threads_profile_picture_url,threads_biography"
_FOLLOWERS = "follower_demographics"


class Reading(Base):
    """See `ThreadsPipe`. What Meta refuses is ``{"info": "error", "message", "error"}``."""

    threads_post_insight_metrics: ClassVar[list[str]] = [
        "views",
        "likes",
        "replies",
        "reposts",
        "quotes",
        "shares",
    ]
    threads_user_insight_metrics: ClassVar[list[str]] = [
        "views",
        "likes",
        "replies",
        "reposts",
        "quotes",
        "followers_count",
        _FOLLOWERS,
    ]
    threads_follower_demographic_breakdown_list: ClassVar[list[str]] = [
        "country",
        "city",
        "age",
        "gender",
    ]

    def get_quota_usage(self, for_reply: bool = False) -> Answer | None:
        """
        The publishing quota, or that of replies: ``{"data": [{"quota_usage", "config"}]}``.

        None, and an error in the log, if Meta does not tell.
        """
        fields = "reply_quota_usage,reply_config" if for_reply else "quota_usage,config"
        try:
            found = self._api().get("/me/threads_publishing_limit", fields=fields)
        except ThreadsWorkerError as error:
            logger.error("The quota of %r cannot be read: %s", self, error)
            return None
        return found if "data" in found else None

    @answered
    def get_allowlisted_country_codes(self, limit: str | int | None = None) -> Answer:
        """The account's posts with the countries that may see them, newest first."""
        return self._listing("/me/threads", "id,allowlisted_country_codes", limit=limit)

    @answered
    def get_posts(
        self,
        since_date: str | None = None,
        until_date: str | None = None,
        limit: str | int | None = None,
    ) -> Answer:
        """
        The account's own posts, newest first: ``{"data": […], "paging": {"cursors"}}``.

        Parameters
        ----------
        since_date, until_date:
            A date such as ``2026-11-01``, or seconds since 1970.
        limit:
            1 to 100; Meta's default is 25.
        """
        return self._listing("/me/threads", _POST, since_date, until_date, limit)

    @answered
    def get_post(self, post_id: str | int) -> Answer:
        """One post."""
        return self._api().get(f"/{_one(post_id)}", fields=_POST)

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
            f"/{_one(post_id)}/{edge}", fields=_REPLY, reverse="true" if reverse else "false"
        )
        return without_next(found)

    @answered
    def get_user_replies(
        self,
        since_date: str | None = None,
        until_date: str | None = None,
        limit: int | str | None = None,
    ) -> Answer:
        """The account's own replies, newest first; see `get_posts`."""
        return self._listing("/me/replies", _OWN_REPLY, since_date, until_date, limit)

    @answered
    def hide_reply(self, reply_id: str | int, hide: bool) -> Answer:
        """Hide a reply to one of the account's posts, or show it again: ``{"success": True}``."""
        form = {"hide": "true" if hide else "false"}
        return self._api().post(f"/{_one(reply_id)}/manage_reply", form)

    @answered
    def repost_post(self, post_id: str | int) -> Answer:
        """Repost a post: ``{"id"}``. Sent once."""
        return self._api().post(f"/{_one(post_id)}/repost", {})

    @answered
    def get_post_insights(self, post_id: str | int, metrics: str | Sequence[str] = "all") -> Answer:
        """
        What became of a post: ``{"data": [{"name", "period", "values", …}]}``.

        Parameters
        ----------
        metrics:
            Some of `threads_post_insight_metrics`, as a list or with commas; or ``all``.
        """
        wanted = _metrics(metrics, self.threads_post_insight_metrics)
        return without_next(self._api().get(f"/{_one(post_id)}/insights", metric=",".join(wanted)))

    @answered
    def get_user_insights(
        self,
        user_id: str | int | None = None,
        since_date: str | None = None,
        until_date: str | None = None,
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
            Not before 13 April 2024; Meta's default is the last day.
        follower_demographic_breakdown:
            One of `threads_follower_demographic_breakdown_list`. Sent only if the followers are
            among the metrics.
        metrics:
            Some of `threads_user_insight_metrics`, as a list or with commas; or ``all``.
        """
        wanted = _metrics(metrics, self.threads_user_insight_metrics)
        given = {"metric": ",".join(wanted), **_window(since_date, until_date)}
        if _FOLLOWERS in wanted:
            given["breakdown"] = follower_demographic_breakdown
        whose = "me" if user_id is None else _one(user_id)
        return without_next(self._api().get(f"/{whose}/threads_insights", **given))

    def _listing(
        self,
        path: str,
        fields: str,
        since: str | None = None,
        until: str | None = None,
        limit: str | int | None = None,
    ) -> Answer:
        given = {"fields": fields, **_window(since, until)}
        if limit is not None:
            given["limit"] = str(limit)
        return without_next(self._api().get(path, **given))


def _window(since: str | None, until: str | None) -> dict[str, str]:
    return {
        name: str(given)
        for name, given in (("since", since), ("until", until))
        if given is not None
    }


def _metrics(given: str | Sequence[str], everything: list[str]) -> list[str]:
    if given == "all":
        return everything
    names = given.split(",") if isinstance(given, str) else list(given)
    return [name.strip() for name in names if name.strip()]


def _one(given: str | int) -> str:
    """An id, as a part of a path."""
    return quote(str(given), safe="")
