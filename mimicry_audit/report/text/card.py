"""A section for a model card on the Hugging Face Hub: what an audit found about one candidate, in careful words.

Promise: it says what was compared with what, under which signature, and what the verdict does not mean; it holds no metadata
(`mimicry_audit.report.text.model_index`).
"""

from __future__ import annotations

from collections.abc import Mapping

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.records.score_sections import IdentityScore
from mimicry_audit.records.scores import ModelScore, Scores, VerdictRecord
from mimicry_audit.records.verdict_words import BY_NAME
from mimicry_audit.report import fmt
from mimicry_audit.report.page import view
from mimicry_audit.report.text.mark import block, code, table, words
from mimicry_audit.report.text.markdown import others, reasons, verdict_table

Record = Mapping[str, object]


def render(raw: Scores, label: str | None = None) -> str:
    """The section, beginning with a heading of the second rank.

    Args:
        raw: the contents of ``scores.json``.
        label: the candidate; may be left out where only one was judged.

    Raises:
        ConfigError: no candidate is named and there are several, or the one named was not judged.
        DataError: the scores have another schema.
    """
    scores = view.read(raw)
    label = candidate_label(scores, label)
    verdicts = [v for v in scores.verdicts if v["candidate"] == label]
    model = next(m for m in scores.models if m["label"] == label)
    out = ["## Provenance audit", "", _opening_lines(scores, label, model), "", *verdict_table(scores, verdicts)]
    for word in dict.fromkeys(v["verdict"] for v in verdicts):
        out += [f"*{words(word)}*: {_meaning_words(word)}", ""]
    for v in verdicts:
        out += [f"### Against {code(v['reference'])}", "", *reasons(v), *_evidence_lines(v)]
    out += _identity_lines(scores, label)
    out += ["### Limits of this audit", "", *(f"- {words(text)}" for text in raw["limits"])]
    out += [f"- {words(text)}" for text in raw["warnings"]]
    out += ["", "### Signature", "", "Quote this line with any number from this section:", ""]
    return "\n".join([*out, *block([str(raw["signature"])], "text")]).rstrip() + "\n"


def _meaning_words(verdict: str) -> str:
    word = BY_NAME.get(verdict)
    return word.card_meaning if word else "See the report."


def candidate_label(scores: view.ScoresView, label: str | None) -> str:
    """The candidate that a card is about: the one named, or the only one.

    Raises:
        ConfigError: none is named and there are several, or the one named was not judged.
    """
    candidates = list(dict.fromkeys(v["candidate"] for v in scores.verdicts))
    choice = f"choose from {', '.join(candidates[:12])}" if candidates else "score the run with --reference"
    if label is None:
        if len(candidates) == 1:
            return str(candidates[0])
        raise ConfigError(
            f"a model card describes one model, but {len(candidates)} were judged", f"--model LABEL: {choice}"
        )
    if label not in candidates:
        raise ConfigError(f"{label} was not judged in this run", f"--model LABEL: {choice}")
    return label


def _opening_lines(scores: view.ScoresView, label: str, model: ModelScore) -> str:
    raw = scores.raw
    pinned = (model.get("identity") or {}).get("revision")
    probes = max((v.get("n") or 0 for v in scores.verdicts if v["candidate"] == label), default=0)
    at = f" at {code(pinned)}" if pinned else ""
    return (
        f"This model ({code(model['source'] or label)}{at}, here {code(label)}) was audited on "
        f"{words(str(raw['created'])[:10])} with mimicry\\_audit {words(raw['versions'].get('mimicry_audit', ''))}: its "
        f"answers to {probes:,} probes were compared with those of {len(scores.models) - 1:,} other models. "
        "The result is evidence about these answers under these settings, not proof."
    )


def _evidence_lines(verdict: VerdictRecord) -> list[str]:
    items = list(verdict.get("evidence") or [])
    if not items:
        return []
    rows = []
    for e in items:
        cells = [fmt.estimate(e.get("estimate"), signed=True), words(fmt.p_value(e.get("p_holm")))]
        rows.append([words(e["axis"]), words(e["statistic"]), *cells, "yes" if e.get("positive") else "no"])
    return table(["Axis", "Measure", "Estimate [95 %]", "p (Holm)", "Counts"], rows, frozenset({2, 3}))


def _answered_who(model: IdentityScore) -> int:
    """How many answers there are to questions who a model is, plain or in templates."""
    return sum(arm["answered"] for arm in (model.get("arms") or {}).values()) + (model.get("answered") or 0)


def _identity_lines(scores: view.ScoresView, label: str) -> list[str]:
    model = ((scores.raw.get("identity") or {}).get("models") or {}).get(label)
    if not model or not _answered_who(model):
        return []  # silence about a question that was not asked, or not answered, says nothing
    other_names = others(model)
    sentence = (
        f"Asked who it is, it named: {other_names}"
        if other_names != fmt.MISSING
        else "Asked who it is, it did not name another maker or model"
    )
    return [
        "### Who it says it is",
        "",
        f"{sentence}. Models misidentify themselves for many reasons, so this does not affect the verdict.",
        "",
    ]
