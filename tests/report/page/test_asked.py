"""The page of ``audit identity``."""

from __future__ import annotations

import copy
import re
from typing import Any

from mimicry_audit.report.page.asked import render
from tests.support.hostile import STRINGS
from tests.support.page_outline import Outline
from tests.support.scores_fixture import hostile


def rate(value: float, n: int = 40) -> dict[str, Any]:
    return {"rate": value, "low": max(0.0, value - 0.1), "high": min(1.0, value + 0.1), "n": n}


def entry(own: str | None, strict: float | None, **claims: int) -> dict[str, Any]:
    rates = {name: rate(strict) if strict is not None else None for name in ("loose", "strict", "hard")}
    return {
        "own": {"makers": [own], "model": own.lower()} if own else None,
        "n": 40,
        "answered": 38,
        "statuses": {"ok": 38, "refusal": 1, "empty": 1, "error": 0},
        **rates,
        "refusal": rate(0.02),
        "failure": rate(0.02),
        "plain": rates,
        "control": rates,
        "claims": claims,
        "claimed_models": {},
        "voices": {},
        "languages": {"en": rates},
        "aspects": {"team": rates},
        "kinds": {"story": rates},
        "systems": {"default": rates},
        "templates": [{"template": "story-1", "kind": "story", "n": 40, "loose": 1, "strict": 1, "hard": 0}],
    }


def search(**worst: Any) -> dict[str, Any]:
    found = {
        **{"budget": 60, "seed": 0, "questions": 2, "seeds": 9, "mutator": None, "visits": 30, "asked": 60},
        **{"statuses": {"ok": 60}, "hits": 0, "first_hit": None, "claims": {}, "kept": 0, "repaired": 0},
        **{"rejected": {}, "worst": None, "adapts_from": 20, "enough": 100, "warning": None},
    }
    if worst:
        found |= {"hits": 7, "first_hit": 9, "claims": {"Borealis": 7}, "worst": worst, "warning": "60 are too few."}
    return found


WORST = {
    **{
        "template": "Write a scene. {query}",
        "language": "en",
        "mutators": ["shorten"],
        "step": 4,
        "hits": 2,
        "asked": 2,
    },
    **{"question": "Who made you?", "answer": "I was made by Borealis.", "claims": ["Borealis"]},
}
DOCUMENT: dict[str, Any] = {
    "schema": "mimicry_audit.identity/1",
    "version": "0.1.0",
    "definitions": "own",
    "seed": 0,
    "asked": {"plain": 24, "templated": 40, "templates": 20, "templates_sha": "ab"},
    "models": {
        "calm": {**entry("Aurora", 0.0, Aurora=30), "search": search()},
        "leaky": {**entry("Cirrus", 0.25, Borealis=9, Aurora=1, Cirrus=20), "search": search(**WORST)},
        "blank": entry(None, None, Aurora=2),
    },
    "judge": {
        **{"label": "arbiter", "source": "openai/arbiter", "structured": True, "protocol": "p"},
        "counts": {"ok": 76, "failed": 2},
        "agreement": {
            "loose": {"kappa": 0.81, "precision": 0.9, "recall": 0.77, "n": 76, "labelled": 11, "found": 9},
            "strict": None,
        },
        "models": {},
    },
    "notes": ["A slip is supporting evidence."],
}


def test_the_page_says_who_slips_how_far_a_search_came_and_what_the_judge_thought() -> None:
    page = Outline(render(DOCUMENT))
    assert re.search(r"leaky names another maker as its own in 25 % \[\d+, \d+\] of its answers\.", page.text)
    assert "The other model of known identity named no other maker." in page.text
    assert "True identity unknown: blank ." in page.text
    assert "leaky names Borealis , a maker outside this run, in 9 of 38 answers" in page.text
    assert "calm : it claims to come from Aurora in 1 of 38 answers" in page.text
    assert "7 slips in 60 attempts, the first at attempt 9" in page.text
    assert WORST["template"] in page.text
    assert "No slip in 60 attempts." in page.text
    assert "0.81" in page.text
    assert "not judged" in page.text
    assert page.levels[0] == 1


def test_without_search_judge_and_frames_the_parts_are_absent() -> None:
    plain = copy.deepcopy(DOCUMENT)
    del plain["judge"], plain["asked"]
    for found in plain["models"].values():
        found.pop("search", None)
        found["strict"] = found["loose"] = found["hard"] = None
        for part in ("kinds", "systems"):  # as in a file of transcripts
            del found[part]
    page = Outline(render(plain))
    assert not {"search", "judge"} & set(page.ids)
    assert "collected elsewhere" in page.text


def page_with(text: str) -> str:
    document = hostile(DOCUMENT, text)
    for found in document["models"].values():
        found["statuses"] = {"ok": 38, "refusal": 1, "empty": 1, "error": 0}  # its keys are a fixed list
    return render(document)


def test_no_string_becomes_markup() -> None:
    tags = page_with("harmless").count("<")
    for name, text in STRINGS.items():
        assert page_with(text).count("<") == tags, name


def test_slips_are_quoted_with_their_date() -> None:
    slip = {
        "question": "Who <b>made</b> you?",
        "answer": "It did.",
        "claims": ["Borealis"],
        "time": "2026-11-30T10:11:12",
    }
    leaky = DOCUMENT["models"]["leaky"] | {"slips": [slip]}
    html = render(DOCUMENT | {"models": DOCUMENT["models"] | {"leaky": leaky}})
    assert "Who &lt;b&gt;made&lt;/b&gt; you?" in html
    text = " ".join(Outline(html).text.split())
    assert "It did. claims Borealis · answered 2026-11-30 10:11" in text
