"""Asks judges: which presentations are owed, how a reply becomes a judgement, and what is done with one that cannot be read.

Promise: every pair of answers is shown in both orders; a pair of texts that a judge has graded before, in this run or
another, is not put to it again; a reply that cannot be read is asked for again at most twice and then counted as failed;
a failed request is an error, owed again, and never a grade; each judgement is journalled as it lands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from mimicry_audit.asking.answers import EngineFactory, Progress, Silent, checkpoint_facts
from mimicry_audit.asking.cache import Cache, default_root
from mimicry_audit.asking.deck import batches, deck, pairs_to_judge, widest
from mimicry_audit.asking.prompts.likeness import REPAIRS, SAMPLING, Prompt, Reading, parse, question_of, schema
from mimicry_audit.asking.replies import Asker, Heard, plain
from mimicry_audit.engines.base import Engine
from mimicry_audit.ground.errors import ConfigError, DataError, EngineError, RunDirectoryError
from mimicry_audit.records.asked import (
    Completion,
    Identity,
    Message,
    ModelSpec,
    Probe,
    Request,
    canonical_json,
    request_seed,
    response_key,
    sha256_text,
)
from mimicry_audit.records.judgement import Judgement, Pair, grades_of, journal, journal_path, pair_sha, read_judgements
from mimicry_audit.records.manifest import CheckpointFacts, IdentityEntry, JudgeEntry, Manifest
from mimicry_audit.records.run import Journal, RunDirectory, differences

__all__ = ["Judging", "Request", "journal_path", "judge_run", "read_judgements", "request_seed"]

_COMPLETION_FIELDS = tuple(f.name for f in fields(Completion) if f.name != "attempt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """Who judges what.

    Attributes:
        judges: the judges, labels unique among them.
        references: labels of the models that the others are compared with; empty is only right for two models.
        budget: the half-width of every pair's interval at which sampling stops, on the scale 1 … 5; None for all probes.
        seed: of the order of the probes and of the intervals.
    """

    judges: tuple[ModelSpec, ...]
    references: tuple[str, ...] = ()
    budget: float | None = None
    seed: int = 0

    def pairs(self, labels: Sequence[str]) -> list[Pair]:
        """The (candidate, reference) pairs of a run with these models.

        Raises:
            ConfigError: more than two models and no reference, or a reference that is not in the run.
        """
        for reference in self.references:
            if reference not in labels:
                raise ConfigError(
                    f"--reference {reference} is not among the models", f"choose from {', '.join(labels)}"
                )
        if not self.references and len(labels) > 2:
            raise ConfigError("a judge compares models with a reference, and none is named", "add --reference")
        return pairs_to_judge(labels, self.references or labels[:1])


def judge_run(
    run: RunDirectory,
    options: Judging,
    *,
    engine_for: EngineFactory | None = None,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> int:
    """Have every judge grade a collected run; hold the directory meanwhile.

    Args:
        run: a collected run directory.
        options: who judges what.
        engine_for: makes an engine from a spec; the registry's by default.
        progress: told of every judgement.
        cache: folder of the judgements that all runs share; the user's by default.

    Returns:
        How many requests were made now: 0 where everything is known.

    Raises:
        ConfigError: no reference, or a judge that cannot judge.
        RunDirectoryError: no run, held by another process, not writable, or a judge changed.
        AuditError: an engine cannot start or go on, or a judge only ever fails. What was journalled stands.
    """
    if engine_for is None:
        from mimicry_audit.engines.registry import engine_for as registered

        engine_for = registered
    run.manifest()  # a directory that holds no run is said to hold none, rather than made
    with run.locked():
        manifest = run.manifest()
        labels = manifest.labels
        pairs, probes = options.pairs(labels), deck(run.probes(), options.seed)
        texts = {
            label: {r.probe_id: r.text for r in run.responses(label) if r.usable and r.sample == 0} for label in labels
        }
        if not any(p.id in texts[c] and p.id in texts[r] for p in probes for c, r in pairs):
            raise DataError(f"{run.path} holds no two answers to compare", "collect first, with probes beside identity")
        benches = [
            _Bench(run, manifest, spec, engine_for, progress or Silent(), cache or default_root())
            for spec in options.judges
        ]
        for bench in benches:  # a typo must not show after the first judge's hours
            bench.find()
        return sum(bench.judge(probes, pairs, texts, options) for bench in benches)


@dataclass(frozen=True, slots=True)
class _Item:
    """One presentation: two answers to one probe in one order."""

    candidate: str
    reference: str
    probe_id: str
    order: int
    key: str
    pair_sha: str
    messages: tuple[Message, ...]

    @property
    def slot(self) -> tuple[str, str, str, int]:
        return self.candidate, self.reference, self.probe_id, self.order


class _Bench:
    """One judge at work on one run."""

    def __init__(
        self,
        run: RunDirectory,
        manifest: Manifest,
        spec: ModelSpec,
        engine_for: EngineFactory,
        progress: Progress,
        cache_root: Path,
    ) -> None:
        if spec.engine == "recorded":
            raise ConfigError(
                f"{spec.source or spec.name} cannot judge: its answers are recorded", "name a model that runs"
            )
        self.run, self.manifest, self.spec, self.progress = run, manifest, spec, progress
        self.engine: Engine = engine_for(spec)
        self.prompt = Prompt()
        self.schema = schema(bounded=spec.engine == "vllm") if self.engine.structured else None
        self.protocol = sha256_text(canonical_json([self.prompt.sha, self.schema, asdict(SAMPLING), REPAIRS]))
        self.asker = Asker(spec, self.engine, self.schema, parse, self.prompt.repair, self._same, progress)
        self._cache_root = cache_root

    def find(self) -> None:
        """Who the judge is: as this run found it before, else as the engine finds it now.

        Raises:
            RunDirectoryError: another judge of this label has begun here.
        """
        self._known = (self.manifest.judges or {}).get(self.spec.label)
        if self._known is None:
            self.identity = self.engine.identify()
        else:
            named = {"engine": self._known["engine"], "name": self._known["name"]}
            self._refuse(differences(named, {"engine": self.spec.engine, "name": self.spec.name}))
            self.identity = Identity(**self._known["identity"])
        name = sha256_text(canonical_json([self.spec.engine, asdict(self.identity), self.protocol]))
        self.cache = Cache(self._cache_root, name[:24])

    def _refuse(self, changed: Sequence[str]) -> None:
        if changed:
            raise RunDirectoryError(
                f"judge {self.spec.label} is not the one that began here ({'; '.join(changed)})",
                f"restore it, or give this one a name of its own: --judge OTHER={self.spec.source or self.spec.name}",
            )

    def judge(
        self, probes: Sequence[Probe], pairs: Sequence[Pair], texts: Mapping[str, Mapping[str, str]], options: Judging
    ) -> int:
        """Judge the deck, or as much of it as the budget asks for; returns how many requests were made."""
        label = f"judge {self.spec.label}"
        standing = read_judgements(self.run, self.spec.label)
        items = {probe.id: list(self._items(probe, pairs, texts)) for probe in probes}
        total = [item for mine in items.values() for item in mine]
        settled = {j.key: j for j in standing.values() if j.outcome != "error"}
        done = {i.slot for i in total if i.slot in standing and i.key == standing[i.slot].key and i.key in settled}
        self.progress.start(label, len(total), len(total) - len(done))
        seen: list[Judgement] = [standing[slot] for slot in done]
        used: list[Probe] = []
        with ExitStack() as stack, journal(self.run, self.spec.label) as book:
            self.asker.stack = stack
            if self._known is None:  # before the first grade, so that no other judge can go on under this name
                self._remember(options, 0, len(probes))
            for batch in batches(probes, budgeted=options.budget is not None):
                owed = [item for probe in batch for item in items[probe.id] if item.slot not in done]
                made = [self._land(book, item, judgement) for item, judgement in self._settle(owed, settled)]
                self._check_alive(made)
                seen += made
                used += batch
                if options.budget is not None and widest(grades_of(seen), used, pairs, options.seed) <= options.budget:
                    break
            self._remember(options, len(used), len(probes))
        self.progress.finish(label)
        return self.asker.asked

    def _items(self, probe: Probe, pairs: Sequence[Pair], texts: Mapping[str, Mapping[str, str]]) -> Iterator[_Item]:
        """Both orders of every pair that answered this probe."""
        for candidate, reference in pairs:
            if probe.id not in texts[candidate] or probe.id not in texts[reference]:
                continue
            ours, theirs = texts[candidate][probe.id], texts[reference][probe.id]
            for order, (first, second) in enumerate(((theirs, ours), (ours, theirs))):
                messages = self.prompt.messages(question_of(probe), first, second)
                request = self.asker.request(messages, 0, self.schema)
                key = response_key(self.identity, self.spec.engine, plain(messages), SAMPLING, request)
                yield _Item(candidate, reference, probe.id, order, key, pair_sha(ours, theirs), messages)

    def _settle(self, owed: Sequence[_Item], settled: dict[str, Judgement]) -> Iterator[tuple[_Item, Judgement]]:
        """Each owed presentation with its judgement: known from this run, from another, or asked for now."""
        waiting: dict[str, list[_Item]] = {}
        for item in owed:
            if (known := settled.get(item.key)) is not None:
                yield item, known
            elif (cached := self.cache.get(item.key)) is not None:
                settled[item.key] = self._judgement(item, **dict(cached) | {"cached": True})
                yield item, settled[item.key]
            else:
                waiting.setdefault(item.key, []).append(item)
        for item, heard in self.asker.ask([(items[0], items[0].messages) for items in waiting.values()]):
            key, judgement = item.key, self._read(item, heard)
            if judgement.outcome != "error":
                settled[key] = judgement
                self.cache.put(judgement)
            for alike in waiting[key]:
                yield alike, judgement

    def _same(self) -> None:
        """Raises RunDirectoryError when the judge is not the one that began here; told before it starts."""
        if self._known is not None:
            self._refuse(differences(self._known["identity"], asdict(self.engine.identify())))

    def _read(self, item: _Item, heard: Heard[Reading]) -> Judgement:
        reading = heard.reading
        return self._judgement(
            item,
            outcome=heard.outcome(reading is not None and reading.lenient),
            grades=dict(reading.grades) if reading else None,
            reason=reading.reason if reading else "",
            attempt=heard.repairs + 1,
            structured=heard.held,
            **{name: getattr(heard.done, name) for name in _COMPLETION_FIELDS},
        )

    def _judgement(self, item: _Item, **said: Any) -> Judgement:
        return Judgement(**said | _place(item), model=self.spec.label, protocol=self.protocol, time=_now())

    def _land(self, book: Journal, item: _Item, judgement: Judgement) -> Judgement:
        mine = replace(judgement, **_place(item), time=_now())
        book.append(mine)
        self.progress.advance(f"judge {self.spec.label}", mine)
        return mine

    def _check_alive(self, made: Sequence[Judgement]) -> None:
        if made and all(j.outcome == "error" for j in made):
            raise EngineError(
                f"the judge {self.spec.label} answered nothing ({made[0].error})", "mend the cause, and run again"
            )

    def _remember(self, options: Judging, used: int, offered: int) -> None:
        """Write down in the manifest who judged, how, and how much of the deck was needed."""
        known = self._known
        facts = _checkpoint_facts(known) if known else checkpoint_facts(self.spec)
        # Where nothing was asked now, an earlier run's replies tell whether the schema was kept to.
        structured = self.asker.structured if self.asker.asked or not known else known["structured"]
        entry: JudgeEntry = {
            "engine": self.spec.engine,
            "name": self.spec.name,
            "source": self.spec.source or self.spec.name,
            "identity": cast("IdentityEntry", asdict(self.identity)),
            "protocol": self.protocol,
            "structured": structured,
            "budget": options.budget,
            "probes": used,
            "offered": offered,
            "cache": self.cache.why_not or "",
            **facts,
        }
        self.manifest.judges = (self.manifest.judges or {}) | {self.spec.label: entry}
        self.run.write_manifest(self.manifest)


def _checkpoint_facts(known: JudgeEntry) -> CheckpointFacts:
    """What an earlier run read from the judge's checkpoint."""
    facts: CheckpointFacts = {}
    if "weights" in known:
        facts["weights"] = known["weights"]
    if "lineage" in known:
        facts["lineage"] = known["lineage"]
    return facts


def _place(item: _Item) -> dict[str, Any]:
    """Where in the run a presentation stands."""
    return {
        "key": item.key,
        "candidate": item.candidate,
        "reference": item.reference,
        "probe_id": item.probe_id,
        "sample": item.order,
        "pair_sha": item.pair_sha,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
