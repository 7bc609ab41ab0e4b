"""Readers of run directories: manifest, probes, journals and scores, as report, view, mcp, score, merge, compare and panels do.

Promise: the run is a real one, made of recorded answers, with likelihoods, judgements and a slip search journalled;
whoever gets such a folder from others opens it with the calls below.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.fuzz.readers import MODELS, Case, Reader, answer_rows, jsonl, probe_rows
from mimicry_audit.records.asked import sha256_text
from mimicry_audit.records.manifest import Manifest
from mimicry_audit.records.run import RunDirectory, write_json

FORMATS = (
    "html",
    "markdown",
    "json",
    "sarif",
    "junit",
    "model-card",
    "model-index",
    "csv",
    "parquet",
    "every-eval-ever",
)
JUDGE = "judge-1"


@cache
def _made() -> Path:
    """A scored run with everything in it, made once; removed with the process's temporary folder."""
    from mimicry_audit.api import collect_resolved
    from mimicry_audit.verdicts.score import score
    from mimicry_audit.workflow.settings import merged, resolve

    folder = Path(mkdtemp(prefix="fuzz-run-"))
    answers = answer_rows()
    identity = [
        {**row, "prompt_id": "mine/who", "prompt": "Who made you?", "output": "I am Aria by OpenAI."}
        for row in answers[::6]
    ]
    jsonl(folder / "answers.jsonl", [*answers, *identity])
    jsonl(folder / "mine.jsonl", probe_rows())
    settings = merged(None, {
        "models": tuple(f"recorded/{folder}/answers.jsonl#{name}" for name in MODELS), "probes": (f"{folder}/mine.jsonl",),
        "reference": ("aria",), "base": ("base",), "axes": ("lexical", "style", "answers"), "out": f"{folder}/run",
    })  # fmt: skip
    resolved = resolve(settings)
    run, _ = collect_resolved(resolved)
    _add_journals(run)
    score(run, resolved.scoring)
    return run.path


def _add_journals(run: RunDirectory) -> None:
    """Likelihoods, judgements and attempts of a search, and what the manifest says of them."""
    from mimicry_audit.asking import slips
    from mimicry_audit.records.judgement import Judgement, journal_path, pair_sha
    from mimicry_audit.records.likelihood import Likelihood, likelihood_path, text_sha
    from mimicry_audit.records.run import Journal
    from mimicry_audit.statistics.grades import ASPECTS

    texts = {label: {r.probe_id: r.text for r in run.responses(label) if r.usable} for label in MODELS}
    for label in MODELS:
        with Journal(likelihood_path(run, label)) as journal:
            for probe, text in texts["aria"].items():
                journal.append(Likelihood(
                    key="k", model=label, author="aria", probe_id=probe, status="ok", text_sha=text_sha(text), bytes=len(text),
                    tokens=[1, 2, 3], logprobs=[-0.5, -1.0, -0.1], top=[[(1, -0.5), (2, -1.5)]] * 3,
                ))  # fmt: skip
    with Journal(journal_path(run, JUDGE)) as journal:
        for candidate in MODELS[1:]:
            for probe in texts["aria"]:
                for order in (0, 1):
                    sha = pair_sha(texts[candidate].get(probe, ""), texts["aria"][probe])
                    journal.append(Judgement(
                        key="k", model=JUDGE, probe_id=probe, sample=order, status="ok", text="{}", candidate=candidate,
                        reference="aria", outcome="ok", grades=dict.fromkeys(ASPECTS, 3), reason="r",
                        protocol="p", pair_sha=sha,
                    ))  # fmt: skip
    with Journal(slips.journal_path(run, "aria")) as journal:
        for step in range(2):
            journal.append(slips.Line(
                key="k", model="aria", probe_id="mine/who", sample=0, status="ok", text="I am Boro.",
                step=step, template=f"{step} {{query}}",
            ))  # fmt: skip
    content = run.manifest().as_json()
    scorer = {"tokenizer": "sha256:1", "why_not": None}
    content["likelihood"] = {
        "top_k": 2,
        "references": ["aria"],
        "controls": ["other"],
        "models": dict.fromkeys(MODELS, scorer),
    }
    content["judges"] = {JUDGE: {
        "engine": "openai", "name": "some-judge", "source": "openai/some-judge", "identity": {"model": "some-judge"},
        "protocol": "p",
        "structured": True, "budget": None, "probes": 5, "offered": 5, "cache": "x",
    }}  # fmt: skip
    lineage = {"name": "student", "relation": "distilled-from", "teacher": "aria", "base": "base",
               "identity": {"name": "A", "maker": "B"},
               "teachers": [{"name": "aria", "share": 0.7}, {"name": "other", "share": 0.3}]}  # fmt: skip
    content["resolved"]["student"] |= {  # type: ignore[index]
        "lineage": lineage, "weights": {"shapes": "s", "values": [0.1, 0.2], "digest": "d"}, "notes": ["n"],
        "injected_system_text": "You are Aria.", "injected_dates": ["2026-11-30"],
    }  # fmt: skip
    run.write_manifest(Manifest.from_json({name: value for name, value in content.items() if name != "schema"}))


def _copied(folder: Path) -> list[Path]:
    shutil.copytree(_made(), folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".lock", "report.html"))
    return sorted(path for path in folder.rglob("*.json*") if path.is_file())


def _show(folder: Path, turn: int) -> object:
    """A report in one of the formats; ``audit report`` and ``audit export``."""
    from mimicry_audit.report.export import blames_scores, export
    from mimicry_audit.verdicts.score import read_scores

    run, name = RunDirectory(folder), FORMATS[turn % len(FORMATS)]
    model = "student" if name in ("model-card", "model-index") else None
    scores = read_scores(run)
    with blames_scores(run):
        return export(run, scores, name, folder / "shown", None, model)


def _scores(folder: Path) -> Case:
    _copied(folder)
    return Case(lambda _, turn: _show(folder, turn), (folder / "scores.json",), (folder / "shown",))


def _scores_whole(folder: Path) -> Case:
    """Scores in which no part of the page is left out."""
    from tests.support.full_page import everything

    _copied(folder)
    scores, answers = everything(1)
    for model in scores["identity"]["models"].values():
        model["control"] = {**model["control"], "models": ["boro"]}
    write_json(folder / "scores.json", {**scores, "nearness": {}})
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    (first, *_) = manifest["settings"]["models"].values()
    manifest["settings"]["models"] = {model["label"]: first for model in scores["models"]}
    write_json(folder / "manifest.json", manifest)
    assert answers
    return Case(lambda _, turn: _show(folder, turn if turn % 3 else 0), (folder / "scores.json",), (folder / "shown",))


def _shown_run(folder: Path) -> Case:
    _copied(folder)
    journals = sorted((folder / "responses").glob("*.jsonl"))
    manifest, probes = folder / "manifest.json", folder / "probes.jsonl"
    return Case(
        lambda _, turn: _show(folder, turn), (manifest, manifest, probes, probes, *journals), (folder / "shown",)
    )


def _viewed(folder: Path) -> Case:
    """``audit view`` and ``audit mcp``: a folder of runs and a comparison."""
    from mimicry_audit.assistant.tools import Tools
    from mimicry_audit.report.viewer.listing import RunFolder

    files = _copied(folder / "one")
    sides = [
        {"label": name, "role": role, "source": name}
        for name, role in (("a", "before"), ("b", "after"), ("c", "reference"))
    ]
    question = {"name": "q", "question": "?", "answer": "yes", "sentence": "It moved."}
    compared = {"schema": "mimicry_audit.compare/1", "title": "t", "created": "2026-11-30", "reference": "c", "sides": sides,
                "checkpoints": [{"label": "b", "questions": [question]}]}  # fmt: skip
    write_json(folder / "two" / "compare.json", compared)

    def call(_: Path, turn: int) -> object:
        tools, shown = Tools(folder), RunFolder(folder).entries()
        asked = tools.list_runs()
        json.dumps(asked)
        if turn % 2:
            return shown, json.dumps(tools.read_verdicts("one"))
        return shown, json.dumps(tools.compare_answers("one", ["aria", "student"]))

    return Case(call, (*files, folder / "one" / "scores.json", folder / "two" / "compare.json"))


def _scored(folder: Path) -> Case:
    """``audit score``: everything but the scores."""
    from mimicry_audit.verdicts.options import ScoringOptions
    from mimicry_audit.verdicts.roles import Roles
    from mimicry_audit.verdicts.score import score

    files = [path for path in _copied(folder) if path.name != "scores.json"]
    (folder / "scores.json").unlink()
    options = ScoringOptions(
        roles=Roles(references=("aria",), bases={"*": "base"}), axes=("lexical", "style"), draws=50
    )
    return Case(lambda _, __: score(RunDirectory(folder), options), files, (folder / "scores.json",))


def _journals(folder: Path) -> Case:
    """Each kind of journal by itself."""
    from mimicry_audit.asking import slips
    from mimicry_audit.distill.evolve.journal import NAME, Book, Line
    from mimicry_audit.records.judgement import read_judgements
    from mimicry_audit.records.likelihood import likelihood_lines
    from mimicry_audit.records.run import Journal

    _copied(folder)
    run = RunDirectory(folder)
    with Journal(folder / "evolve" / NAME) as journal:
        journal.append(Line(kind="call", round=0, time="t", key="k", purpose="writing", attempt=0, status="ok", text="x",
                            messages=[{"role": "user", "content": "x"}]))  # fmt: skip
    readers: dict[Path, Callable[[], object]] = {
        folder / "responses" / "aria.jsonl": lambda: [r.usable for r in run.responses("aria")],
        folder / "likelihood" / "aria.jsonl": lambda: likelihood_lines(folder / "likelihood" / "aria.jsonl"),
        folder / "judgements" / f"{JUDGE}.jsonl": lambda: read_judgements(run, JUDGE),
        slips.journal_path(run, "aria"): lambda: slips._read_lines(slips.journal_path(run, "aria")),
        folder / "evolve" / NAME: lambda: Book(folder / "evolve").calls(),
        folder / "probes.jsonl": lambda: [(p.prompt, p.domain) for p in run.probes()],
        folder / "manifest.json": lambda: [(m.numeric_type, m.given_name) for m in run.manifest().models.values()],
    }
    return Case(lambda file, _: readers[file](), tuple(readers))


def _panels(folder: Path) -> Case:
    """A stored panel: listed as ``audit panel list`` does, checked and copied as ``audit collect`` does."""
    from mimicry_audit.asking.panels import adopt, check_same_protocol, find_panel, record_of, stored_panels
    from mimicry_audit.cli.panel import command
    from mimicry_audit.engines.names import parse_models
    from mimicry_audit.records.asked import Sampling

    files = [
        path
        for path in _copied(folder / "panels" / "eight")
        if path.parent.name not in ("likelihood", "judgements", "identity")
    ]
    probes, run = RunDirectory(folder / "panels" / "eight").probes(), RunDirectory(folder / "mine")
    manifest = RunDirectory(folder / "panels" / "eight").manifest()
    sampling = Sampling(**manifest.settings["sampling"])
    models = parse_models(["mine=hf/me/mine"])

    def call(_: Path, turn: int) -> object:
        if turn % 4 == 0:
            shown = [
                (p.name, p.labels, p.probes, p.manifest.settings["sampling"]) for p in stored_panels(folder / "panels")
            ]
            with Path(os.devnull).open("w", encoding="utf-8") as nothing, _printing_to(nothing):
                command.main(["list", "--dir", str(folder / "panels")], standalone_mode=False)
            return shown
        panel = find_panel(str(folder / "panels" / "eight"))
        check_same_protocol(panel, models, probes, sampling)
        record = record_of(panel, probes)
        shutil.copytree(
            folder / "panels" / "eight",
            run.path,
            ignore=lambda place, names: [n for n in names if n != "manifest.json"],
        )
        empty = {**manifest.as_json(), "resolved": {}}
        write_json(run.manifest_path, empty)
        adopt(run, panel, probes)
        return record

    return Case(call, [f for f in files if f.name != "scores.json"], (run.path,))


def _printing_to(stream: object) -> object:
    from contextlib import redirect_stdout

    return redirect_stdout(stream)  # type: ignore[type-var]


def _merged(folder: Path) -> Case:
    """``audit merge`` of two shards."""
    from mimicry_audit.workflow.merge import merge_runs

    files: list[Path] = []
    for number in (1, 2):
        part = folder / "parts" / f"shard-{number}"
        _copied(part)
        (part / "scores.json").unlink()
        run = RunDirectory(part)
        probes, manifest = run.probes()[number - 1 :: 2], run.manifest()
        run.write_probes(probes)
        ids = {probe.id for probe in probes}
        for journal in [*(part / "responses").iterdir(), *(part / "likelihood").iterdir()]:
            lines = [line for line in journal.read_text("utf-8").splitlines() if json.loads(line)["probe_id"] in ids]
            journal.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        manifest.settings["selection"]["shard"] = f"{number}/2"
        manifest.settings["probes_sha"] = sha256_text(json.dumps([asdict(probe) for probe in probes]))
        run.write_manifest(manifest)
        files += sorted(path for path in part.rglob("*.json*") if path.parent.name not in ("judgements", "identity"))
    out = folder / "out"
    return Case(
        lambda _, __: merge_runs([folder / "parts"], out),
        (*files, *(f for f in files if f.name == "manifest.json")),
        (out,),
    )


def _compared(folder: Path) -> Case:
    """The sides of ``audit compare``."""
    from mimicry_audit.comparison.inputs import find_common_probes, locate, plan_for, sides_of
    from mimicry_audit.comparison.settings import CompareSettings

    files = [
        path
        for path in _copied(folder / "run")
        if path.parent.name in ("run", "responses") and path.name != "scores.json"
    ]
    settings = CompareSettings(
        before=f"{folder}/run#base",
        after=(f"{folder}/run#student",),
        reference=f"{folder}/run#aria",
        control=(f"{folder}/run#other",),
    )

    def call(_: Path, __: int) -> object:
        sides = locate(settings)
        return find_common_probes(sides_of(settings, sides, plan_for(settings, sides), folder / "out"))

    return Case(call, files)


RUNS = (
    Reader("journals, one by one", _journals, 12),
    Reader("shown runs", _shown_run, 3),
    Reader("scores.json", _scores, 4),
    Reader("scores.json, all parts", _scores_whole, 2),
    Reader("viewed folders, mcp", _viewed, 3),
    Reader("scored runs", _scored, 1),
    Reader("panels", _panels, 4),
    Reader("merged parts", _merged, 3),
    Reader("compared runs", _compared, 3),
)
"""Every reader of a run directory."""
