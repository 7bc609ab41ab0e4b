"""Drives the adaptive search for frames under which a model gives another's name.

Promise: every model is searched from the same seeds, with the same random seed, questions and budget; every attempt is
journalled as it lands in ``identity/SEARCH-MODEL.jsonl``; the same command goes on where an interrupted search stopped, and a
finished one asks nothing. What it finds is a worst case, and is never told as a rate.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mimicry_audit.asking.answers import EngineFactory, Progress, Silent, check_unchanged
from mimicry_audit.asking.mutants import ModelWriter, Prompts, Rules, Writer
from mimicry_audit.engines.base import Engine
from mimicry_audit.ground.errors import ConfigError, EngineError, RunDirectoryError
from mimicry_audit.identity import fuzz
from mimicry_audit.identity.attempts import Attempt, Judge
from mimicry_audit.identity.own import Own
from mimicry_audit.identity.templates import filled, of_split
from mimicry_audit.identity.transcripts import Transcript
from mimicry_audit.records.asked import (
    Completion,
    Identity,
    Message,
    ModelSpec,
    Probe,
    Request,
    Response,
    Sampling,
    canonical_json,
    request_seed,
    response_key,
    sha256_text,
)
from mimicry_audit.records.manifest import Manifest, SearchEntry
from mimicry_audit.records.run import Journal, RunDirectory, differences, read_records

_COMPLETION = tuple(f.name for f in fields(Completion))
LIMIT_SILENT = 3
"""Visits in a row without a single reply after which a model counts as gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How to search.

    Attributes:
        budget: attempts per model; None for as many as let the search adapt (`fuzz.enough`).
        questions: put into a template at each visit.
        seed: random seed.
        mutator: the model that changes templates; None for rules.
        languages: of the templates; empty for all that there are questions in.
        explore: MCTS-Explore; False draws seeds at random, which is what the search is measured against.
    """

    budget: int | None = None
    questions: int = fuzz.QUESTIONS
    seed: int = 0
    mutator: ModelSpec | None = None
    languages: tuple[str, ...] = ()
    explore: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(Response):
    """One line of a search's journal: an attempt, or a mutant that a model wrote.

    Attributes:
        step: number of the visit.
        template: what the question was put into; for a mutant the prompt's hash.
        language: of the template.
        mutator: how the template was made.
    """

    step: int
    template: str = ""
    language: str = ""
    mutator: str = ""


def journal_path(run: RunDirectory, label: str) -> Path:
    """Where one model's search lies."""
    return run.path / "identity" / f"SEARCH-{label}.jsonl"


def seeds_of(probes: Sequence[Probe], languages: Sequence[str] = ()) -> list[tuple[str, str]]:
    """``(language, text)`` of every search template in the languages that there are questions in."""
    asked = sorted({p.language.split("-")[0] for p in questions_of(probes)})
    return [
        (language, template.texts[language])
        for language in asked
        if not languages or language in languages
        for template in of_split("search")
        if language in template.texts
    ]


def questions_of(probes: Sequence[Probe]) -> list[Probe]:
    """The questions without template or system prompt of ours."""
    return [p for p in probes if p.domain == "identity" and p.arm == "default"]


def search_run(
    run: RunDirectory,
    models: Sequence[ModelSpec],
    options: Search,
    *,
    sampling: Sampling,
    owns: Mapping[str, Own],
    judge: Judge,
    engine_for: EngineFactory | None = None,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """Search every model of a collected run; hold the directory meanwhile.

    Args:
        run: a collected run with identity probes.
        models: the models to search.
        options: how.
        sampling: as the run's; one sample is taken.
        owns: label → own makers.
        judge: the rules.
        engine_for: makes an engine from a spec; the registry's by default.
        progress: told of every attempt.

    Returns:
        label → what was found, as ``identity.json`` holds it.

    Raises:
        ConfigError: no questions, too small a budget, or a model whose own identity nobody knows.
        RunDirectoryError: held by another process, not writable, or searched with other settings before.
        AuditError: an engine cannot start or go on. What was journalled stands.
    """
    if engine_for is None:
        from mimicry_audit.engines.registry import engine_for as registered

        engine_for = registered
    probes = run.probes()
    seeds = seeds_of(probes, options.languages)
    _check(seeds, options, {m.label: owns[m.label] for m in models})
    with run.locked():
        manifest = run.manifest()
        _remember(run, manifest, seeds, options, sampling)
        return {
            spec.label: _Searcher(run, manifest, spec, options, sampling, owns[spec.label], judge, engine_for).go(
                seeds, probes, progress or Silent()
            )
            for spec in models
        }


def budget_of(seeds: int, options: Search) -> int:
    """Attempts per model: whole visits only."""
    wanted = fuzz.enough(seeds, options.questions) if options.budget is None else options.budget
    return wanted - wanted % options.questions


def too_small(seeds: int, options: Search) -> str | None:
    """A warning where the budget lets the search adapt too little or not at all, with how many attempts it takes."""
    budget, needed = budget_of(seeds, options), fuzz.adapts_from(seeds, options.questions)
    if not options.explore or budget >= fuzz.enough(seeds, options.questions):
        return None
    left = budget - needed
    how = "never chooses by what it found" if left <= 0 else f"chooses by what it found in {left} attempts only"
    return (
        f"A budget of {budget} is too small to adapt: {seeds} seed templates with {options.questions} questions each take "
        f"{needed} attempts before the first is visited again, so the search {how}. "
        f"Give --budget {fuzz.enough(seeds, options.questions)} or more."
    )


def _check(seeds: Sequence[Any], options: Search, owns: Mapping[str, Own]) -> None:
    if not seeds:
        raise ConfigError("there are no identity questions to search with", "add the identity probes")
    if options.questions < 1:
        raise ConfigError(f"--questions {options.questions} asks nothing", "give at least 1")
    if budget_of(len(seeds), options) < options.questions:
        raise ConfigError(
            f"--budget {options.budget} is less than one visit", f"give at least {options.questions} attempts"
        )
    if unknown := [label for label, own in owns.items() if not own.known]:
        raise ConfigError(
            f"whose model {unknown[0]} is cannot be told from its name, so no answer of it is another's",
            f'say it with --identity "{unknown[0]}=a model named X made by Y"',
        )


def _remember(run: RunDirectory, manifest: Manifest, seeds: Sequence[Any], options: Search, sampling: Sampling) -> None:
    """Write down how is searched, or refuse to go on another way; the budget may grow."""
    mutator = options.mutator
    entry = {
        "seed": options.seed,
        "questions": options.questions,
        "seeds_sha": sha256_text(canonical_json(list(seeds))),
        "seeds": len(seeds),
        "explore": options.explore,
        "mutator": None
        if mutator is None
        else {k: v for k, v in asdict(mutator).items() if k not in ("label", "source")},
        "prompts_sha": None if mutator is None else sha256_text(canonical_json(Prompts().sources)),
        "sampling": asdict(replace(sampling, samples=1)),
    }
    stored: SearchEntry = json.loads(canonical_json(entry))
    known = manifest.search
    if known is not None and (changed := differences(known, stored)):
        raise RunDirectoryError(
            f"{run.path} was searched with other settings ({'; '.join(changed)})",
            "use the same settings to go on, or another --out",
        )
    if known is None:
        manifest.search = stored
        run.write_manifest(manifest)


class _Searcher:
    """The search of one model."""

    def __init__(
        self,
        run: RunDirectory,
        manifest: Manifest,
        spec: ModelSpec,
        options: Search,
        sampling: Sampling,
        own: Own,
        judge: Judge,
        engine_for: EngineFactory,
    ) -> None:
        self.run, self.manifest, self.spec, self.options = run, manifest, spec, options
        self.sampling = replace(sampling, samples=1)
        self.own, self.judge, self.engine_for = own, judge, engine_for
        self._engine: Engine | None = None
        self._identity: Identity | None = None
        self._silent = 0

    def go(self, seeds: Sequence[tuple[str, str]], probes: Sequence[Probe], progress: Progress) -> dict[str, Any]:
        """Search to the end of the budget, and tell what was found."""
        known = _read(journal_path(self.run, self.spec.label))
        written = {name: line for (name, _, _), line in known.items() if name.startswith("mutation/")}
        self._known = known
        tree = fuzz.Tree(seeds, self.options.seed, explore=self.options.explore)
        asked: dict[str, list[Probe]] = {}
        for probe in questions_of(probes):
            asked.setdefault(probe.language.split("-")[0], []).append(probe)
        budget = budget_of(len(seeds), self.options)
        label = f"search {self.spec.label}"
        # A journal of a larger budget, or of templates that errors have since changed, holds more lines than count.
        progress.start(label, budget, max(0, budget - sum(line.status != "error" for line in known.values())))
        with ExitStack() as stack, Journal(journal_path(self.run, self.spec.label)) as book:
            self._stack, self._book, self._progress, self._bar = stack, book, progress, label
            writer = self._writer(stack, written)
            record = _Record()
            for _ in range(budget // self.options.questions):
                self._visit(tree, writer, asked, record)
        progress.finish(label)
        return record.summary(len(seeds), budget, self.options, len(tree.nodes) - tree.seeds)

    def _writer(self, stack: ExitStack, written: Mapping[str, Line]) -> Writer:
        if self.options.mutator is None:
            return Rules()
        spec = self.options.mutator
        return ModelWriter(spec, self.engine_for(spec), stack, self.options.seed, written, self._keep_mutant)

    def _visit(self, tree: fuzz.Tree, writer: Writer, asked: Mapping[str, Sequence[Probe]], record: _Record) -> None:
        visit = tree.choose()
        node = tree.nodes[visit.path[-1]]
        text, mutator = self._mutant(tree, visit, writer, record)
        ids = fuzz.picked(visit, [p.id for p in asked[node.language]], self.options.questions)
        chosen = [next(p for p in asked[node.language] if p.id == name) for name in ids]
        attempts = self._attempts(visit, text, node.language, mutator, chosen)
        answered = [a for a in attempts if a.status == "ok"]
        hits = [a for a in answered if a.strict]
        chain = fuzz.lineage(tree, visit, mutator)
        tree.land(visit, text, mutator, len(hits), len(answered))
        found = fuzz.Found(
            step=visit.step, seed=visit.path[0], text=text, language=node.language, mutators=chain, hits=len(hits),
            asked=len(answered),
        )  # fmt: skip
        record.add(found, attempts, hits)

    def _mutant(self, tree: fuzz.Tree, visit: fuzz.Visit, writer: Writer, record: _Record) -> tuple[str, str]:
        """The template to ask, and how it was made; the parent itself where every mutant was rejected."""
        node = tree.nodes[visit.path[-1]]
        for attempt, (mutator, partner) in enumerate(visit.tries):
            raw = writer.write(visit, attempt, node.text, node.language, tree.nodes[partner].text)
            look = fuzz.checked(raw, node.text) if raw is not None else fuzz.Checked(None, why_not="no reply")
            if look.text is not None:
                record.repaired += look.repaired
                return look.text, mutator
            record.rejected[look.why_not] += 1
        return node.text, "unchanged"

    def _attempts(
        self, visit: fuzz.Visit, text: str, language: str, mutator: str, chosen: Sequence[Probe]
    ) -> list[Attempt]:
        """The answers to one visit's questions: known, or asked for now and journalled."""
        requests, lines = [], {}
        for probe in chosen:
            name = f"{probe.id}#search-{visit.step}"
            line = self._known.get((name, visit.step, text))
            if line is not None and line.status != "error":
                lines[probe.id] = line
            system = [m for m in probe.messages if m.role == "system"]
            messages = (*system, Message("user", filled(text, probe.prompt)))
            owed = probe.id not in lines
            requests.append(Request(name, 0, messages, request_seed(self.options.seed, name, 0), owed=owed))
        by_name = {f"{p.id}#search-{visit.step}": p for p in chosen}
        for request, done in self._generate(requests):
            probe = by_name[request.probe_id]
            lines[probe.id] = self._land(request, done, visit.step, text, language, mutator)
        if all(line.status == "error" for line in lines.values()):
            self._silent += 1
            if self._silent >= LIMIT_SILENT:
                why = next(iter(lines.values())).error
                raise EngineError(f"{self.spec.label} answers nothing ({why})", "mend the cause, and run again")
        else:
            self._silent = 0
        return [self._judged(lines[p.id], p, text, language) for p in chosen]

    def _judged(self, line: Line, probe: Probe, text: str, language: str) -> Attempt:
        transcript = Transcript(
            model=self.spec.label, template=text, question=probe.prompt, response=line.text if line.usable else "",
            language=language, aspect=probe.aspect,
        )  # fmt: skip
        attempt = self.judge.attempt(transcript, self.own)
        classes = {"error": "error", "refused": "refusal"}
        return replace(attempt, status=classes[line.status]) if line.status in classes else attempt

    def _generate(self, requests: Sequence[Request]) -> Iterable[tuple[Request, Completion]]:
        if not any(r.owed for r in requests):
            return ()
        if self._engine is None:
            self._engine = self.engine_for(self.spec)
            self._identity = self._engine.identify()
            check_unchanged(self.run, self.manifest, self.spec, self._identity)
            self._progress.note(self._bar, "loading")
            self._stack.enter_context(self._engine)
        return self._engine.generate(requests, self.sampling)

    def _land(self, request: Request, done: Completion, step: int, text: str, language: str, mutator: str) -> Line:
        assert self._engine is not None
        assert self._identity is not None
        shown = self._engine.render(request.messages)
        prompt = canonical_json([asdict(m) for m in request.messages]) if shown is None else shown
        line = Line(
            key=response_key(self._identity, self.spec.engine, prompt, self.sampling, request),
            model=self.spec.label,
            probe_id=request.probe_id,
            sample=0,
            prompt_sha=sha256_text(prompt),
            time=_now(),
            step=step,
            template=text,
            language=language,
            mutator=mutator,
            **{name: getattr(done, name) for name in _COMPLETION},
        )
        self._book.append(line)
        self._progress.advance(self._bar, line)
        return line

    def _keep_mutant(self, name: str, request: Request, done: Completion) -> None:
        assert self.options.mutator is not None
        prompt = canonical_json([asdict(m) for m in request.messages])
        self._book.append(
            Line(
                key=sha256_text(canonical_json([asdict(self.options.mutator), prompt, request.seed])),
                model=self.options.mutator.label,
                probe_id=name,
                sample=0,
                prompt_sha=sha256_text(prompt),
                time=_now(),
                step=int(name.split("/")[1]),
                **{key: getattr(done, key) for key in _COMPLETION},
            )
        )


class _Record:
    """What a search came upon, in order."""

    def __init__(self) -> None:
        self.visits: list[fuzz.Found] = []
        self.attempts: list[Attempt] = []
        self.examples: dict[int, Attempt] = {}
        self.rejected: Counter[str] = Counter()
        self.repaired = 0
        self.first: int | None = None

    def add(self, found: fuzz.Found, attempts: Sequence[Attempt], hits: Sequence[Attempt]) -> None:
        """One visit."""
        if hits and self.first is None:
            self.first = len(self.attempts) + 1 + next(n for n, a in enumerate(attempts) if a is hits[0])
        if hits:
            self.examples[found.step] = hits[0]
        self.visits.append(found)
        self.attempts += attempts

    def summary(self, seeds: int, budget: int, options: Search, kept: int) -> dict[str, Any]:
        """As ``identity.json`` holds it."""
        others = [c.maker for a in self.attempts if a.status == "ok" for c in _others(a)]
        worst = fuzz.worst(self.visits)
        statuses = Counter(a.status for a in self.attempts)
        return {
            "budget": budget,
            "seed": options.seed,
            "questions": options.questions,
            "seeds": seeds,
            "mutator": options.mutator.source or options.mutator.name if options.mutator else None,
            "visits": len(self.visits),
            "asked": len(self.attempts),
            "statuses": {name: statuses[name] for name in ("ok", "refusal", "empty", "error")},
            "hits": sum(v.hits for v in self.visits),
            "first_hit": self.first,
            "kept": kept,
            "repaired": self.repaired,
            "rejected": dict(sorted(self.rejected.items())),
            "claims": dict(fuzz.counted(others)),
            "worst": None if worst is None else self._worst(worst),
            "adapts_from": fuzz.adapts_from(seeds, options.questions),
            "enough": fuzz.enough(seeds, options.questions),
            "warning": too_small(seeds, options),
        }

    def _worst(self, found: fuzz.Found) -> dict[str, Any]:
        example = self.examples[found.step]
        return {
            "template": found.text,
            "language": found.language,
            "mutators": list(found.mutators),
            "step": found.step,
            "hits": found.hits,
            "asked": found.asked,
            "question": example.transcript.question,
            "answer": example.transcript.response,
            "claims": sorted({c.maker for c in _others(example)}),
        }


def _others(attempt: Attempt) -> list[Any]:
    """One claim for each maker named that is not the target's own."""
    return list({c.maker: c for c in attempt.claims if c.maker not in attempt.own.makers}.values())


def _read(path: Path) -> dict[tuple[str, int, str], Line]:
    """``(probe id, step, template)`` → the last line for it.

    Raises:
        DataError: a line is no line of a search.
    """
    found, _ = read_records(path, Line, _line, "an attempt of a search", "it asked for again")
    return {(line.probe_id, line.step, line.template): line for line in found}


def _line(record: dict[str, Any]) -> Line:
    line = Line(**record)
    if not isinstance(line.text, str) or not isinstance(line.probe_id, str) or not isinstance(line.step, int):
        raise ValueError("fields of other kinds")
    return line


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
