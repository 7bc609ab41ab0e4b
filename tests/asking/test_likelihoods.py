"""Likelihoods end to end: what is missing, what survives, what the scores and the report say, and what stays unsaid."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mimicry_audit import audit as python_audit
from mimicry_audit.asking.answers import Plan, collect
from mimicry_audit.asking.likelihoods import (
    LikelihoodPlan,
    collect_likelihoods,
    plan_likelihood,
)
from mimicry_audit.cli import run as command_line
from mimicry_audit.engines.likelihood import TextRequest, TokenScores
from mimicry_audit.ground.errors import ConfigError, DataError, EngineError, RunDirectoryError
from mimicry_audit.records.asked import Completion, Message, ModelSpec, Probe, Request, Sampling
from mimicry_audit.records.likelihood import Likelihood, likelihood_lines, likelihood_path
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.statistics.intervals import Interval
from mimicry_audit.verdicts.findings import MINIMUM_GAIN, NEAR_EQUAL_JS, Evidence, PairFacts, Verdict
from mimicry_audit.verdicts.sections.likelihood import Likelihoods
from mimicry_audit.verdicts.sections.likelihood import _Scored as Scored
from mimicry_audit.workflow.settings import merged, resolve, settings_from
from tests.support.commands import Desk, audit, start
from tests.support.engine_fixtures import TinyModels
from tests.support.scripted_engine import Script, ScriptedEngine
from tests.test_docs import keys, rows, section, words

# Collecting: scripted engines, so that every question is seen


@dataclass
class ScoringScript(Script):
    """A script whose engines can score texts, but for those named mute."""

    mute: tuple[str, ...] = ()
    fails: tuple[tuple[str, str], ...] = ()
    scored: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def engine_for(self, spec: ModelSpec) -> ScriptedEngine:
        self.events.append(("made", spec.label))
        return (ScriptedEngine if spec.label in self.mute else ScoringEngine)(spec, self)


class ScoringEngine(ScriptedEngine):
    """Gives every character the same probability."""

    script: ScoringScript

    def tokenizer_sha(self) -> str:
        return "map"

    def score_texts(self, requests: Sequence[TextRequest]) -> Iterator[tuple[TextRequest, TokenScores]]:
        done = self.script.scored.setdefault(self.spec.label, [])
        left = self.script.dies_after.get(self.spec.label)
        for request in [r for r in requests if r.missing]:
            if left == 0:
                raise EngineError(f"the server of {self.spec.label} died", "start it again")
            left = None if left is None else left - 1
            done.append(request.key)
            if request.key in self.script.fails:
                yield request, TokenScores(error="too long")
                continue
            tokens = tuple(map(ord, request.text))
            top = tuple(((token, -1.0),) for token in tokens) if request.top_k else None
            yield request, TokenScores(tokens=tokens, logprobs=tuple(-1.0 for _ in tokens), top=top)


def plan(*labels: str, probes: int = 3) -> Plan:
    asked = [Probe(id=f"s/{n}", domain="math", messages=(Message("user", f"ask {n}"),)) for n in range(probes)]
    asked.append(Probe(id="s/who", domain="identity", messages=(Message("user", "who?"),)))
    return Plan(
        models=tuple(ModelSpec(label=label, engine="scripted", name=f"org/{label}") for label in labels),
        probes=tuple(asked),
        sampling=Sampling(),
    )


WANTED = LikelihoodPlan(references=("a",), controls=("c",), top_k=1)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    made = RunDirectory(tmp_path / "run")
    collect(made, plan("a", "b", "c"), engine_for=Script().engine_for)
    return made


def standing(run: RunDirectory, label: str) -> dict[tuple[str, str], Likelihood]:
    return {(r.author, r.probe_id): r for r in likelihood_lines(likelihood_path(run, label))}


def go(run: RunDirectory, script: ScoringScript, wanted: LikelihoodPlan = WANTED) -> int:
    return collect_likelihoods(run, plan("a", "b", "c"), wanted, engine_for=script.engine_for)


def test_every_model_scores_the_wanted_answers_once_and_no_identity_answer(run: RunDirectory) -> None:
    script = ScoringScript()
    assert go(run, script) == 3 * 2 * 3
    keys_ = {(author, f"s/{n}") for author in "ac" for n in range(3)}
    for label in "abc":
        found = standing(run, label)
        assert found.keys() == keys_
        text = next(r.text for r in run.responses("a") if r.probe_id == "s/1")
        record = found["a", "s/1"]
        assert (record.bytes, len(record.tokens), record.status) == (len(text), len(text), "ok")
        assert record.top is not None
        assert found["c", "s/1"].top is None  # the most probable tokens are kept for the reference's answers alone
    assert len({r.key for label in "abc" for r in standing(run, label).values()}) == 18
    made = [event for event in script.events if event[0] in ("made", "open")]
    assert made == [*(("made", label) for label in "abc"), *(("open", label) for label in "abc")]
    assert run.manifest().likelihood == {
        "top_k": 1,
        "references": ["a"],
        "controls": ["c"],
        "models": {label: {"tokenizer": "map", "why_not": None} for label in "abc"},
    }


def test_a_finished_run_scores_nothing_and_makes_no_engine(run: RunDirectory) -> None:
    go(run, ScoringScript())
    before = {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file() and p.name != ".lock"}
    again = ScoringScript()
    assert go(run, again) == 0
    assert again.events == []
    assert {p: p.read_bytes() for p in run.path.rglob("*") if p.is_file() and p.name != ".lock"} == before


def test_what_a_crash_cut_off_is_owed_again_and_nothing_else(run: RunDirectory) -> None:
    script = ScoringScript(dies_after={"b": 2})
    with pytest.raises(EngineError, match="died"):
        go(run, script)
    path = likelihood_path(run, "b")
    path.write_bytes(path.read_bytes()[:-25])  # the second line torn
    second = ScoringScript()
    assert go(run, second) == 5 + 6
    assert set(second.scored) == {"b", "c"}
    assert script.scored["b"][0] not in second.scored["b"]
    assert path.read_bytes().count(b"\n") == 6


def test_errors_are_on_record_and_owed_again(run: RunDirectory) -> None:
    bad = ("c", "s/2")
    assert go(run, ScoringScript(fails=(bad,))) == 18
    assert {standing(run, label)[bad].error for label in "abc"} == {"too long"}
    second = ScoringScript()
    assert go(run, second) == 3
    assert second.scored == {label: [bad] for label in "abc"}
    assert standing(run, "b")[bad].status == "ok"


def test_numbers_stand_only_for_the_text_they_were_computed_on(run: RunDirectory) -> None:
    go(run, ScoringScript())
    path = run.journal_path("c")
    lines = path.read_text("utf-8").splitlines()
    changed = [
        json.dumps(r | {"text": "another answer"}) if (r := json.loads(x))["probe_id"] == "s/0" else x for x in lines
    ]
    path.write_text("\n".join(changed) + "\n", encoding="utf-8")
    script = ScoringScript()
    assert go(run, script) == 3
    assert script.scored == {label: [("c", "s/0")] for label in "abc"}


def test_another_reference_adds_what_it_needs(run: RunDirectory) -> None:
    go(run, ScoringScript())
    script = ScoringScript()
    assert go(run, script, LikelihoodPlan(references=("c",), controls=("a",), top_k=1)) == 9
    assert {key for done in script.scored.values() for key in done} == {("c", f"s/{n}") for n in range(3)}
    assert run.manifest().likelihood["references"] == ["a", "c"]
    with pytest.raises(RunDirectoryError, match="keeps the 1 most probable tokens, not 5"):
        go(run, ScoringScript(), LikelihoodPlan(references=("a",), top_k=5))


def test_a_model_that_cannot_score_is_named_with_the_reason_and_asked_once(run: RunDirectory) -> None:
    assert go(run, ScoringScript(mute=("b",))) == 12
    assert run.manifest().likelihood["models"]["b"] == {
        "tokenizer": None,
        "why_not": "the scripted engine cannot score texts",
    }
    again = ScoringScript(mute=("b",))
    assert go(run, again) == 0
    assert again.events == []


def test_a_model_that_changed_since_is_refused(run: RunDirectory) -> None:
    with pytest.raises(RunDirectoryError, match="has changed since this run began"):
        go(run, ScoringScript(revision={"b": "r2"}))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"model": "x"}, "it belongs to model 'x'"),
        ({"schema": 2}, "unsupported version"),
        ({"status": "empty"}, "unknown status"),
        ({"bytes": -1}, "bytes is not a count"),
        ({"logprobs": [-1.0]}, "of different lengths"),
        ({"extra": 1}, "unknown field 'extra'"),
        ({"author": 3}, "author is not text"),
    ],
)
def test_a_damaged_journal_is_named_by_line(run: RunDirectory, change: Mapping[str, Any], why: str) -> None:
    go(run, ScoringScript())
    path = likelihood_path(run, "b")
    lines = path.read_text("utf-8").splitlines()
    lines[1] = json.dumps(json.loads(lines[1]) | dict(change))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=f"line 2, is not a likelihood .*{why}"):
        standing(run, "b")


def test_every_control_is_scored_and_neither_base_nor_reference_is_one() -> None:
    labels = ["z", "ref", "m", "base", "k", "b", "x"]
    made = plan_likelihood(labels, ["ref"], ["base"], [], 20)
    assert made == LikelihoodPlan(references=("ref",), controls=("z", "m", "k", "b", "x"), top_k=20)
    assert plan_likelihood(labels, ["ref"], ["base"], ["z", "m"], 20).controls == ("z", "m")


# Bad input


def test_bad_settings_are_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    models = ["--models", "lab/aria,lab/base", "--engine", "hf"]
    for more, said in (
        (["--likelihood", "--reference", "aria", "--likelihood-top-k", "0"], "--likelihood-top-k is 0"),
        (["--likelihood"], "--likelihood needs a reference"),
    ):
        assert command_line(["run", *models, *more]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert len(error.strip().splitlines()) == 1
    with pytest.raises(ConfigError, match="likelihood is true or false, not 'often'"):
        settings_from({"likelihood": "often"}, "x.yaml")
    with pytest.raises(ConfigError, match="Did you mean 'likelihood'"):
        settings_from({"likelyhood": True}, "x.yaml")


def test_the_command_line_does_not_switch_off_what_a_file_asks_for(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("models: [lab/aria, lab/base]\nreference: [aria]\nlikelihood: true\nlikelihood_top_k: 5\n")
    resolved = resolve(merged(file, {"seed": 1, "likelihood": None}))
    assert resolved.likelihood == LikelihoodPlan(references=("aria",), controls=("base",), top_k=5)
    plain = resolve(merged(None, {"models": ("lab/aria", "lab/base"), "reference": ("aria",)}))
    assert plain.likelihood is None
    with_it = resolve(merged(None, {"models": ("lab/aria", "lab/base"), "reference": ("aria",), "likelihood": True}))
    assert (with_it.plan.settings(), with_it.out) == (plain.plan.settings(), plain.out)  # the same run, with more in it


def test_recorded_answers_cannot_score_and_the_scores_say_so(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    done = audit(
        "run", *desk.options(), "--reference", "teacher", "--base", "base", "--axes", "lexical", "--likelihood"
    )
    assert done.returncode == 0, done.stderr
    scores = json.loads((desk.out / "scores.json").read_text("utf-8"))["likelihood"]
    assert scores["texts"] == []
    assert {m["why_not"] for m in scores["models"].values()} == {
        "recorded answers come without the model that gave them"
    }
    assert all("recorded answers come without" in g["why_not"] and g["gain"] is None for g in scores["gains"])
    assert all("recorded answers come without" in d["why_not"] and d["js"] is None for d in scores["divergences"])
    assert "recorded answers come without" in (desk.out / "report.html").read_text("utf-8")


# The lab: models of known lineage

LAB = ("aria", "boro", "base", "aria-student", "base-sft", "twin")
SETTINGS: dict[str, Any] = {
    "reference": ["aria"],
    "base": ["aria-student=base", "base-sft=base"],
    "probes": ["lab"],
    "limit": 15,
    "max_tokens": 96,
    "engine": "hf",
    "engine_options": {"num_threads": 1},
    "axes": ["lexical", "answers", "length"],
}


@pytest.fixture(scope="module")
def lab_run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from mimicry_audit import lab

    lab.build(list(LAB))
    out = tmp_path_factory.mktemp("likelihood") / "run"
    plain = python_audit([f"lab/{name}" for name in LAB], **SETTINGS, out=str(out))
    assert "likelihood" not in plain.scores
    assert plain.directory.manifest().likelihood is None
    assert 'id="likelihood"' not in plain.directory.report_path.read_text("utf-8")
    assert not (out / "likelihood").exists()
    return plain, python_audit([f"lab/{name}" for name in LAB], **SETTINGS, likelihood=True, out=str(out))


def gain(scores: Mapping[str, Any], candidate: str) -> Mapping[str, Any]:
    return next(g for g in scores["likelihood"]["gains"] if g["candidate"] == candidate)


def test_the_gain_tells_the_student_from_the_ordinary_fine_tune(lab_run: Any) -> None:
    scores = lab_run[1].scores
    student, tuned = gain(scores, "aria-student"), gain(scores, "base-sft")
    assert student["positive"]
    assert student["gain"]["low"] > 1.0
    assert student["adjusted"]["low"] > 1.0
    assert not tuned["positive"]
    assert abs(tuned["adjusted"]["value"]) < MINIMUM_GAIN
    assert set(tuned["controls"]) == {"aria-student", "boro", "twin"}
    assert gain(scores, "twin")["why_not"] == "no base of twin was named"
    verdicts = {v["candidate"]: v for v in scores["verdicts"]}
    assert {c: v["verdict"] for c, v in verdicts.items()} == {
        v["candidate"]: v["verdict"] for v in lab_run[0].scores["verdicts"]
    }
    entry = next(e for e in verdicts["aria-student"]["evidence"] if e["axis"] == "likelihood")
    assert (entry["family"], entry["unit"], entry["statistic"]) == ("probability", "bits per byte", "adjusted gain")
    assert entry["estimate"] == student["adjusted"]
    assert entry["p_holm"] >= entry["p"] == student["p"]
    assert "probability" in verdicts["aria-student"]["summary"]
    assert any("gained +" in reason and "bits per byte" in reason for reason in verdicts["aria-student"]["reasons"])


def test_the_gain_is_that_of_the_journals(lab_run: Any) -> None:
    """Bits per byte, domain means and the median over controls, computed once more from the raw lines."""
    run: RunDirectory = lab_run[1].directory
    domain = {p.id: p.domain for p in run.probes() if p.domain != "identity"}
    lines = {label: standing(run, label) for label in ("base", "aria-student")}

    def saved(author: str) -> dict[str, float]:
        def bits(label: str, probe: str) -> float:
            record = lines[label][author, probe]
            return -sum(record.logprobs) / math.log(2) / record.bytes

        return {p: bits("base", p) - bits("aria-student", p) for p in domain}

    def mean(values: Mapping[str, float]) -> float:
        kinds = sorted(set(domain.values()))
        return float(np.mean([np.mean([v for p, v in values.items() if domain[p] == k]) for k in kinds]))

    found = gain(lab_run[1].scores, "aria-student")
    own = mean(saved("aria"))
    assert found["gain"]["value"] == pytest.approx(own, abs=1e-4)
    beyond = np.median([own - mean(saved(k)) for k in found["controls"]])
    assert found["adjusted"]["value"] == pytest.approx(float(beyond), abs=1e-4)


def test_unequal_tokenizers_give_bits_per_byte_and_nothing_that_needs_equal_ones(lab_run: Any) -> None:
    found = lab_run[1].scores["likelihood"]
    apart = {d["candidate"]: d for d in found["divergences"]}
    assert apart["boro"]["why_not"] == "their tokenizers differ"
    assert {apart["boro"][k] for k in ("kl_reference_candidate", "kl_candidate_reference", "js", "similarity")} == {
        None
    }
    bits = {(t["model"], t["author"]): t["bits_per_byte"]["value"] for t in found["texts"]}
    assert bits["boro", "boro"] < 0.2 < 3 < bits["boro", "aria"]
    assert found["models"]["boro"]["tokenizer"] != found["models"]["aria"]["tokenizer"]
    near, far = apart["aria-student"], apart["base-sft"]
    assert near["similarity"]["low"] > 0.9 > 0.5 > far["similarity"]["high"]
    assert near["js"]["value"] < far["js"]["value"] < math.log(2)
    assert near["kl_reference_candidate"]["value"] < far["kl_reference_candidate"]["value"]
    text = next(t for t in found["texts"] if (t["model"], t["author"]) == ("base", "aria"))
    assert text["perplexity"]["value"] == pytest.approx(math.exp(text["cross_entropy"]["value"]), rel=1e-3)


def test_the_report_shows_it_and_scoring_again_computes_nothing(lab_run: Any) -> None:
    html = lab_run[1].directory.report_path.read_text("utf-8")
    for said in ('id="likelihood"', "Bits per byte", "Gain over the base", "their tokenizers differ"):
        assert said in html
    before = lab_run[1].directory.scores_path.stat().st_mtime_ns
    again = python_audit([f"lab/{name}" for name in LAB], **SETTINGS, likelihood=True, out=str(lab_run[1].path))
    assert again.asked == 0
    assert lab_run[1].directory.scores_path.stat().st_mtime_ns == before


def test_the_fields_are_explained(lab_run: Any) -> None:
    table = rows(section("docs/formats.md", "The likelihood journal: likelihood/MODEL.jsonl"))
    named = {row[0].strip("`") for row in table}
    assert named == {f.name for f in fields(Likelihood)}
    known = words(section("docs/formats.md", "scores.json")) | words(section("docs/formats.md", "manifest.json"))
    assert set(keys(lab_run[1].scores["likelihood"])) - known == set()
    assert set(keys({"likelihood": lab_run[1].directory.manifest().likelihood})) - known == set()


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mimicry_audit import lab

    lab.build(["aria", "base"])
    options = ["run", "--models", "lab/aria,lab/base", "--engine", "hf", "--probes", "lab", "--max-tokens", "48"]
    options += ["--limit", "8", "-E", "num_threads=1", "-E", "batch_size=2", "--reference", "aria", "--likelihood"]
    options += ["--axes", "lexical", "--out", str(tmp_path / "run")]
    run = RunDirectory(tmp_path / "run")
    path = likelihood_path(run, "aria")
    with start(*options) as process:
        while process.poll() is None and not (path.exists() and path.read_bytes().count(b"\n") >= 3):
            time.sleep(0.002)
        process.kill()
        process.communicate()
    kept = path.read_bytes().count(b"\n")
    assert process.returncode == -9
    assert command_line(options) == 0
    expected = sum(p.domain != "identity" for p in run.probes()) * 2  # aria's answers, and those of base as a control
    for label in ("aria", "base"):
        records = list(likelihood_lines(likelihood_path(run, label)))
        assert len(records) == len({(r.author, r.probe_id) for r in records}) == expected
    assert 3 <= kept <= expected
    capsys.readouterr()
    assert command_line(options) == 0
    assert capsys.readouterr().err == f"{run.path}: nothing missing, no model was asked\n"


def test_nearly_equal_distributions_are_named_and_decide_nothing(tiny_models: TinyModels, tmp_path: Path) -> None:
    """One model under two names, in two numeric types; and another model that says the same answers are improbable."""
    models = [
        {"model": f"one=hf/{tiny_models.one}"},
        {"model": f"rounded=hf/{tiny_models.one}", "options": {"dtype": "bfloat16"}},
        {"model": f"two=hf/{tiny_models.two}"},
    ]
    given: dict[str, Any] = {"probes": ["lab"], "limit": 3, "max_tokens": 8, "axes": ["lexical"], "reference": ["one"]}
    run = python_audit(models, **given, likelihood=True, likelihood_top_k=320, out=str(tmp_path / "run"))
    reasons = {v["candidate"]: [r for r in v["reasons"] if "predict nearly the same" in r] for v in run.verdicts}
    assert len(reasons["rounded"]) == 1
    assert reasons["two"] == []
    apart = {d["candidate"]: d["js"]["value"] for d in run.scores["likelihood"]["divergences"]}
    assert apart["rounded"] < NEAR_EQUAL_JS < apart["two"]
    assert "| likelihood:top320 |" in run.scores["signature"]
    (note,) = (text for text in run.scores["warnings"] if "likelihoods were not computed in the same numbers" in text)
    assert "(one, two in float32; rounded in bfloat16 under hf)" in note


@pytest.mark.parametrize(
    ("candidate", "base", "told"),
    [
        ("float32", "float32", None),
        (None, "bfloat16 under hf", None),
        ("bfloat16 under hf", "bfloat16 under hf", None),
        ("float32", "bfloat16 under hf", "c was computed in float32 and b in bfloat16 under hf"),
        (
            "bfloat16 under vllm",
            "bfloat16 under hf",
            "c was computed in bfloat16 under vllm and b in bfloat16 under hf",
        ),
    ],
)
def test_a_gain_is_never_rounding(candidate: str | None, base: str | None, told: str | None) -> None:
    numbers = np.linspace(1, 2, 30)
    apart = np.full((30, 3), np.nan)

    def scored(nats: float) -> dict[str, Scored]:
        sums = Scored(numbers * nats, np.full(30, 9.0), np.full(30, 40.0), apart)
        return {"r": sums, "k": replace(sums, nats=numbers * 30)}

    noted: Any = {"top_k": 1, "references": ["r"], "controls": ["k"], "models": {}}
    kinds = {label: kind for label, kind in (("c", candidate), ("b", base)) if kind is not None}
    made = Likelihoods(noted, {"c": scored(10), "b": scored(30)}, {}, np.zeros(30, dtype=np.int64), kinds)
    facts = PairFacts(candidate="c", reference="r", base="b", models=5, n=30, asked=30, controls=("k",))
    gained = made.extension(50, 0)(facts)
    (entry,) = made.section([Verdict(facts=gained, verdict="no evidence", confidence="weak", summary="", reasons=(),
                                     would_change=())], None)["gains"]  # fmt: skip
    assert bool(gained.evidence) is (told is None)
    if told is not None:
        assert str(entry["why_not"]).startswith(told)


# Evidence


def test_a_model_that_lost_everywhere_has_not_come_nearer() -> None:
    """Its adjusted gain is positive, because it lost less on the reference than elsewhere."""
    shown = Interval(0.4, 0.3, 0.5, 50)
    given: dict[str, Any] = {"axis": "likelihood", "title": "t", "family": "probability", "statistic": "adjusted gain"}
    given |= {"estimate": shown, "p": 0.001, "p_holm": 0.001, "minimum_effect": MINIMUM_GAIN, "unit": "bits per byte"}
    assert Evidence(**given, raw=Interval(0.2, 0.1, 0.3, 50)).positive
    assert not Evidence(**given, raw=Interval(-0.2, -0.3, -0.1, 50)).positive
    small = given | {"estimate": Interval(0.05, 0.04, 0.06, 50)}
    assert not Evidence(**small).positive
    assert Evidence(**small | {"minimum_effect": 0.03}).positive


def test_a_failed_answer_is_no_text_to_score(tmp_path: Path) -> None:
    def answer(spec: ModelSpec, request: Request) -> Completion:
        if request.probe_id == "s/0":
            return Completion(status="empty")
        return Completion(status="ok", text=f"{spec.label} {request.probe_id}")

    run = RunDirectory(tmp_path / "run")
    collect(run, plan("a", "b", "c"), engine_for=Script(answer=answer).engine_for)
    script = ScoringScript()
    assert go(run, script) == 3 * 2 * 2
    assert not [key for done in script.scored.values() for key in done if key[1] == "s/0"]
