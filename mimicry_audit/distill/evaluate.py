"""Evaluation on a frozen set: the student before, the student after, and its teacher, side by side.

Promise: all three answer the same held-out prompts greedily and are scored on the same reference texts, through the engines
that an audit uses; the answers lie in a run directory, so that an interrupted evaluation resumes where it stopped. What a
model cannot give (an endpoint's probabilities of a text) is None, with a note.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import NotRequired, TypedDict

from mimicry_audit.asking.answers import Plan, collect
from mimicry_audit.asking.progress import Progress
from mimicry_audit.distill import figures
from mimicry_audit.distill.data import Row
from mimicry_audit.engines.likelihood import Scorer, TextRequest, TokenScores, why_not
from mimicry_audit.engines.registry import engine_for
from mimicry_audit.probes.checks import check
from mimicry_audit.records.asked import ModelSpec, Probe, Response, Sampling, canonical_json, sha256_text
from mimicry_audit.records.run import RunDirectory, write_json

SCHEMA = "mimicry_audit.evaluation/1"
TOP_K = 64
"""Most probable tokens known at each place; the divergences are lower bounds that grow with it."""

Report = Callable[[str, int, int], None]
Scores = Mapping[str, Mapping[str, TokenScores]]
"""``held`` and ``taught`` → id of a prompt → what a model finds of its text."""


class CheckFigures(TypedDict):
    """Share of the `n` prompts with a check whose answers are right."""

    accuracy: float
    n: int


class ModelEntry(TypedDict):
    """What ``evaluation.json`` holds of one model; None where something could not be measured."""

    answered: int
    n: int
    finished: float
    held_out: figures.TokenFigures | None
    taught: figures.TokenFigures | None
    to_teacher: figures.TeacherFigures | None
    text: dict[str, float | None]
    classes: figures.ClassFigures | None
    fairness: figures.FairnessFigures | None
    checks: CheckFigures | None
    parameters: NotRequired[int]


class FoldLosses(TypedDict):
    """The held-out loss of each fold with its mean and standard deviation."""

    losses: list[float]
    mean: float
    sd: float


class Measured(TypedDict):
    """What `evaluate` finds: label → entry, and notes on what is missing."""

    models: dict[str, ModelEntry]
    notes: list[str]


class Evaluation(Measured):
    """What ``evaluation.json`` holds beside its schema."""

    student: str
    teacher: str | None
    base: str
    references: str
    frozen_sha256: str
    prompts: int
    top_k: int
    fairness_against_teacher: dict[str, float] | None
    folds: FoldLosses | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """What every model is evaluated on.

    Attributes:
        rows: held-out prompts.
        references: id → the text that answers are held against: the teacher's, or the given one.
        taught: prompts that the student was trained on, as many as are held out, with its texts.
        taught_texts: id → what the student was taught.
    """

    rows: tuple[Row, ...]
    references: Mapping[str, str]
    taught: tuple[Row, ...] = ()
    taught_texts: Mapping[str, str] | None = None

    @property
    def sha(self) -> str:
        """Hash over prompts and references."""
        texts = [[row.content, self.references.get(row.id)] for row in self.rows]
        return sha256_text(canonical_json(texts))


def probes_of(rows: Sequence[Row]) -> tuple[Probe, ...]:
    """The rows as probes, so that the machinery of an audit asks them."""
    return tuple(Probe(id=row.id, domain="distillation", messages=row.messages, set="data") for row in rows)


def evaluate(
    folder: Path,
    models: Mapping[str, ModelSpec],
    frozen: Frozen,
    *,
    max_tokens: int,
    seed: int,
    progress: Progress | None,
    on_stage: Report,
    known: Mapping[str, Scores | None] = MappingProxyType({}),
) -> Measured:
    """Ask and score every model; returns what ``evaluation.json`` holds under ``models`` and ``notes``.

    Args:
        folder: where answers are kept.
        models: ``before``, ``after`` and, where there is one, ``teacher``.
        frozen: prompts and references.
        max_tokens: most tokens in an answer.
        seed: of the run.
        progress: receives the answers.
        on_stage: called with the stage of scoring, how many texts are done, and of how many.
        known: token scores of further models, from `scores_of`: they are compared with, and neither asked nor reported.
    """
    labelled = {label: replace(spec, label=label) for label, spec in models.items()}
    sampling = Sampling(temperature=0.0, max_tokens=max_tokens, seed=seed)
    run = RunDirectory(folder)
    collect(run, Plan(models=tuple(labelled.values()), probes=probes_of(frozen.rows), sampling=sampling),
            progress=progress)  # fmt: skip
    answers = {label: {r.probe_id: r for r in run.responses(label)} for label in labelled}
    notes: list[str] = []
    reference_rows = [row for row in frozen.rows if row.id in frozen.references]
    scores = {
        **known,
        **{label: scores_of(spec, reference_rows, frozen, notes, on_stage) for label, spec in labelled.items()},
    }
    entries = {}
    for label in labelled:
        entries[label] = _model_entry(label, frozen, answers, scores, notes)
    return {"models": entries, "notes": list(dict.fromkeys(notes))}


def scores_of(
    spec: ModelSpec, reference_rows: Sequence[Row], frozen: Frozen, notes: list[str], on_stage: Report
) -> Scores | None:
    """Token scores of the reference texts (``reference_rows``) and of taught texts, None for a model that gives none."""
    engine = engine_for(spec)
    if not isinstance(engine, Scorer):
        notes.append(f"{spec.label}: {why_not(spec.engine)}")
        return None
    taught = frozen.taught_texts or {}
    requests = [TextRequest(("held", r.id), r.messages, frozen.references[r.id], TOP_K) for r in reference_rows]
    requests += [TextRequest(("taught", r.id), r.messages, taught[r.id]) for r in frozen.taught if r.id in taught]
    scores_by_part: dict[str, dict[str, TokenScores]] = {"held": {}, "taught": {}}
    with engine:
        for count, (request, scores) in enumerate(engine.score_texts(requests), 1):
            scores_by_part[request.key[0]][request.key[1]] = scores
            on_stage(f"scoring ({spec.label})", count, len(requests))
    failed = [s.error for part in scores_by_part.values() for s in part.values() if s.error]
    if failed:
        notes.append(f"{spec.label}: {len(failed)} texts could not be scored ({failed[0]})")
    return scores_by_part


def _model_entry(
    label: str,
    frozen: Frozen,
    answers: Mapping[str, Mapping[str, Response]],
    scores: Mapping[str, Scores | None],
    notes: list[str],
) -> ModelEntry:
    texts = {i: r.text for i, r in answers[label].items() if r.usable}
    finished = [r for r in answers[label].values() if r.status == "ok"]
    model_scores, teacher = scores[label], scores.get("teacher")
    held_out = taught = to_teacher = None
    if model_scores:
        held_out = _token_figures(model_scores["held"], frozen.references)
        if model_scores["taught"]:
            taught = _token_figures(model_scores["taught"], frozen.taught_texts or {})
        if teacher:
            common = [i for i in teacher["held"] if i in model_scores["held"]]
            to_teacher = figures.against_teacher(
                *([side["held"][i] for i in common] for side in (teacher, model_scores))
            )
    ids = [row.id for row in frozen.rows if row.id in frozen.references]
    text, missing = figures.text_figures([texts.get(i) for i in ids], [frozen.references[i] for i in ids])
    notes += missing
    classes, fairness = _label_figures(frozen.rows, texts)
    checked = [row for row in frozen.rows if row.check is not None]
    right = sum(row.id in texts and check.correct(row.check or {}, texts[row.id]) for row in checked)
    return {
        "answered": len(texts),
        "n": len(frozen.rows),
        "finished": len(finished) / max(1, len(frozen.rows)),
        "held_out": held_out,
        "taught": taught,
        "to_teacher": to_teacher,
        "text": text,
        "classes": classes,
        "fairness": fairness,
        "checks": {"accuracy": right / len(checked), "n": len(checked)} if checked else None,
    }


def _token_figures(scores: Mapping[str, TokenScores], texts: Mapping[str, str]) -> figures.TokenFigures:
    return figures.token_figures(list(scores.values()), [len(texts[i].encode("utf-8", "replace")) for i in scores])


def _label_figures(
    rows: Sequence[Row], texts: Mapping[str, str]
) -> tuple[figures.ClassFigures | None, figures.FairnessFigures | None]:
    """Classification on labelled rows, and disparities on counterfactual pairs."""
    labels = sorted({row.label for row in rows if row.label is not None})
    labelled = [row for row in rows if row.label is not None]
    several = len(labels) > 1
    predictions = {row.id: figures.predicted(texts.get(row.id), labels) for row in labelled} if several else {}
    classes = (
        figures.class_figures([str(r.label) for r in labelled], [predictions[r.id] for r in labelled])
        if several
        else None
    )
    paired = [row for row in rows if row.pair is not None and row.group is not None]
    fair = figures.fairness(
        [str(r.group) for r in paired],
        [str(r.pair) for r in paired],
        [predictions.get(r.id, " ".join(texts.get(r.id, "").split())) for r in paired],
        [r.label for r in paired],
    )
    return classes, fair


def read(path: Path) -> Evaluation:
    """The evaluation in a file."""
    content: Evaluation = json.loads(path.read_text("utf-8"))
    return content


def write(path: Path, content: Evaluation) -> None:
    """Write ``evaluation.json``."""
    write_json(path, {"schema": SCHEMA, **content})
