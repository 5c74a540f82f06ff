"""
Insights: how often posts were seen, liked, answered; who follows.

Source: https://developers.facebook.com/documentation/threads/insights (2026-04-21).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from threadsworker.errors import AnswerLost
from threadsworker.threads_api.answers import read_as
from threadsworker.threads_api.arguments import (
    FIRST_FIGURE,
    When,
    object_id,
    period,
    refusal,
    word_of,
    words_of,
)
from threadsworker.threads_api.connection import Connection
from threadsworker.threads_api.objects import MetaObject, Moment


class MediaMetric(StrEnum):
    """What is counted of a post, since it was published. Nested replies are not counted."""

    VIEWS = "views"
    LIKES = "likes"
    REPLIES = "replies"
    REPOSTS = "reposts"
    QUOTES = "quotes"
    SHARES = "shares"


class UserMetric(StrEnum):
    """What is counted of an account."""

    #: Day by day.
    VIEWS = "views"
    LIKES = "likes"
    REPLIES = "replies"
    REPOSTS = "reposts"
    QUOTES = "quotes"
    #: By the link that was followed.
    CLICKS = "clicks"
    #: As it is now: takes no period.
    FOLLOWERS_COUNT = "followers_count"
    #: As it is now, by one `Breakdown`; needs 100 followers.
    FOLLOWER_DEMOGRAPHICS = "follower_demographics"


class Breakdown(StrEnum):
    """What followers are told apart by."""

    COUNTRY = "country"
    CITY = "city"
    AGE = "age"
    GENDER = "gender"


#: Metrics of the present.
TIMELESS = frozenset({UserMetric.FOLLOWERS_COUNT, UserMetric.FOLLOWER_DEMOGRAPHICS})


class DayValue(MetaObject):
    """A figure of a day, or of all time, and then without an end."""

    value: int | float
    end_time: Moment | None = None


class LinkValue(MetaObject):
    """How often a link was followed."""

    value: int | float
    link_url: str


class BreakdownResult(MetaObject):
    """A figure of one country, city, age or gender."""

    dimension_values: tuple[str, ...] = ()
    value: int | float


class BreakdownValues(MetaObject):
    dimension_keys: tuple[str, ...] = ()
    results: tuple[BreakdownResult, ...] = ()


class TotalValue(MetaObject):
    """A figure of the whole period, or its parts."""

    value: int | float | None = None
    breakdowns: tuple[BreakdownValues, ...] = ()


class Insight(MetaObject):
    """One metric, in whichever of its shapes."""

    name: str
    #: ``day`` or ``lifetime``.
    period: str | None = None
    #: In the language of the account's owner.
    title: str | None = None
    description: str | None = None
    id: str | None = None
    #: A series of days, or one figure of a post.
    values: tuple[DayValue, ...] = ()
    total_value: TotalValue | None = None
    link_total_values: tuple[LinkValue, ...] = ()

    @property
    def total(self) -> int | float | None:
        """The figure, or the sum of its parts; None if Meta gave none."""
        if self.total_value is not None and self.total_value.value is not None:
            return self.total_value.value
        parts = [day.value for day in self.values]
        parts += [link.value for link in self.link_total_values]
        if self.total_value is not None:
            parts += [r.value for b in self.total_value.breakdowns for r in b.results]
        return sum(parts) if parts else None


class _Answer(BaseModel):
    data: tuple[Insight, ...]


class Insights(Connection):
    """Both raise ApiError and NoAnswer, and `InvalidRequest` before anything is sent."""

    def media_insights(
        self, media_id: str, metrics: Iterable[MediaMetric | str] = tuple(MediaMetric)
    ) -> tuple[Insight, ...]:
        """What is counted of one of the account's posts; nothing for a repost."""
        words = words_of(MediaMetric, metrics, where="metric")
        return _read(self.get(f"/{object_id(media_id)}/insights", metric=",".join(words)))

    def user_insights(
        self,
        metrics: Iterable[UserMetric | str],
        *,
        since: When | None = None,
        until: When | None = None,
        breakdown: Breakdown | str | None = None,
    ) -> tuple[Insight, ...]:
        """
        What is counted of the account.

        Parameters
        ----------
        since, until:
            From 13 April 2024 on; None: yesterday, today. Meta warns of figures from before 1
            June 2024. Not for the metrics of the present.
        breakdown:
            With `follower_demographics` one is needed; for nothing else.
        """
        words = words_of(UserMetric, metrics, where="metric")
        params = period(since, until, first=FIRST_FIGURE)
        timeless = [word for word in words if word in TIMELESS]
        if params and timeless:
            raise refusal(
                "metric.timeless",
                f"{' and '.join(timeless)} takes no since and until: it tells of the present",
                where="metric",
                given=", ".join(timeless),
            )
        params |= _breakdown(words, breakdown)
        return _read(self.get("/me/threads_insights", metric=",".join(words), **params))


def _breakdown(words: tuple[UserMetric, ...], breakdown: Breakdown | str | None) -> dict[str, str]:
    wanted = UserMetric.FOLLOWER_DEMOGRAPHICS in words
    if breakdown is None and not wanted:
        return {}
    if breakdown is None:
        raise refusal(
            "breakdown.missing",
            f"follower_demographics needs a breakdown: one of {', '.join(Breakdown)}",
            where="breakdown",
            limit=", ".join(Breakdown),
        )
    word = word_of(Breakdown, breakdown, where="breakdown")
    if not wanted:
        raise refusal(
            "breakdown.not_allowed",
            "only follower_demographics is broken down",
            where="breakdown",
            given=word,
        )
    return {"breakdown": word}


def _read(answer: dict[str, Any]) -> tuple[Insight, ...]:
    if "data" not in answer:
        raise AnswerLost("insights: an answer without data")
    return read_as(_Answer, answer).data
