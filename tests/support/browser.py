"""A real Chromium for the report's tests, and a watch over what a page must not do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from mimicry_audit.records.run import write_text
from mimicry_audit.report.page.page import render

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=found, args=list(FLAGS))
        yield started
        started.close()


def write(path: Path, scores: Any, answers: Any) -> Path:
    """The page of these scores and answers as a file."""
    write_text(path, render(scores, answers))
    return path


@dataclass
class Watch:
    """Everything that a page must not do."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def on(self, page: Page, own: str) -> None:
        def dismiss(dialog: Any) -> None:
            self.dialogs.append(dialog.message)
            dialog.dismiss()

        def request(sent: Any) -> None:
            if sent.url.partition("#")[0] != own and not sent.url.startswith("data:"):
                self.requests.append(sent.url)

        page.on("dialog", dismiss)
        page.on("request", request)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


def opened(
    browser: Browser, path: Path, width: int = 1280, script: bool = True, hash_: str = "", **context: Any
) -> tuple[Page, Watch]:
    """The page in a window of its own, watched; `context` are further options of a browser context."""
    made = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=script, **context)
    page = made.new_page()
    watch = Watch()
    watch.on(page, path.as_uri())
    page.goto(path.as_uri() + hash_)
    return page, watch


def open_all(page: Page) -> None:
    """Every folded part of the page unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
