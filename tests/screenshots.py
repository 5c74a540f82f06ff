"""
Makes the pictures of docs/flower.md again, from the running page: ``make pictures``.

A worker, a beat and Flower are started in a home of their own, beside a sandbox; a browser
opens the pages and takes the pictures.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page

from tests.acceptance.flower_scene import Scene, browser, listed, scene
from threadsworker.sandbox import Sandbox

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"


def save(page: Page, name: str) -> None:
    """One picture, small enough to be kept with the sources."""
    page.screenshot(path=PICTURES / name)


def take(seen: Scene) -> None:
    """All of them, in the order of the page."""
    with browser(seen, size=(1680, 620)) as page:
        page.goto(f"{seen.url}/tasks")
        page.locator("#tasks-table tbody tr").first.wait_for()
        save(page, "flower-tasks.png")
        listed(page, seen, "state:FAILURE")
        save(page, "flower-failed.png")
        page.get_by_role("link", name=seen.jobs["failed"][:8]).first.click()
        page.wait_for_url("**/task/**")
        page.set_viewport_size({"width": 1280, "height": 1400})
        # Down to Meta's words, which stand below the times.
        page.locator("dt", has_text="Exception").scroll_into_view_if_needed()
        page.locator(".task-details-card").screenshot(path=PICTURES / "flower-task.png")
        page.set_viewport_size({"width": 1680, "height": 620})
        listed(page, seen, seen.jobs["waiting"])
        save(page, "flower-waiting.png")


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with TemporaryDirectory() as home, Sandbox() as sandbox, scene(Path(home), sandbox) as seen:
        take(seen)


if __name__ == "__main__":
    main()
