"""The answers side by side: one card per probe, the reference first, differences from it marked.

Promise: the cards of a page stay within about `BUDGET` bytes of markup; where that is too little, an even spread of
the probes is shown and the page says how many are not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from mimicry_audit.report import diff, fmt, visible

BUDGET = 6_000_000
"""Most bytes of markup for all cards together; the rest of the page is small beside it."""

LONGEST = 6_000
"""Most characters of one answer, prompt or chain of thought that are shown."""

_PER_CARD, _PER_ANSWER, _MARKS = 1_400, 650, 1.5
"""Sizes of the markup around the texts, measured and rounded up; marks make a text about half as long again."""

Record = Mapping[str, Any]


_WHOSE = {True: "its own name", False: "another name", None: "a name"}


def cut(text: str) -> tuple[str, int]:
    """The start of `text` that is shown, and how many characters are not."""
    return (text, 0) if len(text) <= LONGEST else (text[:LONGEST], len(text) - LONGEST)


def _bytes(text: str | None) -> int:
    """What `text` weighs once it is escaped and its hidden characters are named: for some texts fifty times as much."""
    return len(visible.markup((text or "")[:LONGEST]).encode("utf-8"))


def _size(probe: Record) -> float:
    total = _PER_CARD + float(_bytes(probe["prompt"]))
    for samples in probe["answers"].values():
        for sample in samples:
            total += _PER_ANSWER + _MARKS * _bytes(sample.get("text")) + _bytes(sample.get("reasoning"))
    return total


def choose(probes: Sequence[Record], budget: float = BUDGET) -> list[int]:
    """Which probes are shown: all of them if they fit, else an even spread over the list."""
    sizes = [_size(probe) for probe in probes]
    total = sum(sizes)
    if total <= budget:
        return list(range(len(probes)))
    stride = total / budget
    wanted = sorted({int(at * stride) for at in range(int(len(probes) / stride) + 1)})
    out, used = [], 0.0
    for at in wanted:
        if at < len(probes) and used + sizes[at] <= budget:
            out.append(at)
            used += sizes[at]
    return out


def build(probes: Sequence[Record], columns: Sequence[str], judged: frozenset[str]) -> dict[str, Any]:
    """Everything the section needs: cards, the choices of its filters, and how many probes are left out.

    Args:
        probes: the answers, probe by probe.
        columns: labels of the models, the reference first.
        judged: labels of the candidates; their mistakes are held against the reference's.
    """
    chosen = choose(probes)
    cards = [_card(probes[at], number, columns, judged) for number, at in enumerate(chosen, 1)]
    return {
        "cards": cards,
        "total": len(probes),
        "columns": list(columns),
        "domains": list(dict.fromkeys(card["domain"] for card in cards)),
        "statuses": sorted({status for card in cards for status in card["statuses"]}),
        "reference": columns[0] if columns else None,
    }


def _card(probe: Record, number: int, columns: Sequence[str], judged: frozenset[str]) -> dict[str, Any]:
    reference = columns[0] if columns else ""
    given = probe["answers"]
    near = probe.get("similarity") or {}
    ours = (given.get(reference) or [{}])[0].get("text") or ""
    answers = [_answer(label, given.get(label) or [], ours, label == reference, near.get(label)) for label in columns]
    return {
        "number": number,
        "id": probe["probe_id"],
        "domain": probe["domain"],
        "set": probe.get("set"),
        "prompt": _shown(probe["prompt"]),
        "lead": " ".join(probe["prompt"].split())[:160],
        "expected": probe.get("expected"),
        "answers": answers,
        "statuses": sorted({sample["status"] for samples in given.values() for sample in samples}),
        "near": [fmt.real(near.get(label)) for label in columns],
        "agree": _agreement(given, ours, reference, judged),
    }


def _shown(text: str) -> dict[str, Any]:
    head, rest = cut(text)
    return {"text": visible.markup(head), "rest": rest}


def _answer(label: str, samples: Sequence[Record], ours: str, is_reference: bool, near: Any) -> dict[str, Any]:
    first: Record = samples[0] if samples else {"status": "missing", "text": "", "correct": None}
    found = _compared(first, ours, is_reference)
    return {
        "label": label,
        "reference": is_reference,
        "near": fmt.real(near),
        "status": first["status"],
        "correct": first.get("correct"),
        **found,
        "reasoning": _shown(first["reasoning"]) if first.get("reasoning") else None,
        "more": [
            {"sample": s["sample"], "status": s["status"], **_compared(s, ours, is_reference)} for s in samples[1:]
        ],
    }


def _compared(sample: Record, ours: str, is_reference: bool) -> dict[str, Any]:
    head, rest = cut(sample.get("text") or "")
    if is_reference or not ours:
        return {"text": visible.markup(head), "rest": rest, "shared": None, "same": False}
    if head.split() == cut(ours)[0].split():
        return {"text": visible.markup(head), "rest": rest, "shared": 1.0, "same": True}
    spans = diff.spans(cut(ours)[0], head)
    return {"text": diff.markup(spans), "rest": rest, "shared": diff.shared(spans), "same": False}


def _agreement(given: Mapping[str, Any], ours: str, reference: str, judged: frozenset[str]) -> list[str]:
    """Words that the filter knows: ``verbatim``, ``wrong`` (as the reference), ``mixed``, ``right``."""
    firsts = {label: samples[0] for label, samples in given.items() if samples}
    marks = {label: sample.get("correct") for label, sample in firsts.items() if sample.get("correct") is not None}
    rivals = {label: sample for label, sample in firsts.items() if label != reference and label in judged}
    out = []
    if ours.strip() and any((sample.get("text") or "").split() == ours.split() for sample in rivals.values()):
        out.append("verbatim")
    if marks.get(reference) is False and any(marks.get(label) is False for label in rivals):
        out.append("wrong")
    if len(set(marks.values())) == 2:
        out.append("mixed")
    if marks and all(marks.values()):
        out.append("right")
    return out


def claimed(text: str, claims: Sequence[Record]) -> Markup:
    """An answer about identity with each claim marked: whose name it gives, and whether that is its own."""
    out: list[Markup] = []
    at = 0
    for claim in sorted(claims, key=lambda item: (_place(item.get("start")), _place(item.get("end")))):
        start, end = _place(claim.get("start")), min(len(text), _place(claim.get("end")))
        if start < at or end <= start:
            continue
        out.append(visible.markup(text[at:start]))
        kind = "alien" if claim.get("own") is False else "own"
        name = " · ".join(str(part) for part in (claim.get("maker"), claim.get("model")) if part)
        said = visible.plain(f"{_WHOSE[claim.get('own')]}: {name}")
        mark = Markup('<mark class="{}" title="{}">{}</mark>')
        out.append(mark.format(kind, said, visible.markup(text[start:end])))
        at = end
    out.append(visible.markup(text[at:]))
    return Markup("").join(out)


def _place(value: Any) -> int:
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0
