"""Audits the students of the field benchmark: every student alone, against every teacher, by the package's own rules.

Promise: an audit of one student holds its base and all teachers, each of them once as the reference and otherwise as a control,
and no other student; with the true teacher left out of the company, it is in nobody's controls either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mimicry_audit.api import collect_resolved
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.verdicts.findings import AMONG_AUTHORS, Verdict
from mimicry_audit.verdicts.gather import gather_facts
from mimicry_audit.verdicts.measure import measure_run
from mimicry_audit.verdicts.options import ScoringOptions
from mimicry_audit.verdicts.rivals import settle_rivals
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.rules import decide
from mimicry_audit.verdicts.sections.likelihood import load
from mimicry_audit.workflow.merge import merge_runs
from mimicry_audit.workflow.settings import resolve, settings_from

from .material import Material

BASE = "base"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What an audit says of one student and one reference.

    Attributes:
        reference: a teacher.
        verdict, confidence: of the package.
        families: kinds of evidence that were positive.
        movement: of the mean over the measures of similarity, from the base, beyond the median control.
        distance: ``authors`` and, with likelihoods, ``authors-likelihood``: how far it stands among all authors.
    """

    reference: str
    verdict: str
    confidence: str
    families: Sequence[str]
    movement: float
    distance: Mapping[str, float]


def collected(label: str, model: str, material: Material, root: Path, *, tokens: int, likelihood: bool) -> RunDirectory:
    """The answers of one student, or of the base, beside the teachers' recorded ones; the same call again completes them.

    Args:
        label: of the student.
        model: its checkpoint, or a model name.
        material: probes and teachers.
        root: where runs go.
        tokens: longest answer.
        likelihood: whether it also scores the teachers' answers, on fewer probes.
    """
    names = {label: f"hf/{model}" if Path(model).is_dir() else model}
    names |= {name: f"recorded/{material.teachers}#{name}" for name in material.names}
    given = {
        "models": [f"{one}={name}" for one, name in names.items()],
        "probes": [str(material.scored if likelihood else material.audited)],
        "reference": list(material.names), "identity_attempts": 0, "max_tokens": tokens, "engine_options": {"dtype": "float32"},
        "likelihood": likelihood, "likelihood_top_k": 1, "axes": ["lexical"],
        "out": str(root / "runs" / f"{label}-{_kind(likelihood)}"),
    }  # fmt: skip
    directory, _ = collect_resolved(resolve(settings_from(given, "the benchmark")))
    return directory


def beside_base(student: RunDirectory, base: RunDirectory, root: Path) -> RunDirectory:
    """One run of a student's answers and the base's."""
    return merge_runs([student.path, base.path], root / "audits" / student.path.name).directory


def _kind(likelihood: bool) -> str:
    return "likelihoods" if likelihood else "texts"


def audited(run: RunDirectory, student: str, teachers: Sequence[str], options: ScoringOptions) -> list[Found]:
    """The verdicts on one student against each of these teachers, in the company of these teachers alone."""
    labels = [student, BASE, *teachers]
    roles = Roles(references=tuple(teachers), bases={"*": BASE})
    manifest, probes = run.manifest(), run.probes()
    responses = {label: run.responses(label) for label in labels}
    found = measure_run(manifest.models, probes, responses, options, lambda _: None)
    likely = load(run, manifest.likelihood, labels, found.compared, found.material.domains, responses)
    facts = gather_facts(
        found.material, roles, draws=options.draws, seed=options.seed, min_coverage=options.min_coverage,
        extend=likely.extension(options.draws, options.seed) if likely else lambda facts: facts,
    )  # fmt: skip
    verdicts = [decide(one) for one in facts]
    return [_summary(v) for v in settle_rivals(verdicts, found.material, draws=options.draws, seed=options.seed)]


def _summary(verdict: Verdict) -> Found:
    evidence = verdict.facts.evidence
    lifts = [e.estimate.value for e in evidence if e.unit == "similarity"]
    return Found(
        reference=verdict.facts.reference,
        verdict=verdict.verdict,
        confidence=verdict.confidence,
        families=verdict.facts.families(),
        movement=sum(lifts) / len(lifts) if lifts else float("nan"),
        distance={e.axis: e.estimate.value for e in evidence if e.statistic == AMONG_AUTHORS},
    )
