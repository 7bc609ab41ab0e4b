"""Scoring a run directory: what is written, that it repeats, and that it stays practical."""

from __future__ import annotations

import json
import time
from dataclasses import fields, replace

import numpy as np
import pytest

from mimicry_audit.ground.errors import ConfigError, DataError, RunDirectoryError
from mimicry_audit.records.asked import Message, Probe, Response
from mimicry_audit.records.manifest import Manifest
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.rules import PairFacts, decide
from mimicry_audit.verdicts.score import ScoringOptions, read_scores, score
from mimicry_audit.verdicts.sections.notes import coverage_gaps
from tests.support import scores_fixture
from tests.support.students import Voice, answers, probes, responses, world

AXES = ("lexical", "early", "opening", "style", "answers", "length")
OPTIONS = ScoringOptions(
    roles=Roles(references=("teacher",), bases={"*": "base"}), axes=AXES, draws=200, min_coverage=0.9
)
IDENTITY = Probe(id="identity/a", domain="identity", messages=(Message("user", "Who are you?"),), aspect="team")


def write_run(path, asked, given, *, resolved=None):
    """A collected run directory, written by hand."""
    run = RunDirectory(path)
    path.mkdir(exist_ok=True)
    run.write_probes(asked)
    models = {
        m: {"engine": "recorded", "name": f"x#{m}", "revision": None, "adapter": None, "options": {}} for m in given
    }
    sampling = {"temperature": 0.0, "top_p": 1.0, "max_tokens": 64, "seed": 0, "samples": 1, "logprobs": 0}
    run.write_manifest(
        Manifest.from_json(
            {
                "created": "2026-01-01T00:00:00+00:00",
                "python": "3.11",
                "settings": {
                    "models": models,
                    "probe_sets": [{"name": "s", "version": "1", "sha": "ab" * 32, "n": len(asked)}],
                    "probes_sha": "0",
                    "selection": {},
                    "sampling": sampling,
                },
                "resolved": resolved or {},
            }
        )
    )
    (path / "responses").mkdir(exist_ok=True)
    for label, mine in given.items():
        lines = "".join(json.dumps(_line(r), ensure_ascii=True) + "\n" for r in mine)
        run.journal_path(label).write_text(lines, "utf-8")
    return run


def _line(response):
    return {name: getattr(response, name) for name in (f.name for f in fields(Response))}


@pytest.fixture
def run(tmp_path):
    asked, given = world(1)
    given["student0"] = [replace(given["student0"][0], status="error", text=""), *given["student0"][1:]]
    given["tuned"] = given["tuned"][1:]
    for label, mine in given.items():
        mine.append(Response(key="k", model=label, probe_id=IDENTITY.id, sample=0, status="ok", text="I am ChatGPT."))
    return write_run(tmp_path / "run", [*asked, IDENTITY], given)


def keys(value, at=""):
    """Every path of keys in a nested value; list items count as one."""
    if isinstance(value, dict):
        return {f"{at}.{k}" for k in value} | {p for k, v in value.items() for p in keys(v, f"{at}.{k}")}
    if isinstance(value, list):
        return {p for v in value for p in keys(v, at + "[]")}
    return set()


def strip(scores):
    return {k: v for k, v in scores.items() if k != "created"}


def test_scores_are_json_without_nan_and_read_back(run):
    scores = score(run, OPTIONS)
    text = run.scores_path.read_text("utf-8")
    assert json.loads(text, parse_constant=lambda c: pytest.fail(f"{c} in scores.json")) == scores
    assert read_scores(run) == scores


def test_scores_have_the_keys_the_report_is_tested_with(run):
    scores, fixture = score(run, OPTIONS), scores_fixture.scores()
    assert set(fixture) <= {*scores, "likelihood"}  # only where it was asked for
    for part in ("models", "axes", "pairs", "verdicts", "probe_sets"):
        expected = {k for k in fixture[part][0] if part != "probe_sets" or k in ("name", "version", "sha", "n")}
        assert expected <= set(scores[part][0]), part
    assert keys(fixture["verdicts"][0]["evidence"]) <= keys(scores["verdicts"][0]["evidence"])
    pair = next(p for p in scores["pairs"] if p["axes"]["lexical"]["raw"])
    assert set(fixture["pairs"][0]["axes"]["lexical"]) <= set(pair["axes"]["lexical"])
    assert set(pair["overall"]["raw"]) == {"value", "low", "high", "n"}
    assert set(fixture["identity"]) <= set(scores["identity"])
    assert set(fixture["identity"]["attempts"][0]) <= set(scores["identity"]["attempts"][0])
    arm = fixture["identity"]["models"]["aria"]["arms"]["default"]
    assert set(arm) <= set(scores["identity"]["models"]["teacher"]["arms"]["default"])


def test_the_verdicts_of_the_run_are_right(run):
    found = {v["candidate"]: v["verdict"] for v in score(run, OPTIONS)["verdicts"]}
    assert found.pop("student0") == "distilled"
    assert "distilled" not in found.values()


def test_scoring_again_gives_the_same(run):
    first = score(run, OPTIONS)
    run.scores_path.unlink()
    assert strip(score(run, OPTIONS)) == strip(first)


def test_unchanged_inputs_are_not_scored_again(run, monkeypatch):
    first = score(run, OPTIONS)
    written = run.scores_path.stat().st_mtime_ns
    with monkeypatch.context() as patch:
        patch.setattr("mimicry_audit.verdicts.score._compute_scores", lambda *_: pytest.fail("scored again"))
        assert score(run, OPTIONS) == first
    assert run.scores_path.stat().st_mtime_ns == written


@pytest.mark.parametrize("change", ["journal", "options", "probes", "resolved", "damaged"])
def test_changed_inputs_are_scored_again(run, change):
    first = score(run, OPTIONS)
    options = OPTIONS
    if change == "journal":
        path = run.journal_path("tuned")
        path.write_text("".join(path.read_text("utf-8").splitlines(keepends=True)[:-2]), "utf-8")
    elif change == "options":
        options = replace(OPTIONS, seed=1)
    elif change == "probes":
        asked = run.probes()
        run.write_probes([replace(asked[0], check={"kind": "number", "answer": -5}), *asked[1:]])
    elif change == "resolved":
        manifest = run.manifest()
        manifest.resolved = {"teacher": {"injected_system_text": "You are Tilda."}}
        run.write_manifest(manifest)
    else:
        run.scores_path.write_text("{", "utf-8")
    again = score(run, options)
    assert (strip(again) == strip(first)) is (change == "damaged")


def test_accuracy_is_the_share_of_right_answers(run):
    scores = {m["label"]: m for m in score(run, OPTIONS)["models"]}
    asked = {p.id: p for p in run.probes() if p.check}
    for label in ("teacher", "student0", "tuned"):
        mine = [r for r in run.responses(label) if r.probe_id in asked and r.status != "error"]
        by_domain = {}
        for r in mine:
            right = r.text.rstrip(".").split()[-1] == str(asked[r.probe_id].check["answer"])
            by_domain.setdefault(asked[r.probe_id].domain, []).append(right)
        found = scores[label]["accuracy"]
        assert found["overall"]["value"] == pytest.approx(np.mean([np.mean(v) for v in by_domain.values()]), abs=1e-5)
        assert found["overall"]["n"] == len(mine)
        for domain, values in by_domain.items():
            assert found["domains"][domain]["value"] == pytest.approx(np.mean(values), abs=1e-5)
    assert scores["student0"]["statuses"] == {"ok": 60, "error": 1}
    assert scores["tuned"]["coverage"] == pytest.approx(60 / 61, abs=1e-4)


def test_coverage_gaps_name_the_pairs(tmp_path, run):
    assert coverage_gaps(score(run, OPTIONS)) == []
    asked, given = world(2)
    given["tuned"] = given["tuned"][:30]
    scores = score(write_run(tmp_path / "thin", asked, given), OPTIONS)
    assert coverage_gaps(scores) == ["tuned and teacher both answered 50% of the probes"]
    assert any("Too many answers are missing to judge tuned" in w for w in scores["warnings"])


def test_pairs_equal_a_plain_mean(run):
    from mimicry_audit.similarity.measure import measure_axes

    scores = score(run, OPTIONS)
    asked = [p for p in run.probes() if p.domain != "identity"]
    labels = [m["label"] for m in scores["models"]]
    (lexical,) = measure_axes(asked, labels, {label: run.responses(label) for label in labels}, axes=["lexical"])
    for pair in scores["pairs"]:
        values = lexical.values[:, labels.index(pair["a"]), labels.index(pair["b"])]
        means = {
            d: np.nanmean([v for v, p in zip(values, asked, strict=True) if p.domain == d]) for d in scores["domains"]
        }
        found = pair["axes"]["lexical"]
        assert found["raw"]["value"] == pytest.approx(np.mean(list(means.values())), abs=1e-5)
        assert {d: found["domains"][d]["raw"]["value"] for d in means} == pytest.approx(means, abs=1e-5)


def test_what_cannot_be_scored_says_so(tmp_path, run):
    with pytest.raises(ConfigError, match="nobody"):
        score(run, replace(OPTIONS, roles=Roles(references=("nobody",))))
    with pytest.raises(ConfigError, match="unknown axis"):
        score(run, replace(OPTIONS, axes=("phase",)))
    with pytest.raises(RunDirectoryError, match="has not been scored"):
        read_scores(run)
    asked = probes(4)
    empty = write_run(tmp_path / "empty", asked, {"a": [], "b": []})
    with pytest.raises(DataError, match="no usable answers"):
        score(empty, ScoringOptions(axes=("length",)))


def test_identity_alone_and_two_models_can_be_scored(tmp_path):
    said = {
        m: [Response(key="k", model=m, probe_id=IDENTITY.id, sample=0, status="ok", text="I am Claude.")] for m in "ab"
    }
    scores = score(write_run(tmp_path / "i", [IDENTITY], said), ScoringOptions(axes=AXES))
    assert scores["verdicts"] == scores["pairs"] == []
    asked, given = world(3)
    two = write_run(tmp_path / "two", asked, {k: given[k] for k in ("teacher", "student0")})
    (verdict,) = score(two, ScoringOptions(axes=AXES, draws=100))["verdicts"]
    assert verdict["verdict"] == "inconclusive"


def test_sixty_models_stay_practical(tmp_path):
    asked = probes(100)
    given = {f"m{i:02d}": responses(f"m{i:02d}", answers(Voice(i), asked)) for i in range(60)}
    run = write_run(tmp_path / "many", asked, given)
    begun = time.process_time()
    scores = score(run, ScoringOptions(axes=AXES))
    assert len(scores["pairs"]) == len(scores["verdicts"]) == 60 * 59 // 2
    assert not [v for v in scores["verdicts"] if v["verdict"] in ("distilled", "same model", "shared base")]
    assert time.process_time() - begun < 120


def test_the_rules_never_see_what_checkpoints_state(run, monkeypatch):
    manifest = json.loads(run.manifest_path.read_text())
    manifest["resolved"]["student0"] = {"lineage": {"name": "student0", "teacher": "STATED"}}
    manifest["resolved"]["teacher"] = {"lineage": {"name": "STATED"}}
    run.manifest_path.write_text(json.dumps(manifest))
    seen = []

    def judge_and_keep(facts):
        seen.append(facts)
        return decide(facts)

    monkeypatch.setattr("mimicry_audit.verdicts.score.decide", judge_and_keep)
    verdicts = {v["candidate"]: v for v in score(run, OPTIONS)["verdicts"]}
    assert verdicts["student0"]["truth"] == {
        "relation": "distilled from STATED", "source": "the checkpoints' lineage manifests", "agrees": True,
    }  # fmt: skip
    assert len(seen) == len(verdicts)
    assert not any("STATED" in repr(facts) for facts in seen)
    assert "truth" not in {field.name for field in fields(PairFacts)}


def test_movement_toward_reference_and_controls_is_the_difference_of_similarities(run) -> None:
    """Before and after are the overall similarities of base and candidate where every probe was compared on every axis."""
    scores = score(run, replace(OPTIONS, axes=("lexical", "style")))
    overall = {frozenset((p["a"], p["b"])): p["overall"]["raw"]["value"] for p in scores["pairs"]}
    shown = [v for v in scores["verdicts"] if v["movement"]]
    assert shown
    assert all((v["movement"] is not None) == (v["base"] is not None) for v in scores["verdicts"])
    for verdict in shown:
        assert [m["model"] for m in verdict["movement"]] == [verdict["reference"], *verdict["controls"]]
        for entry in verdict["movement"]:
            after, before = (
                overall[frozenset((model, entry["model"]))] for model in (verdict["candidate"], verdict["base"])
            )
            assert entry["movement"]["value"] == pytest.approx(after - before, abs=0.02)
            assert entry["movement"]["low"] <= entry["movement"]["value"] <= entry["movement"]["high"]
    student = next(v for v in shown if v["candidate"] == "student0")["movement"]
    assert student[0]["movement"]["low"] > max(m["movement"]["high"] for m in student[1:])
