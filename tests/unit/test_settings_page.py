"""docs/settings.md says what the settings say."""

from __future__ import annotations

from tests import settings_page
from threadsworker.settings import Settings


def test_the_page_is_written_from_the_class() -> None:
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page(), "make docs"


def test_every_setting_is_on_the_page_once() -> None:
    page = settings_page.page()
    assert page.count("\n| `") == len(Settings.model_fields)
    for name in settings_page.variables():
        assert page.count(f"`{name}`") == 1, name


def test_secrets_are_called_secrets_and_show_no_value() -> None:
    rows = {row.split("`")[1]: row for row in settings_page.page().splitlines() if row[:3] == "| `"}
    for name in ("ACCESS_TOKEN", "GITHUB_TOKEN", "SECRET_KEY", "APP_SECRET", "DATABASE_URL"):
        assert "| **secret** | – |" in rows[f"THREADSWORKER_{name}"]
