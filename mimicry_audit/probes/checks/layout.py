"""Lines, lists, JSON and other layout of a text, for constraints."""

from __future__ import annotations

import json
import re

from mimicry_audit.probes.checks.common import plain

_BULLET = re.compile(r"^[ \t]*[-*+•–][ \t]+(\S.*)$", re.MULTILINE)
_NUMBERED = re.compile(r"^[ \t]*\d+[.)][ \t]+(\S.*)$", re.MULTILINE)
_FENCE = re.compile(r"\A```\w*\n(.*?)\n?```\Z", re.DOTALL)
_QUOTES = {'"': '"', "“": "”", "«": "»", "「": "」", "'": "'"}


def lines(text: str) -> list[str]:
    """The lines that are not blank, stripped."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def paragraphs(text: str) -> list[str]:
    """The passages set apart by blank lines."""
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def bullets(text: str) -> list[str]:
    """The items of bulleted lists."""
    return _BULLET.findall(text)


def numbered(text: str) -> list[str]:
    """The items of numbered lists."""
    return _NUMBERED.findall(text)


def headings(text: str) -> int:
    """How many Markdown headings."""
    return len(re.findall(r"^#{1,6}\s+\S", text, re.MULTILINE))


def bold(text: str) -> int:
    """How many passages in **bold**."""
    return len(re.findall(r"\*\*(?=\S)[^*]+?\*\*", text))


def placeholders(text: str) -> int:
    """How many [square-bracketed] gaps."""
    return len(re.findall(r"\[[^\[\]\n]+\]", text))


def comma_items(text: str) -> list[str]:
    """The items of a comma-separated list; a closing 'and' belongs to no item."""
    parts = re.split(r"[,，、]\s*|\n", text.strip().rstrip(".。"))
    return [item for part in parts if (item := re.sub(r"^\s*and\s+", "", part).strip())]


def initials(text: str) -> str:
    """The first letter of each line, bullets and emphasis aside: what an acrostic spells."""
    matches = (re.search(r"[^\W\d_]", line) for line in lines(plain(text)))
    return "".join(match.group() if match else "?" for match in matches)


def quoted(text: str) -> bool:
    """Whether the whole text stands between one pair of quotation marks."""
    body = text.strip()
    return len(body) > 2 and body[-1] == _QUOTES.get(body[0])


def alphabetical(text: str) -> bool:
    """Whether the items are in alphabetical order: list items, else lines, else comma-separated items; two at least."""
    items = bullets(text) or numbered(text) or lines(text)
    if len(items) == 1:
        items = comma_items(items[0])
    keys = [re.sub(r"^\W+", "", plain(item)).casefold() for item in items]
    return len(keys) > 1 and keys == sorted(keys)


def is_json(text: str, kind: str | bool) -> bool:
    """Whether the text is valid JSON, code fence allowed; ``object`` or ``array`` where that is wanted."""
    value = _parse_json(text)
    return isinstance(value, {"object": dict, "array": list}.get(str(kind), object)) and value is not _BROKEN


def json_keys(text: str) -> set[str] | None:
    """The keys of a JSON object, or None."""
    value = _parse_json(text)
    return set(value) if isinstance(value, dict) else None


def json_items(text: str) -> int:
    """How many items a JSON array holds; -1, which no bound allows, for anything else."""
    value = _parse_json(text)
    return len(value) if isinstance(value, list) else -1


_BROKEN = object()


def _parse_json(text: str) -> object:
    body = text.strip()
    fenced = _FENCE.match(body)
    try:
        return json.loads(fenced.group(1) if fenced else body)
    except (ValueError, RecursionError):
        return _BROKEN
