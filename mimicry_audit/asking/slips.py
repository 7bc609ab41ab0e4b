"""Drives the adaptive search for frames under which a model gives another's name.

Promise: every model is searched from the same seeds, with the same random seed, questions and budget; every attempt is
journalled as it arrives in ``identity/SEARCH-MODEL.jsonl``; the same command resumes an interrupted search where it
stopped, and a finished one asks nothing. What it finds is a worst case, and is never reported as a rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mimicry_audit.asking.mutants import ModelWriter, Prompts, Rules, Writer, mutator_patience
from mimicry_audit.asking.progress import Progress
from mimicry_audit.asking.remembering import changed_model, remember
from mimicry_audit.asking.session import EngineFactory, Patience, Session, expect_recorded, registered_engine
from mimicry_audit.asking.slip_record import SlipRecord, SlipSearch
from mimicry_audit.ground.errors import ConfigError, RunDirectoryError
from mimicry_audit.identity import fuzz
from mimicry_audit.identity.attempts import Attempt, IdentityRules
from mimicry_audit.identity.own import Own
from mimicry_audit.identity.templates import filled, of_split
from mimicry_audit.identity.transcripts import Transcript
from mimicry_audit.records.asked import (
    IDENTITY_DOMAIN,
    Completion,
    Message,
    ModelSpec,
    Probe,
    Request,
    Response,
    Sampling,
    canonical_json,
    completion_fields,
    conversation_text,
    request_seed,
    sha256_text,
    timestamp,
)
from mimicry_audit.records.run import RunDirectory, journal_name, read_records

SILENT_VISITS = 3
"""Visits in a row without a single reply after which a model counts as gone."""


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
    """Where one model's search is stored."""
    return run.path / "identity" / f"SEARCH-{journal_name(label)}"


def seeds_of(probes: Sequence[Probe], languages: Sequence[str] = ()) -> list[tuple[str, str]]:
    """``(language, text)`` of every search template in the languages that there are questions in."""
    languages_asked = sorted({p.language.split("-")[0] for p in questions_of(probes)})
    return [
        (language, template.texts[language])
        for language in languages_asked
        if not languages or language in languages
        for template in of_split("search")
        if language in template.texts
    ]


def questions_of(probes: Sequence[Probe]) -> list[Probe]:
    """The questions without template or system prompt of ours."""
    return [p for p in probes if p.domain == IDENTITY_DOMAIN and p.arm == "default"]


def search_run(
    run: RunDirectory,
    models: Sequence[ModelSpec],
    options: SlipSearch,
    *,
    sampling: Sampling,
    owns: Mapping[str, Own],
    judge: IdentityRules,
    engine_for: EngineFactory = registered_engine,
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
        progress: notified of every attempt.

    Returns:
        label → what was found, as ``identity.json`` holds it.

    Raises:
        ConfigError: no questions, too small a budget, or a model whose own identity is unknown.
        RunDirectoryError: held by another process, not writable, or searched with other settings before.
        AuditError: an engine cannot start or continue. What was journalled is kept.
    """
    probes = run.probes()
    seeds = seeds_of(probes, options.languages)
    _check_search(seeds, options, {m.label: owns[m.label] for m in models})
    with run.locked():
        _remember_search(run, seeds, options, sampling)
        sessions = [_open_session(run, spec, engine_for, progress) for spec in models]
        expect_recorded(run, sessions)
        return {
            session.spec.label: _Searcher(
                run, session, options, sampling, owns[session.spec.label], judge, engine_for
            ).search(seeds, probes)
            for session in sessions
        }


def _open_session(run: RunDirectory, spec: ModelSpec, engine_for: EngineFactory, progress: Progress | None) -> Session:
    return Session(
        spec,
        engine_for=engine_for,
        journal=journal_path(run, spec.label),
        progress=progress,
        title=f"search {spec.label}",
        patience=Patience(SILENT_VISITS, f"{spec.label} answers nothing"),
        refuse=changed_model(run, spec),
    )


def budget_of(seeds: int, options: SlipSearch) -> int:
    """Attempts per model: whole visits only."""
    attempts = fuzz.enough(seeds, options.questions) if options.budget is None else options.budget
    return attempts - attempts % options.questions


def attempts_left(run: RunDirectory, label: str, seeds: int, options: SlipSearch) -> int:
    """Attempts that one model's search would still make, from its journal; nothing is asked."""
    known = _read_lines(journal_path(run, label)) if journal_path(run, label).exists() else {}
    done = sum(line.status != "error" and not line.probe_id.startswith("mutation/") for line in known.values())
    return max(0, budget_of(seeds, options) - done)


def too_small(seeds: int, options: SlipSearch) -> str | None:
    """A warning where the budget lets the search adapt too little or not at all, with how many attempts it takes."""
    budget, needed = budget_of(seeds, options), fuzz.adapts_from(seeds, options.questions)
    if not options.explore or budget >= fuzz.enough(seeds, options.questions):
        return None
    attempts_left = budget - needed
    how = (
        "never chooses by what it found"
        if attempts_left <= 0
        else f"chooses by what it found in {attempts_left} attempts only"
    )
    return (
        f"A budget of {budget} is too small to adapt: {seeds} seed templates with {options.questions} questions each take "
        f"{needed} attempts before the first is visited again, so the search {how}. "
        f"Give --budget {fuzz.enough(seeds, options.questions)} or more."
    )


def _check_search(seeds: Sequence[object], options: SlipSearch, owns: Mapping[str, Own]) -> None:
    if not seeds:
        raise ConfigError("a search needs identity questions, but none were selected", "add the identity probes")
    if options.questions < 1:
        raise ConfigError(f"--questions {options.questions} asks nothing", "give at least 1")
    if budget_of(len(seeds), options) < options.questions:
        raise ConfigError(
            f"--budget {options.budget} is less than one visit", f"give at least {options.questions} attempts"
        )
    if unknown := [label for label, own in owns.items() if not own.known]:
        raise ConfigError(
            f"cannot tell from its name who made {unknown[0]}, so its answers cannot be checked for another identity",
            f'name its maker with --identity "{unknown[0]}=a model named X made by Y"',
        )


def _remember_search(run: RunDirectory, seeds: Sequence[object], options: SlipSearch, sampling: Sampling) -> None:
    """Record the settings of the search, or refuse other ones; the budget may grow."""
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
    remember(
        run,
        "search",
        entry,
        refuse=lambda changed: RunDirectoryError(
            f"{run.path} was searched with other settings ({'; '.join(changed)})",
            "use the same settings to resume, or another --out",
        ),
    )


class _Searcher:
    """The search of one model."""

    def __init__(
        self,
        run: RunDirectory,
        session: Session,
        options: SlipSearch,
        sampling: Sampling,
        own: Own,
        judge: IdentityRules,
        engine_for: EngineFactory,
    ) -> None:
        self.session, self.options, self.own, self.judge = session, options, own, judge
        self.sampling = replace(sampling, samples=1)
        self._engine_for = engine_for
        self._known = _read_lines(journal_path(run, session.spec.label))

    def search(self, seeds: Sequence[tuple[str, str]], probes: Sequence[Probe]) -> dict[str, Any]:
        """Search to the end of the budget; returns the summary for ``identity.json``."""
        tree = fuzz.Tree(seeds, self.options.seed, explore=self.options.explore)
        by_language: dict[str, list[Probe]] = {}
        for probe in questions_of(probes):
            by_language.setdefault(probe.language.split("-")[0], []).append(probe)
        budget = budget_of(len(seeds), self.options)
        # A journal of a larger budget, or of templates that errors have since changed, holds more lines than count.
        self.session.start(budget, max(0, budget - sum(line.status != "error" for line in self._known.values())))
        with self.session, ExitStack() as stack:
            writer = self._choose_writer(stack)
            record = SlipRecord()
            for _ in range(budget // self.options.questions):
                self._visit_template(tree, writer, by_language, record)
        self.session.finish()
        nodes_added, warning = len(tree.nodes) - tree.seeds, too_small(len(seeds), self.options)
        return record.summary(len(seeds), budget, self.options, nodes_added, warning)

    def _choose_writer(self, stack: ExitStack) -> Writer:
        spec = self.options.mutator
        if spec is None:
            return Rules()
        session = Session(spec, engine_for=self._engine_for, patience=mutator_patience(spec))
        written = {name: line for (name, _, _), line in self._known.items() if name.startswith("mutation/")}
        return ModelWriter(stack.enter_context(session), self.options.seed, written, self._keep_mutant)

    def _visit_template(
        self, tree: fuzz.Tree, writer: Writer, by_language: Mapping[str, Sequence[Probe]], record: SlipRecord
    ) -> None:
        """Ask one template's questions, and let the tree and the record know what came of it."""
        visit = tree.choose()
        node = tree.nodes[visit.path[-1]]
        text, mutator = self._make_mutant(tree, visit, writer, record)
        ids = fuzz.picked(visit, [p.id for p in by_language[node.language]], self.options.questions)
        visit_probes = [next(p for p in by_language[node.language] if p.id == name) for name in ids]
        attempts = self._collect_attempts(visit, text, node.language, mutator, visit_probes)
        answered_attempts = [a for a in attempts if a.status == "ok"]
        hits = [a for a in answered_attempts if a.strict]
        chain = fuzz.lineage(tree, visit, mutator)
        tree.land(visit, text, mutator, len(hits), len(answered_attempts))
        visited = fuzz.Found(
            step=visit.step, seed=visit.path[0], text=text, language=node.language, mutators=chain, hits=len(hits),
            asked=len(answered_attempts),
        )  # fmt: skip
        record.add(visited, attempts, hits)

    def _make_mutant(self, tree: fuzz.Tree, visit: fuzz.Visit, writer: Writer, record: SlipRecord) -> tuple[str, str]:
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

    def _collect_attempts(
        self, visit: fuzz.Visit, text: str, language: str, mutator: str, visit_probes: Sequence[Probe]
    ) -> list[Attempt]:
        """The answers to one visit's questions: known, or asked for now and journalled."""
        requests, lines = [], {}
        for probe in visit_probes:
            name = f"{probe.id}#search-{visit.step}"
            line = self._known.get((name, visit.step, text))
            if line is not None and line.status != "error":
                lines[name] = line
            system = [m for m in probe.messages if m.role == "system"]
            messages = (*system, Message("user", filled(text, probe.prompt)))
            seed = request_seed(self.options.seed, name, 0)
            requests.append(Request(name, 0, messages, seed, missing=name not in lines))
        for request, completion in self.session.ask(requests, self.sampling):
            line = self.session.response(
                Line,
                request,
                completion,
                self.sampling,
                step=visit.step,
                template=text,
                language=language,
                mutator=mutator,
            )
            self.session.keep(line)
            lines[request.probe_id] = line
        self.session.end_turn(list(lines.values()))
        return [
            self._judge_line(lines[request.probe_id], probe, text, language)
            for request, probe in zip(requests, visit_probes, strict=True)
        ]

    def _judge_line(self, line: Line, probe: Probe, text: str, language: str) -> Attempt:
        transcript = Transcript(
            model=self.session.spec.label, template=text, question=probe.prompt, response=line.text if line.usable else "",
            language=language, aspect=probe.aspect,
        )  # fmt: skip
        attempt = self.judge.attempt(transcript, self.own)
        classes = {"error": "error", "refused": "refusal"}
        return replace(attempt, status=classes[line.status]) if line.status in classes else attempt

    def _keep_mutant(self, name: str, request: Request, completion: Completion) -> None:
        """Journal what a model wrote beside the attempts: it is not an attempt, so progress does not count it."""
        assert self.options.mutator is not None
        prompt = conversation_text(request.messages)
        self.session.write(
            Line(
                key=sha256_text(canonical_json([asdict(self.options.mutator), prompt, request.seed])),
                model=self.options.mutator.label,
                probe_id=name,
                sample=0,
                prompt_sha=sha256_text(prompt),
                time=timestamp(),
                step=int(name.split("/")[1]),
                **completion_fields(completion),
            )
        )


def _read_lines(path: Path) -> dict[tuple[str, int, str], Line]:
    """``(probe id, step, template)`` → the last line for it.

    Raises:
        DataError: a line does not belong to a search.
    """
    records, _ = read_records(path, Line, _parse_line, "an attempt of a search", "it asked for again")
    return {(line.probe_id, line.step, line.template): line for line in records}


def _parse_line(record: dict[str, Any]) -> Line:
    line = Line(**record)
    if not isinstance(line.text, str) or not isinstance(line.probe_id, str) or not isinstance(line.step, int):
        raise ValueError("fields of the wrong types")
    return line
