"""The page of a training: every value in its place, every text harmless, in a real browser without a request."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from mimicry_audit.report.page.training import curves, render, series
from tests.support.browser import opened, overflow

METRICS: list[dict[str, Any]] = [
    *({"round": 0, "step": n, "loss": 8.0 / n, "rollouts": n % 2} for n in range(1, 9)),
    {"round": 0, "step": 8, "eval_loss": 1.5},
    {"round": 0, "step": 4, "rollouts": 3, "rollouts_ended": 0.5, "rollout_tokens": 12.0},
    {"round": 0, "step": 6, "loss": float("nan")},
]


def page(name: str = "pupil") -> str:
    return render(name, [("Student", name)], METRICS, ["before", "after"], [("perplexity", ["9", "<3"])], 1)


def test_the_page_has_every_line_and_every_figure() -> None:
    html = page()
    assert "training: 8.00 at first, 1.00 at last; held out: 1.50" in html
    assert html.count("<svg") == 3
    assert "Evaluation on 1 held-out prompt<" in html
    assert "&lt;3" in html
    assert series(METRICS, "loss", 0)[-1] == (8.0, 1.0), "what is no number is not drawn"
    assert series(METRICS, "loss", 1) == []
    assert curves("nothing", [("a", [])]) is None


def test_a_training_without_course_or_evaluation_is_a_page_too() -> None:
    html = render("bare", [], [], [], [], 0)
    assert "<svg" not in html
    assert "Evaluation" not in html


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a\u202eb", "x" * 300])
def test_a_name_does_no_harm(name: str) -> None:
    html = page(name)
    assert "<script" not in html
    assert "\u202e" not in html


def test_lines_stay_within_the_picture() -> None:
    picture = str(curves("up", [("a", [(0.0, 0.0), (5.0, 3.0), (10.0, 7.5)])]))
    (path,) = re.findall(r'd="M([^"]+)" class="curve c0"', picture)[:1]
    spots = [tuple(map(float, spot.split())) for spot in path.split("L")]
    assert [x for x, _ in spots] == sorted(x for x, _ in spots)
    assert [y for _, y in spots] == sorted((y for _, y in spots), reverse=True)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it_without_a_request(browser: Browser, tmp_path: Path, width: int) -> None:
    path = tmp_path / "training.html"
    path.write_text(page(), "utf-8")
    shown, watch = opened(browser, path, width)
    assert shown.locator("h1").inner_text() == "Training of pupil"
    assert shown.locator("svg").count() == 3
    assert overflow(shown) == 0
    assert not (watch.requests)
    assert not (watch.complaints)
    assert not (watch.dialogs)
    shown.context.close()
