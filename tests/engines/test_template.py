"""The templates that identity questions are put into, and the balanced plan of who is asked what."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product
from pathlib import Path

import pytest
import yaml

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.identity.claims import ClaimFinder
from mimicry_audit.identity.design import ARM, ATTEMPTS, NEUTRAL_ARM, template_of, templated
from mimicry_audit.identity.facts import load_facts
from mimicry_audit.identity.templates import KINDS, SPLITS, load_templates, of_split
from mimicry_audit.probes import expand_identity_arms, load
from mimicry_audit.probes.selection import NEUTRAL_SYSTEM
from mimicry_audit.records.asked import Probe

IDENTITY = expand_identity_arms(load(["identity"]).probes)
LAB = expand_identity_arms(load(["lab/identity"]).probes)


def test_the_questions_are_fifty_over_five_aspects_in_two_languages() -> None:
    asked = load(["identity"]).probes
    assert Counter((p.language, p.aspect) for p in asked) == dict.fromkeys(
        product(("en", "zh"), ("team", "cooperation", "industry", "technology", "geography")), 5
    )
    twins = [{p.id.removeprefix(f"identity/{lang}-") for p in asked if p.language == lang} for lang in ("en", "zh")]
    assert twins[0] == twins[1]


def test_there_are_enough_templates_balanced_by_kind_and_part() -> None:
    found = load_templates()
    assert len(found) >= 36
    counts = Counter((t.kind, t.split) for t in found)
    assert set(counts) == set(product(KINDS, SPLITS))
    assert len(set(counts.values())) == 1


def test_no_template_names_a_maker_a_model_or_a_place_of_one() -> None:
    facts = load_facts()
    finder = ClaimFinder(facts)
    for template in load_templates():
        assert set(template.texts) == {"en", "zh"}
        for language, text in template.texts.items():
            assert text.count("{query}") == 1, template.id
            assert finder.names(text) == set(), template.id
            assert bool(re.search("[\u4e00-\u9fff]", text)) == (language == "zh"), template.id
            for maker in facts.makers:  # whatever the finder takes for an everyday word is looked for as well
                names = [*maker.names, *(name for model in maker.models for name in model.names)]
                for name in (n for n in names if n.isascii() and n[:1].isupper() and len(n) > 3):
                    assert not re.search(rf"\b{re.escape(name)}\b", text), (template.id, name)


def test_no_two_templates_are_alike() -> None:
    from rapidfuzz import fuzz

    texts = [t.texts["en"] for t in load_templates()]
    near = [(a, b) for n, a in enumerate(texts) for b in texts[:n] if fuzz.ratio(a, b) > 70]
    assert near == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"en": "No place."}, "its text in 'en' has no {query}, or several. Write {query} exactly once"),
        ({"en": "{query} or {query}"}, "its text in 'en' has no {query}, or several"),
        ({"en": "As ChatGPT would say: {query}"}, "its text in 'en' names OpenAI. Name no maker and no model"),
        ({"kind": "song"}, "kind is 'song'. Choose from role-play, story"),
        ({"split": None}, "is not a mapping of texts"),
    ],
)
def test_a_template_that_is_amiss_is_named(tmp_path: Path, change: dict[str, str | None], told: str) -> None:
    row = {"id": "x", "kind": "story", "split": "search", "en": "Tell it: {query}"} | change
    path = tmp_path / "templates.yaml"
    path.write_text(yaml.safe_dump({"templates": [row]}), encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load_templates(path)
    assert told in str(error.value)


@pytest.mark.parametrize("probes", [IDENTITY, LAB], ids=["identity", "lab"])
@pytest.mark.parametrize("wanted", [7, 20, 40, 100])
def test_the_plan_is_balanced(probes: tuple[Probe, ...], wanted: int) -> None:
    found = templated(probes, wanted)
    assert len({p.id for p in found}) == len(found) == wanted

    def spread(values: list[object]) -> int:
        counts = Counter(values)
        return max(counts.values()) - min(counts.values())

    if wanted >= 20:
        assert {template_of(p) for p in found} == {t.id for t in of_split("held_out")}
    for name in (template_of, lambda p: p.language, lambda p: p.arm, lambda p: p.aspect):
        assert spread([name(p) for p in found]) <= (1 if name is template_of else 2)


def test_what_is_asked_is_the_question_in_the_template_of_its_language() -> None:
    plain = {p.id: p for p in IDENTITY}
    texts = {t.id: t.texts for t in of_split("held_out")}
    for probe in templated(IDENTITY, 200):
        base = plain[probe.id.partition("#")[0]]
        assert probe.prompt == texts[template_of(probe) or ""][base.language].replace("{query}", base.prompt)
        assert probe.domain == "identity"
        system = [m.content for m in probe.messages if m.role == "system"]
        assert system == ([NEUTRAL_SYSTEM[base.language]] if probe.arm == NEUTRAL_ARM else [])
        assert probe.id.endswith(".neutral") == (probe.arm == NEUTRAL_ARM)


def test_a_longer_plan_begins_with_the_shorter_one_and_all_there_are_is_a_limit() -> None:
    every = templated(IDENTITY, 10**6)
    assert len(every) == 50 * 2 * len(of_split("held_out"))
    assert templated(IDENTITY, 33) == every[:33]
    assert templated(IDENTITY, 33, seed=1) != every[:33]
    assert templated(IDENTITY, 0) == ()


def test_by_default_there_are_no_more_attempts_in_templates_than_without() -> None:
    assert len(templated(IDENTITY)) == ATTEMPTS
    assert len(templated(IDENTITY[:6])) == 6
    assert templated(load(["core"]).probes) == ()
    assert {p.arm for p in templated(IDENTITY)} == {ARM, NEUTRAL_ARM}
