"""Asks judges: which presentations are missing, how a reply becomes a judgement, and what is done with one that cannot be read.

Promise: every pair of answers is shown in both orders; a pair of texts that a judge has graded before, in this run or
another, is not put to it again; a reply that cannot be read is asked for again at most twice and then counted as failed;
a failed request is an error, asked again, and never a grade; each judgement is journalled as it arrives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mimicry_audit.asking.answers import checkpoint_facts
from mimicry_audit.asking.deck import batches, deck, pairs_to_judge, widest
from mimicry_audit.asking.progress import Progress
from mimicry_audit.asking.prompts.likeness import Prompt, Reading, parse, question_of, schema
from mimicry_audit.asking.remembering import Refusal, remember, section_of
from mimicry_audit.asking.replies import Asker, JudgeTask
from mimicry_audit.asking.session import EngineFactory, registered_engine
from mimicry_audit.ground.errors import ConfigError, DataError, RunDirectoryError
from mimicry_audit.records.asked import Message, ModelSpec, Probe, timestamp
from mimicry_audit.records.judgement import (
    Judgement,
    Pair,
    check_outcome,
    grades_of,
    journal_path,
    pair_sha,
    read_judgements,
)
from mimicry_audit.records.run import RunDirectory, differences


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
            raise ConfigError("a judge compares models with a reference, but none was named", "add --reference")
        return pairs_to_judge(labels, self.references or labels[:1])


def judge_run(
    run: RunDirectory,
    options: Judging,
    *,
    engine_for: EngineFactory = registered_engine,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> int:
    """Have every judge grade a collected run; hold the directory meanwhile.

    Args:
        run: a collected run directory.
        options: who judges what.
        engine_for: makes an engine from a spec; the registry's by default.
        progress: notified of every judgement.
        cache: folder of the judgements that all runs share; the user's by default.

    Returns:
        How many requests were made now: 0 where everything is known.

    Raises:
        ConfigError: no reference, or a judge that cannot judge.
        RunDirectoryError: no run, held by another process, not writable, or a judge changed.
        AuditError: an engine cannot start or continue, or a judge only ever fails. What was journalled is kept.
    """
    run.manifest()  # a directory that holds no run is said to hold none, rather than made
    with run.locked():
        labels = list(section_of(run, "settings")["models"])
        pairs, probes = options.pairs(labels), deck(run.probes(), options.seed)
        texts = {
            label: {r.probe_id: r.text for r in run.responses(label) if r.usable and r.sample == 0} for label in labels
        }
        if not any(p.id in texts[c] and p.id in texts[r] for p in probes for c, r in pairs):
            raise DataError(
                f"{run.path} has no pair of answers to compare", "collect answers first, to probes other than identity"
            )
        prompt = Prompt()
        askers = [
            Asker(
                spec,
                likeness_task(prompt),
                engine_for=engine_for,
                journal=journal_path(run, spec.label),
                progress=progress,
                cache_root=cache,
                refuse=_changed_judge(spec),
            )
            for spec in options.judges
        ]
        judges = [LikenessJudge(run, prompt, asker) for asker in askers]
        for judge in judges:  # a typo must not show after the first judge's hours
            judge.find()
        return sum(judge.judge(probes, pairs, texts, options) for judge in judges)


def likeness_task(prompt: Prompt) -> JudgeTask[Reading]:
    """How likeness is judged with this prompt."""
    return JudgeTask(
        prompt=prompt,
        schema=schema,
        read=parse,
        fields=lambda reading: {"grades": dict(reading.grades) if reading else None},
        check=lambda record: check_outcome(record["outcome"], record["grades"]),
    )


def _changed_judge(spec: ModelSpec) -> Refusal:
    return lambda changed: RunDirectoryError(
        f"judge {spec.label} has changed since it began here ({'; '.join(changed)})",
        f"restore it, or give this one a name of its own: --judge OTHER={spec.source or spec.name}",
    )


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


class LikenessJudge:
    """One judge at work on one run.

    Args:
        run: a collected run, locked.
        prompt: the judge's prompts.
        asker: the judge.
    """

    def __init__(self, run: RunDirectory, prompt: Prompt, asker: Asker[Reading]) -> None:
        self.run, self.prompt, self.asker = run, prompt, asker
        self.spec, self.session = asker.spec, asker.session
        self._known: Mapping[str, Any] | None = section_of(run, "judges").get(self.spec.label)

    def find(self) -> None:
        """Who the judge is: as this run found it before, else as the engine finds it now.

        Raises:
            RunDirectoryError: another judge of this label has begun here.
        """
        if self._known is None:
            self.session.find()
            return
        judge_record = {name: self._known[name] for name in ("engine", "name")}
        if changed := differences(judge_record, {"engine": self.spec.engine, "name": self.spec.name}):
            raise _changed_judge(self.spec)(changed)
        self.session.expect(self._known["identity"])

    def judge(
        self, probes: Sequence[Probe], pairs: Sequence[Pair], texts: Mapping[str, Mapping[str, str]], options: Judging
    ) -> int:
        """Judge the deck, or as much of it as the budget asks for; returns how many requests were made."""
        judgement_by_slot = read_judgements(self.run, self.spec.label)
        items = {probe.id: list(self._items_of_probe(probe, pairs, texts)) for probe in probes}
        whole_deck = [item for probe_items in items.values() for item in probe_items]
        settled = {j.key: j for j in judgement_by_slot.values() if j.outcome != "error"}
        judged_slots = {
            i.slot
            for i in whole_deck
            if i.slot in judgement_by_slot and i.key == judgement_by_slot[i.slot].key and i.key in settled
        }
        self.session.start(len(whole_deck), len(whole_deck) - len(judged_slots))
        judgements: list[Judgement] = [judgement_by_slot[slot] for slot in judged_slots]
        used: list[Probe] = []
        with self.session:
            if self._known is None:  # before the first grade, so that no other judge can continue under this name
                self._remember_judging(options, 0, len(probes))
            for batch in batches(probes, budgeted=options.budget is not None):
                missing = [item for probe in batch for item in items[probe.id] if item.slot not in judged_slots]
                landed = [
                    self._keep_judgement(item, judgement) for item, judgement in self._settle_missing(missing, settled)
                ]
                self.session.end_turn(landed)
                judgements += landed
                used += batch
                if options.budget is None:
                    continue
                if widest(grades_of(judgements), used, pairs, options.seed) <= options.budget:
                    break
            self._remember_judging(options, len(used), len(probes))
        self.session.finish()
        return self.session.replies

    def _items_of_probe(
        self, probe: Probe, pairs: Sequence[Pair], texts: Mapping[str, Mapping[str, str]]
    ) -> Iterator[_Item]:
        """Both orders of every pair that answered this probe."""
        for candidate, reference in pairs:
            if probe.id not in texts[candidate] or probe.id not in texts[reference]:
                continue
            candidate_text, reference_text = texts[candidate][probe.id], texts[reference][probe.id]
            for order, (first, second) in enumerate(
                ((reference_text, candidate_text), (candidate_text, reference_text))
            ):
                messages = self.prompt.messages(question_of(probe), first, second)
                key = self.asker.key(messages)
                yield _Item(
                    candidate, reference, probe.id, order, key, pair_sha(candidate_text, reference_text), messages
                )

    def _settle_missing(
        self, missing: Sequence[_Item], settled: dict[str, Judgement]
    ) -> Iterator[tuple[_Item, Judgement]]:
        """Each missing presentation with its judgement: known from this run, from another, or asked for now."""
        waiting: dict[str, list[_Item]] = {}
        for item in missing:
            if (earlier_judgement := settled.get(item.key)) is not None:
                yield item, earlier_judgement
            else:
                waiting.setdefault(item.key, []).append(item)
        for fields in self.asker.judgements({key: items[0].messages for key, items in waiting.items()}):
            key = fields["key"]
            judgement = Judgement(
                **fields | _place_entry(waiting[key][0]), model=self.spec.label, protocol=self.asker.protocol
            )
            if judgement.outcome != "error":
                settled[key] = judgement
            for item in waiting[key]:
                yield item, judgement

    def _keep_judgement(self, item: _Item, judgement: Judgement) -> Judgement:
        item_judgement = replace(judgement, **_place_entry(item), time=timestamp())
        self.session.keep(item_judgement)
        return item_judgement

    def _remember_judging(self, options: Judging, used: int, offered: int) -> None:
        """Write down in the manifest who judged, how, and how much of the deck was needed."""
        judge_record, spec = self._known, self.spec
        facts = (
            checkpoint_facts(spec)
            if judge_record is None
            else {k: judge_record[k] for k in _FACTS if k in judge_record}
        )
        # Where nothing was asked now, an earlier run's replies show whether the schema was kept to.
        structured = (
            self.asker.structured if self.session.replies or judge_record is None else judge_record["structured"]
        )
        changing = {
            "source": spec.source or spec.name,
            "protocol": self.asker.protocol,
            "structured": structured,
            "budget": options.budget,
            "probes": used,
            "offered": offered,
            "cache": self.asker.cache.why_not or "",
        }
        fixed = {"engine": spec.engine, "name": spec.name, "identity": asdict(self.session.identity), **facts}
        remember(
            self.run, "judges", {spec.label: fixed | changing}, may_grow=tuple(changing), refuse=_changed_judge(spec)
        )


_FACTS = ("weights", "lineage")
"""What `checkpoint_facts` may say of a judge."""


def _place_entry(item: _Item) -> dict[str, Any]:
    """Where in the run a presentation stands."""
    return {
        "key": item.key,
        "candidate": item.candidate,
        "reference": item.reference,
        "probe_id": item.probe_id,
        "sample": item.order,
        "pair_sha": item.pair_sha,
    }
