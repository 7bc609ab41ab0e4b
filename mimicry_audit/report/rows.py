"""The answers side by side, as the report takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mimicry_audit.probes.checks.check import correct
from mimicry_audit.probes.stored import checked_probes
from mimicry_audit.records.asked import Probe, Response
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.records.scores import AnsweredProbe, Scores


def report_answers(run: RunDirectory, scores: Scores, labels: Sequence[str] | None = None) -> list[AnsweredProbe]:
    """The answers side by side, one entry per probe, as the report takes them; of all models, or only of these."""
    labels = [m["label"] for m in scores["models"]] if labels is None else labels
    by_probe: dict[str, dict[str, list[Response]]] = {}
    for label in labels:
        for response in run.responses(label):
            by_probe.setdefault(response.probe_id, {}).setdefault(label, []).append(response)
    rows: list[AnsweredProbe] = []
    # What was compared comes first; who the models say they are has a section of its own.
    for probe in sorted(checked_probes(run), key=lambda p: p.domain not in scores["domains"]):
        answers = by_probe.get(probe.id, {})
        check = probe.check
        rows.append(
            {
                "probe_id": probe.id,
                "domain": probe.domain,
                "set": probe.set,
                "prompt": probe.prompt,
                "conversation": conversation_text(probe),
                "expected": expected_text(check),
                "answers": {
                    label: [
                        {
                            "sample": r.sample,
                            "status": r.status,
                            "text": r.text,
                            "reasoning": r.reasoning,
                            "correct": correct(check, r.text) if check and r.usable else None,
                        }
                        for r in sorted(answers.get(label, []), key=lambda r: r.sample)
                    ]
                    for label in labels
                },
                "similarity": scores["nearness"].get(probe.id, {}),
            }
        )
    return rows


def conversation_text(probe: Probe) -> str:
    """What was asked, with the system prompt and earlier turns, each under its role, where there are any."""
    if len(probe.messages) == 1:
        return probe.prompt
    return "\n\n".join(f"{message.role}: {message.content}" for message in probe.messages)


def expected_text(check: Mapping[str, Any] | None) -> str | None:
    """What a right answer has to be, in words."""
    if not check:
        return None
    if check["kind"] == "constraints":
        return "; ".join(
            f"{rule.replace('_', ' ')} {_constraint_words(value)}" for c in check["all"] for rule, value in c.items()
        )
    answer = check["answer"]
    return " or ".join(map(str, answer)) if isinstance(answer, list) else str(answer)


def _constraint_words(value: object) -> str:
    """A constraint's value in words: a list, bounds, or what stands there."""
    if isinstance(value, Mapping):
        words = {"min": "at least", "max": "at most"}
        return " and ".join(f"{words.get(str(k), str(k))} {_constraint_words(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(f"“{v}”" if isinstance(v, str) else str(v) for v in value)
    return f"“{value}”" if isinstance(value, str) else str(value)
