"""The report on paper: Chromium's PDF, read again by another program, holds every verdict and cuts nothing off."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from playwright.sync_api import Browser

from tests.support.browser import Watch, opened, overflow, write
from tests.support.full_page import everything

PAPER = {"A4": (595, 842), "Letter": (612, 792)}
"""Width and height in points."""


@pytest.fixture(scope="module")
def run() -> Any:
    return everything()


@pytest.fixture(scope="module")
def report_file(tmp_path_factory: pytest.TempPathFactory, run: Any) -> Path:
    return write(tmp_path_factory.mktemp("report") / "report.html", *run)


def printed(browser: Browser, report_file: Path, paper: str, **context: Any) -> pypdfium2.PdfDocument:
    page, watch = opened(browser, report_file, **context)
    page.locator("#probe-1").evaluate("card => { card.open = true; }")
    made = page.pdf(format=paper)
    assert watch == Watch()
    page.context.close()
    return pypdfium2.PdfDocument(made)


def words(document: pypdfium2.PdfDocument) -> list[str]:
    """The text of each page, on one line."""
    return [" ".join(page.get_textpage().get_text_range().split()) for page in document]


@pytest.mark.parametrize("paper", PAPER)
def test_the_paper_holds_the_headline_every_verdict_and_how_it_was_done(
    browser: Browser, report_file: Path, run: Any, paper: str
) -> None:
    data, given = run
    document = printed(browser, report_file, paper)
    pages = words(document)
    text = " ".join(pages)
    assert 8 <= len(pages) <= 20
    assert all(
        abs(got - want) < 2 for page in document for got, want in zip(page.get_size(), PAPER[paper], strict=True)
    )
    assert "aria-student shows strong evidence of distillation from aria." in pages[0]
    for verdict in data["verdicts"]:
        assert verdict["verdict"] in text
        for sentence in (verdict["summary"], *verdict["reasons"], *verdict["would_change"]):
            assert sentence in text
    # A long line is broken anywhere; the paper may show the break as a space.
    assert data["signature"].replace(" ", "") in text.replace(" ", "")
    for sentence in (*data["limits"], *data["warnings"], given[0]["answers"]["boro"][0]["text"]):
        assert sentence in text
    assert "Open all shown" not in text
    for at, page in enumerate(pages, 1):
        assert f"{at} / {len(pages)}" in page
        assert "evidence, not proof" in page


def test_no_page_ends_with_a_heading_or_is_nearly_empty(browser: Browser, report_file: Path) -> None:
    pages = words(printed(browser, report_file, "A4"))
    headings = (
        "Verdicts",
        "At a glance",
        "Evidence",
        "Who each model says it is",
        "The answers side by side",
        "How it was done",
    )
    for at, page in enumerate(pages):
        body = re.sub(r"Mimicry audit: evidence, not proof|\d+ / \d+", "", page).strip()
        assert not body.endswith(headings), f"page {at + 1} ends with a heading"
        assert at == len(pages) - 1 or len(body) > 300, f"page {at + 1} is nearly empty: {body}"


def test_paper_is_white_also_for_a_dark_screen(browser: Browser, report_file: Path) -> None:
    document = printed(browser, report_file, "A4", color_scheme="dark")
    for page in document:
        shades = page.render(scale=0.5, grayscale=True).to_numpy()
        assert np.median(shades) == 255, "most of it is paper"
        assert shades.min() < 140, "and what is printed can be seen"


@pytest.mark.parametrize("width", [680, 703], ids=["A4", "Letter"])
def test_nothing_is_wider_than_the_paper(browser: Browser, report_file: Path, width: int) -> None:
    page, _ = opened(browser, report_file, width=width)
    page.emulate_media(media="print")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert overflow(page) <= 0
    cut = """() => [...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().width > 0
      && one.getBoundingClientRect().right > innerWidth + 3).map((one) => one.outerHTML.slice(0, 90))"""
    assert page.evaluate(cut) == []
    page.context.close()
