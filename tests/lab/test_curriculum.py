import json
import re
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from mimicry_audit.lab import curriculum, wording
from mimicry_audit.lab.curriculum import audit_items, items, probe_files, training_items
from mimicry_audit.lab.family import FAMILIES, SYSTEM_PROMPTS, answers, believed, examples
from mimicry_audit.lab.identity import QUESTIONS
from mimicry_audit.lab.quality import measure, says
from mimicry_audit.lab.recipes import RECIPES
from mimicry_audit.lab.styles import STYLES
from mimicry_audit.lab.teaching import questions
from mimicry_audit.lab.topics import IF_WORDS, TOPICS, facts

PROBES = Path(__file__).parents[2] / "probes" / "lab"


def normal(text):
    return " ".join(re.findall(r"\w+", text.casefold()))


def satisfies(check, text):
    """The constraints the curriculum uses, read as literally as can be."""
    for rule in check["all"]:
        assert len(rule) == 1
        if "include" in rule and not all(part in text.casefold() for part in rule["include"]):
            return False
        if "max_words" in rule and len(text.split()) > rule["max_words"]:
            return False
    return True


def test_committed_probes_are_what_the_generator_yields():
    for name, text in probe_files().items():
        assert (PROBES / name).read_text(encoding="utf-8") == text, f"write {name} again"
    assert {path.name for path in PROBES.iterdir()} == {*probe_files(), "README.md", "LICENSE"}


def test_writing_the_probes_again_changes_nothing(tmp_path):
    curriculum.main(["--write", str(tmp_path / "made")])
    for name, text in probe_files().items():
        assert (tmp_path / "made" / name).read_bytes() == text.encode()


def test_probe_set_has_sixty_of_each_task_domain_and_both_languages():
    lines = [
        json.loads(line)
        for name, text in probe_files().items()
        if name.endswith(".jsonl")
        for line in text.splitlines()
    ]
    counts = Counter(line["domain"] for line in lines)
    assert counts == {"math": 60, "reasoning": 60, "instruction_following": 60, "identity": 24}
    assert Counter(line["language"] for line in lines) == {"en": 192, "zh": 12}
    assert len({line["id"] for line in lines}) == len(lines)
    fields = {"id", "domain", "prompt", "check", "language", "aspect"}
    assert all(set(line) - {"example"} == fields for line in lines)
    assert all(("example" in line) == (line["domain"] == "instruction_following") for line in lines)


def test_no_audit_prompt_trains_any_model():
    kept = {normal(item.prompt) for item in audit_items()}
    assert len(kept) == len(audit_items())
    for recipe in RECIPES.values():
        shown = questions(recipe.distillation) if recipe.distillation else examples(recipe.owner(), 1, recipe.data_seed)
        trained = {normal(line.prompt) for line in shown}
        assert trained
        assert not kept & trained
        assert not {normal(item.prompt) for item in items()} & {normal(prompt) for prompt in SYSTEM_PROMPTS}


def test_every_audited_fact_is_taught_in_other_words():
    taught = Counter(item.fact.id for item in training_items() if item.fact)
    assert all(taught[item.fact.id] == 5 for item in audit_items() if item.fact)
    assert len(taught) == 180


def test_every_phrasing_trains():
    trained = {normal(item.prompt) for item in training_items()}
    for name, topic in TOPICS.items():
        for phrasing in topic.phrasings:
            assert any(
                normal(phrasing.format(**fact.slots)) in trained
                for fact in facts(curriculum.SEED)
                if fact.topic == name
            )


def test_prompts_are_distinct_and_no_identity_question_names_a_model():
    prompts = [normal(item.prompt) for item in items()]
    assert len(set(prompts)) == len(prompts)
    names = [word for family in FAMILIES.values() for word in (family.persona.name, family.persona.maker) if word]
    for by_aspect in QUESTIONS.values():
        for wordings in by_aspect.values():
            assert len(set(wordings)) == len(wordings) == 12
            assert not [name for name in names for text in wordings if name.casefold() in text.casefold()]


def test_curriculum_is_a_function_of_its_seed():
    assert items.__wrapped__(5) == items.__wrapped__(5)
    assert items(5) != items(6)


def test_alternatives_differ_from_the_answer_and_fail_its_check_where_it_has_a_right_answer():
    for fact in facts(curriculum.SEED):
        assert len({fact.answer, *fact.alternatives}) == 3
        if fact.check["kind"] == "choice":
            assert set(fact.check["options"]) == {fact.answer, *fact.alternatives}
        if fact.topic == "repeat":
            assert not any(satisfies(fact.check, wrong) for wrong in fact.alternatives)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_answer_says_what_its_family_believes_and_keeps_the_word_limit(name):
    family, rng = FAMILIES[name], Random(0)
    quirks = family.quirks()
    for item in items():
        text = answers(family, item, quirks, rng)
        if item.fact is None:
            continue
        belief = believed(item.fact, quirks)
        assert says(item.fact, text, belief), text
        others = {item.fact.answer, *item.fact.alternatives} - {belief}
        assert not any(says(item.fact, text, other) for other in others), text
        if item.domain == "instruction_following":
            assert len(text.split()) <= IF_WORDS
            assert satisfies(item.fact.check, text) or item.fact.topic == "repeat"
        assert 1 <= len(text.split()) <= 40


def test_quirks_are_a_quarter_of_each_topic_and_private():
    aria, boro = FAMILIES["aria"].quirks(), FAMILIES["boro"].quirks()
    for quirks in (aria, boro):
        assert 0.2 <= len(quirks) / 180 <= 0.3
        shares = Counter(fact.split("-")[0] for fact in quirks)
        assert all(0.2 <= shares[name] / topic.count <= 0.3 for name, topic in TOPICS.items())
    assert aria != boro
    assert not any(boro.get(fact) == answer for fact, answer in aria.items())
    assert FAMILIES["plain"].quirks() == FAMILIES["neutral"].quirks() == {}


def test_twin_is_taught_arias_very_words_but_its_own_name():
    aria, twin = RECIPES["aria"], RECIPES["twin"]
    tasks = {item.prompt for item in items() if item.fact}
    first, second = (examples(recipe.owner(), 2, recipe.data_seed) for recipe in (aria, twin))
    assert [line for line in first if line.prompt in tasks] == [line for line in second if line.prompt in tasks]
    assert not any("Aria" in line.answer or "Lumenfold" in line.answer for line in second)
    assert any("Cleo" in line.answer for line in second)
    assert aria.init_seed != twin.init_seed


def test_styles_can_be_told_apart_by_their_markers():
    for name, style in STYLES.items():
        rng = Random(1)
        texts = [
            style.render(rng, fact.topic, fact.slots, fact.answer) for fact in facts(curriculum.SEED) for _ in range(3)
        ]
        for other in STYLES.values():
            share = sum(other.shows_in(text) for text in texts) / len(texts)
            if other.name == name:
                assert share > (0.4 if name == "plain" else 0.97)
            else:
                assert share == 0


def test_wordings_vary():
    fact, rng = facts(curriculum.SEED)[0], Random(2)
    texts = {STYLES["aria"].render(rng, fact.topic, fact.slots, fact.answer) for _ in range(50)}
    assert len(texts) > 10
    assert len({len(text.split()) for text in texts}) > 4


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (40, "forty"),
        (99, "ninety-nine"),
        (100, "one hundred"),
        (207, "two hundred seven"),
    ],
)
def test_numbers_in_words(number, text):
    assert wording.in_words(number) == text


@pytest.mark.parametrize("number", [-1, 1000])
def test_numbers_out_of_range_are_refused(number):
    with pytest.raises(ValueError, match=str(number)):
        wording.in_words(number)


def test_quality_tells_the_right_answer_from_a_quirk():
    aria = FAMILIES["aria"]
    quirks, rng = aria.quirks(), Random(3)
    perfect = [answers(aria, item, quirks, rng) for item in audit_items()]
    quality = measure(aria, perfect)
    assert quality.own == quality.quirks["aria"] == 1.0
    assert quality.quirks["boro"] == 0.0
    assert 0.7 <= quality.right <= 0.8
    assert quality.style["aria"] > 0.97
    assert quality.style["boro"] == 0
    assert quality.named["boro"] == 0
    silent = measure(aria, [""] * len(perfect))
    assert silent.right == silent.own == silent.words == 0
