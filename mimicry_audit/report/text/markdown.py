"""The report as Markdown, fit for GitHub: a pull request, an issue, a job summary.

Promise: the headline, every verdict with its interval and reasons, the models, who they say they are, the limits, the
signature and how to repeat it; text of models and files is escaped (`report.mark`). For a large run it shows the
pairs that stand out, so that the whole stays below the 1 MiB that GitHub shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mimicry_audit.records.manifest import IdentityEntry
from mimicry_audit.records.score_sections import IdentityScore
from mimicry_audit.records.scores import Scores, TruthRecord, VerdictRecord
from mimicry_audit.report import fmt
from mimicry_audit.report.page import identity, view
from mimicry_audit.report.page.headline import counts, headline, open_questions
from mimicry_audit.report.repeat import repeat_commands
from mimicry_audit.report.text.mark import block, code, table, words

MOST_PAIRS = 60
"""Most pairs in the table of verdicts."""
MOST_REASONED = 16
"""Most pairs whose reasons are shown."""
MOST_MODELS = 100
"""Most rows about models."""

Record = Mapping[str, Any]


def render(raw: Scores) -> str:
    """The whole document.

    Args:
        raw: the contents of ``scores.json``.

    Raises:
        DataError: the scores have another schema.
    """
    scores = view.read(raw)
    parts = (_head_lines, _verdict_lines, _reason_lines, _model_lines, _identity_lines, _limit_lines, reproduce)
    return "\n".join(text for part in parts for text in part(scores)).rstrip() + "\n"


def _head_lines(scores: view.ScoresView) -> Iterator[str]:
    raw = scores.raw
    yield from (f"# {words(raw['title'])}", "", f"**{headline(scores, code)}**", "")
    if waiting := open_questions(scores, code):
        yield from (waiting, "")
    tally = ", ".join(f"{count:,} {words(word)}" for word, count in counts(scores).items())
    facts = [fmt.plural(len(scores.models), "model"), tally, words(str(raw["created"])[:16].replace("T", " ")) + " UTC"]
    yield from (" · ".join(fact for fact in facts if fact) + " · evidence, not proof", "")
    if raw.get("warnings"):
        yield from ("**Read this first**", "", *(f"- {words(text)}" for text in raw["warnings"]), "")


def _overall_evidence(scores: view.ScoresView, verdict: VerdictRecord, kind: view.Kind) -> fmt.Interval | None:
    if kind == "centred" and "centred_on" in verdict and not verdict["centred_on"]:
        return None  # too few models unrelated to the two to compute an expectation
    pair = scores.pairs.get(frozenset({verdict["candidate"], verdict["reference"]}), {})
    return (pair.get("overall") or {}).get(kind)


def moved(verdict: VerdictRecord) -> str:
    """The mean adjusted lift, and on how many axes it counts; why there is none otherwise."""
    lifts = [e for e in verdict.get("evidence") or [] if e.get("statistic") == "adjusted lift" and e.get("estimate")]
    if not lifts:
        return "not its base" if verdict.get("base") else "no base"
    mean = sum(e["estimate"]["value"] for e in lifts) / len(lifts)
    return f"{fmt.num(mean, signed=True)} ({sum(bool(e['positive']) for e in lifts)} of {len(lifts)} axes)"


def verdict_table(scores: view.ScoresView, verdicts: Sequence[VerdictRecord]) -> list[str]:
    """One row per judged pair: the verdict, its confidence, and what it stands on."""
    truths = any(v.get("truth") for v in verdicts)
    head = ["Candidate", "Reference", "Verdict", "Confidence", "Similarity [95 %]", "Beyond expectation [95 %]"]
    head += ["Moved beyond controls", *(["Known lineage"] if truths else [])]
    rows = []
    for v in verdicts:
        row = [code(v["candidate"]), code(v["reference"]), f"**{words(v['verdict'])}**", words(v["confidence"])]
        row += [
            fmt.estimate(_overall_evidence(scores, v, "raw")),
            fmt.estimate(_overall_evidence(scores, v, "centred"), signed=True),
        ]
        rows.append([*row, moved(v), *([_truth_words(v.get("truth"))] if truths else [])])
    return table(head, rows, frozenset({4, 5, 6}))


def _truth_words(truth: TruthRecord | None) -> str:
    if not truth:
        return fmt.MISSING
    return f"{ {True: '✓', False: '✗', None: '○'}[truth['agrees']] } {words(truth['relation'])}".strip()


def _verdict_lines(scores: view.ScoresView) -> Iterator[str]:
    yield from ("## Verdicts", "")
    if not scores.verdicts:
        yield from ("This run has no verdicts.", "")
        return
    yield from verdict_table(scores, scores.verdicts[:MOST_PAIRS])
    if (omitted_count := len(scores.verdicts) - MOST_PAIRS) > 0:
        yield from (f"{omitted_count:,} further pairs are in `scores.json`.", "")


def _reason_lines(scores: view.ScoresView) -> Iterator[str]:
    cards = scores.cards
    for v in cards[:MOST_REASONED]:
        yield from (f"### {code(v['candidate'])} against {code(v['reference'])}: {words(v['verdict'])}", "")
        yield from reasons(v)
    if len(cards) > MOST_REASONED:
        yield from (f"The reasons of {len(cards) - MOST_REASONED:,} further pairs are in the HTML report.", "")


def reasons(verdict: VerdictRecord) -> list[str]:
    """Why a verdict is what it is, and what would change it, as lists."""
    why = [f"- {words(text)}" for text in verdict.get("reasons") or ["The scores contain no reason."]]
    change = [f"- {words(text)}" for text in verdict.get("would_change") or []]
    return [words(verdict["summary"]), "", *why, "", *(["What would change it:", "", *change, ""] if change else [])]


def _model_lines(scores: view.ScoresView) -> Iterator[str]:
    yield from ("## Models", "")
    rows = []
    for model in scores.models[:MOST_MODELS]:
        right = (model.get("accuracy") or {}).get("overall")
        status_counts = ", ".join(f"{n:,} {words(status)}" for status, n in (model.get("statuses") or {}).items())
        row = [code(model["label"]), words(model["role"]), code(model["source"] or model["label"])]
        row += [
            f"{fmt.percent(model['coverage'])} of {model['answers']:,} ({status_counts})",
            fmt.num(model["mean_words"], 1),
        ]
        rows.append([*row, fmt.estimate(right)])
    yield from table(
        ["Model", "Role", "Requested as", "Usable answers", "Mean words", "Right answers [95 %]"],
        rows,
        frozenset({4, 5}),
    )
    if (omitted_count := len(scores.models) - MOST_MODELS) > 0:
        yield from (f"{omitted_count:,} further models are in `scores.json`.", "")
    injected = [m for m in scores.models if m.get("injected_identity")]
    for model in injected[:MOST_MODELS]:
        yield f"- The chat template of {code(model['label'])} adds {code(model['injected_identity'])}."
    if injected:
        yield ""


def _identity_lines(scores: view.ScoresView) -> Iterator[str]:
    models = (scores.raw.get("identity") or {}).get("models") or {}
    yield from ("## Who they say they are", "")
    if not models:
        yield from ("This run did not ask about identity.", "")
        return
    arms = [
        arm
        for arm in scores.raw["identity"].get("arms") or []
        if any(arm in (m.get("arms") or {}) for m in models.values())
    ]
    head = ["Model", "True identity", *(f"Names another, {words(identity.ARM_TITLES.get(arm, arm))}" for arm in arms)]
    head += ["Strict, in templates", "Other names it gives"]
    rows = []
    for label, model in list(models.items())[:MOST_MODELS]:
        own = model.get("own")
        rightly = " · ".join(part for part in (own["maker"], own["model"]) if part) if own else ""
        by_arm = model.get("arms") or {}
        rates = [fmt.estimate(by_arm[arm].get("other_rate") if arm in by_arm else None) for arm in arms]
        rows.append([code(label), code(rightly), *rates, fmt.estimate(model.get("strict")), others(model)])
    yield from table(head, rows)
    yield from (
        "Shares of answers with 95 % intervals. Models misidentify themselves for many reasons; this can support a "
        "verdict but cannot decide it.",
        "",
    )


def others(model: IdentityScore) -> str:
    """The identities that are not the model's own, with how many answers claim them, most first."""
    own = (own_record := model.get("own")) and own_record["maker"]
    tally: dict[str, int] = {}
    for arm in (model.get("arms") or {}).values():
        for claim in arm.get("claims") or []:
            if not claim.get("own"):
                tally[claim["identity"]] = tally.get(claim["identity"], 0) + claim["count"]
    for maker, count in (model.get("claims") or {}).items():
        if maker != own:
            tally[maker] = tally.get(maker, 0) + count
    first = sorted(tally.items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{code(name, 80)} {count}×" for name, count in first) or fmt.MISSING


def _limit_lines(scores: view.ScoresView) -> Iterator[str]:
    yield from ("## What this cannot show", "")
    yield "- Similarity is evidence about where a model's answers come from. It does not show intent or permission."
    yield from (*(f"- {words(text)}" for text in scores.raw["limits"]), "")


def reproduce(scores: view.ScoresView) -> Iterator[str]:
    """The signature, the commands that ask the same again, and what pins the models and probes down."""
    raw = scores.raw
    yield from ("## How to repeat it", "", "Quote this line with any number from this report:", "")
    yield from block([str(raw["signature"])], "text")
    yield from block(repeat_commands(raw), "sh")
    sets = [
        [code(s["name"]), words(s["version"]), str(s["n"]), words(s["licence"]), code(str(s["sha"])[:12])]
        for s in raw.get("probe_sets") or []
    ]
    if sets:
        yield from table(["Probe set", "Version", "Probes", "Licence", "SHA-256"], sets, frozenset({2}))
    pins = [
        [code(m["label"]), words(m["engine"]), _model_pin(m.get("identity") or {})] for m in scores.models[:MOST_MODELS]
    ]
    yield from table(["Model", "Engine", "Exact version"], pins)
    yield from (", ".join(f"{words(name)} {words(value)}" for name, value in raw["versions"].items()), "")


def _model_pin(entry: IdentityEntry) -> str:
    return (
        ", ".join(code(entry[name]) for name in ("revision", "engine_version", "dtype") if entry.get(name))
        or fmt.MISSING
    )
