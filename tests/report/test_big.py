"""A page of any size, in a real Chromium: everything can be reached, little is in the document, and texts stay texts."""

from __future__ import annotations

import base64
import json
import re
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from playwright.sync_api import Browser, Page

from mimicry_audit.report import diff, visible
from mimicry_audit.report.page import answers as answers_view
from mimicry_audit.report.page import packed
from mimicry_audit.report.page.page import MOST_BYTES, render
from tests.support.big_run import big_answers, big_scores
from tests.support.browser import Watch, opened, overflow, write
from tests.support.hostile import STRINGS
from tests.support.scores_fixture import MODELS, answers, scores

PROBES = 2000


@pytest.fixture(scope="module")
def big_html() -> str:
    return render(big_scores(30, PROBES), big_answers(30, PROBES))


@pytest.fixture(scope="module")
def big_file(big_html: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("big") / "report.html"
    path.write_text(big_html, encoding="utf-8")
    return path


@pytest.fixture
def packing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run is a large one."""
    monkeypatch.setattr(answers_view, "BUDGET", 0)
    monkeypatch.setattr(answers_view, "PART", 40_000)


def unpacked(html: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    coded = re.search(r'<template id="answers-block">([A-Za-z0-9+/=]+)</template>', html)
    assert coded
    index, *lines = map(json.loads, zlib.decompress(base64.b64decode(coded[1])).decode("utf-8").splitlines())
    return index, lines


def until(page: Page, true: Callable[[], bool]) -> None:
    """Waits for something that a busy machine may take long over; the page's policy forbids waiting by script."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it never came about"
        page.wait_for_timeout(20)


def long_list(page: Page) -> Page:
    page.evaluate("document.getElementById('answers').scrollIntoView({behavior: 'instant'})")
    page.wait_for_selector(".slot", timeout=60_000)
    return page


def count(page: Page) -> str:
    return page.locator("#count").inner_text()


def scroll(page: Page, top: str) -> None:
    page.evaluate(f"window.scrollTo({{top: {top}, behavior: 'instant'}})")
    page.evaluate("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(go, 20))))")


# -- what is in the file --


def test_thirty_models_and_two_thousand_probes_weigh_at_most_ten_megabytes(big_html: str) -> None:
    assert len(big_html.encode("utf-8")) <= MOST_BYTES
    index, lines = unpacked(big_html)
    assert len(index["probes"]) == len(lines) == PROBES
    assert 6 <= len(index["texts"]) < 30
    assert index["texts"][:2] == [0, 1], "the reference and the model that was found to be distilled"
    assert all(len(line["answers"]) == 30 for line in lines)
    assert all(cell.get("text") or cell.get("status") for line in lines for cell in line["answers"][:6])
    assert all("text" not in line["answers"][29] for line in lines)
    assert index["files"][29] == "responses/m29.jsonl"
    assert 20 < big_html.count('<details class="probe"') < 200, "a part of them can be read without a script"


def test_the_least_that_matters_is_left_out_first() -> None:
    given = big_answers(8, 24, 1500)
    for probe in given:
        for samples in probe["answers"].values():
            samples[0]["reasoning"] = samples[0]["text"] * 3
    view = answers_view.build(given, [f"m{at:02}" for at in range(8)], frozenset(["m01"]))
    sizes = [20_000_000, 200_000, 120_000, 40_000, 16_000, 6_000]
    made = [packed.block(given, view, room) for room in sizes]
    assert all(len(block) <= room for block, room in zip(made, sizes, strict=True))
    found = [unpacked(block) for block in made]
    assert "reasoning" in found[0][1][0]["answers"][0]
    assert not found[0][0]["bare"]
    assert found[1][0]["bare"]
    assert "reasoning" not in found[1][1][0]["answers"][0]
    kept = [sum(len(cell.get("text", "")) for line in lines for cell in line["answers"]) for _, lines in found]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > kept[-1]
    assert all(len(index["probes"]) == 24 for index, _ in found), "no probe is left out"
    assert packed.block(given, view, 1_000) == ""


def test_coded_texts_lose_nothing_and_cannot_be_forged() -> None:
    for text in [*STRINGS.values(), "\x7f\x80U+202E\x81name\x82 \x7f"]:
        coded = visible.coded(text)
        assert len(re.findall(r"\x80[^\x81]*\x81[^\x82]*\x82", coded)) == coded.count(visible.HIDDEN)
        assert diff.OWN not in coded
        plain = re.sub(r"\x80[^\x82]*\x82", "", coded)
        assert plain == "".join(piece.text for piece in visible.pieces(text) if piece.name is None)
        spans = diff.spans("an answer <b> of words", f"an answer {text} of words")
        assert diff.coded(spans).count(diff.OWN) % 2 == 0
        assert diff.coded(spans).replace(diff.OWN, "").replace(" ×", "") != ""
    assert diff.coded(diff.spans("a b", "a x b")) == "a \x7fx\x7f b"


# -- what a reader without a script has --


def test_a_part_is_readable_without_javascript(browser: Browser, big_file: Path) -> None:
    page, _ = opened(browser, big_file, script=False)
    shown = page.locator(".probe").count()
    assert f"Shown here: {shown} of 2,000 probes" in page.locator("#part-note").inner_text()
    card = page.locator(".probe").first
    card.locator("> summary").click()
    assert card.locator(".ans").count() == answers_view.MOST_PLAIN
    assert card.locator(".ans .text").first.is_visible()
    assert "need JavaScript" in page.locator("#answers noscript").inner_text()
    page.context.close()


# -- what the long list does --


def test_everything_is_reached_while_little_is_in_the_document(browser: Browser, big_file: Path) -> None:
    page, watch = opened(browser, big_file)
    elements = "document.querySelectorAll('*').length"
    before = int(page.evaluate(elements))
    long_list(page)
    assert count(page) == "2,000 of 2,000 probes shown"
    assert page.evaluate("document.getElementById('answers-block')") is None
    most = 0
    for share in (0, 0.1, 0.35, 0.6, 0.9):
        scroll(
            page,
            f"document.getElementById('cards').offsetTop + {share} * document.getElementById('cards').offsetHeight",
        )
        seen = page.locator(".slot").evaluate_all(
            "found => found.filter((one) => { const box = one.getBoundingClientRect();"
            " return box.bottom > 0 && box.top < innerHeight; }).map((one) => Number(one.ariaPosInSet))"
        )
        assert len(seen) > 5
        assert seen == list(range(seen[0], seen[0] + len(seen))), "no gap"
        assert abs(seen[0] - share * PROBES) < 30
        most = max(most, page.locator(".slot").count())
        assert int(page.evaluate(elements)) < before
    assert most < 60
    last = page.locator(".slot[aria-posinset='2000']")
    scroll(page, "document.getElementById('cards').offsetTop + document.getElementById('cards').offsetHeight - 500")
    assert last.locator("summary").inner_text().startswith("Question 1999:")
    assert last.get_attribute("aria-setsize") == "2000"
    page.click("#b-open")
    until(page, lambda: page.locator(".probe[open]").count() > 0)
    assert page.locator(".slot").count() < 60, "all are open, but few are in the document"
    assert page.evaluate("document.getElementById('cards').offsetHeight") > 1_000_000
    page.click("#b-shut")
    assert watch == Watch()
    page.context.close()


def test_filters_search_and_sort_see_every_probe(browser: Browser, big_file: Path) -> None:
    page, watch = opened(browser, big_file, hash_="#answers?text=QUESTION+1987:&open=1988")
    page.wait_for_selector(".slot", timeout=60_000)
    until(page, lambda: count(page) == "1 of 2,000 probes shown")
    assert page.locator("#probe-1988").get_attribute("open") is not None
    assert page.locator("#probe-1988 > .cols .ans").count() >= 6
    page.fill("#f-text", "")
    until(page, lambda: count(page) == "2,000 of 2,000 probes shown")
    page.select_option("#f-domain", "writing")
    until(page, lambda: count(page) == "500 of 2,000 probes shown")
    page.select_option("#f-set", "more")
    until(page, lambda: count(page) == "250 of 2,000 probes shown")
    page.select_option("#f-model", "m29")
    page.select_option("#f-sort", "least")
    page.fill("#f-from", "0.5")
    page.locator("#f-from").blur()
    until(page, lambda: "from=0.5" in page.url)
    shown = int(count(page).split()[0])
    assert 80 < shown < 170
    near = page.locator(".slot .boxes").all_inner_texts()
    assert near == sorted(near)
    assert float(near[0]) >= 0.5
    page.locator(".slot summary").first.click()
    article = page.locator(".probe[open] .ans")
    assert article.locator("h4").all_inner_texts() == ["m00", "m29"]
    assert article.nth(1).locator("a").get_attribute("href") == "responses/m29.jsonl"
    until(page, lambda: "open=" in page.url)
    again, seen = opened(browser, big_file, hash_=page.url.partition("html")[2])
    again.wait_for_selector(".slot .probe[open]", timeout=60_000)
    assert count(again) == f"{shown} of 2,000 probes shown"
    for name in ("domain", "set", "model", "sort", "from"):
        assert again.input_value(f"#f-{name}") == page.input_value(f"#f-{name}")
    assert again.locator(".probe[open]").get_attribute("id") == page.locator(".probe[open]").get_attribute("id")
    assert again.locator(".probe[open]").bounding_box()["y"] < 900, "the open card is in the window"
    assert watch == seen == Watch()
    page.context.close()
    again.context.close()


def test_back_leaves_the_list_and_comes_back_to_the_same_view(browser: Browser, big_file: Path) -> None:
    page, watch = opened(browser, big_file)
    page.click("nav.bar a[href='#glance']")
    page.select_option("#f-domain", "math")
    until(page, lambda: page.url.endswith("#answers?domain=math"))
    page.click("nav.bar a[href='#method']")
    page.go_back()
    until(page, lambda: page.url.endswith("#answers?domain=math"))
    assert page.input_value("#f-domain") == "math"
    assert count(page) == "500 of 2,000 probes shown"
    page.go_back()
    assert "#" not in page.url, "filtering left one entry, not many"
    assert watch == Watch()
    page.context.close()


def test_what_is_below_the_list_does_not_move_when_it_is_unpacked(browser: Browser, big_file: Path) -> None:
    page, _ = opened(browser, big_file)
    before = page.evaluate("document.getElementById('method').offsetTop")
    long_list(page)
    page.wait_for_timeout(100)
    after = page.evaluate("document.getElementById('method').offsetTop")
    assert abs(after - before) < 200
    page.context.close()


@pytest.mark.usefixtures("packing")
def test_keyboard_reaches_every_card_and_keeps_the_focus(browser: Browser, tmp_path: Path) -> None:
    page, watch = opened(browser, write(tmp_path / "report.html", scores(), answers(40)))
    long_list(page)
    assert count(page) == "120 of 120 probes shown"
    reached = []
    for _ in range(120):
        page.keyboard.press("j")
        reached.append(page.evaluate("document.activeElement.closest('.slot').ariaPosInSet"))
    assert reached == [str(at) for at in range(1, 121)]
    box = page.locator(":focus").bounding_box()
    assert box is not None
    assert 0 < box["y"] < 900
    page.keyboard.press("o")
    assert page.locator("#probe-120").get_attribute("open") is not None
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.closest('.probe').id") == "probe-119"
    page.keyboard.press("Enter")
    assert page.locator("#probe-119").get_attribute("open") is not None
    scroll(page, "0")
    assert page.evaluate("document.activeElement.closest('.probe').id") == "probe-119", "out of sight, not lost"
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('.probe').id") == "probe-120"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "f-text"
    assert watch == Watch()
    page.context.close()


@pytest.mark.usefixtures("packing")
def test_opening_a_card_moves_nothing_above_it(browser: Browser, tmp_path: Path) -> None:
    page, _ = opened(browser, write(tmp_path / "report.html", scores(), answers(60)))
    long_list(page)
    scroll(page, "document.getElementById('probe-1').getBoundingClientRect().top + scrollY + 40 * 58")
    held = page.evaluate(
        "[...document.querySelectorAll('.probe')].find((one) => one.getBoundingClientRect().top > 100).id"
    )
    place = f"document.getElementById('{held}').getBoundingClientRect().top"
    before = page.evaluate(place)
    page.locator(f"#{held} > summary").click()
    page.wait_for_timeout(100)
    assert abs(page.evaluate(place) - before) < 1
    following = page.evaluate(
        f"document.getElementById('{held}').parentElement.nextSibling.getBoundingClientRect().top"
    )
    height = page.evaluate(f"document.getElementById('{held}').parentElement.getBoundingClientRect().bottom")
    assert abs(following - height) < 1, "the next card begins where this one ends"
    page.context.close()


@pytest.mark.usefixtures("packing")
def test_cards_of_the_list_say_what_plain_cards_say(browser: Browser, tmp_path: Path) -> None:
    given = answers(6)
    given[0]["answers"]["boro"][0]["text"] = "word " * 5000
    given[1]["answers"]["twin"].append({**given[1]["answers"]["twin"][0], "sample": 1, "text": "another\u202e one"})
    path = write(tmp_path / "report.html", scores(), given)
    bare, _ = opened(browser, path, script=False)
    full, _ = opened(browser, path)
    long_list(full)
    full.click("#b-open")
    numbers = [one.removeprefix("probe-") for one in bare.locator(".probe").evaluate_all("c => c.map((one) => one.id)")]
    assert len(numbers) > 2
    script = (
        "card => [card.textContent.replace(/in responses.*?jsonl/g, 'in the journal').replace(/\\s+/g, ' ').trim(),"
        " ...[...card.querySelectorAll('mark, .ctl, .yes, .no, .status')].map((one) => one.className + one.textContent)]"
    )
    for number in numbers:
        card = full.locator(f"#probe-{number}")
        until(full, lambda card=card: card.count() or scroll(full, "scrollY + 600") is not None)
        want = bare.locator(f"#probe-{number}").evaluate(script)
        got = card.evaluate(script)
        assert [re.sub(r"\s", "", one) for one in got] == [re.sub(r"\s", "", one) for one in want]
    bare.context.close()
    full.context.close()


@pytest.mark.usefixtures("packing")
def test_hostile_texts_of_the_block_stay_text(browser: Browser, tmp_path: Path) -> None:
    given = answers(len(STRINGS) // 3 + 1)
    for probe, text in zip(given, STRINGS.values(), strict=False):
        for key in ("probe_id", "domain", "set", "prompt", "expected"):
            probe[key] = f"{probe[key]}{text}"
        for samples in probe["answers"].values():
            samples[0] |= {"status": f"ok{text}", "text": f"{samples[0]['text']} {text}", "reasoning": text}
        probe["answers"]["boro"].append({**probe["answers"]["boro"][0], "sample": 1})
    path = write(tmp_path / "report.html", scores(), given)
    page, watch = opened(browser, path, width=390)
    long_list(page)
    page.click("#b-open")
    at, end, seen = 0, 1, set()
    while at < end:
        scroll(page, str(at))
        page.evaluate("document.querySelectorAll('#cards details').forEach((one) => { one.open = true; })")
        seen |= set(page.locator(".probe[open]").evaluate_all("found => found.map((one) => one.id)"))
        assert overflow(page) <= 0
        at, end = at + 1600, int(page.evaluate("document.documentElement.scrollHeight"))
    assert len(seen) == len(given)
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("({}).pwned") is None
    assert page.locator("script").count() == 1
    assert page.locator("img, iframe, object, embed, base, math, #cards svg").count() == 0
    links = page.locator("#cards a").evaluate_all("found => found.map((one) => one.getAttribute('href'))")
    assert all(re.fullmatch(r"responses/[\w%.-]+\.jsonl", link) for link in links)
    assert watch == Watch()
    page.context.close()


@pytest.mark.usefixtures("packing")
def test_labels_cannot_become_other_links(tmp_path: Path) -> None:
    data, given = scores(), answers(3)
    text = 'javascript:alert(1)//"><script>\ud800/../..'
    for model in data["models"]:
        model["label"] += text
    for probe in given:
        probe["answers"] = {label + text: samples for label, samples in probe["answers"].items()}
    data["pairs"], data["verdicts"] = [], []
    index, _ = unpacked(render(data, given))
    assert len(index["files"]) == len(MODELS)
    assert all(re.fullmatch(r"responses/[\w%.-]+\.jsonl", link) for link in index["files"])


@pytest.mark.usefixtures("packing")
def test_only_open_cards_are_printed(browser: Browser, tmp_path: Path) -> None:
    given = answers(40)
    for at, probe in enumerate(given):
        probe["answers"]["aria"][0]["text"] = f"printed{at}x"
    data = scores()
    for verdict in data["verdicts"]:
        verdict["where"] = None  # which quotes answers of its own
    page, _ = opened(browser, write(tmp_path / "report.html", data, given), hash_="#answers?open=3.100")
    page.wait_for_selector(".slot", timeout=60_000)
    pdf = pypdfium2.PdfDocument(page.pdf())
    text = "".join(sheet.get_textpage().get_text_bounded() for sheet in pdf)
    assert re.findall(r"printed\d+x", text) == ["printed2x", "printed99x"]
    assert len(pdf) < 40
    pdf.close()
    until(page, lambda: page.locator(".slot").count() > 5)
    page.context.close()


@pytest.mark.usefixtures("packing")
def test_a_block_that_cannot_be_read_leaves_the_plain_cards(browser: Browser, tmp_path: Path) -> None:
    path = write(tmp_path / "report.html", scores(), answers(40))
    html = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'(answers-block">.{200})', r"\1AAAA", html), encoding="utf-8")
    page, _ = opened(browser, path)
    plain = page.locator(".probe").count()
    page.evaluate("document.getElementById('answers').scrollIntoView({behavior: 'instant'})")
    until(page, lambda: "could not be read" in count(page))
    assert page.locator(".probe").count() == plain > 0
    page.select_option("#f-domain", "math")
    until(page, lambda: "probes shown (120 in all)" in count(page))
    page.context.close()
