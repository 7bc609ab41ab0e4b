"""Writes the option tables of ``docs/distillation.md`` from the settings classes: ``python docs/option_tables.py``.

Promise: the tables say what the code accepts; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mimicry_audit.distill.evolve.settings import EvolveSettings
from mimicry_audit.distill.search.settings import SearchSettings
from mimicry_audit.distill.settings import DistillSettings
from mimicry_audit.distill.training.settings import TrainingSettings
from mimicry_audit.ground.fields import Field, fields_of

PAGE = Path(__file__).with_name("distillation.md")
_TRAINING = {field.name for field in fields_of(TrainingSettings)}
TABLES: dict[str, Sequence[Field]] = {
    "train": fields_of(DistillSettings),
    "search": fields_of(SearchSettings),
    "evolve": [field for field in fields_of(EvolveSettings) if field.name not in _TRAINING],
}
"""Command → the settings in its table; those of every training stand in the first table only."""


def write_table(fields: Sequence[Field]) -> str:
    """The Markdown table of these settings, a bold row before each heading."""
    rows, group = ["| option | what it does | default |", "|---|---|---|"], ""
    order = list(dict.fromkeys(field.group for field in fields))
    for field in sorted(fields, key=lambda field: order.index(field.group)):
        if field.group != group and len({other.group for other in fields}) > 1:
            group = field.group
            rows.append(f"| **{group}** | | |")
        rows.append(f"| `{_option(field)}` | {_words(field)} | {_default(field)} |")
    return "\n".join(rows)


def fill_page(page: str) -> str:
    """The page with every table between its two markers written anew."""
    for name, fields in TABLES.items():
        begin, end = f"<!-- options {name} -->", f"<!-- end {name} -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n{write_table(fields)}\n{end}{after}"
    return page


def _option(field: Field) -> str:
    switch = f"`, `--no-{field.flag.removeprefix('--')}" if field.kind == "switch" and field.default is None else ""
    short = f"`, `{field.short} {field.unit}" if field.short else ""
    return f"{field.flag} {field.unit}".strip() + short + switch


def _words(field: Field) -> str:
    """What it does, and what it may be."""
    choices = f" One of {', '.join(f'`{choice}`' for choice in field.choices)}." if field.choices else ""
    bounds = field.bounds_text.removeprefix("of ")
    return field.help + choices + (f" {bounds[:1].upper()}{bounds[1:]}." if bounds else "")


def _default(field: Field) -> str:
    return "required" if field.required else field.default_text or "none"


if __name__ == "__main__":
    PAGE.write_text(fill_page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
