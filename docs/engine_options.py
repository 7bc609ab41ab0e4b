"""Writes the option tables of ``docs/engines.md`` from the engines themselves: ``python docs/engine_options.py``.

Promise: the tables say what the code accepts; a test compares the two.
"""

from __future__ import annotations

from pathlib import Path

from mimicry_audit.engines.options import Option
from mimicry_audit.engines.registry import ENGINES, engine_class

PAGE = Path(__file__).with_name("engines.md")
KINDS = {
    "text": "text",
    "whole": "whole number",
    "number": "number",
    "switch": "true or false",
    "words": "words",
    "json": "JSON object",
}


def table(engine: str) -> str:
    """The Markdown table of one engine's options."""
    rows = ["| option | value | default | |", "|---|---|---|---|"]
    for option in engine_class(engine).options:
        rows.append(
            f"| `{option.name}` | {_value(option)} | {_default(option)} | {option.help.replace('|', chr(92) + '|')} |"
        )
    return "\n".join(rows)


def filled(page: str) -> str:
    """The page with every table between its two markers written anew."""
    for engine in ENGINES:
        begin, end = f"<!-- options {engine} -->", f"<!-- end {engine} -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{table(engine)}\n{end}{after}"
    return page


def _value(option: Option) -> str:
    if option.choices:
        return ", ".join(f"`{choice}`" for choice in option.choices)
    return f"{KINDS[option.kind]} {option.bounds_text}".strip()


def _default(option: Option) -> str:
    if option.default is None:
        return "—"
    if isinstance(option.default, bool):
        return f"`{str(option.default).lower()}`"
    return f"`{option.default:g}`" if isinstance(option.default, float) else f"`{option.default}`"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
