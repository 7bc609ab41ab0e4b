"""What a page consists of, as a reader without eyes meets it."""

from __future__ import annotations

import re
from html.parser import HTMLParser


class Outline(HTMLParser):
    """Headings, ids, links and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.unnamed: list[str] = []
        self.words: list[str] = []
        self.skipping = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if given.get("id"):
            self.ids.append(str(given["id"]))
        self.links += [(tag, str(given[key])) for key in ("href", "src", "action") if given.get(key)]
        if tag == "svg" and given.get("role") != "img" and given.get("aria-hidden") != "true":
            self.unnamed.append(str(given))
        self.skipping += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self.skipping -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self.skipping:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())
