"""Pictures of a report: ``python benchmarks/screenshot.py REPORT.html OUT_DIR``.

Writes ``SCHEME-WIDTH.png`` for light and dark at 1440, 768 and 390 px, ``top-SCHEME.png`` (the first screenful, for a
README) and ``print.pdf``. Each picture is of the whole page unless ``--sections`` asks for one file per part.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

WIDTHS = (1440, 768, 390)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def chromium_path() -> str | None:
    """Chromium on this machine, or None to use the one that Playwright installs."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def parts(page: Any) -> list[str]:
    """The parts that the page's own menu names."""
    links: list[str] = page.locator("nav.bar a").evaluate_all("found => found.map(a => a.getAttribute('href'))")
    return [link.removeprefix("#") for link in links]


def shoot(browser: Any, url: str, out: Path, sections: bool) -> None:
    """Take every picture of one page."""
    for scheme in ("light", "dark"):
        for width in WIDTHS:
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page.goto(url)
            if width == WIDTHS[0]:
                page.screenshot(path=out / f"top-{scheme}.png")
            if sections:
                page.locator(".probe").first.evaluate("card => { card.open = true; }")
                for name in parts(page):
                    box = page.locator(f"#{name}").bounding_box()
                    clip = {"x": 0, "y": box["y"], "width": width, "height": min(2400, box["height"])}
                    page.screenshot(path=out / f"{scheme}-{width}-{name}.png", clip=clip, full_page=True)
            else:
                page.screenshot(path=out / f"{scheme}-{width}.png", full_page=True)
            page.close()
    page = browser.new_page()
    page.goto(url)
    page.pdf(path=out / "print.pdf", format="A4", margin=dict.fromkeys(("top", "right", "bottom", "left"), "16mm"))
    page.close()


def main() -> None:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sections", action="store_true", help="one picture per part of the page")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium_path(), args=list(FLAGS))
        shoot(browser, given.report.resolve().as_uri(), given.out, given.sections)
        browser.close()
    print(f"pictures in {given.out}")


if __name__ == "__main__":
    main()
