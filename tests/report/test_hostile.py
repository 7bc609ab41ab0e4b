"""Hostile text in every field of the report, in a real Chromium: it stays text, it is shown, and nothing leaves.

Two ways of looking. Chromium's parser reads one page after another with each string in every field, and all of their
elements, attributes and texts are compared with those of an honest page. Then pages in which every field has another of
the strings are opened for good, with a script and without one, and used: keys, pointer, folded parts, printing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from mimicry_audit.report import visible
from mimicry_audit.report.page.page import render
from tests.support.browser import Watch, open_all, opened, overflow, write
from tests.support.full_page import Page as Run
from tests.support.full_page import crowd, everything, scattered, tainted
from tests.support.hostile import STRINGS

LOOK = """(html) => {
  const page = html === null ? document : new DOMParser().parseFromString(html, "text/html");
  const shape = new Set(), values = new Set(), links = new Set(), ids = [], texts = [];
  for (const one of page.querySelectorAll("*")) {
    const tag = one.namespaceURI.split("/").pop() + ":" + one.localName;
    shape.add(tag);
    for (const at of one.attributes) {
      shape.add(tag + " " + at.name);
      values.add(at.value);
      if (/(href|src|srcset|action|data|ping|poster|background|cite|manifest)$/i.test(at.name)) links.add(at.value);
    }
    if (one.id) ids.push(one.id);
  }
  const walk = page.createTreeWalker(page, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_COMMENT);
  const comments = [];
  while (walk.nextNode()) {
    const node = walk.currentNode;
    if (node.nodeType === Node.COMMENT_NODE) comments.push(node.data);
    else if (!/^(script|style)$/.test(node.parentNode.localName)) texts.push(node.data);
  }
  const bare = (one) => {
    const copy = one.cloneNode(true);
    for (const sign of copy.querySelectorAll(".ctl")) {
      const [name, times] = sign.textContent.split(" ×");
      sign.replaceWith(("⟦" + name + "⟧").repeat(Number(times || 1)));
    }
    return copy.textContent;
  };
  const all = (where) => [...page.querySelectorAll(where)].map(bare);
  return {
    shape: [...shape], values: [...values], links: [...links], ids, texts: texts.join("\\n"), comments,
    scripts: [...page.scripts].map((one) => one.type), title: all("h1"), models: all("bdi"), items: all("li, dd, dt"),
    answers: all(".ask > pre"), said: all(".ans > pre"),
  };
}"""
"""What Chromium makes of a page, given as text, or null for the one that is open."""

ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
FREE = re.compile("[\ud800-\udfff\U000e0000-\U000e007f\ufdd0-\ufdef\ufffe\uffff]")

JOINING = re.compile("⟦U[+](?:200[CD]|FE0.|E01..)⟧|[\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]")

Look = dict[str, Any]


def groups(names: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """`names` in groups of `size`."""
    return [tuple(names[at : at + size]) for at in range(0, len(names), size)]


@pytest.fixture(scope="module")
def honest(browser: Browser) -> set[str]:
    """Elements and attributes of pages that nobody tampered with; with marked characters and without."""
    page = browser.new_page()
    shown = [everything(), crowd(), tainted(everything(), "\u202e")]
    found: set[str] = set().union(*(page.evaluate(LOOK, render(*run))["shape"] for run in shown))
    page.close()
    return found


def faults(found: Look, honest: set[str]) -> list[str]:
    """What no text may bring about."""
    out = [f"new in the page: {name}" for name in sorted(set(found["shape"]) - honest)]
    out += [f"a link to {link}" for link in found["links"] if not re.fullmatch(r"#[\w-]+|data:,", link)]
    out += [f"a handler: {name}" for name in found["shape"] if re.search(r" on\w+$| style$", name)]
    out += [f"a comment: {text[:40]}" for text in found["comments"]]
    out += [f"an id twice: {name}" for name in found["ids"] if found["ids"].count(name) > 1]
    for text in (found["texts"], *found["values"]):
        out += [f"hidden: {char!r} in {text[max(0, at - 20) : at + 20]!r}" for at, char in acting(text)]
    if found["scripts"].count("") != 1 or any("javascript" in kind or kind == "module" for kind in found["scripts"]):
        out.append(f"scripts: {found['scripts']}")
    return out


def acting(text: str) -> list[tuple[int, str]]:
    """Characters that would act unseen, with their places."""
    return [(match.start(), match[0]) for pattern in (ACTING, FREE) for match in pattern.finditer(text)][:3]


def missing(found: Look, run: Run) -> list[str]:
    """Texts that the page should show, letter by letter, and does not."""
    data, given = run
    shown = {key: {" ".join(text.split()) for text in found[key]} for key in ("title", "models", "items")}
    wanted = [("title", data["title"])]
    wanted += [("models", model["label"]) for model in data["models"]]
    wanted += [("items", text) for verdict in data["verdicts"] for text in verdict["reasons"]]
    wanted += [("items", text) for text in (*data["limits"], *data["warnings"], *data["versions"])]
    out = [f"{key}: {text[:60]!r}" for key, text in wanted if " ".join(visible.plain(text).split()) not in shown[key]]
    # A form feed and its like are written out; spaces and ends of lines stand as they were.
    prompts = {visible.plain(probe["prompt"]) for probe in given}
    texts = {visible.plain(s[0]["text"]) for probe in given for s in probe["answers"].values() if s and s[0]["text"]}
    out += [f"a prompt: {text[:60]!r}" for text in prompts - set(found["answers"])]
    # A joiner that stands where a mark begins or ends is written out, for it joins nothing there.
    said = {JOINING.sub("", text) for text in found["said"]}
    out += [f"an answer: {text[:60]!r}" for text in {JOINING.sub("", text) for text in texts} - said]
    return out


def test_the_corpus_is_large_and_each_string_its_own() -> None:
    assert len(STRINGS) >= 130
    assert len(set(STRINGS.values())) == len(STRINGS)


@pytest.mark.parametrize("names", groups(list(STRINGS), 23), ids=lambda names: names[0])
def test_every_string_in_every_field_is_shown_as_text(
    browser: Browser, honest: set[str], names: tuple[str, ...]
) -> None:
    page = browser.new_page()
    wrong = {}
    for few in groups(names, 6):
        run = tainted(everything(1), " ".join(STRINGS[name] for name in few))
        found = page.evaluate(LOOK, render(*run))
        wrong[few] = faults(found, honest) + missing(found, run)
    page.close()
    assert {few: found[:5] for few, found in wrong.items() if found} == {}


def use(page: Page) -> None:
    """Whatever a reader might do, and whatever might set a handler off."""
    open_all(page)
    page.evaluate(
        """for (const one of document.querySelectorAll("*"))
             for (const what of ["mouseover", "pointerdown", "click", "focus", "toggle", "animationstart", "load", "error"])
               if (!(what === "click" && one.closest("a, button, summary"))) one.dispatchEvent(new Event(what))"""
    )
    for key in ("Tab", "Tab", "/", "Escape", "j", "o", "Tab", "Enter"):
        page.keyboard.press(key)
    for name in ("#f-domain", "#f-status", "#f-sort"):
        options = page.locator(f"{name} option").evaluate_all("found => found.map((one) => one.value)")
        page.select_option(name, options[-1])
    page.click("#b-reset")
    page.emulate_media(media="print")
    page.emulate_media(media="screen")


@pytest.mark.parametrize("shift", range(0, len(STRINGS), 23))
def test_a_page_full_of_hostile_text_can_be_used(
    browser: Browser, honest: set[str], tmp_path: Path, shift: int
) -> None:
    run = tainted(crowd() if shift % 2 else everything(), scattered(shift))
    path = write(tmp_path / "report.html", *run)
    page, watch = opened(browser, path, width=390)
    use(page)
    assert page.evaluate("[window.pwned, ({}).pwned, document.querySelectorAll('#limits dl').length]") == [
        None,
        None,
        2,
    ]
    assert watch == Watch()
    assert page.url.partition("#")[0] == path.as_uri()
    assert overflow(page) <= 0
    assert faults(page.evaluate(LOOK, None), honest | LIVE) == []
    page.context.close()


LIVE = {"xhtml:details open", "xhtml:form hidden", "xhtml:button class"}
"""What our own script changes in the page that is open: the heads of the table of all pairs become buttons."""


def test_a_page_full_of_hostile_text_is_still_without_a_script(browser: Browser, tmp_path: Path) -> None:
    path = write(tmp_path / "report.html", *tainted(everything(), scattered(7)))
    page, watch = opened(browser, path, script=False)
    for at in range(12):
        page.locator("summary").nth(at).click()
    page.keyboard.press("Tab")
    assert watch == Watch()
    assert page.url == path.as_uri()
    assert overflow(page) <= 0
    page.context.close()


def test_the_watch_sees_what_it_must(browser: Browser, honest: set[str], tmp_path: Path) -> None:
    """Were one field not escaped, each way of looking would find it."""
    for name in ("image", "close-script", "svg-onload", "meta-refresh", "form", "style-attribute"):
        broken = render(*everything(1)).replace("</h1>", f'</h1><p title="{STRINGS[name]}">{STRINGS[name]}</p>')
        page = browser.new_page()
        assert faults(page.evaluate(LOOK, broken), honest), name
        page.close()
    path = tmp_path / "report.html"
    path.write_text(render(*everything(1)).replace("</h1>", f"</h1>{STRINGS['image-remote']}"), encoding="utf-8")
    page, watch = opened(browser, path)
    assert watch.complaints, "the policy stops it and says so"
    page.context.close()
