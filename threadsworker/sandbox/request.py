"""A request as the services read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote

Service = Literal["threads", "github", "raw", "media"]

#: Parameters whose value is a secret, and stays out of the ledger.
_SECRET = frozenset({"access_token", "input_token", "client_secret", "code", "token"})


@dataclass(frozen=True)
class Request:
    """A request to one of the services; `path` is the service's own, without its prefix."""

    service: Service
    method: str
    #: As sent, percent-encoded: ``/v1.0/me/threads``.
    path: str
    query_string: str
    #: By name in lower case.
    headers: Mapping[str, str]
    body: bytes
    #: Scheme and authority by which the client reached the sandbox.
    origin: str
    #: Bytes of the body as announced; `body` is empty if they were too many to keep.
    body_size: int = 0

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The path's parts, decoded."""
        return tuple(unquote(part) for part in self.path.split("/") if part)

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Of the query and of the form, which wins."""
        kind = self.headers.get("content-type", "")
        if not kind.startswith("application/x-www-form-urlencoded"):
            return self.query
        form = parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)
        return {**self.query, **dict(form)}

    @cached_property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object; ValueError if it is none."""
        found = json.loads(self.body or b"{}")
        if not isinstance(found, dict):
            raise ValueError("not an object")
        return found

    @cached_property
    def token(self) -> str | None:
        """The access token, wherever it came."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() in ("bearer", "token", "oauth") and value:
            return value.strip()
        return self.parameters.get("access_token") or None

    @property
    def token_in_query(self) -> bool:
        return "access_token" in self.query

    @property
    def loggable_form(self) -> dict[str, str]:
        """What was given and is not in the query, without its secrets."""
        given = {k: v for k, v in self.parameters.items() if k not in self.query}
        return {name: value for name, value in given.items() if name not in _SECRET}

    @property
    def loggable_query(self) -> dict[str, str]:
        """The query without its secrets."""
        return {name: value for name, value in self.query.items() if name not in _SECRET}
