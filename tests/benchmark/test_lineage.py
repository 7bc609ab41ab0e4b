"""The lineage benchmark on made-up models whose lineage is known because they are made here."""

from __future__ import annotations

import json
import random
from collections import Counter

import numpy as np
import pytest

from mimicry_audit.benchmark.lineage import Pair, benchmark, measure_file, read_lineage
from mimicry_audit.benchmark.triangles import CONTROLS, triangles
from mimicry_audit.cli import run
from mimicry_audit.ground.errors import DataError
from mimicry_audit.records.verdict_words import ACCUSATIONS

AXES = ("lexical", "phrases", "characters", "early", "opening", "style", "structure", "length")
WORDS = [f"{a}{b}" for a in "ba do ku mi re so ta vu".split() for b in "lan pek rin sot tum".split()]
OPENINGS = [
    "Sure, here it is:",
    "The answer:",
    "Well,",
    "In short,",
    "Let us see.",
    "I think",
    "Right.",
    "Here you go:",
]
PROMPTS = 30


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def answer(model, prompt, habits, copied=0.0, teacher=None):
    """A stranger's words of its own, with its own opening; a student takes whole stretches of its teacher's answer."""
    own = random.Random(f"{model}{prompt}")
    words = [own.choice(habits) if own.random() < 0.5 else own.choice(WORDS) for _ in range(50)]
    opening = OPENINGS[sum(map(ord, model)) % len(OPENINGS)]
    if teacher is not None and own.random() < copied:
        return teacher
    return f"{opening} {' '.join(words[:25])}.\n\n- {' '.join(words[25:])}."


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Fourteen strangers; two students that gave part of their teacher's answers, two versions, one of which copied too."""
    folder = tmp_path_factory.mktemp("lineage")
    rng = random.Random(0)
    strangers = [f"m{i}" for i in range(14)]
    habits = {m: rng.sample(WORDS, 6) for m in [*strangers, "student-a", "student-b", "m0-v2", "m2-v2"]}
    rows = []
    for p in range(PROMPTS):
        said = {m: answer(m, p, habits[m]) for m in strangers}
        said["student-a"] = answer("student-a", p, habits["student-a"], 0.6, said["m0"])
        said["student-b"] = answer("student-b", p, habits["student-b"], 0.6, said["m1"])
        said["m0-v2"] = answer("m0-v2", p, habits["m0-v2"], 0.95, said["m0"])
        said["m2-v2"] = said["m3"] if p % 3 == 0 else answer("m2-v2", p, habits["m2-v2"], 0.9, said["m2"])
        rows += [{"model": m, "prompt_id": p, "prompt": f"Question {p}?", "output": t} for m, t in said.items()]
    pairs = [
        ("student-a", "m0", "distilled-from"),
        ("student-b", "m1", "distilled-from"),
        ("m0-v2", "m0", "same-family-version"),
    ]
    pairs += [("student-a", f"m{i}", "none") for i in range(1, 14)]
    pairs += [("student-b", f"m{i}", "none") for i in (0, *range(2, 14))]
    pairs += [("m5", f"m{i}", "none") for i in range(6, 14)]
    pairs += [("m2-v2", "m2", "same-family-version"), ("m2-v2", "m3", "verbatim-copies")]
    pairs += [("m2-v2", f"m{i}", "none") for i in (0, 1, *range(4, 14))]
    pairs.append(("gone", "m0", "none"))
    lineage = folder / "lineage.csv"
    lineage.write_text("student,teacher,relation\n" + "".join(",".join(p) + "\n" for p in pairs), encoding="utf-8")
    return write(folder / "answers.jsonl", rows), lineage


@pytest.fixture(scope="module")
def found(files):
    return benchmark(measure_file(files[0], AXES), read_lineage(files[1]), draws=200)


def test_relations_are_told_from_strangers_and_length_is_not_enough(found):
    assert found["pairs"] == {"distilled-from": 2, "same-family-version": 2, "verbatim-copies": 1, "none": 46}
    assert found["left_out"] == 1
    for relation in ("distilled-from", "same-family-version"):
        row = found["relations"][relation]
        assert row["combined"]["auc"] == 1
        assert row["combined"]["tpr_at_1pct_fpr"] == 1
        assert row["lexical"]["n_negative"] == 46
        assert set(AXES) | {"combined", "lexical_centred"} <= set(row)
        assert row["length"]["auc"] < 0.99
        assert all(e["low"] <= e["auc"] <= e["high"] for e in row.values())


def test_the_right_teacher_is_named_and_strangers_are_not_accused(found):
    told = found["attribution"]
    assert (told["top1"], told["mrr"], told["students"]) == (1.0, 1.0, 2)
    assert told["majority"]["top1"] == 0.5
    stranger = next(r for r in told["students_ranked"] if r["candidate"] == "m5")
    student = next(r for r in told["students_ranked"] if r["candidate"] == "student-a")
    assert stranger["none"] > 0.5 > student["none"]
    assert student["documented"] == ["m0"]
    assert found["verdicts"]["false_verdict_rate"]["value"] == 0
    assert sum(found["verdicts"]["confusion"]["none"].values()) == 46
    assert not set(found["verdicts"]["confusion"]["none"]) & set(ACCUSATIONS)


def test_with_a_base_copies_are_found_and_strangers_are_not_accused(found):
    told = found["triangles"]
    assert told["confusion"]["verbatim-copies"] == {"distilled": 1}
    assert sum(told["confusion"]["none"].values()) == 12
    assert told["distilled_rate"]["value"] == 0
    (named,) = told["distilled"]
    assert (named["candidate"], named["base"], named["reference"]) == ("m2-v2", "m2", "m3")
    assert "passages" in named["families"]


def test_triangles_hold_nobody_related_among_their_controls(files):
    pairs = read_lineage(files[1])
    labels = [f"m{i}" for i in range(14)] + ["student-a", "student-b", "m0-v2", "m2-v2"]
    made = triangles(labels, pairs, 5, 0)
    assert triangles(labels, pairs, 5, 0) == made
    assert Counter(t.relation for t in made) == {"verbatim-copies": 1, "none": 5}
    related = {frozenset((p.student, p.teacher)) for p in pairs if p.relation != "none"}
    for triangle in made:
        three = {triangle.candidate, triangle.base, triangle.reference}
        assert len(three) == 3
        assert len(set(triangle.controls) - three) == CONTROLS
        assert not {frozenset((k, one)) for k in triangle.controls for one in three} & related
    assert triangles(labels[:3], pairs, 0, 0) == []  # no controls are left


def test_shuffled_lineage_is_not_found(files):
    """Relations that are not there must not be found: the same answers, with the students' names swapped among strangers."""
    pairs = [p for p in read_lineage(files[1]) if p.relation == "none" and p.student != "gone"]
    rng = np.random.default_rng(1)
    taken = set(rng.permutation(len(pairs))[:12])
    mixed = [Pair(p.student, p.teacher, "distilled-from" if i in taken else "none") for i, p in enumerate(pairs)]
    table = benchmark(measure_file(files[0], AXES), mixed, draws=100)["relations"]["distilled-from"]
    assert 0.2 < table["combined"]["auc"] < 0.8


def test_command_writes_and_prints(files, tmp_path, capsys):
    out = tmp_path / "out"
    answers, lineage = map(str, files)
    files_given = ["--responses", answers, "--lineage", lineage, "--out", str(out)]
    assert run(["benchmark", "lineage", *files_given, "--axes", "lexical,opening,style,length"]) == 0
    written = json.loads((out / "lineage.json").read_text("utf-8"))
    assert written["axes"] == ["lexical", "opening", "style", "length"]
    assert "combined" in written["relations"]["distilled-from"]
    told = capsys.readouterr().out
    assert "combined" in told
    assert "Unrelated pairs accused: 0.0%" in told
    assert "Teacher named first: 100%" in told


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("student,teacher\na,b\n", "lacks the column relation"),
        ("student,teacher,relation\na,,none\n", "row 1 has an empty field"),
        ("student,teacher,relation\na,b,distilled-from\n", "lists no unrelated pairs"),
        ("", "lacks the column student, teacher, relation"),
    ],
)
def test_a_broken_lineage_file_is_one_line(tmp_path, text, wrong):
    path = tmp_path / "lineage.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=wrong):
        read_lineage(path)


def test_lineage_file_in_other_forms(tmp_path):
    import pandas as pd

    rows = [{"student": "a", "teacher": "b", "relation": "none", "teacher_org": "B Ltd", "label": "negative"}]
    pd.DataFrame(rows).to_parquet(tmp_path / "l.parquet")
    assert read_lineage(tmp_path / "l.parquet") == [Pair("a", "b", "none", "B Ltd")]
    assert read_lineage(write(tmp_path / "l.jsonl", rows)) == [Pair("a", "b", "none", "B Ltd")]
    with pytest.raises(DataError, match="is not a lineage file"):
        read_lineage(tmp_path / "l.txt")
    with pytest.raises(DataError, match=r"the lineage file .* does not exist"):
        read_lineage(tmp_path / "gone.csv")


def test_strangers_to_the_response_file_are_an_error(files):
    with pytest.raises(DataError, match="no pair of the lineage file has answers"):
        benchmark(measure_file(files[0], ("length",)), [Pair("x", "y", "none")])


@pytest.mark.parametrize("text", ["3\n", "[1]\n", '"a"\n', "{", '{"student": 3}\n', "[" * 60_000])
def test_lines_of_another_kind_are_one_line(text, tmp_path):
    path = tmp_path / "lineage.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"lineage\.jsonl"):
        read_lineage(path)
