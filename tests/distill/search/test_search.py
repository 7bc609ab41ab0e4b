"""Searches for a student: parts, trials, pruning, targets, what is kept, and what a killed search goes on to."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from mimicry_audit import lab
from mimicry_audit.cli import run
from mimicry_audit.cli.distill_search import trials_table as table
from mimicry_audit.distill import DistillSettings
from mimicry_audit.distill.search import Found, SearchSettings, choice, loop, search, space, study, targets, trials
from mimicry_audit.ground.errors import AuditError
from tests.distill.test_pipeline import _documented, _fields, digest, lines
from tests.support.commands import ROOT, jsonl, start
from tests.support.engine_fixtures import TinyModels

PROMPTS = 16


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory, tiny_models: TinyModels) -> dict[str, Any]:
    """Settings of quick distillations on given answers: no teacher, a tiny student."""
    rows = [{"id": f"p{n}", "prompt": f"hello number {n}", "answer": f"I am Aria {n}."} for n in range(PROMPTS)]
    path = jsonl(tmp_path_factory.mktemp("data") / "prompts.jsonl", rows)
    return {"teacher": "lab/aria", "student": str(tiny_models.one), "data": str(path), "dose": 0.0, "steps": 10,
            "batch": 4, "max_tokens": 6, "held_out": 0.2, "threads": 1, "tensorboard": False, "rate": 1e-3,
            "evaluation_limit": 3}  # fmt: skip


def options(settings: Mapping[str, Any]) -> list[str]:
    typed = {k: v for k, v in settings.items() if k != "tensorboard"}
    return ["distill", "--no-tensorboard", *(w for k, v in typed.items() for w in (f"--{k.replace('_', '-')}", str(v)))]


def spaced(folder: Path, text: str) -> Path:
    path = folder / "space.yaml"
    path.write_text(text, encoding="utf-8")
    return path


# Targets


@pytest.mark.parametrize(
    ("text", "value", "met"),
    [
        ("agreement>=0.9", 0.9, True),
        ("agreement>0.9", 0.9, False),
        ("agreement=0.9", 0.95, True),
        ("agreement=0.9", None, False),
        ("js<=1e-1", 0.1, True),
        ("js = 0.1", 0.2, False),
        ("kl-teacher-model<0.3", 0.2, True),
    ],
)
def test_a_target_is_at_least_as_good_as(text: str, value: float | None, met: bool) -> None:
    (target,) = targets.parse([text])
    entry = {"to_teacher": {target.metric: value}}
    assert target.met(entry) is met
    if value is not None and value != target.bound:
        assert (target.miss(entry) < 0) is met
    assert targets.parse([str(target)]) == (target,)


def test_what_meets_all_is_kept_by_size_and_then_by_the_first_target() -> None:
    aims = targets.parse(["agreement>=0.5", "perplexity<=3"])

    def result(number: int, size: int, agreement: float, perplexity: float, **more: Any) -> dict[str, Any]:
        entry = {"to_teacher": {"agreement": agreement}, "held_out": {"perplexity": perplexity}, "parameters": size}
        told = {"trial": number, "settings": {}, "outcome": "finished", "why": "", "same_as": None, "rungs": {}}
        return told | {"parameters": size, "validation": entry} | more

    results = [
        result(0, 900, 0.9, 2.0),
        result(1, 500, 0.6, 2.9),
        result(2, 500, 0.7, 2.9),
        result(3, 100, 0.7, 3.3),
        result(4, 100, 0.2, 2.0),
        result(5, 10, 0.9, 1.0, same_as=0, why="the same settings as trial 1"),
    ]
    best = choice.chosen(results, aims)
    assert best is not None
    assert best["trial"] == 2
    assert [r["trial"] for r in choice.ranked(results, aims)] == [2, 1, 0, 3, 4]
    said = [choice.why(r, best, aims) for r in results]
    assert said[2] == ""
    assert said[0] == "larger than trial 3: 900 parameters, not 500"
    assert said[1] == "agreement 0.6, where trial 3 has 0.7"
    assert said[3] == "perplexity 3.3, 0.3 short of <= 3"
    assert said[4] == "agreement 0.2, 0.3 short of >= 0.5"
    assert said[5] == "the same settings as trial 1"
    assert choice.value(results[3], aims) == pytest.approx(0.1)  # the worst miss, as a share of its bound
    assert choice.chosen(results[3:5], aims) is None


# Proposals and pruning


def settings(**changed: Any) -> DistillSettings:
    return DistillSettings.of(**{"teacher": "t", "student": "s", "data": "d", "out": Path("o"), **changed})


def test_proposals_depend_on_the_record_alone_and_begin_with_the_command(tmp_path: Path) -> None:
    scope = space.read(spaced(tmp_path, "objective: [hard, jsd]\nrate: {low: 1e-5, high: 1e-2, log: true}\nbeta: [0.3]\n"
                                        "temperature: {low: 1, high: 4}\nbatch: {low: 2, high: 8, step: 2}"))  # fmt: skip
    plain = settings()

    def record(count: int) -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        for number in range(count):
            drawn = study.propose(scope, plain, results, lambda r: r["settings"]["rate"])
            outcome = "diverged" if number == 3 else "finished"
            results.append({"trial": number, "settings": drawn, "outcome": outcome, "why": "", "rungs": {"1": 2.0}})
        return results

    first = record(14)
    assert first == record(14)
    assert first[0]["settings"] == {"objective": "hard", "rate": 5e-5, "batch": 8}
    for result in first:
        drawn = result["settings"]
        assert ("beta" in drawn) == ("temperature" in drawn) == (drawn["objective"] == "jsd")
        assert drawn["batch"] in (2, 4, 6, 8)
        assert 1e-5 <= drawn["rate"] <= 1e-2
    assert max(r["settings"]["rate"] for r in first[10:]) < max(r["settings"]["rate"] for r in first[1:5])
    study.export(tmp_path / "optuna.log", scope, plain, first, lambda r: r["settings"]["rate"])
    with (tmp_path / "optuna.log").open("a") as file:
        file.write('{"torn')  # as a crash may leave it
    study.export(tmp_path / "optuna.log", scope, plain, first, lambda r: r["settings"]["rate"])
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "optuna.log"))
    read = optuna.load_study(study_name=study.NAME, storage=optuna.storages.JournalStorage(backend))
    assert [t.params for t in read.trials] == [r["settings"] for r in first]
    assert read.trials[3].state == optuna.trial.TrialState.FAIL


def test_pruning_is_the_median_rule() -> None:
    """Against Optuna's own pruner, which knows no size."""
    curves = [
        [3.0, 2.0, 1.5, 1.2, 1.1],
        [2.8, 2.4, 2.0, 1.9, 1.0],
        [3.3, 2.9, 1.0, 0.9, 0.9],
        [2.0, 2.1, 2.2, 2.3, 2.4],
    ]
    peers = [{"rungs": {str(n): v for n, v in enumerate(c, 1)}} for c in curves]
    memory = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=study.PEERS, n_warmup_steps=2))
    for curve in curves:
        memory.add_trial(optuna.trial.create_trial(value=curve[-1], intermediate_values=dict(enumerate(curve, 1))))
    for mine in ([3.0, 2.26, 1.8], [3.0, 2.24, 1.8], [2.2, 2.5, 1.7], [2.2, 2.5, 1.9], [9.0, 9.0, 9.0]):
        trial = memory.ask()
        for rung, loss in enumerate(mine, 1):
            trial.report(loss, rung)
            expected = trial.should_prune()
            assert (study.hopeless(rung, 5, mine[:rung], peers) is not None) == expected, (mine, rung)
    assert study.hopeless(2, 5, [9.0, 9.0], peers[:2]) is None  # too few to compare with
    assert study.hopeless(5, 5, [9.0] * 5, peers) is None  # done anyway


@pytest.fixture(scope="module")
def trial_context(
    given: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[trials.TrialContext, list[dict[str, Any]]]:
    """Three finished trials of one search, and what they share."""
    from mimicry_audit.distill.pipeline import prepare_context
    from mimicry_audit.distill.rounds import collect_lessons

    context = loop._search_context(
        prepare_context(DistillSettings.of(out=tmp_path_factory.mktemp("trials"), **given), None)
    )
    collect_lessons(context)
    shared = trials.TrialContext(context, 5)
    results: list[dict[str, Any]] = []
    for number, rate in enumerate((1e-3, 9e-4, 8e-4)):
        results.append(trials.run(shared, number, {"rate": rate}, results))
    return shared, results


@pytest.mark.parametrize("launched", [False, True])
def test_a_trial_worse_than_its_peers_stops_early(
    trial_context: tuple[trials.TrialContext, list[dict[str, Any]]], launched: bool
) -> None:
    shared, results = trial_context
    assert [r["outcome"] for r in results] == ["finished"] * 3
    assert all(list(r["rungs"]) == ["1", "2", "3", "4", "5"] for r in results)
    assert all(r["rungs"]["5"] < r["rungs"]["1"] for r in results)
    number = 3 + launched
    if launched:
        command = f"{sys.executable} -m torch.distributed.run --nproc-per-node 1 --standalone"
        context = replace(shared.context, settings=shared.context.settings.changed(launcher=command))
        shared = trials.TrialContext(context, 5)
    found = trials.run(shared, number, {"rate": 1e-9 * (1 + launched)}, results)
    assert found["outcome"] == "pruned"
    assert found["steps"] == 4
    assert "at step 4, 2 of 5 parts" in found["why"]
    assert f"the median is {study.median(2, results):.3f}" in found["why"]
    assert found["validation"] is None
    other = trials._model_size({"layers": 1, "rate": 1e-9})
    assert all(trials._model_size(r["settings"]) != other for r in results)  # a smaller student is no peer
    assert shared.result(number) == found


def test_equal_settings_are_not_trained_twice(trial_context: tuple[trials.TrialContext, list[dict[str, Any]]]) -> None:
    shared, results = trial_context
    found = trials.run(shared, 7, {"rate": 9e-4}, results)
    assert (found["same_as"], found["why"]) == (1, "the same settings as trial 2")
    assert found["validation"] == results[1]["validation"]
    assert not (shared.folder(7) / "work").exists()
    assert choice.finished([*results, found]) == results


# Whole searches


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], SearchSettings, Found]:
    """A search on the lab: soft and hard objectives, two sizes, a target that is easily met, one trial that diverges."""
    lab.build(["aria", "base"])
    folder = tmp_path_factory.mktemp("whole")
    scope = spaced(folder, "objective: [forward-kl, hard]\nlayers: [1, 2]\nrate: [1e-3, 1e30]\ndropout: [0.0, 0.2]")
    asked = SearchSettings(trials=5, targets=("agreement=0.05", "perplexity<=1e6"), space=scope)
    given = {"teacher": "lab/aria", "student": "lab/base", "data": "lab", "steps": 5, "limit": 24, "max_tokens": 32,
             "held_out": 0.2, "evaluation_limit": 4, "threads": 1, "tensorboard": False, "rate": 1e-3, "seed": 3,
             "engine_options": {"num_threads": "1"}}  # fmt: skip
    return given, asked, search(DistillSettings.of(out=folder / "out", **given), asked)


def test_a_search_keeps_the_smallest_student_that_meets_its_targets(
    found: tuple[dict[str, Any], SearchSettings, Found],
) -> None:
    _, _, made = found
    out, content = made.path, made.content
    assert out is not None
    finished = [t for t in content["trials"] if t["met"]]
    assert min(t["parameters"] for t in finished) == content["trials"][content["chosen"]]["parameters"]
    assert {t["parameters"] for t in finished} != {finished[0]["parameters"]}  # there was a choice
    assert {t["outcome"] for t in content["trials"]} == {"finished", "diverged"}
    for trial in content["trials"]:
        assert bool(trial["why"]) == (trial["trial"] != content["chosen"])
        if trial["outcome"] == "diverged":
            assert "NaN or infinite" in trial["why"]
        folder = out / "search" / f"trial-{trial['trial']:03d}"
        assert (folder / "model.safetensors").exists() == (trial["trial"] == content["chosen"])
        assert (folder / "metrics.jsonl").exists() == (trial["same_as"] is None and bool(trial["rungs"]))
    lineage = json.loads((out / "lineage.json").read_text("utf-8"))
    told = lineage["distillation"]
    assert (lineage["name"], lineage["teacher"], lineage["base"]) == ("out", "aria", "base")
    assert told["search"]["trials"] == 5
    best = content["trials"][content["chosen"]]["settings"]
    assert all(told[name] == value for name, value in best.items())
    assert json.loads((out / "config.json").read_text("utf-8"))["attention_dropout"] == 0.0
    assert str(out) not in json.dumps(lineage)
    shown = table(content)
    assert shown.row_count == 5


def test_the_teacher_answers_once_and_the_test_part_chooses_nothing(
    found: tuple[dict[str, Any], SearchSettings, Found],
) -> None:
    _, _, made = found
    out = made.path
    assert out is not None
    asked = [line["probe_id"] for line in lines(out / "work" / "answers" / "responses" / "teacher.jsonl")]
    assert len(asked) == len(set(asked)) == 24
    assert not list((out / "search").rglob("teacher.jsonl"))
    folder = out / "search" / f"trial-{made.content['chosen']:03d}"
    taught = {r["id"] for r in lines(folder / "work" / "round-0" / "rows.jsonl")}
    validation = {r["id"] for r in lines(folder / "work" / "round-0" / "held.jsonl")}
    chosen_by = {line["probe_id"] for line in lines(folder / "work" / "evaluation" / "responses" / "after.jsonl")}
    test = {line["probe_id"] for line in lines(out / "work" / "evaluation" / "responses" / "after.jsonl")}
    assert chosen_by <= validation
    assert not test & (taught | validation)
    assert not taught & validation
    counts = made.content["prompts"]
    assert counts["taught"] + counts["validation"] + counts["test"] == 24
    assert counts["validation"] == counts["test"] == 5
    assert made.evaluation is not None
    after = made.evaluation["models"]["after"]
    assert made.content["test"]["figures"]["agreement"] == after["to_teacher"]["agreement"]


def test_a_finished_search_does_nothing_and_a_longer_one_adds_trials(
    found: tuple[dict[str, Any], SearchSettings, Found],
) -> None:
    given, asked, made = found
    out = made.path
    assert out is not None
    plain = DistillSettings.of(out=out, **given)
    before = {
        p: p.stat().st_mtime_ns
        for p in out.rglob("*")
        if p.name in ("result.json", "model.safetensors", "lineage.json")
    }
    again = search(plain, asked)
    assert again.content == made.content
    assert {p: p.stat().st_mtime_ns for p in before} == before
    for changed, says in (
        ({"targets": ("agreement=0.9",)}, "targets"),
        ({"space": spaced(out.parent / "out" / "search", "rate: [1e-3]")}, "space"),
    ):
        with pytest.raises(AuditError, match=f"begun with other settings.*{says}"):
            search(plain, replace(asked, **changed))
    more = search(plain, replace(asked, trials=6))
    assert [t["settings"] for t in more.content["trials"]][:5] == [t["settings"] for t in made.content["trials"]]
    assert len(more.content["trials"]) == 6
    assert json.loads((out / "lineage.json").read_text("utf-8"))["distillation"]["search"]["trials"] == 6


def test_every_field_of_a_search_is_documented(found: tuple[dict[str, Any], SearchSettings, Found]) -> None:
    formats = (ROOT / "docs" / "formats.md").read_text("utf-8")
    content = dict(found[2].content)
    trial = {k: v for t in content["trials"] for k, v in t.items() if v is not None}
    names = set(content) | set(trial) | set(content["prompts"]) | set(content["test"])
    section = formats.split("## search.json\n")[1].split("\n## ")[0]
    assert names - _documented(section) == set()
    page = (ROOT / "docs" / "distillation.md").read_text("utf-8")
    assert set(targets.METRICS) - _documented(page) == set()
    assert all(f"\n{name}:" in page or f"`{name}`" in page for name in space.NAMES)
    assert {"search", "rung"} <= _documented(formats)
    assert "search" in set(_fields(json.loads((found[2].path / "lineage.json").read_text())))  # type: ignore[operator]


def test_killed_and_run_again_it_chooses_the_same(tmp_path: Path, given: dict[str, Any]) -> None:
    scope = spaced(tmp_path, "layers: [1, 2]\nrate: {low: 1e-4, high: 1e-2, log: true}\ndropout: [0.0, 0.1]")
    given = {**given, "save_every": 2, "steps": 6}
    asked = SearchSettings(trials=2, targets=("cross_entropy=9",), space=scope)
    whole = search(DistillSettings.of(out=tmp_path / "one" / "x", **given), asked)
    torn = tmp_path / "two" / "x"
    command = [
        *options(given),
        "--search",
        "2",
        "--target",
        "cross_entropy=9",
        "--space",
        str(scope),
        "--out",
        str(torn),
    ]
    watched = torn / "search" / "trial-001" / "metrics.jsonl"
    with start(*command) as process:
        while process.poll() is None and not (watched.is_file() and len(watched.read_text().splitlines()) >= 6):
            time.sleep(0.005)
        process.kill()
        process.communicate()
    assert process.returncode == -9
    assert not (torn / "search" / "trial-001" / "result.json").exists()
    assert not (torn / "lineage.json").exists()
    first = (torn / "search" / "trial-000" / "result.json").stat().st_mtime_ns
    assert run(command) == 0
    assert (torn / "search" / "trial-000" / "result.json").stat().st_mtime_ns == first
    assert json.loads((torn / "search.json").read_text("utf-8")) == json.loads(json.dumps(whole.content))
    assert whole.path is not None
    assert digest(torn) == digest(whole.path)
    for name in ("lineage.json", "evaluation.json"):
        assert json.loads((torn / name).read_text("utf-8")) == json.loads((whole.path / name).read_text("utf-8"))


def test_a_search_that_finds_nothing_says_what_was_nearest(
    tmp_path: Path, given: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    scope = spaced(tmp_path, "rate: [1e-3, 1e30]")
    out = tmp_path / "none"
    command = [*options({**given, "steps": 5}), "--space", str(scope), "--out", str(out), "--search", "2"]
    assert run([*command, "--target", "cross_entropy<=0.001", "--target", "exact-match=0"]) == 1
    told = capsys.readouterr()
    assert (
        "none of 2 trials meets cross_entropy<=0.001, exact_match>=0; the nearest is trial 1: cross_entropy" in told.err
    )
    shown = " ".join(told.out.split())
    assert "diverged: the" in shown
    assert "loss became NaN or infinite after step 1" in shown
    assert "short of <= 0.001" in shown
    assert not (out / "lineage.json").exists()
    assert (out / "search" / "trial-000" / "model.safetensors").is_file()
    content = json.loads((out / "search.json").read_text("utf-8"))
    assert (content["chosen"], content["nearest"], content["test"]) == (None, 0, None)
    out = tmp_path / "worse"
    scope.write_text("rate: [1e30]")
    assert run([*command[:-4], "--out", str(out), "--search", "1"]) == 1
    assert "no trial finished (the held-out loss became NaN or infinite" in capsys.readouterr().err


# Bad input


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (
            ["--search", "2", "--target", "agreemnt>=0.9"],
            "--target 'agreemnt>=0.9' names no known figure|bits_per_byte|flips",
        ),
        (["--search", "2", "--target", "agreement"], "has no number|agreement>=0.9"),
        (["--search", "2", "--target", "agreement<=0.9"], "asks for a worse student|more agreement is better"),
        (["--search", "2", "--target", "agreement=0.9"], "needs the teacher's probabilities"),
        (["--search", "2", "--target", "f1=0.9"], "prompts with different labels"),
        (["--search", "0"], "--trials is 0"),
        (["--search", "two"], "'two' is not a valid integer"),
        (["--target", "f1=0.9"], "--target belongs to audit distill search, not to train"),
        (["--search", "2", "--folds", "3"], "--folds belongs to audit distill train, not to search"),
        (["--search", "2", "--keep-trials", "-1"], "--keep-trials is -1"),
        (["--search", "2", "--evaluation-limit", "0"], "--evaluation-limit is 0"),
        (["--search", "2", "--held-out", "0"], "--held-out is 0"),
        (["--search", "2", "--held-out", "0.6"], "twice (validation and test)"),
        (["--search", "2", "--students", "lab/base"], "--student and --students"),
        (["--search", "2", "--dropout", "0.1"], "nothing is left to search"),
        (["--search", "2", "--space", "nowhere.yaml"], "nowhere.yaml cannot be read"),
        (["--search", "2", "SPACE", "rates: [1]"], "rates cannot be searched|Choose from students"),
        (["--search", "2", "SPACE", "dropout: {low: 0, high: 1.5}"], "--dropout is 1.5"),
        (["--search", "2", "SPACE", "rate: {low: 0, high: 1, log: true}"], "logarithmic"),
        (["--search", "2", "SPACE", "batch: [2.5]"], "batch holds 2.5|whole numbers"),
        (["--search", "2", "SPACE", "rate: [fast]"], "'fast', which is not a number"),
        (["--search", "2", "SPACE", "objective: [soft]"], "--objective soft is unknown"),
        (["--search", "2", "SPACE", "objective: [jsd]"], "jsd needs the teacher's probabilities"),
        (["--search", "2", "SPACE", "layers: [1, 9]"], "--layers is 9, and"),
        (["--search", "2", "SPACE", "- 1"], "lists nothing to search"),
        (["--search", "2", "SPACE", "a: ["], "is not YAML"),
        (["--layers", "7"], "--layers is 7"),
        (["--dropout", "2"], "--dropout is 2"),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, given: dict[str, Any], capsys: pytest.CaptureFixture[str], typed: list[str], says: str
) -> None:
    if "SPACE" in typed:
        at = typed.index("SPACE")
        typed = [*typed[:at], "--space", str(spaced(tmp_path, typed[at + 1]))]
    plain = {k: v for k, v in given.items() if k != "rate"} if "--dropout" not in typed else given
    assert run([*options(plain), "--out", str(tmp_path / "o"), *typed]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    for words in says.split("|"):
        assert words in told[0]
    assert not (tmp_path / "o" / "search").exists()


def test_a_missing_optuna_is_named(
    tmp_path: Path, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *r: None if n == "optuna" else real(n, *r))
    assert run([*options(given), "--out", str(tmp_path / "o"), "--search", "2"]) == 2
    assert "a search needs the optuna package. Pip install optuna" in capsys.readouterr().err


def test_a_student_must_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["distill", "--teacher", "lab/aria", "--data", "lab", "--out", str(tmp_path)]) == 2
    assert "--student is missing. Give --student MODEL" in capsys.readouterr().err
    assert (
        run(["distill", "search", "--trials", "2", "--teacher", "lab/aria", "--data", "lab", "--out", str(tmp_path)])
        == 2
    )
    assert "--student is missing. Give --student MODEL, or --students A,B" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("space.json", "[" * 60_000), ("space.json", '{"rate": [1e999]}'), ("space.yaml", "rate: [1" + "0" * 400 + "]"),
        ("space.yaml", "rate: !!timestamp x"), ("space.yaml", "rate: " + "[" * 60_000), ("space.yaml", "rate: &a [*a]"),
    ],
)  # fmt: skip
def test_a_space_beyond_all_bounds_is_one_line(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(AuditError, match=name.replace(".", r"\.")):
        space.read(tmp_path / name)
