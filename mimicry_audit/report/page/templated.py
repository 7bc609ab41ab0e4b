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
    models = {label: found for label, found in identity["models"].items() if found.get("n") and "kinds" in found}
    if not models:
        return None
    unit = charts.Scale(0.0, 1.0, (0.0, 0.5, 1.0))
    used = {t["template"] for found in models.values() for t in found["templates"]}
    return {
        "ticks": charts.ticks(unit),
        "n": max(found["n"] for found in models.values()),
        "templates": len(used),
        "rows": [_rate_row(label, found, unit) for label, found in models.items()],
        "groups": _breakdown_groups(models),
    }


def _rate_row(label: str, found: IdentityScore, unit: charts.Scale) -> Parts:
    own = (known := found.get("own")) and known["maker"]
    lines = [_arm_line("in frames", found, "main", unit), _arm_line("plainly", found.get("plain"), "base", unit)]
    lines.append(_arm_line("other models", found.get("control"), "baseline", unit))
    return {
        "label": label,
        "found": found,
        "lines": [line for line in lines if found["strict"] and line["picture"] is not None] or lines[:1],
        "others": [(name, count) for name, count in found["claims"].items() if name != own],
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
    known = {label: found for label, found in models.items() if found["strict"]}
    out: list[Parts] = []
    for name, title in GROUPS if known else ():
        columns = sorted({key for found in known.values() for key in found[name]})
        if not columns:
            continue
        rows = [
            {"label": label, "cells": [(found[name].get(key) or {}).get("strict") for key in columns]}
            for label, found in known.items()
        ]
        shown = {"languages": LANGUAGES, "systems": SYSTEMS}.get(name, {})
        out.append({"title": title, "columns": _column_headings(columns, shown), "rows": rows})
    return out


def _column_headings(columns: Sequence[str], names: Mapping[str, str]) -> list[str]:
    return [names.get(key, key) for key in columns]
