"""Audits the students: all answers in one run, then the verdict that an audit of each alone comes to, again and again.

Promise: every verdict here is the package's own, from `gather` to `judge`; nothing stands in for a rule. An audit of one
student holds the teacher, the base (declared), the unrelated models as a panel, and the student, whose answers are
measured in that company alone. *Sets* of N probes are drawn with replacement, domain by domain, from *pools*, each a
resample of whole facts; the axes are measured once on all probes, and what follows from them anew on every set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import mimicry_audit
from mimicry_audit.api import collect_resolved
from mimicry_audit.ground.version import __version__
from mimicry_audit.records.asked import canonical_json, sha256_text
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.statistics.intervals import adjusted_lift, bootstrap_resamples, domain_means, holm
from mimicry_audit.verdicts.findings import PairFacts
from mimicry_audit.verdicts.gather import gather_facts
from mimicry_audit.verdicts.material import Material
from mimicry_audit.verdicts.measure import measure_run
from mimicry_audit.verdicts.options import ScoringOptions
from mimicry_audit.verdicts.pairwise import OVERALL, PairTables, mean_of
from mimicry_audit.verdicts.roles import Roles
from mimicry_audit.verdicts.rules import decide
from mimicry_audit.verdicts.sections.likelihood import AXIS, Likelihoods, load
from mimicry_audit.workflow.settings import resolve, settings_from

from .cast import Cast
from .material import fact_of

TEACHER, BASE = "teacher", "base"
STANDS_OUT = "stands out"
"""Said of a gain in likelihood that is more than a manner in common brings (`PairFacts.knows_it`)."""
BATCH = 60
"""Prompts answered at once."""


@dataclass(frozen=True, kw_only=True)
class Sets:
    """Which sets of probes are drawn.

    Attributes:
        sizes: numbers of probes; only the largest for others than the students of the curve.
        pools: resamples of the facts.
        each: sets drawn from every pool.
    """

    sizes: tuple[int, ...] = (50, 100, 200, 300)
    pools: int = 4
    each: int = 4


def names(cast: Cast, students: Mapping[str, Path]) -> dict[str, str]:
    """Label → model name of everybody in the run."""
    return {
        TEACHER: cast.teacher, BASE: cast.base, **cast.unrelated, **cast.same_data,
        **{label: str(path) for label, path in students.items()},
    }  # fmt: skip


def collected(
    cast: Cast, students: Mapping[str, Path], root: Path, max_tokens: int, temperature: float = 0.0, engine: str = "hf"
) -> RunDirectory:
    """The answers of everybody to every probe, collected as `audit collect` does; the same call again completes it.

    The run's folder is named by who is in it, for a run is asked of the same models to its end.
    """
    models = names(cast, students)
    drawn = [temperature] if temperature else []
    key = sha256_text(canonical_json([models, max_tokens, cast.probes.name, *drawn]))[:8]
    given = {
        "models": [f"{label}={_named(name, engine)}" for label, name in models.items()], "probes": [str(cast.probes)],
        "reference": [TEACHER], "base": [BASE], "control": list(cast.controls), "identity_attempts": 0,
        "max_tokens": max_tokens, "temperature": temperature, "engine": engine, "likelihood": True,
        "engine_options": {"batch_size": BATCH} if engine == "hf" else {}, "out": str(root / f"run-{cast.seed}-{key}"),
    }  # fmt: skip
    directory, _ = collect_resolved(resolve(settings_from(given, "the benchmark")))
    return directory


def _named(name: str, engine: str) -> str:
    """A folder's name with its engine; other names speak for themselves, or take the engine where they name none."""
    return f"{engine}/{name}" if Path(name).is_dir() else name


def examined(directory: RunDirectory, cast: Cast, label: str, sets: Sets, drawn: bool, root: Path) -> dict[str, Any]:
    """What an audit of one student alone comes to, on all probes and on every set; kept in a file named by its content."""
    labels = [TEACHER, BASE, *(c for c in cast.controls if c != label), label]
    shas = [_said(directory, one) for one in labels]
    sizes = sets.sizes if drawn else sets.sizes[-1:]
    key = sha256_text(canonical_json([__version__, _rules(), labels, shas, asdict(replace(sets, sizes=sizes))]))[:12]
    path = root / f"evidence-{cast.seed}" / f"{label}-{key}.json"
    if path.is_file():
        kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return kept
    roles = Roles(references=(TEACHER,), bases={"*": BASE}, panel=tuple(labels[2:-1]))
    options = ScoringOptions(roles=roles)
    manifest, probes = directory.manifest(), directory.probes()
    responses = {one: directory.responses(one) for one in labels}
    found = measure_run(manifest.models, probes, responses, options, lambda _: None)
    likely = load(directory, manifest.likelihood, labels, found.compared, found.material.domains, responses)
    ids = [probe.id for probe in found.compared]
    content = {
        "label": label, "kinds": _verdicts(found.material, likely, options), "lift": _lift(found.material, options),
        **_likeness(found.material, label, options),
        "answers": _answers(found.material, label),
        "pools": [_mean_lift(at(found.material, ids, pool), labels) for pool in pools(ids, found.material.domains, sets)],
        "sets": {str(n): _on_sets(found.material, likely, ids, options, sets, n) for n in sizes},
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return content


def _said(directory: RunDirectory, label: str) -> str:
    """Hash of a model's answers, whenever and beside whomever they were given."""
    return sha256_text(canonical_json(sorted((r.probe_id, r.sample, r.text) for r in directory.responses(label))))


def pools(ids: Sequence[str], domains: Any, sets: Sets) -> list[Any]:
    """Places of the probes of each pool: whole facts of every domain drawn with replacement, the same for every student."""
    facts = np.array([fact_of(one) for one in ids])
    out = []
    for pool in range(sets.pools):
        rng = np.random.default_rng([1, pool])
        places: list[int] = []
        for domain in np.unique(domains):
            known = np.unique(facts[domains == domain])
            for fact in rng.choice(known, size=len(known)):
                places += list(np.flatnonzero(facts == fact))
        out.append(np.array(places))
    return out


def draw(pool: Any, domains: Any, n: int, rng: Any) -> Any:
    """Places of `n` probes drawn with replacement from a pool, each domain in its share, domain by domain."""
    values, counts = np.unique(domains, return_counts=True)
    ends = np.round(np.cumsum(counts) / len(domains) * n).astype(int)
    sizes = np.diff([0, *ends])
    return np.concatenate([
        rng.choice(pool[domains[pool] == domain], size=size) for domain, size in zip(values, sizes, strict=True)
    ])  # fmt: skip


def at(material: Material, ids: Sequence[str], places: Any) -> Material:
    """The material of these probes alone, some of them more than once."""
    kept = {ids[place] for place in places}
    return replace(
        material,
        domains=material.domains[places],
        measured=[m if m.values is None else replace(m, values=m.values[places]) for m in material.measured],
        texts={label: {i: text for i, text in mine.items() if i in kept} for label, mine in material.texts.items()},
        answered=material.answered[places],
        passages=material.passages and material.passages.at(places),
    )


def _on_sets(
    material: Material, likely: Likelihoods | None, ids: Sequence[str], options: ScoringOptions, sets: Sets, n: int
) -> list[list[dict[str, str]]]:
    """On every set of every pool the verdict by kind of evidence."""
    found = []
    for number, pool in enumerate(pools(ids, material.domains, sets)):
        rng = np.random.default_rng([2, number, n])
        drawn = [draw(pool, material.domains, n, rng) for _ in range(sets.each)]
        each = [_verdicts(at(material, ids, places), likely and likely.at(places), options) for places in drawn]
        found.append([{kind: told["verdict"] for kind, told in one.items()} for one in each])
    return found


def _verdicts(material: Material, likely: Likelihoods | None, options: ScoringOptions) -> dict[str, dict[str, Any]]:
    """The verdict on the one candidate of the material from its texts alone and with the models' odds of them, and whether the
    odds stand out, whatever the verdict."""
    (facts,) = gather_facts(
        material, options.roles, draws=options.draws, seed=options.seed, min_coverage=options.min_coverage,
        extend=likely.extension(options.draws, options.seed) if likely else lambda facts: facts,
    )  # fmt: skip
    texts = [e for e in facts.evidence if e.axis != AXIS]
    alone = [replace(e, p_holm=float(p)) for e, p in zip(texts, holm(np.array([e.p for e in texts])), strict=True)]
    odds = {"verdict": STANDS_OUT if facts.knows_it else "no"}
    return {"texts": _told(replace(facts, evidence=alone, remarks=())), "likelihood": _told(facts), "odds": odds}


def _told(facts: PairFacts) -> dict[str, Any]:
    """What these facts come to, and what that rests on."""
    found = decide(facts)
    told = found.as_dict()
    kept = ("statistic", "estimate", "p_holm", "positive", "closed")
    return {
        "verdict": found.verdict, "confidence": found.confidence, "families": found.facts.families(),
        "summary": found.summary, "base_contradicted": found.facts.base_contradicted,
        "axes": {e["axis"]: {k: e[k] for k in kept if k in e} for e in told["evidence"]},
    }  # fmt: skip


def _rules() -> str:
    """Hash of the code that decides: what was concluded under other rules is concluded anew."""
    root = Path(mimicry_audit.__file__).parent
    verdicts = [path for path in sorted((root / "verdicts").glob("*.py")) if path.name != "score.py"]
    files = [*verdicts, root / "statistics" / "intervals.py", root / "verdicts" / "sections" / "likelihood.py",
             root / "similarity" / "passages.py"]  # fmt: skip
    return sha256_text("\0".join(path.read_text("utf-8") for path in files))


def _beyond(material: Material, labels: Sequence[str]) -> tuple[Any, Any]:
    """``(P,)`` lift and ``(P, C)`` movement toward each control, of the mean over all axes but the baseline."""
    values = mean_of([m.values for m in material.measured if m.values is not None and not m.axis.baseline])
    last = len(labels) - 1
    return values[:, last, 0] - values[:, 1, 0], values[:, last, 2:last] - values[:, 1, 2:last]


def _mean_lift(material: Material, labels: Sequence[str]) -> float:
    lift, controls = _beyond(material, labels)
    return float(np.median(domain_means(lift[:, None] - controls, material.domains)))


def _lift(material: Material, options: ScoringOptions) -> dict[str, Any]:
    """The adjusted lift of the mean over all axes, with its interval."""
    lift, controls = _beyond(material, material.labels)
    test = adjusted_lift(lift, controls, material.domains, draws=options.draws, seed=options.seed)
    assert test is not None
    return test.adjusted.as_dict()


def _likeness(material: Material, label: str, options: ScoringOptions) -> dict[str, Any]:
    """Raw and centred similarity to the teacher over all axes, centred on all models of the student's audit."""
    weights = bootstrap_resamples(material.domains, options.draws, options.seed)
    tables = PairTables(material.labels, material.measured, material.domains, weights)
    place = list(zip(*tables.upper, strict=True)).index(tuple(sorted((tables.at[label], tables.at[TEACHER]))))
    found = {kind: tables.table(OVERALL, kind).at(place) for kind in ("raw", "centred")}
    return {kind: interval and interval.as_dict() for kind, interval in found.items()}


def _answers(material: Material, label: str) -> dict[str, Any]:
    """How often student and teacher agree: word for word, and in a checkable result."""
    mine, theirs = material.texts[label], material.texts[TEACHER]
    both = [i for i in mine if i in theirs]
    results = next((m.values for m in material.measured if m.axis.name == "answers" and m.values is not None), None)
    same = float(np.nanmean(results[:, -1, 0])) if results is not None else None
    return {"word_for_word": sum(mine[i] == theirs[i] for i in both) / max(1, len(both)), "same_result": same}
