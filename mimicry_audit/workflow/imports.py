"""Answers collected elsewhere become a run like any other: from a response file to a `Plan` of recorded models.

Promise: every model and every prompt of the file enters the run, nothing is asked, and what the file does not say (how
the answers were sampled) is not invented: the run says that it was imported.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from mimicry_audit.asking.answers import Plan
from mimicry_audit.engines.names import parse_models
from mimicry_audit.engines.responses_file import RecordedAnswer, read_responses
from mimicry_audit.ground.errors import DataError
from mimicry_audit.probes.schema import UNSENDABLE
from mimicry_audit.records.asked import Message, Probe, Sampling
from mimicry_audit.workflow.answer_keys import check_for
from mimicry_audit.workflow.settings import Resolved

GENERAL = "general"
"""Domain of prompts whose file names none."""


def plan_from(path: Path) -> Plan:
    """What a response file holds, as a plan that the ``recorded`` engine fulfils.

    Args:
        path: JSONL, CSV or Parquet with the columns of `mimicry_audit.engines.responses_file`.

    Raises:
        DataError: the file cannot be read, breaks its schema, or asks one prompt id in two ways.
        ConfigError: two models of the file would share a label.
    """
    answers = read_responses(path)
    models = list(dict.fromkeys(a.model for a in answers))
    if len(models) < 2:
        raise DataError(f"{path} holds the answers of {len(models)} model", "a comparison needs at least two")
    probes = probes_of(answers, path)
    samples = max(a.sample for a in answers) + 1
    return Plan(
        models=parse_models([f"recorded/{path}#{name}" for name in models]),
        probes=tuple(probes),
        sampling=Sampling(samples=samples),
        selection={"imported": path.name},
    )


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
        elif earlier_probe.prompt != answer.prompt:
            raise DataError(f"{path}: prompt_id {answer.prompt_id!r} stands for two prompts", "give each its own id")
    return list(probes.values())


def resolved_from(file: Path, out: str | None = None) -> Resolved:
    """A response file as settings made concrete, ready to be collected into a run directory.

    Args:
        file: see `plan_from`.
        out: the run directory; under ``reports/``, named after the file, where None.

    Raises:
        DataError, ConfigError: see `plan_from`.
    """
    from mimicry_audit.verdicts.score import ScoringOptions

    plan = plan_from(file)
    return Resolved(
        plan=plan,
        scoring=ScoringOptions(),
        out=Path(out) if out else Path("reports") / file.stem,
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
