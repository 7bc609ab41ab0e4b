"""Validates probe sets: schema, repeats, leakage between sets, and that every check can be passed.

Promise: everything that is wrong is listed, each with its place and the fix; an empty list means that the sets load,
that every key passes its own check and that every example does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from mimicry_audit.ground.errors import AuditError
from mimicry_audit.probes.checks import check as checks
from mimicry_audit.probes.checks.common import normalise
from mimicry_audit.probes.files import Problem
from mimicry_audit.probes.hub import PREFIX, read_hub
from mimicry_audit.probes.sets import SET_FILE, UNVERSIONED, LoadedSet, find_set, read_set, shipped_sets
from mimicry_audit.records.asked import Probe

Severity = Literal["error", "warning"]

NEAR = 95
"""rapidfuzz token-set ratio from which two prompts count as near-duplicates."""

_MIN_WORDS = 5
"""Fewest words of a prompt worth comparing: among short prompts nearly everything is near."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found wrong.

    Attributes:
        severity: ``error``: the set must not be used so; ``warning``: look at it.
        set: name of the set.
        where: file and line, or probe id.
        what: what is wrong.
        fix: what to do about it.
    """

    severity: Severity
    set: str
    where: str
    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """What validation found."""

    findings: tuple[Finding, ...]
    sets: tuple[str, ...]
    n_probes: int
    n_checkable: int

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that forbid use."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def ok(self) -> bool:
        """Whether the sets have no errors."""
        return not self.errors


def validate_sets(names: Sequence[str] = ()) -> ValidationReport:
    """Validate the named sets (every shipped set where none is named), each by itself and against the others."""
    findings: list[Finding] = []
    sets: dict[str, LoadedSet] = {}
    for name in names or list(shipped_sets()):
        try:
            loaded = read_hub(name) if name.startswith(PREFIX) else read_set(find_set(name)[0])
        except AuditError as error:
            findings.append(Finding("error", name, name, error.problem, error.fix))
            continue
        if loaded.name in sets and sets[loaded.name] != loaded:
            findings.append(
                Finding("error", loaded.name, name, "another set has the same name", f"rename it in {SET_FILE}")
            )
            continue
        sets.setdefault(loaded.name, loaded)
    for loaded in sets.values():
        findings += _of_set(loaded)
    for one, other in combinations(sets.values(), 2):
        findings += _find_leaks(one, other)
    probes = [probe for loaded in sets.values() for probe in loaded.probes]
    checkable = sum(probe.check is not None for probe in probes)
    return ValidationReport(tuple(findings), tuple(sets), len(probes), checkable)


def _of_set(loaded: LoadedSet) -> Iterator[Finding]:
    def finding(severity: Severity, problem: Problem) -> Finding:
        return Finding(severity, loaded.name, problem.where, problem.what, problem.fix)

    for problem in loaded.problems:
        yield finding("error", problem)
    if not loaded.licence:
        yield finding("warning", Problem(loaded.name, "has no licence", f"add 'licence' to its {SET_FILE}"))
    if loaded.version == UNVERSIONED:
        yield finding("warning", Problem(loaded.name, "has no version", f"add 'version' to its {SET_FILE}"))
    for probe in loaded.probes:
        where = loaded.places.get(probe.id, probe.id)
        wrong = _check_problem(probe, loaded.examples.get(probe.id))
        if wrong:
            yield finding("error", Problem(where, wrong, "fix the check or the example"))
        elif probe.check and probe.check["kind"] == "constraints" and probe.id not in loaded.examples:
            what = f"'{probe.id}' has constraints and no example"
            yield finding("warning", Problem(where, what, "add an 'example' that shows that all can be met"))


def _check_problem(probe: Probe, example: str | None) -> str | None:
    """What is wrong with a probe's check beyond its schema: its own key or its example fails it."""
    if probe.check is None:
        return f"'{probe.id}' has an example and no check" if example is not None else None
    for key in _right_answers(probe.check):
        if not checks.correct(probe.check, key):
            return f"'{probe.id}' fails its own key {key!r}"
    if example is not None and not checks.correct(probe.check, example):
        return f"the example of '{probe.id}' fails its check{_broken_part(probe.check, example)}"
    return None


def _right_answers(check: Any) -> list[str]:
    """The right answers of a check, written as an answer would be."""
    if check["kind"] == "constraints":
        return []
    answers = check["answer"] if isinstance(check["answer"], list) else [check["answer"]]
    return [form for answer in answers for form in (str(answer), f"The answer is {answer}.")]


def _broken_part(check: Any, example: str) -> str:
    if check["kind"] != "constraints":
        return f": it gives {checks.extract(check, example)!r}"
    return f": {', '.join(checks.broken_constraints(check, example))}"


def _find_leaks(one: LoadedSet, other: LoadedSet) -> Iterator[Finding]:
    """Probes of two sets that ask the same, or nearly."""
    from rapidfuzz import fuzz, process

    first_questions, second_questions = _questions_of(one), _questions_of(other)
    same = {text: probe_id for probe_id, text in first_questions.items()}
    for probe_id, text in second_questions.items():
        where = other.places.get(probe_id, probe_id)
        if text in same:
            what = f"'{probe_id}' asks the same as '{same[text]}'"
            yield Finding("error", other.name, where, what, "keep it in one set only")
            continue
        if len(text.split()) < _MIN_WORDS:
            continue
        for similar_text, _, near_id in process.extract(
            text, first_questions, scorer=fuzz.token_set_ratio, score_cutoff=NEAR, limit=3
        ):
            if _is_alike(text, similar_text):
                what = f"'{probe_id}' asks nearly the same as '{near_id}'"
                yield Finding("warning", other.name, where, what, "change one of them")


def _questions_of(loaded: LoadedSet) -> dict[str, str]:
    return {probe.id: normalise(" ".join(m.content for m in probe.messages)) for probe in loaded.probes}


def _is_alike(text: str, similar_text: str) -> bool:
    """A question inside a long one, or other numbers in one template, also score 100: neither is a leak."""
    short, long = sorted((len(text), len(similar_text)))
    return (
        short >= 0.6 * long
        and len(similar_text.split()) >= _MIN_WORDS
        and re.findall(r"\d+", text) == re.findall(r"\d+", similar_text)
    )
