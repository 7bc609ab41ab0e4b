"""A run in which every part of the report has something to show, and the same with a string in every field.

`everything()` adds to the made-up run what only some runs have: judges, identity in templates, several samples, known
lineage left open, a template that names its model. `crowd()` is a run too large to be shown whole. `tainted()` puts
text into every field of any such run: labels, words from fixed lists, keys that are data.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable
from typing import Any

from tests.support.hostile import STRINGS
from tests.support.scores_fixture import MODELS, answers, hostile, interval, scores

Page = tuple[dict[str, Any], list[dict[str, Any]]]


def _rates(value: float) -> dict[str, Any]:
    return {name: interval(value * share, 0.05, 40, 0.0) for name, share in zip(_SCORES, (1.0, 0.8, 0.3), strict=True)}


_SCORES = ("loose", "strict", "hard")


def _framed(label: str) -> dict[str, Any]:
    """What templates drew out of one model."""
    leak = 0.4 if label == "aria-student" else 0.05
    by = {name: _rates(leak) for name in ("role-play", "translation")}
    return {
        "n": 40,
        "answered": 37,
        "statuses": {"ok": 37, "refusal": 2, "empty": 1, "error": 0},
        **_rates(leak),
        "plain": _rates(leak / 2),
        "control": {"models": 3, **_rates(0.1)},
        "kinds": by,
        "languages": {"en": _rates(leak), "zh": _rates(leak), "fr": _rates(leak)},
        "systems": {"default": _rates(leak), "neutral": _rates(leak)},
        "aspects": {"team": _rates(leak), "technology": _rates(leak)},
        "templates": [{"template": "role/cast", "kind": "role-play", "n": 4, "loose": 2, "strict": 1, "hard": 0}],
        "claims": {"Lumen Works": 9, "Boro Labs": 2},
        "claimed_models": {"Aria": 9},
        "voices": {"self": 9},
    }


def _judges() -> dict[str, Any]:
    grade = interval(4.1, 0.2, 120, 1.0, 5.0)
    grades = dict.fromkeys(("style", "logic", "content", "overall"), grade)
    pairs = [
        {
            "candidate": label,
            "reference": "aria",
            "n": 120,
            "grades": grades,
            "domains": {"math": grade},
            "similarity": interval(0.7, 0.1),
            "rse": {"sets": {"lab": 4.0}, "value": 4.0, "judge_free": 0.6},
            "judge_free_axes": {"lexical": 0.6},
        }
        for label in MODELS[1:]
    ]
    judge = {
        "label": "judge-1",
        "source": "openai/some-judge",
        "engine": "openai",
        "identity": {"model": "some-judge"},
        "structured": True,
        "protocol": "ab" * 32,
        "budget": 0.1,
        "counts": {"ok": 200, "lenient": 3, "repaired": 2, "failed": 1, "error": 0},
        "cached": 4,
        "probes": 120,
        "offered": 180,
        "position_bias": interval(0.1, 0.05),
        "pairs": pairs,
        "correlations": [{"with": "lexical", "spearman": 0.8, "n": 5}, {"with": "rse", "spearman": 0.9, "n": 5}],
    }
    agreement = [{"a": "judge-1", "b": "judge-2", "kappa": 0.7, "n": 100}]
    return {"judges": [judge, {**judge, "label": "judge-2", "structured": False}], "agreement": agreement}


def everything(per_domain: int = 2) -> Page:
    """Scores and answers in which no part of the page is left out."""
    data, given = scores(), answers(per_domain)
    data["judge"] = _judges()
    for label, found in data["identity"]["models"].items():
        found.update(_framed(label))
    for attempt in data["identity"]["attempts"][::3]:
        attempt |= {"template": "role/cast", "arm": "templated"}
    data["verdicts"][1]["truth"]["agrees"] = None
    data["verdicts"][2] |= {"truth": None, "index": {**data["verdicts"][2]["index"], "index": None, "why_not": "equal"}}
    data["verdicts"][3] |= {"centred_on": [], "null": None, "evidence": []}
    odd = {"axis": "likelihood", "unit": "bits per byte", "statistic": "adjusted gain"}
    data["verdicts"][0]["evidence"].append(data["verdicts"][0]["evidence"][0] | odd)
    first = given[0]["answers"]["boro"][0]
    first |= {"reasoning": "Let me think.", "status": "truncated"}
    given[0]["answers"]["boro"].append({**first, "sample": 1, "text": "Another answer."})
    given[-1]["answers"]["twin"] = []
    return data, given


def crowd(size: int = 48) -> Page:
    """A run of more models than are shown whole, most pairs without a card of their own."""
    data, given = everything(1)
    names = [*MODELS, *(f"extra-{at}" for at in range(size - len(MODELS)))]
    model, pair, verdict = data["models"][1], data["pairs"][0], data["verdicts"][2]
    data["models"] += [{**copy.deepcopy(model), "label": name} for name in names[len(MODELS) :]]
    data["pairs"] += [{**pair, "a": "aria", "b": name} for name in names[len(MODELS) :]]
    data["verdicts"] += [
        {**verdict, "candidate": name, "evidence": [], "detailed": False} for name in names[len(MODELS) :]
    ]
    for probe in given:
        for name in names[len(MODELS) :]:
            probe["answers"][name] = probe["answers"]["boro"]
            probe["similarity"][name] = 0.4
    return data, given


def scattered(shift: int) -> Callable[[str], str]:
    """One hostile string for each text, always the same for the same text; `shift` moves all of them on."""
    texts = list(STRINGS.values())
    return lambda value: texts[(zlib.crc32(value.encode()) + shift) % len(texts)]


def tainted(page: Page, text: str | Callable[[str], str]) -> Page:
    """Both with `text` at the end of every string and of every key that is data, and of some words from fixed lists.

    Only the last of each list of verdicts, models and probes gets words that no list knows: the page must still find
    the others.
    """
    data, given = hostile(page[0], text), hostile(page[1], text)
    add = text if callable(text) else lambda _: text
    verdict, model = data["verdicts"][-1], data["models"][-1]
    verdict["verdict"] += add(verdict["verdict"])
    verdict["confidence"] += add(verdict["confidence"])
    model["role"] += add(model["role"])
    for samples in given[-1]["answers"].values():
        for sample in samples:
            sample["status"] += add(sample["status"])
    return data, given
