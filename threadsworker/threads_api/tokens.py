"""
Tokens: keeping a long-lived one alive, and what is known of one.

Source: https://developers.facebook.com/documentation/threads/get-started/long-lived-tokens
and …/reference/debug-token (2026-08-12).
"""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from threadsworker.log import redact
from threadsworker.threads_api.answers import read_as
from threadsworker.threads_api.connection import Connection
from threadsworker.threads_api.objects import Token, TokenFacts


class Tokens(Connection):
    """The calls about the account's own token."""

    def refresh_access_token(self) -> Token:
        """
        A new token for the account, good for 60 days; the old one must be 24 hours old.

        Meta documents this with the token in the query only. Whether the old one goes on
        working is not documented: keep it until the new one has answered.

        Raises
        ------
        TokenRejected:
            The token is dead: its owner must sign in again.
        ApiError, NoAnswer:
            Meta refused; there was no usable answer.
        """
        return token_of(self.query_token("/refresh_access_token", grant_type="th_refresh_token"))

    def debug_token(self, input_token: SecretStr | None = None) -> TokenFacts:
        """
        What Meta knows of a token of the same app; None: of the account's own.

        Meta documents both tokens in the query only.

        Raises
        ------
        TokenRejected:
            The account's own token is dead. If `input_token` is, `TokenFacts.is_valid` says so.
        ApiError, NoAnswer:
            Meta refused; there was no usable answer.
        """
        asked = (input_token or self._token).get_secret_value()
        answer = self.query_token(f"/{self._version}/debug_token", input_token=asked)
        return read_as(TokenFacts, answer.get("data"))


def token_of(answer: dict[str, Any]) -> Token:
    """The token in an answer, from now on redacted; AnswerLost if there is none in it."""
    token = read_as(Token, answer)
    redact(token.access_token)
    return token
