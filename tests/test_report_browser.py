"""The page in a real Chromium: hostile text stays text, nothing leaves, and it can be read and used."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from mimicry_audit.report.page import render
from mimicry_audit.runs import write_text
from tests.support.hostile import STRINGS
from tests.support.scores_fixture import answers, hostile, scores

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
    write_text(path, render(scores, answers))
    return path


@pytest.fixture(scope="module")
def report_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("report") / "report.html", scores(), answers(20))


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


def opened(browser: Browser, path: Path, width: int = 1280, script: bool = True, hash_: str = "") -> tuple[Page, Watch]:
    context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=script)
    page = context.new_page()
    watch = Watch()
    watch.on(page, path.as_uri())
    page.goto(path.as_uri() + hash_)
    return page, watch


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def visible_cards(page: Page) -> int:
    return page.locator(".probe:not([hidden])").count()


@pytest.mark.parametrize("name", STRINGS)
def test_hostile_text_in_every_field_stays_text(browser: Browser, tmp_path: Path, name: str) -> None:
    text = STRINGS[name]
    path = write(tmp_path / "report.html", hostile(scores(), text), hostile(answers(2), text))
    page, watch = opened(browser, path, width=390)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.keyboard.press("Tab")
    page.evaluate("document.querySelectorAll('*').forEach((one) => one.dispatchEvent(new Event('mouseover')))")
    page.wait_for_timeout(30)
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("({}).pwned") is None
    assert watch == Watch()
    assert page.url.startswith(path.as_uri())
    assert overflow(page) <= 0
    assert page.locator("script").count() == 1
    assert page.locator("style").count() == 1
    assert page.locator("img, iframe, object, embed, base, math").count() == 0
    assert page.evaluate("document.querySelectorAll('form').length") == 1
    assert page.evaluate(
        "[...document.querySelectorAll('*')].every((e) => [...e.attributes].every((a) => !/^on/i.test(a.name)))"
    )
    assert page.locator("#limits dl").count() == 2, "the page is whole to its end"
    page.context.close()


def test_hostile_words_in_fixed_fields_stay_text(browser: Browser, tmp_path: Path) -> None:
    text = STRINGS["quote-attribute"] + STRINGS["close-script"]
    data, given = scores(), answers(2)
    for verdict in data["verdicts"]:
        verdict["verdict"] += text
        verdict["confidence"] += text
    for model in data["models"]:
        model["role"] += text
        model["statuses"] = {f"ok{text}": 3}
    for probe in given:
        for samples in probe["answers"].values():
            samples[0]["status"] += text
    page, watch = opened(browser, write(tmp_path / "report.html", data, given))
    assert page.evaluate("window.pwned") is None
    assert watch == Watch()
    page.context.close()


def test_hidden_characters_are_shown(browser: Browser, tmp_path: Path) -> None:
    given = answers(1)
    given[0]["answers"]["aria"][0]["text"] = "safe\u202etxt.exe \x00 \ud800"
    page, _ = opened(browser, write(tmp_path / "report.html", scores(), given))
    shown = page.locator("#probe-1 .ans.ref .ctl").all_inner_texts()
    page.locator("#probe-1 > summary").click()
    assert page.locator("#probe-1 .ans.ref .ctl").all_inner_texts() == ["U+202E", "U+0000", "U+D800"], shown
    page.context.close()


@pytest.mark.parametrize("width", [1440, 768, 390, 320])
def test_no_sideways_scrolling(browser: Browser, report_file: Path, width: int) -> None:
    page, watch = opened(browser, report_file, width=width)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert overflow(page) <= 0
    assert watch == Watch()
    page.context.close()


def test_reads_without_javascript(browser: Browser, report_file: Path) -> None:
    page, _ = opened(browser, report_file, script=False)
    assert page.locator("#controls").is_hidden()
    assert "aria-student shows strong evidence of distillation from aria" in page.locator(".answer").inner_text()
    assert page.locator("#verdicts .verdict").first.locator(".why li").first.is_visible()
    assert page.locator("#glance svg.heat").count() == 2
    card = page.locator("#probe-1")
    assert card.locator(".ans").first.is_hidden()
    card.locator("> summary").click()
    assert card.locator(".ans").count() == 6
    assert card.locator(".ans").first.is_visible()
    assert "need JavaScript" in page.locator("#answers").inner_text()
    page.context.close()


def test_filters_sort_and_keep_their_state_in_the_address(browser: Browser, report_file: Path) -> None:
    page, watch = opened(browser, report_file)
    assert visible_cards(page) == 60
    page.select_option("#f-domain", "math")
    assert visible_cards(page) == 20
    assert page.url.endswith("#answers?domain=math")
    page.select_option("#f-model", "aria-student")
    page.select_option("#f-sort", "most")
    near = page.eval_on_selector_all(
        ".probe:not([hidden])", "cards => cards.map((card) => Number(card.dataset.near.split('|')[1]))"
    )
    assert near == sorted(near, reverse=True)
    page.fill("#f-text", "CRATE HOLDS 3")
    page.wait_for_timeout(300)
    shown = visible_cards(page)
    assert 0 < shown < 20
    assert page.locator("#count").inner_text() == f"{shown} of 60 probes shown"
    again, _ = opened(browser, report_file, hash_=page.url.partition("html")[2])
    assert visible_cards(again) == shown
    assert again.input_value("#f-text") == "CRATE HOLDS 3"
    assert again.input_value("#f-sort") == "most"
    page.click("#b-reset")
    page.wait_for_timeout(50)
    assert visible_cards(page) == 60
    page.select_option("#f-status", "empty")
    assert page.locator(".probe:not([hidden])[data-status~=empty]").count() == visible_cards(page) > 0
    page.select_option("#f-status", "")
    page.select_option("#f-agree", "wrong")
    assert 0 < visible_cards(page) < 60
    assert watch == Watch()
    page.context.close()
    again.context.close()


def test_a_made_up_address_changes_nothing(browser: Browser, report_file: Path) -> None:
    page, watch = opened(browser, report_file, hash_="#answers?domain=<img src=x onerror=window.pwned=1>&sort=most-99")
    assert visible_cards(page) == 60
    assert page.input_value("#f-domain") == ""
    assert watch == Watch()
    page.context.close()


def test_keyboard_reaches_and_opens_answers(browser: Browser, report_file: Path) -> None:
    page, _ = opened(browser, report_file)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "f-text"
    page.locator("#probe-1 > summary").focus()
    page.keyboard.press("j")
    page.keyboard.press("o")
    assert page.evaluate("document.getElementById('probe-2').open")
    page.click("#b-open")
    assert page.locator(".probe[open]").count() == 60
    page.click("#b-shut")
    assert page.locator(".probe[open]").count() == 0
    page.context.close()


def test_prints_every_verdict_and_no_controls(browser: Browser, report_file: Path, tmp_path: Path) -> None:
    page, _ = opened(browser, report_file)
    page.emulate_media(media="print")
    assert page.locator(".bar").is_hidden()
    assert page.locator("#controls").is_hidden()
    assert all(page.locator(".verdict .why").nth(at).is_visible() for at in range(5))
    assert page.pdf(path=tmp_path / "page.pdf").startswith(b"%PDF")
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(browser: Browser, report_file: Path, scheme: str) -> None:
    page, _ = opened(browser, report_file)
    page.emulate_media(color_scheme=scheme)
    pairs = [
        ("--ink", "--bg"),
        ("--muted", "--bg"),
        ("--muted", "--surface"),
        ("--muted", "--sunk"),
        ("--accent", "--bg"),
    ]
    pairs += [(f"--{hue}", f"--{hue}-soft") for hue in ("rust", "plum", "ochre", "teal", "slate", "indigo")]
    pairs += [("--ink", "--mark"), ("--ink", "--warn-soft"), ("--good", "--bg"), ("--bad", "--bg")]
    deep = {"q6", "q7", "q8", "v0", "v8"} | ({"q5", "v1", "v7"} if scheme == "dark" else set())
    for tone in [f"{ramp}{at}" for ramp in "qv" for at in range(9)]:
        pairs.append(("--on-deep" if tone in deep else "--on-pale", f"--{tone}"))
    poor = {}
    for text, ground in pairs:
        ratio = contrast(*(token(page, name) for name in (text, ground)))
        if ratio < 4.5:
            poor[text, ground] = round(ratio, 2)
    assert not poor
    page.context.close()


def token(page: Page, name: str) -> str:
    script = "name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()"
    return str(page.evaluate(script, name))


def contrast(one: str, two: str) -> float:
    def luminance(colour: str) -> float:
        digits = colour.lstrip("#")
        digits = "".join(c * 2 for c in digits) if len(digits) == 3 else digits
        channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)
