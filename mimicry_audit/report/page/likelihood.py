"""How probable the models find each other's answers: the tables of the page, or nothing where that was not asked for."""

from __future__ import annotations

from mimicry_audit.records.score_sections import LikelihoodSection
from mimicry_audit.report.fmt import Parts


def build(section: LikelihoodSection | None) -> Parts | None:
    """Rows of bits per byte by author of the text, divergences, gains, and what could not be scored; None if not asked."""
    if not section:
        return None
    texts = list(section.get("texts") or [])
    authors = list(dict.fromkeys(text["author"] for text in texts))
    cells = {(text["model"], text["author"]): text for text in texts}
    models = [label for label in section["models"] if any((label, author) in cells for author in authors)]
    divergences = list(section.get("divergences") or [])
    gains = list(section.get("gains") or [])
    return {
        "top_k": section["top_k"],
        "authors": authors,
        "rows": [{"label": label, "cells": [cells.get((label, author)) for author in authors]} for label in models],
        "divergences": [entry for entry in divergences if entry["why_not"] is None],
        "apart_not": [entry for entry in divergences if entry["why_not"] is not None],
        "gains": [entry for entry in gains if entry["why_not"] is None],
        "gains_not": [entry for entry in gains if entry["why_not"] is not None],
        "silent": [(label, entry) for label, entry in section["models"].items() if entry["why_not"] is not None],
    }
