"""The authorization window, what its code is exchanged for, and keeping a token alive."""

from __future__ import annotations

import logging
import webbrowser
from collections.abc import Sequence
from typing import ClassVar

from pydantic import SecretStr

from threadsworker.envfile import check_writable, write_variable
from threadsworker.errors import InvalidSettings
from threadsworker.log import redact
from threadsworker.threads_api import (
    USUAL_SCOPES,
    OAuth,
    Scope,
    ThreadsApi,
    authorization_url,
    code_from_redirect,
    scopes_named,
)
from threadsworker.threadspipe.answers import Answer, answered, error_of
from threadsworker.threadspipe.base import Base
from threadsworker.threadspipe.parameters import secret

logger = logging.getLogger(__name__)


class Tokens(Base):
    """See `ThreadsPipe`. None of this needs an account."""

    __threads_auth_scope__: ClassVar[dict[str, str]] = {
        "basic": Scope.BASIC.value,
        "publish": Scope.CONTENT_PUBLISH.value,
        "read_replies": Scope.READ_REPLIES.value,
        "manage_replies": Scope.MANAGE_REPLIES.value,
        "insights": Scope.MANAGE_INSIGHTS.value,
    }

    def get_auth_token(
        self,
        app_id: str | int,
        redirect_uri: str,
        scope: str | Sequence[str] = "all",
        state: str | None = None,
    ) -> None:
        """
        Open the authorization window in the browser. Its address is logged.

        The user is led to `redirect_uri` from there, with a ``code`` in the query.

        Parameters
        ----------
        app_id, redirect_uri:
            The Threads app id; and the URI as it is registered with the app.
        scope:
            Keys of `__threads_auth_scope__`, as a list or with commas; or ``all`` of these.
            Meta's other scopes may be named too.
        state:
            Comes back to `redirect_uri` as it is: something that nobody can guess.

        Raises
        ------
        InvalidSettings:
            There is no such scope.
        """
        url = authorization_url(
            client_id=str(app_id),
            redirect_uri=redirect_uri,
            scopes=USUAL_SCOPES if scope == "all" else scopes_named(scope),
            state=state,
            auth_url=self._in_force().threads_auth_url,
        )
        if webbrowser.open(url):
            logger.info("The authorization window: %s", url)
        else:
            logger.warning("No browser can be opened; go to %s", url)

    @answered
    def get_access_tokens(
        self,
        app_id: str | int,
        app_secret: SecretStr | str,
        auth_code: str,
        redirect_uri: str,
    ) -> Answer:
        """
        Exchange a code of the authorization window for a short-lived and a long-lived token.

        Parameters
        ----------
        auth_code:
            The ``code``, with or without ``#_``, or the whole address that the window led to.
            It works once.
        redirect_uri:
            The one that the window was opened with.

        Returns
        -------
        ``{"user_id", "tokens": {"short_lived": {"access_token", "user_id"}, "long_lived":
        {"access_token", "token_type", "expires_in"}}}``. If only a later step was refused, what
        there is of that, with ``info``, ``message`` and ``error``.
        """
        oauth = OAuth(
            base_url=self._in_force().threads_api_url,
            app_id=str(app_id),
            app_secret=secret(app_secret),
            http=self._http,
        )
        granted = oauth.grant(code_from_redirect(auth_code), redirect_uri=redirect_uri)
        trouble = error_of(granted.trouble) if granted.trouble is not None else {}
        return {**granted.as_json(), **trouble}

    @answered
    def refresh_token(
        self,
        access_token: SecretStr | str,
        env_path: str | None = None,
        env_variable: str | None = None,
    ) -> Answer:
        """
        A new long-lived token for one that is at least a day old and not over.

        `update_param` brings it into use.

        Parameters
        ----------
        env_path, env_variable:
            The variable of a ``.env`` file that is to hold the new token. That it can be
            written is looked at before Meta is asked.

        Returns
        -------
        ``{"access_token", "token_type", "expires_in"}``. If the file could not be written after
        all, with ``info``, ``message`` and ``error``.
        """
        if bool(env_path) != bool(env_variable):
            raise InvalidSettings("give both env_path and env_variable, or neither")
        if env_path and env_variable:
            check_writable(env_path, env_variable)
        settings = self._in_force()
        held = secret(access_token)
        redact(held)
        api = ThreadsApi(base_url=settings.threads_api_url, token=held, http=self._http)
        fresh = api.refresh_access_token()
        try:
            if env_path and env_variable:
                write_variable(env_path, env_variable, fresh.access_token)
        except InvalidSettings as error:
            # The new token is not to be lost.
            return {**fresh.as_json(), **error_of(error)}
        return fresh.as_json()
