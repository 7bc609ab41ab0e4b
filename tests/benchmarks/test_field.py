"""The field benchmark's material and plan: nothing taught is audited, cuts end at sentences, and students come in order."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks.field.material import cut, prepare
from benchmarks.field.students import Student, planned
from tests.support.commands import jsonl


class Words:
    """A tokenizer for which every word is a token."""

    def token_ends(self, text: str) -> list[int]:
        return [found.end() for found in re.finditer(r"\S+", text)]


@pytest.mark.parametrize(
    ("text", "limit", "wanted"),
    [
        ("One two. Three four five.", 9, "One two. Three four five."),
        ("One two. Three four five.", 4, "One two."),
        ("One two three four", 2, "One two"),
        ("Costs 3.5 euros in all. And more", 6, "Costs 3.5 euros in all."),
        ("First line\nsecond line goes on", 4, "First line"),
    ],
)
def test_an_answer_is_cut_at_the_end_of_a_sentence(text: str, limit: int, wanted: str) -> None:
    assert cut(text, Words().token_ends(text), limit) == wanted


def test_what_is_taught_is_never_audited(tmp_path: Path) -> None:
    rows = [
        {"model": m, "prompt_id": str(i), "prompt": f"Question {i}?", "output": f"{m} says {i}. And more words."}
        for m in ("a", "b")
        for i in range(20)
        if (m, i) != ("b", 7)
    ]
    file = jsonl(tmp_path / "answers.jsonl", rows)
    material = prepare(file, tmp_path / "out", Words(), tokens=4, longest_prompt=5, teach=8, audit=6, score=2)
    taught, audited = (
        {json.loads(line)["prompt"] for line in path.read_text().splitlines()}
        for path in (material.taught, material.audited)
    )
    assert (len(taught), len(audited), taught & audited) == (8, 6, set())
    assert material.scored.read_text() == "".join(material.audited.read_text().splitlines(keepends=True)[:2])
    assert "Question 7?" not in taught | audited, "not all models answered it"
    answers = [json.loads(line) for line in material.teachers.read_text().splitlines()]
    assert {row["output"] for row in answers if row["prompt"] == min(taught)} == {
        f"{m} says {min(taught).split()[1][:-1]}." for m in ("a", "b")
    }


def test_students_of_all_teachers_come_before_lower_doses() -> None:
    plan = list(planned(["a", "b", "c"], ["c"], [0.3, 0.5], 2))
    assert plan == [
        Student("c"), Student("a"), Student("b"),
        Student("c", 0.5, "a"), Student("a", 0.5, "b"), Student("c", 0.3, "a"), Student("a", 0.3, "b"),
    ]  # fmt: skip
    assert [s.label for s in plan[2:4]] == ["of-b", "of-c-0.5-a"]
