"""What a `ThreadsPipe` was given."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from pydantic import SecretStr

from threadsworker.settings import Settings, load_settings

#: Settings that a parameter overrides, if it is not at its default.
_SETTINGS = {
    "threads_api_version": "threads_api_version",
    "gh_api_version": "github_api_version",
    "gh_upload_timeout": "github_upload_timeout",
}


@dataclass(frozen=True)
class Parameters:
    """The parameters of `ThreadsPipe`, with their defaults."""

    user_id: str
    access_token: SecretStr
    disable_logging: bool = False
    handle_hashtags: bool = True
    auto_handle_hashtags: bool = False
    gh_bearer_token: SecretStr | None = None
    gh_api_version: str = "2022-11-28"
    gh_repo_name: str | None = None
    gh_username: str | None = None
    gh_upload_timeout: float = 300
    wait_on_rate_limit: bool = False
    check_rate_limit_before_post: bool = True
    threads_api_version: str = "v1.0"

    def changed(self, given: dict[str, Any]) -> Parameters:
        """The same with what is given; None: as it is."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    @property
    def account(self) -> str:
        """The name of the account that its jobs belong to."""
        return f"threadspipe-{self.user_id}"

    @property
    def github_repo(self) -> str | None:
        """``owner/name``; None without both."""
        if self.gh_username and self.gh_repo_name:
            return f"{self.gh_username}/{self.gh_repo_name}"
        return None

    def settings(self, given: Settings | None) -> Settings:
        """The settings of this process, or those `given`, with what the parameters say."""
        defaults = {one.name: one.default for one in fields(self)}
        changes = {
            setting: getattr(self, name)
            for name, setting in _SETTINGS.items()
            if getattr(self, name) != defaults[name]
        }
        if given is None:
            return load_settings(**changes)
        if not changes:
            return given
        return load_settings(**{**dict(given), **changes})


def secret(value: SecretStr | str) -> SecretStr:
    """A token, which no `repr` shows."""
    return value if isinstance(value, SecretStr) else SecretStr(value)
