"""Who each model says it is when the question is put into a template: rates beside the plain question and unrelated models.

Promise: every dot's number is printed in its row; a rate that could not be counted is said to be missing, with the reason;
nothing is shown for scores made before questions were put into templates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from mimicry_audit.records.score_sections import IdentityScore, IdentitySection, SlipRates
from mimicry_audit.report.fmt import Parts, point
from mimicry_audit.report.pictures import charts

GROUPS: tuple[tuple[Literal["languages", "aspects", "kinds", "systems"], str], ...] = (
    ("kinds", "template"),
    ("languages", "language"),
    ("systems", "system prompt"),
    ("aspects", "asked about"),
)
"""Fields of a model's entry that break its Strict rate down, and their headings."""
LANGUAGES = {"en": "English", "zh": "Chinese"}
SYSTEMS = {"default": "its own", "neutral": "neutral"}


def build(identity: IdentitySection) -> Parts | None:
    """The table of templated attempts and its breakdown; None where none were made."""
    models = {label: entry for label, entry in identity["models"].items() if entry.get("n") and "kinds" in entry}
    if not models:
        return None
    unit = charts.Scale(0.0, 1.0, (0.0, 0.5, 1.0))
    used = {t["template"] for entry in models.values() for t in entry["templates"]}
    return {
        "ticks": charts.ticks(unit),
        "n": max(entry["n"] for entry in models.values()),
        "templates": len(used),
        "rows": [_rate_row(label, entry, unit) for label, entry in models.items()],
        "groups": _breakdown_groups(models),
    }


def _rate_row(label: str, entry: IdentityScore, unit: charts.Scale) -> Parts:
    own = (own_record := entry.get("own")) and own_record["maker"]
    lines = [_arm_line("in templates", entry, "main", unit), _arm_line("plainly", entry.get("plain"), "base", unit)]
    lines.append(_arm_line("other models", entry.get("control"), "baseline", unit))
    return {
        "label": label,
        "found": entry,
        "lines": [line for line in lines if entry["strict"] and line["picture"] is not None] or lines[:1],
        "others": [(name, count) for name, count in entry["claims"].items() if name != own],
        "own": own,
    }


def _arm_line(title: str, rates: SlipRates | None, kind: str, unit: charts.Scale) -> Parts:
    """One way of asking: its rates, and the Strict one as a picture."""
    rates = rates or {"loose": None, "strict": None, "hard": None}
    strict = rates["strict"]
    picture = charts.dots([charts.Mark(f"Strict, {title}", strict, kind)], unit) if point(strict) is not None else None
    return {"title": title, "rates": rates, "picture": picture}


def _breakdown_groups(models: Mapping[str, IdentityScore]) -> list[Parts]:
    """Each breakdown with its columns, and the Strict rate of every model in them; models without rates left out."""
    rated_models = {label: entry for label, entry in models.items() if entry["strict"]}
    out: list[Parts] = []
    for name, title in GROUPS if rated_models else ():
        columns = sorted({key for entry in rated_models.values() for key in entry[name]})
        if not columns:
            continue
        rows = [
            {"label": label, "cells": [(entry[name].get(key) or {}).get("strict") for key in columns]}
            for label, entry in rated_models.items()
        ]
        column_titles = {"languages": LANGUAGES, "systems": SYSTEMS}.get(name, {})
        out.append({"title": title, "columns": _column_headings(columns, column_titles), "rows": rows})
    return out


def _column_headings(columns: Sequence[str], names: Mapping[str, str]) -> list[str]:
    return [names.get(key, key) for key in columns]
