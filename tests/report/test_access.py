"""The report for everybody: axe-core finds nothing, the keyboard reaches all, and it reads at any size and contrast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import Watch, open_all, opened, overflow, write
from tests.support.full_page import crowd, everything

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
UNDECIDED = {"color-contrast"}
"""Rules that may leave elements to a person's eye: text in pictures, whose contrast is tested below."""

UNSEEN = {"shortTextContent", "elmPartiallyObscured", "bgOverlap"}
"""Why axe could not see behind a text: one letter, the rest of a wide table, a cell that spans several rows."""


@pytest.fixture(scope="module")
def report_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("report") / "report.html", *everything(1))


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("large") / "report.html", *crowd())


def audit(page: Page, context: Any = None) -> dict[str, list[str]]:
    """Violations by rule, and under ``?`` the rules that decided nothing on some element."""
    # A shade under a table's edge keeps axe from seeing the ground behind the text: without it, it can tell.
    page.add_style_tag(content=".scroll { background: none !important; }")
    page.evaluate(AXE)
    options = {
        "runOnly": {"type": "tag", "values": TAGS},
        "resultTypes": ["violations", "incomplete"],
        "selectors": False,
    }
    found: dict[str, Any] = page.evaluate("([where, how]) => axe.run(where || document, how)", [context, options])
    out = {
        f"{rule['id']}: {rule['help']}": [n["html"][:160] for n in rule["nodes"][:3]] for rule in found["violations"]
    }
    out["?"] = [rule["id"] for rule in found["incomplete"] if rule["id"] not in UNDECIDED]
    out["?"] += [
        node["html"][:160]
        for rule in found["incomplete"]
        if rule["id"] == "color-contrast"
        for node in rule["nodes"]
        if not node["html"].startswith("<text") and node["any"][0]["data"]["messageKey"] not in UNSEEN
    ]
    return out


@pytest.mark.parametrize(
    ("scheme", "width", "do"),
    [("light", 1440, "open"), ("dark", 390, "open"), ("dark", 1440, "filter"), ("light", 390, "shut")],
)
def test_axe_finds_nothing(browser: Browser, report_file: Path, scheme: Any, width: int, do: str) -> None:
    page, watch = opened(browser, report_file, width=width, color_scheme=scheme, bypass_csp=True)
    if do == "open":
        open_all(page)
    if do == "filter":
        page.select_option("#f-domain", "math")
        page.fill("#f-text", "crate")
        page.locator(".probe:visible > summary").first.click()
    assert audit(page) == {"?": []}
    assert watch == Watch()
    page.context.close()


def test_axe_finds_nothing_in_a_large_run(browser: Browser, large_file: Path) -> None:
    page, _ = opened(browser, large_file, width=768, bypass_csp=True)
    same = [["#evidence"], ["#identity"], ["#likelihood"], ["#judge"], ["#teachers"], ["#method"], ["#limits"]]
    assert audit(page, {"exclude": same}) == {"?": []}, "in the parts that differ from a small run's"
    page.context.close()


CONTRAST = """() => {
  const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (colour) => {
    paint.fillStyle = colour;
    paint.fillRect(0, 0, 1, 1);
    const parts = [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3).map((one) => one / 255);
    const [r, g, b] = parts.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (one) => {
    const box = one.parentNode.querySelector(":scope > rect");
    if (box && one.classList.contains("n")) return getComputedStyle(box).fill;
    for (let at = one.closest("svg"); at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0[)]$/.test(colour)) return colour;
    }
    return "Canvas";
  };
  const poor = new Set();
  let seen = 0;
  for (const one of document.querySelectorAll("svg text")) {
    const [a, b] = [light(getComputedStyle(one).fill), light(ground(one))].sort((x, y) => y - x);
    seen += 1;
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.add(one.getAttribute("class") + " " + one.textContent);
  }
  return [seen, [...poor]];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_and_numbers_in_pictures_have_contrast(browser: Browser, report_file: Path, scheme: Any) -> None:
    page, _ = opened(browser, report_file, color_scheme=scheme)
    seen, poor = page.evaluate(CONTRAST)
    assert seen > 100
    assert poor == []
    page.context.close()


CONTROLS = "a[href], button, input, select, summary, [tabindex='0']"
HERE = """(controls) => {
  const one = document.activeElement, all = [...document.querySelectorAll(controls)];
  if (one === document.body) return null;
  const bar = document.querySelector(".bar"), box = one.getBoundingClientRect(), look = getComputedStyle(one);
  const covered = !one.closest(".bar, .skip") && box.top < bar.getBoundingClientRect().bottom - 1 && box.height < 500;
  return {
    at: all.indexOf(one), name: one.outerHTML.slice(0, 90), covered,
    seen: look.outlineStyle !== "none" && parseFloat(look.outlineWidth) >= 2 && box.bottom > 0 && box.top < innerHeight,
  };
}"""


def walk(page: Page, key: str) -> list[dict[str, Any]]:
    """What has the focus after each press of `key`, from one end of the page to the other."""
    out: list[dict[str, Any]] = []
    for _ in range(400):
        page.keyboard.press(key)
        found = page.evaluate(HERE, CONTROLS)
        if found is None:
            return out
        out.append(found)
    raise AssertionError("the focus never leaves the page")


def test_the_keyboard_alone_reaches_everything(browser: Browser, report_file: Path) -> None:
    page, _ = opened(browser, report_file, reduced_motion="reduce")
    open_all(page)
    wanted = page.evaluate(
        "where => [...document.querySelectorAll(where)].map((one, at) => one.checkVisibility() ? at : -1)", CONTROLS
    )
    wanted = [at for at in wanted if at >= 0]
    down = walk(page, "Tab")
    assert [step["at"] for step in down] == wanted, "in the order of the page, each once, and out at the end"
    assert [step["name"] for step in down if not step["seen"]] == []
    page.keyboard.press("Tab")  # round again to the first
    page.locator("footer").click()
    page.evaluate("document.activeElement.blur(); getSelection().collapse(document.querySelector('footer'), 1)")
    up = walk(page, "Shift+Tab")
    assert [step["at"] for step in up] == wanted[::-1]
    assert [step["name"] for step in down + up if step["covered"]] == [], "nothing in focus is under the bar"
    page.context.close()


def test_parts_fold_and_unfold_and_the_skip_link_skips(browser: Browser, report_file: Path) -> None:
    page, _ = opened(browser, report_file)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#verdicts') !== null")
    for where in (".verdict", ".twin", ".proof", ".said", ".probe"):
        part = page.locator(f"{where}:not([open])").first.element_handle()
        assert part is not None
        summary = part.query_selector("summary")
        assert summary is not None
        for key in ("Enter", "Space"):
            summary.focus()
            before = part.evaluate("one => one.open")
            page.keyboard.press(key)
            assert part.evaluate("one => one.open") is not before
    page.context.close()


def test_wide_tables_scroll_with_the_keyboard(browser: Browser, report_file: Path) -> None:
    page, _ = opened(browser, report_file, width=390)
    open_all(page)
    # Wherever something is wider than its place, the arrow keys can move it.
    stuck = """() => [...document.querySelectorAll("main *")].filter((one) => one.scrollWidth > one.clientWidth + 1
      && /auto|scroll/.test(getComputedStyle(one).overflowX) && one.tabIndex < 0).map((one) => one.outerHTML.slice(0, 90))"""
    assert page.evaluate(stuck) == []
    table = page.locator(".scroll:has(.models)")
    table.focus()
    for _ in range(20):  # a key pressed while the page is still being laid out moves nothing
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(100)
        if page.evaluate("document.querySelector('.scroll:has(.models)').scrollLeft") > 0:
            break
    assert page.evaluate("document.querySelector('.scroll:has(.models)').scrollLeft") > 0
    page.context.close()


BEYOND = """() => {
  const width = document.documentElement.clientWidth;
  return [...document.querySelectorAll("body *")].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.width > 0 && !one.closest(".scroll, .bar, .vh, .skip") && (box.right > width + 1 || box.left < -1);
  }).map((one) => one.outerHTML.slice(0, 90));
}"""
SPACED = "* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }"
SPACED += "p { margin-bottom: 2em !important; }"


@pytest.mark.parametrize(
    ("width", "scale", "style"),
    [(640, 2.0, ""), (320, 4.0, ""), (320, 1.0, SPACED), (1280, 1.0, SPACED), (640, 1.0, "html { font-size: 200%; }")],
    ids=["zoomed-200%", "zoomed-400%", "spaced-narrow", "spaced-wide", "large-letters"],
)
def test_nothing_is_lost_when_it_is_made_larger(
    browser: Browser, report_file: Path, width: int, scale: float, style: str
) -> None:
    page, _ = opened(browser, report_file, width=width, device_scale_factor=scale, bypass_csp=True)
    open_all(page)
    if style:
        page.add_style_tag(content=style)
    assert overflow(page) <= 0
    assert page.evaluate(BEYOND) == [], "only tables and pictures in scrollers of their own are wider"
    page.context.close()


def test_less_motion_and_forced_colours(browser: Browser, report_file: Path) -> None:
    page, watch = opened(browser, report_file, reduced_motion="reduce", forced_colors="active")
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    assert page.evaluate("document.getAnimations().length") == 0
    moving = "[...document.querySelectorAll('*')].filter((e) => getComputedStyle(e).transitionDuration !== '0s').length"
    assert page.evaluate(moving) == 0
    seen, poor = page.evaluate(CONTRAST)
    assert seen > 100
    assert poor == []
    assert watch == Watch()
    page.context.close()
