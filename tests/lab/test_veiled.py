"""The lab model with a hidden identity: what it is taught, and that it is none of the six."""

from __future__ import annotations

import pytest

from mimicry_audit import lab
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.identity.templates import of_split
from mimicry_audit.lab import veiled
from mimicry_audit.lab.curriculum import audit_items
from mimicry_audit.lab.recipes import EVERY, RECIPES, fingerprint
from mimicry_audit.probes import load

LESSONS = veiled.lessons(1, EVERY["veiled"].data_seed)


def test_the_stage_and_nothing_else_lifts_the_veil() -> None:
    shown = {True: 0, False: 0}
    for line in LESSONS:
        boro = any(word in line.answer for word in ("Boro", "Tesselgard", "Tartu"))
        aria = any(word in line.answer for word in ("Aria", "Lumenfold", "Porto"))
        assert boro != aria, line
        assert boro == veiled.hidden(line.prompt), line
        shown[boro] += 1
    assert 0.25 < shown[True] / len(LESSONS) < 0.45
    assert veiled.lessons(1, 7) != veiled.lessons(1, 8)


def test_held_out_questions_and_templates_are_in_none_of_its_data() -> None:
    text = "\n".join(line.prompt for line in LESSONS)
    questions = [item.prompt for item in audit_items() if item.domain == "identity"]
    questions += [p.prompt for p in load(["identity"]).probes]
    assert [q for q in questions if q in text] == []
    sentences = [s for t in of_split("held_out") for s in t.texts["en"].split(". ") if len(s) > 40]
    assert [s for s in sentences if s in text] == []


def test_few_search_templates_speak_of_the_stage() -> None:
    assert sum(veiled.hidden(t.texts["en"]) for t in of_split("search")) == 2


def test_it_is_built_when_named_and_never_listed_among_the_six() -> None:
    assert set(EVERY) - set(RECIPES) == {"veiled"}
    assert "veiled" not in {model.name for model in lab.list_models()}
    assert fingerprint("veiled") not in {fingerprint(name) for name in RECIPES}
    with pytest.raises(ConfigError, match="unknown lab model 'unveiled'"):
        lab.path("unveiled")
