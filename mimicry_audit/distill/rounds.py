"""The rounds of a distillation: ask, encode, have the teacher's say, train; and make a checkpoint of the last weights.

Promise: round 0 is off-policy, on the teacher's answers (and, below a full dose, on given ones); each later round is
on-policy: the student of the round before answers the prompts, the teacher's distribution on those answers is what is learnt,
and the text itself is not. A round that is finished is not done again.

On-policy rounds follow R. Agarwal et al., *On-Policy Distillation of Language Models*, 2024, algorithm 1, with the student's
answers drawn once a round instead of once a step; round 0 is the supervised start that they find necessary.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from mimicry_audit.asking.answers import Plan, collect
from mimicry_audit.distill import data, lineage
from mimicry_audit.distill.context import Desk, counts, drop, relabelled
from mimicry_audit.distill.evaluate import probes_of
from mimicry_audit.distill.training import job, shape
from mimicry_audit.distill.training.examples import Encoder, Example, Taught
from mimicry_audit.distill.training.loss import Recipe
from mimicry_audit.distill.training.models import Source, load, source
from mimicry_audit.distill.training.signals import Keep, SignalStore, ask, compute, store_key, told_places, write_index
from mimicry_audit.distill.training.tokenizers import Gate, compare, demand
from mimicry_audit.engines.fingerprint import find_model
from mimicry_audit.engines.likelihood import Scorer, why_not
from mimicry_audit.engines.registry import engine_for
from mimicry_audit.ground.errors import AuditError, ConfigError
from mimicry_audit.records.asked import Identity, ModelSpec, Sampling, canonical_json, sha256_text
from mimicry_audit.records.run import RunDirectory, write_text

_LOGS_A_ROUND = 50
RUNGS = 5
"""Equal parts of a training after which a listener hears of the held-out answers."""


@dataclass(frozen=True, slots=True)
class Lessons:
    """What the student is taught and held against: id → answer."""

    taught: dict[str, Taught]
    held: dict[str, Taught]


def lessons(desk: Desk) -> Lessons:
    """The answers of round 0; asks the teacher for those that are missing.

    Raises:
        AuditError: the teacher finished no answer.
    """
    kept = desk.held | desk.aside  # asked for all the same: every part of a search is asked once
    wanted = [row for row in desk.rows if row.id in desk.dosed or (row.id in kept and desk.settings.dose)]
    said = (
        answers(desk, relabelled(desk.teacher, "teacher"), wanted, desk.common / "answers", "teacher") if wanted else {}
    )
    given = {
        row.id: Taught(id=row.id, messages=row.messages, text=row.answer, origin="else")
        for row in desk.rows
        if row.answer is not None and row.id not in said and (row.id not in kept or not desk.settings.dose)
    }
    taught = {row.id: found for row in desk.taught if (found := (said if row.id in desk.dosed else given).get(row.id))}
    held = {row.id: found for row in desk.rows if row.id in desk.held and (found := (said or given).get(row.id))}
    if not taught:
        raise AuditError("there is no finished answer to learn from", "raise --max-tokens, or look into work/answers")
    return Lessons(taught, held)


def answers(desk: Desk, model: ModelSpec, rows: Sequence[data.Row], folder: Path, origin: str) -> dict[str, Taught]:
    """A model's answers; of a teacher only those that came to their end, as a careful distiller takes them."""
    s = desk.settings
    run = RunDirectory(folder)
    sampling = Sampling(temperature=s.answer_temperature, max_tokens=s.max_tokens, seed=s.seed)
    collect(run, Plan(models=(model,), probes=probes_of(rows), sampling=sampling), progress=desk.watch)
    usable = {r.probe_id: r for r in run.responses(model.label) if r.usable}
    wanted = ("ok",) if origin == "teacher" else ("ok", "truncated")
    return {
        row.id: Taught(id=row.id, messages=row.messages, text=r.text, origin=origin, ended=r.status == "ok")
        for row in rows
        if (r := usable.get(row.id)) is not None and r.status in wanted
    }


def finish(desk: Desk, kit: Kit) -> None:
    """Do all rounds that are owed and write the checkpoint."""
    texts = lessons(desk)
    for number, part in enumerate(data.folds(desk.taught, desk.settings.folds, desk.settings.seed)
                                  if desk.settings.folds else ()):  # fmt: skip
        _fold(desk, kit, texts, number, part)
    done = [_round(desk, kit, list(texts.taught.values()), list(texts.held.values()), 0)]
    for number in range(1, desk.settings.rounds + 1):
        folder = desk.work / f"round-{number - 1}" / "weights"
        student = ModelSpec(label="student", engine="hf", name=str(folder), source=f"round {number - 1}")
        rows = [row for row in desk.taught if row.id in desk.dosed]
        said = answers(desk, student, rows, desk.work / f"round-{number}" / "answers", "student")
        if not said:
            raise AuditError(f"the student of round {number - 1} answers nothing", "train round 0 longer: --epochs")
        done.append(_round(desk, kit, list(said.values()), list(texts.held.values()), number))
    _checkpoint(desk, kit, texts, done)


@dataclass
class Kit:
    """The two models, as far as tokens go, and what they have in common."""

    student: Source
    teacher: Source | None
    gate: Gate | None
    encoder: Encoder


def kit_of(desk: Desk) -> Kit:
    """Find both models and compare their tokenizers; no weights are loaded.

    Raises:
        ConfigError: the objective needs comparable tokenizers, and they are not; or the student has no such layers or dropout.
        PrerequisiteError: a model, its tokenizer or its chat template is missing.
    """
    student = source(desk.student)
    s = desk.settings
    if s.layers or (s.dropout and not s.adapter):
        config = shape.configured(student.weights.location, student.weights.commit)
        if s.layers:
            shape.demand_layers(config, s.layers, s.student)
        if s.dropout and not s.adapter:
            shape.demand_dropout(config, s.student)
    if desk.teacher.engine in ("hf", "vllm") and s.dose:
        find_model(desk.teacher)
    if s.kind == "text" or not s.dose:
        return Kit(student, None, None, Encoder(student.side))
    teacher = source(desk.teacher)
    gate = compare(teacher.side.template.tokenizer, student.side.template.tokenizer)
    demand(gate, s.objective)
    return Kit(student, teacher, gate, Encoder(student.side, teacher.side, gate))


def _round(desk: Desk, kit: Kit, taught: list[Taught], held: list[Taught], number: int) -> dict[str, Any]:
    """One round of training, unless it is done; returns what came of it."""
    folder = desk.work / f"round-{number}"
    start = _start(desk, kit, number)
    prepared = _prepare(desk, kit, taught, held, folder, number, start)
    title = "training" if not desk.settings.rounds else f"training, round {number}"
    told = (lambda done, of: desk.told(title, done, of)), (desk.on_rung if number == 0 else None)
    result = job.perform(prepared, desk.settings.launcher, *told)
    origins = counts([t.origin for t in taught])
    ended = sum(t.ended for t in taught) / len(taught)
    keep = {k: result[k] for k in ("steps", "best_step", "processes", "parameters", "held")}
    return {"round": number, "answers": origins, "finished": round(ended, 4), **keep}


def _start(desk: Desk, kit: Kit, number: int) -> tuple[str, str | None]:
    """Where a round's student starts: the base, or the round before."""
    if number == 0:
        return kit.student.weights.location, kit.student.weights.commit
    return str((desk.work / f"round-{number - 1}" / "weights").resolve()), None


def _fold(desk: Desk, kit: Kit, texts: Lessons, number: int, part: frozenset[str]) -> None:
    """Train without one fold and keep the loss on it; the weights go."""
    folder = desk.work / f"fold-{number}"
    if (folder / "result.json").is_file():
        return
    taught = [t for i, t in texts.taught.items() if i not in part]
    held = [t for i, t in texts.taught.items() if i in part]
    prepared = _prepare(desk, kit, taught, held, folder, -1 - number, _start(desk, kit, 0))
    prepared = replace(prepared, metrics=str(folder / "metrics.jsonl"), board=None)
    title = f"fold {number + 1} of {desk.settings.folds}"
    result = job.perform(prepared, desk.settings.launcher, lambda done, of: desk.told(title, done, of))
    write_text(folder / "result.json", json.dumps(result) + "\n")
    drop(prepared.weights)


def _prepare(
    desk: Desk, kit: Kit, taught: list[Taught], held: list[Taught], folder: Path, number: int,
    start: tuple[str, str | None],
) -> job.Job:  # fmt: skip
    """Encode, fetch signals, and put everything on file."""
    s = desk.settings
    rows, kept = kit.encoder.encode(taught), kit.encoder.encode(held)
    if not rows:
        raise ConfigError(f"no answer can be taught ({', '.join(kit.encoder.left_out)})", "check the data")
    store = None
    if kit.teacher is not None and s.kind in ("cached", "served"):
        if s.kind == "served":
            rows, kept = told_places(rows), told_places(kept)
        store = _signals(desk, kit, [*taught, *held], [*rows, *kept])
    files = [write_rows(folder / "rows.jsonl", rows), write_rows(folder / "held.jsonl", kept)]
    each = math.ceil(len(rows) / (s.batch * s.accumulate * processes(s.launcher)))
    steps = s.steps or max(1, math.ceil(each * s.epochs))
    dense = kit.teacher if s.kind == "dense" and s.dose else None
    recipe = _recipe(desk, kit)
    return job.Job(
        folder=str(folder.resolve()), student=start[0], student_commit=start[1],
        teacher=dense.weights.location if dense else None, teacher_commit=dense.weights.commit if dense else None,
        rows=files[0], held=files[1] if kept else None, signals=store, recipe=asdict(recipe),
        pads=(padding(kit.student), padding(kit.teacher) if kit.teacher else 0), steps=steps, steps_an_epoch=min(each, steps),
        batch=s.batch, accumulate=s.accumulate, rate=s.peak_rate, warmup=s.warmup, weight_decay=s.weight_decay,
        seed=s.seed + max(0, number), patience=s.patience, evaluate_every=s.evaluate_every, save_every=s.save_every,
        log_every=max(1, steps // _LOGS_A_ROUND), round_=number, metrics=str((s.out / "metrics.jsonl").resolve()),
        board=_board(desk), template=kit.student.side.template.source if s.chat_template else None,
        adapter_rank=s.adapter_rank if s.adapter else 0, bf16=bf16(s.precision), threads=s.threads,
        dropout=s.dropout, layers=s.layers if number <= 0 else 0, rungs=RUNGS if desk.on_rung and number == 0 else 0,
        held_bytes=sum(len(row.text.encode("utf-8", "replace")) for row in kept),
    )  # fmt: skip


def _recipe(desk: Desk, kit: Kit) -> Recipe:
    s = desk.settings
    tokens = kit.gate.tokens if kit.gate is not None else 0
    if kit.teacher is None:
        return Recipe()
    return Recipe(objective=s.objective, share_hard=s.share_hard, temperature=s.temperature, beta=s.beta, alpha=s.alpha,
                  tokens=tokens)  # fmt: skip


def _signals(desk: Desk, kit: Kit, taught: list[Taught], rows: list[Example]) -> tuple[str, str]:
    """Have the teacher's most probable tokens of all rows stored."""
    assert kit.teacher is not None
    assert kit.gate is not None
    s = desk.settings
    folder = (desk.common / "signals").resolve()
    key = store_key(kit.teacher.weights.pin, s.top_k, kit.gate.tokens, s.kind)
    store = SignalStore(folder, key)
    keep = Keep(s.top_k, kit.gate.tokens)
    if any(row.places and row.key not in store for row in rows):
        if s.kind == "cached":
            _compute(desk, kit, rows, store, keep)
        else:
            engine = engine_for(desk.teacher)
            if not isinstance(engine, Scorer):
                raise ConfigError(f"the teacher gives no signal: {why_not(desk.teacher.engine)}", "use hf or vllm")
            messages = {t.id: t.messages for t in taught}
            with engine:
                ask(engine, rows, messages, store, keep, lambda done, of: desk.told("asking for odds", done, of))
    write_index(store.folder, store, {"teacher": kit.teacher.weights.pin, "top_k": s.top_k, "kind": s.kind})
    return str(folder), key


def _compute(desk: Desk, kit: Kit, rows: list[Example], store: SignalStore, keep: Keep) -> None:
    import torch

    assert kit.teacher is not None
    weights = kit.teacher.weights
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = load(weights.location, weights.commit, half=bf16(desk.settings.precision)).to(device).eval()
    compute(model, rows, store, keep, padding(kit.teacher), lambda done, of: desk.told("teacher's odds", done, of))


def write_rows(path: Path, rows: Sequence[Example]) -> str:
    """Rows as a training job reads them; returns the path."""
    names = [f.name for f in fields(Example) if f.name != "text"]
    lines = (json.dumps({**{n: getattr(r, n) for n in names}, "key": r.key}, separators=(",", ":")) for r in rows)
    write_text(path, "".join(f"{line}\n" for line in lines))
    return str(path.resolve())


def padding(model: Source) -> int:
    """The token that a model's batches are filled up with."""
    tokenizer = model.side.template.tokenizer
    found = [tokenizer.pad_token_id, tokenizer.eos_token_id, 0]
    return int(next(token for token in found if token is not None))


def bf16(precision: str) -> bool:
    """Whether to train under bf16 autocast."""
    import torch

    if precision == "auto":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return precision == "bf16"


def _board(desk: Desk) -> str | None:
    import importlib.util

    wanted = desk.settings.tensorboard
    if wanted is False or importlib.util.find_spec("tensorboard") is None:
        return None
    return str((desk.settings.out / "tensorboard").resolve())


def processes(launcher: str | None) -> int:
    """How many processes a launcher starts, as far as its options tell; only the length of an epoch rests on it."""
    import re

    found = re.search(r"--(?:num[_-]processes|nproc[_-]per[_-]node)[= ](\d+)", launcher or "")
    return int(found[1]) if found else 1


def _checkpoint(desk: Desk, kit: Kit, texts: Lessons, done: list[dict[str, Any]]) -> None:
    """Move the last weights to their place and tell how they came to be."""
    s = desk.settings
    weights = desk.work / f"round-{s.rounds}" / "weights"
    for file in sorted(weights.iterdir()):
        if file.name != job.RESULT:
            file.replace(s.out / file.name)
    teacher, folder = _teacher(desk)
    shown = canonical_json([[t.id, t.origin, t.text] for t in texts.taught.values()])
    content = lineage.tell(
        lineage.Story(
            settings=s,
            teacher=teacher,
            teacher_folder=folder,
            base=kit.student.weights,
            data=_data_facts(desk, kit, texts),
            answers_sha=sha256_text(shown),
            examples=len(texts.taught),
            rounds=done,
            tokenizers=None if kit.gate is None else asdict(kit.gate),
        )
    )
    lineage.write(s.out, content)
    for number in range(s.rounds + 1):
        drop(desk.work / f"round-{number}" / "weights")


def _teacher(desk: Desk) -> tuple[Identity | None, Path | None]:
    """Who the teacher was when it answered, and where its weights lie if they are here."""
    if not desk.dosed:
        return None, None
    known = RunDirectory(desk.common / "answers").manifest().model("teacher")
    folder = None
    if desk.teacher.engine in ("hf", "vllm"):
        weights = find_model(desk.teacher)
        folder = Path(weights.location) if weights.commit is None else None
    return Identity(**known.identity), folder


def _data_facts(desk: Desk, kit: Kit, texts: Lessons) -> dict[str, Any]:
    return {
        "name": Path(desk.settings.data).name,
        "sha256": data.sha(desk.rows),
        "prompts": len(desk.rows),
        "held_out": len(desk.held),
        "dosed": len(desk.dosed),
        "taught": counts([t.origin for t in texts.taught.values()]),
        "unfinished": len(desk.taught) - len(texts.taught),
        "left_out": dict(sorted(kit.encoder.left_out.items())),
    }
