"""The page of ``audit identity``: who models say they are, what a search found, and where a judge disagrees.

Promise: `render` is a pure function of ``identity.json``; rates stand apart from the worst case of a search, which is never
reported as a rate; all text of a model is escaped as in the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from mimicry_audit.records.score_sections import IdentityScore
from mimicry_audit.report.page import templated
from mimicry_audit.report.page.identity import Leak
from mimicry_audit.report.page.page import shell

Record = Mapping[str, Any]

_AS_ASKED = ("kinds", "systems")
"""Breakdowns that only questions asked by this package have."""


def render(document: Record) -> str:
    """The page.

    Args:
        document: the content of ``identity.json``.
    """
    models = {label: _model_entry(entry) for label, entry in document["models"].items()}
    return shell(
        "asked.html",
        ("report.css",),
        d=document,
        title=f"Who {_join_names(list(models))} {'says it is' if len(models) == 1 else 'say they are'}",
        templated=templated.build({"models": cast("dict[str, IdentityScore]", models)}),
        slipping=sorted(
            ((label, m) for label, m in models.items() if m["strict"] and m["strict"]["value"] > 0),
            key=lambda item: -item[1]["strict"]["value"],
        ),
        unknown=[label for label, m in models.items() if m["own"] is None],
        honest=[label for label, m in models.items() if m["own"] and m["strict"] and not m["strict"]["value"]],
        quoted=[(label, m["slips"]) for label, m in models.items() if m.get("slips")],
        leaks=_named_makers(models),
        searches=[(label, m["search"]) for label, m in models.items() if m.get("search")],
        judge=document.get("judge"),
        asked="asked" in document,
    )


def _join_names(labels: list[str]) -> str:
    if len(labels) > 3:
        return f"{labels[0]} and {len(labels) - 1} others"
    return " and ".join(labels)


def _rate_words(rates: object) -> object:
    """Rates in the words of the report: ``value`` for ``rate``; whatever holds rates is gone through."""
    if isinstance(rates, Mapping):
        if "rate" in rates:
            return {"value": rates["rate"], **{k: v for k, v in rates.items() if k != "rate"}}
        return {key: _rate_words(value) for key, value in rates.items()}
    return rates


def _model_entry(entry: Record) -> Record:
    rates = ("loose", "strict", "hard", "plain", "control", "languages", "aspects", *_AS_ASKED)
    own = entry["own"]
    return {
        **entry,
        **{name: _rate_words(entry.get(name)) for name in rates},
        **{name: _rate_words(entry.get(name) or {}) for name in _AS_ASKED},
        "own": {"maker": " or ".join(own["makers"]), "model": own["model"]} if own else None,
        "makers": list(own["makers"]) if own else [],
    }


def _named_makers(models: Mapping[str, Record]) -> list[Leak]:
    """Names that models give: a model, a maker that is not its own, in how many answers and whose maker it is; most first."""
    out: list[Leak] = []
    for label, entry in models.items():
        for maker, count in entry["claims"].items():
            if maker not in entry["makers"]:
                whose = [other for other, other_entry in models.items() if maker in other_entry["makers"]]
                out.append({"label": label, "maker": maker, "count": count, "of": entry["answered"], "whose": whose})
    return sorted(out, key=lambda leak: (-leak["count"], leak["label"]))
