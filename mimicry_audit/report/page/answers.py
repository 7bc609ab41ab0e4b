"""The answers side by side: one card per probe, the reference first, differences from it marked.

Promise: the cards of a page stay within about `BUDGET` bytes of markup. Where that is too little, the page holds as plain
markup the most telling probes and an even spread of the rest, says so, and keeps all of them in one compressed block
(`mimicry_audit.report.page.packed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from markupsafe import Markup

from mimicry_audit.records.score_sections import ClaimRecord
from mimicry_audit.records.scores import AnsweredProbe, SampleRecord
from mimicry_audit.report import diff, fmt, visible
from mimicry_audit.report.fmt import Parts

BUDGET = 3_000_000
"""Most bytes of markup for all cards together: what a browser reads and a person prints without a thought."""

PART = 1_000_000
"""Most bytes of markup of the cards where not all fit: the compressed block holds the answers then."""

LONGEST = 6_000
"""Most characters of one answer, prompt or chain of thought that are shown."""

MOST_PLAIN = 8
"""Most models side by side in the plain part of a page whose answers do not all fit: more models would leave few probes."""

_PER_CARD, _PER_ANSWER, _MARKS = 1_400, 650, 1.5
"""Sizes of the markup around the texts, measured and rounded up; marks make a text about half as long again."""


_WHOSE = {True: "its own name", False: "another name", None: "a name"}


def cut(text: str, longest: int = LONGEST) -> tuple[str, int]:
    """The start of `text` that is shown, and how many characters are not."""
    return (text, 0) if len(text) <= longest else (text[:longest], len(text) - longest)


def _escaped_size(text: str | None) -> int:
    """What `text` weighs once it is escaped and its hidden characters are named: for some texts fifty times as much."""
    return len(visible.markup((text or "")[:LONGEST]).encode("utf-8"))


def _probe_size(probe: AnsweredProbe, columns: Sequence[str]) -> float:
    total = _PER_CARD + float(_escaped_size(probe.get("conversation", probe["prompt"])))
    for label in columns:
        for sample in probe["answers"].get(label) or [{}]:
            total += _PER_ANSWER + _MARKS * _escaped_size(sample.get("text")) + _escaped_size(sample.get("reasoning"))
    return total


def fits(probes: Sequence[AnsweredProbe], columns: Sequence[str], budget: float = BUDGET) -> bool:
    """Whether the cards of all probes stay within `budget` bytes."""
    remaining = budget
    for probe in probes:
        remaining -= _probe_size(probe, columns)
        if remaining < 0:
            return False
    return True


def choose(
    probes: Sequence[AnsweredProbe], columns: Sequence[str], ranks: Sequence[tuple[int, float]], budget: float = PART
) -> list[int]:
    """Which probes are plain markup where not all can be: half the budget for those of lowest rank, half for a spread.

    Args:
        probes: all of them.
        columns: labels of the models that are shown.
        ranks: one per probe; the most telling is the smallest.
        budget: bytes of markup.
    """
    out: set[int] = set()
    used = _take_probes(sorted(range(len(probes)), key=lambda at: ranks[at]), probes, columns, budget / 2, out)
    each = used / len(out) if out else budget
    spread_count = min(len(probes), max(1, int((budget - used) / max(each, 1.0))))
    spread = [int(at * len(probes) / spread_count) for at in range(spread_count)]
    _take_probes(spread, probes, columns, budget - used, out)
    return sorted(out)


def _take_probes(
    order: Sequence[int], probes: Sequence[AnsweredProbe], columns: Sequence[str], room: float, out: set[int]
) -> float:
    """Puts probes into `out` in this order while there is room; returns what they weigh."""
    used = 0.0
    for at in order:
        size = 0.0 if at in out else _probe_size(probes[at], columns)
        if used + size <= room:
            used += size
            out.add(at)
        elif used:
            break
    return used


class AnswersView(TypedDict):
    """What the section places, and what the compressed block beside it is made from."""

    cards: list[Parts]
    whole: bool
    plain: list[str]
    foremost: list[str]
    agreements: list[list[str]]
    total: int
    columns: list[str]
    domains: list[str]
    sets: list[str]
    statuses: list[str]
    reference: str | None


def build(
    probes: Sequence[AnsweredProbe], columns: Sequence[str], candidates: frozenset[str], foremost: Sequence[str] = ()
) -> AnswersView:
    """Everything the section needs: cards, the choices of its filters, and how many probes are left out.

    Args:
        probes: the answers, probe by probe.
        columns: labels of the models, the reference first.
        candidates: labels of the candidates; their mistakes are held against the reference's.
        foremost: the same labels, those that matter most first; `columns` where it is empty.
    """
    all_fit = fits(probes, columns, BUDGET)
    foremost = list(foremost or columns)
    agreements = [agreement(probe, columns[0] if columns else "", candidates) for probe in probes]
    plain_columns = list(columns) if all_fit else [label for label in columns if label in foremost[:MOST_PLAIN]]
    plain_places: Sequence[int] = range(len(probes))
    if not all_fit:
        ranks = [_rank_probe(probe, words, candidates) for probe, words in zip(probes, agreements, strict=True)]
        plain_places = choose(probes, plain_columns, ranks, PART)
    cards = [_probe_card(probes[at], at + 1, columns, plain_columns, agreements[at]) for at in plain_places]
    return {
        "cards": cards,
        "whole": all_fit,
        "plain": plain_columns,
        "foremost": foremost,
        "agreements": agreements,
        "total": len(probes),
        "columns": list(columns),
        "domains": list(dict.fromkeys(probe["domain"] for probe in probes)),
        "sets": list(dict.fromkeys(str(probe["set"]) for probe in probes if probe.get("set"))),
        "statuses": sorted({status for probe in probes for status in statuses(probe)}),
        "reference": columns[0] if columns else None,
    }


def _rank_probe(probe: AnsweredProbe, words: Sequence[str], candidates: frozenset[str]) -> tuple[int, float]:
    """Copied answers and shared mistakes first, then those that came nearest to the reference."""
    similarities = (fmt.real(value) for label, value in (probe.get("similarity") or {}).items() if label in candidates)
    return -len({"verbatim", "wrong"} & set(words)), -max(
        (value for value in similarities if value is not None), default=0.0
    )


def statuses(probe: AnsweredProbe) -> list[str]:
    """What became of the answers to a probe."""
    return sorted({sample["status"] for samples in probe["answers"].values() for sample in samples})


def lead(probe: AnsweredProbe) -> str:
    """The line that stands for a probe in the list."""
    return " ".join(probe["prompt"].split())[:160]


def _probe_card(
    probe: AnsweredProbe, number: int, columns: Sequence[str], plain_columns: Sequence[str], words: Sequence[str]
) -> Parts:
    reference = columns[0] if columns else ""
    samples_by_model = probe["answers"]
    similarities = probe.get("similarity") or {}
    reference_text = (samples_by_model.get(reference) or [{}])[0].get("text") or ""
    against = diff.Against(cut(reference_text)[0]) if reference_text else None
    answers = []
    for label in plain_columns:
        cell = _answer_cell(
            label,
            samples_by_model.get(label) or [],
            reference_text,
            None if label == reference else against,
            similarities.get(label),
        )
        answers.append({**cell, "reference": label == reference, "column": columns.index(label)})
    return {
        "number": number,
        "id": probe["probe_id"],
        "domain": probe["domain"],
        "set": probe.get("set"),
        "prompt": _shown_text(probe.get("conversation", probe["prompt"])),
        "lead": lead(probe),
        "expected": probe.get("expected"),
        "answers": answers,
        "statuses": statuses(probe),
        "near": [fmt.real(similarities.get(label)) for label in columns],
        "agree": words,
    }


def _shown_text(text: str) -> Parts:
    head, rest = cut(text)
    return {"text": visible.markup(head), "rest": rest}


def _answer_cell(
    label: str,
    samples: Sequence[SampleRecord],
    reference_text: str,
    against: diff.Against | None,
    similarity: float | None,
) -> Parts:
    first: SampleRecord = samples[0] if samples else {"status": "missing", "text": "", "correct": None}
    return {
        "label": label,
        "near": fmt.real(similarity),
        "status": first["status"],
        "correct": first.get("correct"),
        **_compare_sample(first, reference_text, against),
        "reasoning": _shown_text(reasoning) if (reasoning := first.get("reasoning")) else None,
        "more": [
            {"sample": s["sample"], "status": s["status"], **_compare_sample(s, reference_text, against)}
            for s in samples[1:]
        ],
    }


def _compare_sample(sample: SampleRecord, reference_text: str, against: diff.Against | None) -> Parts:
    head, rest = cut(sample.get("text") or "")
    if against is None:
        return {"text": visible.markup(head), "rest": rest, "shared": None, "same": False}
    if head.split() == cut(reference_text)[0].split():
        return {"text": visible.markup(head), "rest": rest, "shared": 1.0, "same": True}
    spans = against.spans(head)
    return {"text": diff.markup(spans), "rest": rest, "shared": diff.shared(spans), "same": False}


def agreement(probe: AnsweredProbe, reference: str, candidates: frozenset[str]) -> list[str]:
    """Words that the filter knows: ``verbatim``, ``wrong`` (as the reference), ``mixed``, ``right``."""
    firsts = {label: samples[0] for label, samples in probe["answers"].items() if samples}
    marks = {label: sample.get("correct") for label, sample in firsts.items() if sample.get("correct") is not None}
    rivals = {label: sample for label, sample in firsts.items() if label != reference and label in candidates}
    reference_words = (firsts.get(reference, {}).get("text") or "").split()
    out = []
    if reference_words and any((sample.get("text") or "").split() == reference_words for sample in rivals.values()):
        out.append("verbatim")
    if marks.get(reference) is False and any(marks.get(label) is False for label in rivals):
        out.append("wrong")
    if len(set(marks.values())) == 2:
        out.append("mixed")
    if marks and all(marks.values()):
        out.append("right")
    return out


def claimed(text: str, claims: Sequence[ClaimRecord]) -> Markup:
    """An answer about identity with each claim marked, and whether the name is its own or another."""
    out: list[Markup] = []
    at = 0
    for claim in sorted(claims, key=lambda item: (_place_of(item.get("start")), _place_of(item.get("end")))):
        start, end = _place_of(claim.get("start")), min(len(text), _place_of(claim.get("end")))
        if start < at or end <= start:
            continue
        out.append(visible.markup(text[at:start]))
        kind = "alien" if claim.get("own") is False else "own"
        name = " · ".join(str(part) for part in (claim.get("maker"), claim.get("model")) if part)
        caption = visible.plain(f"{_WHOSE[claim.get('own')]}: {name}")
        mark = Markup('<mark class="{}" title="{}">{}</mark>')
        out.append(mark.format(kind, caption, visible.markup(text[start:end])))
        at = end
    out.append(visible.markup(text[at:]))
    return Markup("").join(out)


def _place_of(value: object) -> int:
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0
