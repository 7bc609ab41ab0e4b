"""Answers collected elsewhere become a run like any other: from response files to a `Plan` of recorded models.

Promise: every model and every prompt of the files that can be compared enters the run, and what is left out is counted; nothing
is asked, and what the files do not say (how the answers were sampled) is not invented: the run says that it was imported.
Prompts are one where their ids are one; where ids do not match across models, prompts are matched by their text, and the run
says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, combinations, count
from pathlib import Path

from mimicry_audit.asking.answers import Plan
from mimicry_audit.engines.names import parse_models
from mimicry_audit.ground.errors import DataError
from mimicry_audit.logs.answers import RecordedAnswer, answers_by_text, join_files, read_answers
from mimicry_audit.logs.formats import files_in
from mimicry_audit.probes.schema import UNSENDABLE
from mimicry_audit.records.asked import IDENTITY_DOMAIN, Message, Probe, Sampling
from mimicry_audit.workflow.answer_keys import check_for
from mimicry_audit.workflow.settings import Resolved

GENERAL = "general"
"""Domain of prompts whose file names none."""


def plan_from(*paths: Path, kind: str = "auto") -> Plan:
    """What response files hold, as a plan that the ``recorded`` engine fulfils.

    Args:
        paths: JSON, CSV or Parquet with the columns of `mimicry_audit.logs.answers`, files of other tools, or folders of such
            files; several are read as one.
        kind: one of `mimicry_audit.logs.formats.FORMATS`.

    Raises:
        DataError: a file cannot be read or breaks its schema, or the prompts can be matched neither by id nor by text.
        ConfigError: two models would share a label.
    """
    files = list(dict.fromkeys(paths))
    read, name = read_answers(files, kind), ", ".join(file.name for file in files)
    given = list(dict.fromkeys(a.model for a in read.answers))
    if len(given) < 2:
        raise DataError(f"{name} holds the answers of {len(given)} model", "a comparison needs at least two")
    mismatch = find_mismatch(read.answers)
    matched = (
        match_by_text(read.answers, mismatch, leave_out=len(files_in(files)) > 1)
        if mismatch
        else Matched(read.answers, 0)
    )
    in_tasks, lone_tasks = leave_lone_tasks(matched.answers)
    comparable, lone_prompts = leave_lone_prompts(in_tasks)
    models = list(dict.fromkeys(a.model for a in comparable))
    unmatched = [model for model in given if model not in models]
    options = ({"match": "text"} if mismatch else {}) | ({"format": kind} if kind != "auto" else {})
    unshared = count_unshared(comparable)
    repeated = read.repeated + matched.repeated
    return Plan(
        models=parse_models(
            [{"model": f"recorded/{join_files(files)}#{model}", "options": options} for model in models]
        ),
        probes=tuple(probes_of(comparable, files[0])),
        sampling=Sampling(samples=max(a.sample for a in comparable) + 1),
        selection={
            "imported": name,
            **({"repeated_rows": repeated} if repeated else {}),
            **({"matched_by_text": mismatch} if mismatch else {}),
            **({"left_out": dict(read.left_out)} if read.left_out else {}),
            **({"unmatched_models": unmatched} if unmatched else {}),
            **({"lone_tasks": lone_tasks} if lone_tasks else {}),
            **({"lone_prompts": lone_prompts} if lone_prompts else {}),
            **({"cautions": list(read.cautions)} if read.cautions else {}),
            **({"unshared_prompts": unshared} if unshared else {}),
        },
    )


@dataclass(frozen=True, slots=True)
class Matched:
    """Answers whose prompts are one where their texts are one, how many rows said the same again, and who was left out."""

    answers: Sequence[RecordedAnswer]
    repeated: int
    alone: Sequence[str] = ()
    """Models that share no prompt with another."""


def leave_lone_tasks(answers: Sequence[RecordedAnswer]) -> tuple[Sequence[RecordedAnswer], dict[str, str]]:
    """The answers without the domains of which only one model answered anything, and those domains with that model.

    A task that the others never ran is not a gap. Identity questions stay whoever answered them, for they are read for each
    model by itself.
    """
    domain_of: dict[str, str] = {}
    models: dict[str, set[str]] = {}
    for answer in answers:
        domain = domain_of.setdefault(answer.prompt_id, answer.domain or GENERAL)
        models.setdefault(domain, set()).add(answer.model)
    models.pop(IDENTITY_DOMAIN, None)
    lone = {domain: next(iter(names)) for domain, names in models.items() if len(names) == 1}
    if len(lone) == len(models):
        return answers, {}
    return [answer for answer in answers if domain_of[answer.prompt_id] not in lone], lone


def leave_lone_prompts(answers: Sequence[RecordedAnswer]) -> tuple[Sequence[RecordedAnswer], int]:
    """The answers without those to prompts that one model alone answered, and how many such prompts there were.

    They compare nothing, and whoever lacks them did not fail. Where no prompt has answers of two models, all stay, and so do
    identity questions; see `leave_lone_tasks`.
    """
    domain_of: dict[str, str | None] = {}
    models: dict[str, set[str]] = {}
    for answer in answers:
        if domain_of.setdefault(answer.prompt_id, answer.domain) != IDENTITY_DOMAIN:
            models.setdefault(answer.prompt_id, set()).add(answer.model)
    lone = {prompt for prompt, names in models.items() if len(names) == 1}
    if len(lone) == len(models):
        return answers, 0
    return [answer for answer in answers if answer.prompt_id not in lone], len(lone)


def count_unshared(answers: Iterable[RecordedAnswer]) -> int:
    """How many prompts only one model answered, so that they compare nothing."""
    models: dict[str, set[str]] = {}
    for answer in answers:
        models.setdefault(answer.prompt_id, set()).add(answer.model)
    return sum(len(names) == 1 for names in models.values())


def find_mismatch(answers: Iterable[RecordedAnswer]) -> str | None:
    """Why prompt ids cannot be trusted, in words: one stands for two prompts, or models give one prompt different ids."""
    text_by_id: dict[str, str] = {}
    ids_by_text: dict[str, dict[str, set[str]]] = {}
    for answer in answers:
        text = answer.prompt.strip()
        if text_by_id.setdefault(answer.prompt_id, text) != text:
            return f"prompt_id {answer.prompt_id!r} stands for two prompts"
        ids_by_text.setdefault(text, {}).setdefault(answer.model, set()).add(answer.prompt_id)
    for ids in ids_by_text.values():
        if len(set.union(*ids.values())) > 1 and not set.intersection(*ids.values()):
            for (model, own), (other, others) in combinations(ids.items(), 2):
                if not own & others:
                    return f"one prompt is {min(own)!r} for {model} and {min(others)!r} for {other}"
    return None


def match_by_text(answers: Sequence[RecordedAnswer], mismatch: str, *, leave_out: bool = False) -> Matched:
    """The answers with one id for each prompt text, numbered as the ``recorded`` engine finds them by text.

    Args:
        answers: of all models.
        mismatch: why the ids are not trusted.
        leave_out: whether models that share no prompt text with another are left out, as is usual among the logs of several
            tools; otherwise they are an error.

    Raises:
        DataError: a model shares no prompt text with another, or fewer than two models do.
    """
    models_by_text: dict[str, set[str]] = {}
    by_model: dict[str, list[RecordedAnswer]] = {}
    for answer in answers:
        models_by_text.setdefault(answer.prompt.strip(), set()).add(answer.model)
        by_model.setdefault(answer.model, []).append(answer)
    alone = [
        model
        for model, own in by_model.items()
        if all(len(models_by_text[answer.prompt.strip()]) == 1 for answer in own)
    ]
    if alone and (not leave_out or len(by_model) - len(alone) < 2):
        raise DataError(
            f"{mismatch}, and no other model has a prompt of {alone[0]} word for word",
            "give each prompt one id, or one text, in all models",
        )
    answers = [answer for answer in answers if answer.model not in alone]
    ids: dict[str, str] = {}
    taken: set[str] = set()
    for answer in answers:
        text = answer.prompt.strip()
        if text not in ids:
            names = chain([answer.prompt_id], (f"{answer.prompt_id}-{number}" for number in count(2)))
            ids[text] = next(name for name in names if name not in taken)
            taken.add(ids[text])
    numbered = {model: answers_by_text(own) for model, own in by_model.items() if model not in alone}
    matched = [
        replace(answer, prompt_id=ids[text], prompt=text, sample=number)
        for found in numbered.values()
        for (text, number), answer in found.items()
    ]
    return Matched(matched, len(answers) - len(matched), alone)


def probes_of(answers: Sequence[RecordedAnswer], path: Path) -> list[Probe]:
    """The prompts of a response file as probes, in the order they first stand.

    Raises:
        DataError: a prompt cannot be kept as text, or one prompt id stands for two prompts.
    """
    keys: dict[str | None, set[str]] = {}
    for answer in answers:
        key = answer.reference_answer
        keys.setdefault(answer.domain, set()).update([key] if isinstance(key, str) else key or ())
    probes: dict[str, Probe] = {}
    for answer in answers:
        earlier_probe = probes.get(answer.prompt_id)
        if earlier_probe is None:
            probe = _imported_probe(answer, keys[answer.domain])
            if UNSENDABLE.search(
                "".join((answer.prompt_id, probe.prompt, probe.domain, *(answer.reference_answer or ())))
            ):
                raise DataError(f"{path}: {answer.prompt_id!r} holds a NUL or half a surrogate pair", "remove it")
            probes[answer.prompt_id] = probe
        elif earlier_probe.prompt.strip() != answer.prompt.strip():
            raise DataError(f"{path}: prompt_id {answer.prompt_id!r} stands for two prompts", "give each its own id")
    return list(probes.values())


def resolved_from(*files: Path, out: str | None = None, kind: str = "auto") -> Resolved:
    """Response files as settings made concrete, ready to be collected into a run directory.

    Args:
        files: see `plan_from`.
        out: the run directory; under ``reports/``, named after the first file, where None.
        kind: see `plan_from`.

    Raises:
        DataError, ConfigError: see `plan_from`.
    """
    from mimicry_audit.verdicts.score import ScoringOptions

    plan = plan_from(*files, kind=kind)
    more = f"-and-{len(files) - 1}-more" if len(files) > 1 else ""
    return Resolved(
        plan=plan,
        scoring=ScoringOptions(),
        out=Path(out) if out else Path("reports") / f"{files[0].stem}{more}",
        sources={m.label: m.name for m in plan.models},
    )


def _imported_probe(answer: RecordedAnswer, keys: Collection[str]) -> Probe:
    return Probe(
        id=answer.prompt_id,
        domain=answer.domain or GENERAL,
        messages=(Message("user", answer.prompt),),
        set="imported",
        check=check_for(answer.reference_answer, keys),
    )
