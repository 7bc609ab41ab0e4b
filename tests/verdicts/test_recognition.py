"""Known students: one more student of a teacher is recognised, students of neighbours are not, and nothing else changes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mimicry_audit.cli import run
from mimicry_audit.cli.judge import _scoring_options
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.verdicts.findings import ALPHA, AUTHORSHIP, FEWEST_STUDENTS, Evidence
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.students import students_evidence
from mimicry_audit.workflow.audit_settings import Settings
from tests.support.commands import jsonl
from tests.support.students import Voice, answers, probes

PROBES = 60
DOMAINS = np.repeat([0, 1], PROBES // 2)
TEACHERS = ("aria", "boro", "ciro", "duma", "enzo")


def likeness(taught_by: int | None, *, seed: int = 0, neighbours: float = 0.0) -> list[np.ndarray]:
    """Two measures on the candidate and a student of each teacher; those of aria and boro are alike by `neighbours` more."""
    rng = np.random.default_rng(seed)
    members = 1 + len(TEACHERS)
    mean = 0.3 + 0.02 * rng.normal(size=(members, members))
    mean = (mean + mean.T) / 2
    mean[1, 2] = mean[2, 1] = mean[1, 2] + neighbours
    if taught_by is not None:
        mean[0, 1 + taught_by] = mean[1 + taught_by, 0] = 0.5
        other = {0: 2, 1: 1}.get(taught_by)
        if other is not None:
            mean[0, other] = mean[other, 0] = mean[0, other] + neighbours
    noise = rng.normal(scale=0.1, size=(2, PROBES, members, members))
    return list(mean + (noise + noise.swapaxes(-1, -2)) / 2)


def found(given: Sequence[np.ndarray], reference: str, teachers: Sequence[str] = TEACHERS) -> Evidence | None:
    return students_evidence(given, teachers, reference, DOMAINS, draws=300, seed=0)


def certain(given: Sequence[np.ndarray], reference: str) -> Evidence:
    evidence = found(given, reference)
    assert evidence is not None
    return evidence


def test_one_more_student_is_recognised_as_its_teachers_and_as_nobody_elses() -> None:
    given = likeness(0)
    assert certain(given, "aria").p < 1e-4
    assert certain(given, "aria").recognises
    assert not any(certain(given, other).positive for other in TEACHERS[1:])
    assert (certain(given, "aria").family, certain(given, "aria").estimate.n) == (AUTHORSHIP, PROBES)


def test_a_student_of_somebody_else_is_taken_for_theirs_no_more_often_than_promised() -> None:
    recognised = [certain(likeness(None, seed=seed), teacher).recognises for seed in range(40) for teacher in TEACHERS]
    assert sum(recognised) <= ALPHA * len(recognised)


def test_a_neighbours_student_is_not_taken_for_the_teachers_own() -> None:
    """Boro writes like aria, so its students resemble hers; each is nearest to its own teacher's."""
    given = likeness(1, neighbours=0.06)
    assert certain(given, "boro").recognises
    assert not certain(given, "aria").positive


def test_the_nearest_is_not_enough_if_students_resemble_each_other_as_much() -> None:
    given = likeness(None)
    for measure in given:
        means = measure.mean(axis=0)
        ahead = means[~np.eye(len(means), dtype=bool)].max() + 0.01 - means[0, 1]
        measure[:, 0, 1] += ahead
        measure[:, 1, 0] += ahead
    evidence = certain(given, "aria")
    assert evidence.raw is not None
    assert evidence.raw.value > 0
    assert not evidence.recognises


def test_a_measure_counts_alike_whatever_its_scale() -> None:
    given = likeness(0)
    scaled = [given[0], 1000 * given[1]]
    assert certain(scaled, "aria").estimate.value == pytest.approx(certain(given, "aria").estimate.value)


def test_two_students_of_one_teacher_are_taken_together() -> None:
    given = [np.concatenate([m, m[:, 1:2] + 0.01], axis=1) for m in likeness(0)]
    given = [np.concatenate([m, m[:, :, 1:2] + 0.01], axis=2) for m in given]
    evidence = found(given, "aria", (*TEACHERS, "aria"))
    assert evidence is not None
    assert evidence.recognises


def test_nothing_is_said_without_the_references_student_or_of_few_teachers() -> None:
    given = likeness(0)
    assert found(given, "stranger") is None
    few = [m[:, :FEWEST_STUDENTS, :FEWEST_STUDENTS] for m in given]
    assert found(few, "aria", TEACHERS[: FEWEST_STUDENTS - 1]) is None
    assert found([np.full((PROBES, 6, 6), np.nan)], "aria") is None
    apart = likeness(0)
    for measure in apart:
        measure[:, 0, 1] = measure[:, 1, 0] = np.nan
    assert found(apart, "aria") is None, "candidate and student have no probe in common"


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"students": {"s": "a", "t": "b"}}, "known students of 2 teachers were given, and at least 4 are needed"),
        (
            {"students": dict(zip("stuv", "abcd", strict=True)), "references": ("r",)},
            "no known student was taught by r, but by a",
        ),
        (
            {"students": dict(zip("stuv", "abcd", strict=True)), "references": ("a", "s")},
            "s cannot be a known student and",
        ),
        ({"students": dict(zip("stux", "abcd", strict=True))}, "--student x is not among the models"),
    ],
)
def test_students_that_can_say_nothing_are_refused(roles: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Roles(**roles).check([*"abcdrstuv"])


class Pupils:
    """A run of recorded answers: four teachers, a student of each, a base, and a candidate that copies aria's."""

    teachers = TEACHERS[:4]

    def __init__(self, folder: Path, candidate: str = "aria") -> None:
        asked = probes(40)
        voices = {name: Voice(i) for i, name in enumerate(self.teachers)}
        texts = {name: answers(voice, asked) for name, voice in voices.items()}
        texts["base"] = answers(Voice(20, skill=0.1), asked)
        for at, name in enumerate(self.teachers):
            texts[f"of-{name}"] = answers(Voice(20, skill=0.1), asked, copies=voices[name], dose=0.8, seed=at)
        texts["mine"] = answers(Voice(20, skill=0.1), asked, copies=voices[candidate], dose=0.8, seed=9)
        self.folder = folder
        self.file = jsonl(folder / "answers.jsonl", [
            {"model": model, "prompt_id": probe, "prompt": probe, "output": text}
            for model, by_probe in texts.items() for probe, text in by_probe.items()
        ])  # fmt: skip

    def scored(self, *options: str, name: str = "run") -> dict[str, Any]:
        out = self.folder / name
        asked = ["--reference", "aria", "--base", "base", "--axes", "lexical,opening,style", *options]
        assert run(["score", "--responses", str(self.file), "--out", str(out), *asked]) == 0
        scores: dict[str, Any] = json.loads((out / "scores.json").read_text("utf-8"))
        return scores

    @property
    def known(self) -> list[str]:
        return [word for name in self.teachers for word in ("--student", f"of-{name}={name}")]


def verdict(scores: dict[str, Any], candidate: str = "mine") -> dict[str, Any]:
    (one,) = (v for v in scores["verdicts"] if v["candidate"] == candidate)
    return dict(one)


def test_a_candidate_is_recognised_by_recorded_students(tmp_path: Path) -> None:
    scores = Pupils(tmp_path).scored(*Pupils(tmp_path).known)
    one = verdict(scores)
    assert one["verdict"] == "distilled"
    assert "as one more student of aria" in one["summary"]
    (entry,) = (e for e in one["evidence"] if e["axis"] == "students")
    assert entry["positive"]
    assert entry["p_holm"] < 0.001
    assert "each other's nearest" in one["reasons"][0]
    assert {v["candidate"] for v in scores["verdicts"]} == {"mine", "boro", "ciro", "duma"}, (
        "known students are not judged"
    )
    assert not any("of-" in model["label"] for model in scores["models"])
    assert "students:of-aria=aria" in scores["signature"]


def test_a_student_that_did_not_answer_is_left_out_and_named(tmp_path: Path) -> None:
    pupils = Pupils(tmp_path)
    rows = [json.loads(line) for line in pupils.file.read_text("utf-8").splitlines()]
    silent = [row | ({"output": "$ERROR$"} if row["model"] == "of-duma" else {}) for row in rows]
    jsonl(pupils.file, silent)
    scores = pupils.scored(*pupils.known)
    warnings = " ".join(scores["warnings"])
    assert "Known students that answered fewer than half of the probes were left out: of-duma." in warnings
    assert (
        "Known students of fewer than 4 teachers are left for candidates from base: of-aria, of-boro, of-ciro."
        in warnings
    )
    assert not any(e["axis"] == "students" for e in verdict(scores)["evidence"])


def test_what_follows_a_scoring_keeps_the_known_students(tmp_path: Path) -> None:
    """A judge's grades are added to the scores of the last time: known students stay what they are, and are not graded."""
    pupils = Pupils(tmp_path)
    scores = pupils.scored(*pupils.known)
    directory = RunDirectory(tmp_path / "run")
    options = _scoring_options(directory, Settings(), directory.manifest().labels)
    assert options.roles.students == {f"of-{name}": name for name in pupils.teachers}
    assert options.roles.bases == {"*": "base"}
    assert [student["label"] for student in scores["students"]] == list(options.roles.students)


def test_a_student_of_another_teacher_is_not_accused_of_the_reference(tmp_path: Path) -> None:
    pupils = Pupils(tmp_path, candidate="boro")
    one = verdict(pupils.scored(*pupils.known))
    assert one["verdict"] in ("no evidence", "convergent")
    assert not any(e["axis"] == "students" and e["positive"] for e in one["evidence"])
    reasons = " ".join(one["reasons"])
    assert "aria" not in reasons.partition("Of the known students")[2]
    assert "Of the known students, mine resembles that of boro most." in reasons


def test_known_students_change_no_other_figure(tmp_path: Path) -> None:
    """As if they were not there: the same run of the other models alone."""
    pupils = Pupils(tmp_path)
    with_them = pupils.scored(*pupils.known)
    rows = [json.loads(line) for line in pupils.file.read_text("utf-8").splitlines()]
    jsonl(pupils.file, [row for row in rows if not row["model"].startswith("of-")])
    without = pupils.scored(name="without")
    assert with_them["pairs"] == without["pairs"]
    assert with_them["models"] == without["models"]
    for one, other in zip(with_them["verdicts"], without["verdicts"], strict=True):
        if one["candidate"] != "mine":
            assert one == other or one["reasons"][:-1] == other["reasons"]
        kept = [e for e in one["evidence"] if not e["axis"].startswith("students")]
        assert kept == other["evidence"]
