"""The parameters of a `ThreadsPipe`, and the connections that its methods use."""

from __future__ import annotations

import logging
import threading
from typing import Any, Self

from pydantic import SecretStr

from threadsworker.client import Client
from threadsworker.errors import NotPossible
from threadsworker.http import Http
from threadsworker.log import redact
from threadsworker.settings import Settings
from threadsworker.threads_api import ThreadsApi
from threadsworker.threadspipe.parameters import Parameters, secret
from threadsworker.walk import Walker

#: All of ours; nobody else's are touched.
_LOGGERS = logging.getLogger("threadsworker")


class Base:
    """See `ThreadsPipe`."""

    def __init__(
        self,
        user_id: int | str,
        access_token: SecretStr | str,
        disable_logging: bool = False,
        wait_before_post_publish: bool = True,
        post_publish_wait_time: int = 35,
        wait_before_media_item_publish: bool = True,
        media_item_publish_wait_time: int = 35,
        handle_hashtags: bool = True,
        auto_handle_hashtags: bool = False,
        gh_bearer_token: SecretStr | str | None = None,
        gh_api_version: str = "2022-11-28",
        gh_repo_name: str | None = None,
        gh_username: str | None = None,
        gh_upload_timeout: int = 60 * 5,
        wait_on_rate_limit: bool = False,
        check_rate_limit_before_post: bool = True,
        threads_api_version: str = "v1.0",
        *,
        settings: Settings | None = None,
    ) -> None:
        """
        Parameters
        ----------
        user_id, access_token:
            Of the Threads account. Both may be empty until `update_param` brings them, for
            `get_auth_token` and `get_access_tokens`.
        disable_logging:
            Silence the loggers under ``threadsworker``, in this process; no others.
        wait_before_post_publish, post_publish_wait_time, wait_before_media_item_publish,
        media_item_publish_wait_time:
            Without effect: what Meta says of a container is looked at until it is ready, and no
            longer.
        handle_hashtags, auto_handle_hashtags:
            Deal out the hashtags at the end of a long text, one per post; with the second one,
            pass over posts that hold a hashtag already.
        gh_bearer_token, gh_username, gh_repo_name:
            The public GitHub repository through which local files get to Meta, and a token that
            may write to it.
        gh_api_version, gh_upload_timeout:
            Of GitHub's API; seconds of silence until an upload counts as lost.
        wait_on_rate_limit:
            Wait when the publishing quota is used up, instead of failing.
        check_rate_limit_before_post:
            Ask Meta for the quota before anything goes out.
        threads_api_version:
            Of Meta's API. A worker that is running has its own, of its environment.
        settings:
            None: those of the environment.
        """
        self._given = Parameters(
            user_id=str(user_id),
            access_token=secret(access_token),
            disable_logging=disable_logging,
            handle_hashtags=handle_hashtags,
            auto_handle_hashtags=auto_handle_hashtags,
            gh_bearer_token=secret(gh_bearer_token) if gh_bearer_token else None,
            gh_api_version=gh_api_version,
            gh_repo_name=gh_repo_name,
            gh_username=gh_username,
            gh_upload_timeout=gh_upload_timeout,
            wait_on_rate_limit=wait_on_rate_limit,
            check_rate_limit_before_post=check_rate_limit_before_post,
            threads_api_version=threads_api_version,
        )
        self._settings = settings
        self._http = Http()
        self._lock = threading.Lock()
        self._open: tuple[Client, Walker] | None = None
        if disable_logging:
            _silence(True)

    def update_param(
        self,
        user_id: int | str | None = None,
        access_token: SecretStr | str | None = None,
        disable_logging: bool | None = None,
        wait_before_post_publish: bool | None = None,
        post_publish_wait_time: int | None = None,
        wait_before_media_item_publish: bool | None = None,
        media_item_publish_wait_time: int | None = None,
        handle_hashtags: bool | None = None,
        auto_handle_hashtags: bool | None = None,
        gh_bearer_token: SecretStr | str | None = None,
        gh_api_version: str | None = None,
        gh_repo_name: str | None = None,
        gh_username: str | None = None,
        gh_upload_timeout: int | None = None,
        wait_on_rate_limit: bool | None = None,
        check_rate_limit_before_post: bool | None = None,
        threads_api_version: str | None = None,
    ) -> None:
        """Change parameters, see `ThreadsPipe`; the next call uses them. None: as it is."""
        given: dict[str, Any] = {
            "user_id": None if user_id is None else str(user_id),
            "access_token": None if access_token is None else secret(access_token),
            "disable_logging": disable_logging,
            "handle_hashtags": handle_hashtags,
            "auto_handle_hashtags": auto_handle_hashtags,
            "gh_bearer_token": None if gh_bearer_token is None else secret(gh_bearer_token),
            "gh_api_version": gh_api_version,
            "gh_repo_name": gh_repo_name,
            "gh_username": gh_username,
            "gh_upload_timeout": gh_upload_timeout,
            "wait_on_rate_limit": wait_on_rate_limit,
            "check_rate_limit_before_post": check_rate_limit_before_post,
            "threads_api_version": threads_api_version,
        }
        self._given = self._given.changed(given)
        if disable_logging is not None:
            _silence(disable_logging)
        # Settings may be others now.
        self.close()

    def close(self) -> None:
        """Close the connections. The instance may be used again; it makes new ones."""
        with self._lock:
            if self._open is not None:
                client, walker = self._open
                client.close()
                walker.close()
                self._open = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ThreadsPipe(user_id={self._given.user_id!r})"

    def _in_force(self) -> Settings:
        return self._given.settings(self._settings)

    def _connected(self) -> tuple[Client, Walker]:
        with self._lock:
            if self._open is None:
                settings = self._in_force()
                self._open = (Client(settings), Walker(settings))
            return self._open

    def _ready_account(self) -> str:
        """The account's name; its row is made, or brought up to date, if need be."""
        given = self._given
        self._token()
        if not given.user_id:
            raise NotPossible("there is no user_id: update_param(user_id=…)", code="user_id.empty")
        self._connected()[0].follow_account(
            given.account,
            user_id=given.user_id,
            access_token=given.access_token,
            github_repo=given.github_repo,
            github_token=given.gh_bearer_token,
        )
        return given.account

    def _token(self) -> SecretStr:
        token = self._given.access_token
        if not token.get_secret_value():
            raise NotPossible(
                "there is no access token: update_param(access_token=…), see get_access_tokens",
                code="access_token.empty",
            )
        redact(token)
        return token

    def _api(self) -> ThreadsApi:
        """Meta's API on behalf of the account."""
        settings = self._in_force()
        return ThreadsApi(
            base_url=settings.threads_api_url,
            token=self._token(),
            http=self._http,
            version=settings.threads_api_version,
        )


def _silence(silent: bool) -> None:
    _LOGGERS.setLevel(logging.CRITICAL + 1 if silent else logging.NOTSET)
