"""What a report weighs and how it behaves in Chromium: ``python benchmarks/report_size.py [--sizes MODELSxPROBES …]``.

Answers are made up, with the redundancy of prose. For each size: megabytes of the page, milliseconds until it is painted and
until it is ready, until the answers are unpacked, and until a search over all of them is done; the median and the slowest frame
while the list is scrolled from end to end; most elements in the document. In brackets what the page needs over the smallest
size's, since times on a busy machine say little.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from playwright.sync_api import Page, sync_playwright

from benchmarks.screenshot import FLAGS, chromium_path
from mimicry_audit.report.page.page import render
from tests.support.big_run import big_answers, big_scores

SCROLL = """steps => new Promise((done) => {
  const cards = document.getElementById('cards'), frames = [];
  let at = 0, last = 0, most = 0;
  const frame = (now) => {
    if (last) frames.push(now - last);
    last = now;
    most = Math.max(most, document.querySelectorAll('*').length);
    if (at > steps) return done([frames, most]);
    const top = cards.getBoundingClientRect().top + scrollY + cards.offsetHeight * at / steps;
    window.scrollTo({top, behavior: 'instant'});
    at += 1;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})"""
READY = """() => { const n = performance.getEntriesByType('navigation')[0];
  return [performance.getEntriesByType('paint')[0]?.startTime ?? 0, n.domContentLoadedEventEnd]; }"""


def until(page: Page, true: Any) -> float:
    """Milliseconds until something holds; the page's policy forbids waiting by script."""
    began = time.perf_counter()
    while not true():
        page.wait_for_timeout(5)
    return (time.perf_counter() - began) * 1000


def measure(page: Page, path: Path, probes: int) -> dict[str, float]:
    """Everything about one page."""
    page.goto(path.as_uri())
    painted, ready = page.evaluate(READY)
    page.evaluate("document.getElementById('answers').scrollIntoView({behavior: 'instant'})")
    whole = f"{probes:,} of {probes:,} probes shown"
    unpacked = until(page, lambda: page.locator("#count").inner_text() == whole)
    frames, elements = page.evaluate(SCROLL, 120)
    page.fill("#f-text", f"question {probes - 1}:")
    searched = until(page, lambda: page.locator("#count").inner_text().startswith("1 of"))
    slowest = max(frames)
    return {
        "painted": painted,
        "ready": ready,
        "unpacked": unpacked,
        "search": searched,
        "frame": statistics.median(frames),
        "slowest": slowest,
        "elements": elements,
    }


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["2x20", "6x200", "30x2000"], metavar="MODELSxPROBES")
    parser.add_argument("--characters", type=int, default=800, help="of an answer, about")
    given = parser.parse_args()
    first: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        for size in given.sizes:
            models, probes = map(int, size.split("x"))
            path = Path(folder) / f"{size}.html"
            scores, answers = big_scores(models, probes), big_answers(models, probes, given.characters)
            began = time.process_time()
            path.write_text(render(scores, answers), encoding="utf-8")
            used = {"rendered (cpu ms)": (time.process_time() - began) * 1000}
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            used |= measure(page, path, probes)
            page.close()
            told = ", ".join(f"{k} {v:,.0f} [{v / max(first.setdefault(k, v), 1e-9):.1f}]" for k, v in used.items())
            print(f"{size}: {path.stat().st_size / 1e6:.2f} MB, {told}", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
