"""
Tokens: keeping a long-lived one alive.

Source: https://developers.facebook.com/documentation/threads/get-started/long-lived-tokens.
"""

from __future__ import annotations

from threadsworker.threads_api.connection import Connection
from threadsworker.threads_api.objects import Token


class Tokens(Connection):
    """The calls about the account's own token."""

    def refresh_access_token(self) -> Token:
        """
        A new token for the account, good for 60 days; the old one must be 24 hours old.

        Meta documents this with the token in the query only.

        Raises
        ------
        TokenRejected:
            The token is dead: its owner must sign in again.
        ApiError, NoAnswer:
            Meta refused; there was no usable answer.
        """
        return Token.model_validate(
            self.query_token("/refresh_access_token", grant_type="th_refresh_token")
        )
