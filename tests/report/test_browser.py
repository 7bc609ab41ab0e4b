"""The page in a real Chromium: it can be read and used, with a script and without one."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import Watch, opened, overflow, write
from tests.support.scores_fixture import answers, scores


@pytest.fixture(scope="module")
def report_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("report") / "report.html", scores(), answers(20))


def visible_cards(page: Page) -> int:
    return page.locator(".probe:not([hidden])").count()


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


def test_the_table_of_all_pairs_is_sorted_by_its_heads(browser: Browser, report_file: Path) -> None:
    page, watch = opened(browser, report_file)
    names = "[...document.querySelectorAll('#overview tbody th')].map((one) => one.textContent.trim())"
    values = "[...document.querySelectorAll('#overview tbody tr')].map((row) => Number(row.cells[2].dataset.value))"
    as_judged = page.evaluate(names)
    assert len(as_judged) == page.locator("details.verdict").count()
    similarity = page.locator("#overview thead th", has_text="Similarity").first
    similarity.get_by_role("button").click()
    assert similarity.get_attribute("aria-sort") == "descending"
    assert page.evaluate(values) == sorted(page.evaluate(values), reverse=True)
    similarity.get_by_role("button").press("Enter")
    assert similarity.get_attribute("aria-sort") == "ascending"
    assert page.evaluate(values) == sorted(page.evaluate(values))
    page.locator("#overview thead th", has_text="Verdict").get_by_role("button").click()
    assert page.evaluate(names) == as_judged
    page.locator("#overview tbody a").first.click()
    assert page.evaluate("location.hash") == "#verdict-aria-student-against-aria"
    assert watch.complaints == []


def test_a_link_opens_what_it_points_at(browser: Browser, report_file: Path) -> None:
    page, watch = opened(browser, report_file)
    closed = page.locator("#evidence details.proof:not([open])").first
    name = closed.get_attribute("id")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = false; })")
    page.evaluate("id => { location.hash = id; }", name)
    page.wait_for_function("id => document.getElementById(id).open", arg=name)
    assert page.locator(f"#{name} table").first.is_visible()
    assert watch == Watch()
    page.context.close()


def test_the_line_to_quote_can_be_copied(browser: Browser, report_file: Path) -> None:
    page, watch = opened(browser, report_file)
    page.evaluate("navigator.clipboard.writeText = (text) => { window.taken = text; return Promise.resolve(); }")
    page.locator(".signature + .copy").first.click()
    page.wait_for_function("window.taken")
    assert page.evaluate("window.taken") == scores()["signature"]
    assert page.locator(".copy").first.inner_text() == "Copied"
    assert watch == Watch()
    page.context.close()


def test_escape_leaves_the_search_and_keeps_it(browser: Browser, report_file: Path) -> None:
    page, watch = opened(browser, report_file)
    page.locator("body").press("/")
    page.keyboard.type("seventeen")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") != "f-text"
    assert page.locator("#f-text").input_value() == "seventeen"
    assert watch == Watch()
    page.context.close()


def test_what_is_shared_can_be_marked_instead(browser: Browser, report_file: Path) -> None:
    page, watch = opened(browser, report_file)
    page.locator("#probe-1 > summary").click()
    marked = page.locator("#probe-1 .ans:not(.ref) mark").first
    colour = "one => getComputedStyle(one).backgroundColor"
    before = marked.evaluate(colour)
    page.locator("#f-shared").check()
    assert marked.evaluate(colour) != before
    page.locator("#f-shared").uncheck()
    assert marked.evaluate(colour) == before
    assert watch == Watch()
    page.context.close()
