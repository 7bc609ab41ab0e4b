"""Attempts counted: rates with intervals, by language, aspect and template, and agreement with another's labels.

Promise: Loose, Strict and Hard are shares of *answered* attempts (neither refused nor empty nor failed); refusal is a share of
the attempts that came back, failure of all. Intervals resample whole templates, because attempts under one template
slip together, and are never narrower than Wilson's over the attempts; where there is one template, or none, they are
Wilson's. In the paper's mode every rate is a share of all attempts, as published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mimicry_audit.identity.attempts import PAPER_WORDS, Attempt
from mimicry_audit.statistics.intervals import DRAWS, wilson

Test = Callable[[Attempt], bool]
SCORES: dict[str, Test] = {
    "loose": lambda a: bool(a.loose),
    "strict": lambda a: bool(a.strict),
    "hard": lambda a: bool(a.hard),
}


def tally(attempts: Sequence[Attempt], *, paper: bool = False, draws: int = DRAWS, seed: int = 0) -> dict[str, object]:
    """One model's part of ``identity.json``.

    Args:
        attempts: of one model.
        paper: shares of all attempts, as published.
        draws: bootstrap resamples of templates.
        seed: of the resamples.
    """
    ok_attempts = [a for a in attempts if a.status == "ok"]
    back = [a for a in attempts if a.status in ("ok", "refusal")]
    base = list(attempts) if paper else ok_attempts
    own_known = paper or bool(attempts and attempts[0].own.known)

    def rates(group: Sequence[Attempt]) -> dict[str, object]:
        return {name: rate(group, test, draws, seed) if own_known else None for name, test in SCORES.items()}

    statuses = Counter(a.status for a in attempts)
    section: dict[str, object] = {
        "own": {"makers": sorted(attempts[0].own.makers), "model": attempts[0].own.model} if attempts else None,
        "n": len(attempts),
        "answered": len(ok_attempts),
        "statuses": {name: statuses[name] for name in ("ok", "refusal", "empty", "error")},
        **rates(base),
        "refusal": rate(list(attempts) if paper else back, lambda a: a.status == "refusal", draws, seed),
        "failure": rate(attempts, lambda a: a.status in ("empty", "error"), draws, seed),
        "plain": rates([a for a in base if a.transcript.plain]) if any(a.transcript.plain for a in attempts) else None,
        "claims": identities(ok_attempts),
        "claimed_models": identities(ok_attempts, models=True),
        "voices": voices(ok_attempts),
        "languages": {
            name: rates([a for a in base if a.transcript.language == name])
            for name in sorted({a.transcript.language for a in attempts})
        },
        "aspects": {
            name: rates([a for a in base if a.transcript.aspect == name])
            for name in sorted({a.transcript.aspect for a in attempts if a.transcript.aspect})
        },
        "templates": _template_counts(attempts, base, own_known),
    }
    if labelled := agreement(attempts):
        section["agreement"] = labelled
        section["published"] = published(attempts, draws, seed)
    return section


def rate(group: Sequence[Attempt], test: Test, draws: int = DRAWS, seed: int = 0) -> dict[str, float | int] | None:
    """A share with its 95% interval clustered by template, as ``rate, low, high, n``; None for no attempts.

    The templates of a group are resampled one fewer than there are (Rao & Wu 1988), and the share of a draw is that of
    all attempts under the templates drawn: a ratio, since templates need not be used equally often.
    """
    plain = wilson(sum(test(a) for a in group), len(group))
    if plain is None:
        return None
    low, high = plain.low, plain.high
    counts: dict[str, list[int]] = {}
    for attempt in group:
        cell = counts.setdefault(attempt.transcript.frame or attempt.transcript.template, [0, 0])
        cell[0] += test(attempt)
        cell[1] += 1
    if len(counts) > 1:
        table = np.array(list(counts.values()), dtype=np.float64)
        m = len(table)
        resample_counts = np.random.default_rng(seed).multinomial(m - 1, np.full(m, 1 / m), size=draws)
        sums = resample_counts @ table
        bounds = np.percentile(sums[:, 0] / sums[:, 1], [2.5, 97.5])
        low, high = min(low, float(bounds[0])), max(high, float(bounds[1]))
    return {"rate": round(plain.value, 5), "low": round(low, 5), "high": round(high, 5), "n": plain.n}


def identities(attempts: Sequence[Attempt], *, models: bool = False) -> dict[str, int]:
    """Which identity was claimed in how many answers, the most frequent first: the direction of the leak.

    Args:
        attempts: answered ones of one target.
        models: count the models named ("OpenAI · ChatGPT") in place of the makers.
    """
    table: Counter[str] = Counter()
    for attempt in attempts:
        table.update(
            {
                f"{claim.maker} · {claim.model}" if models else claim.maker
                for claim in attempt.claims
                if claim.model or not models
            }
        )
    return dict(sorted(table.items(), key=lambda item: (-item[1], item[0])))


def voices(attempts: Sequence[Attempt]) -> dict[str, int]:
    """In how many answers another's identity is claimed at best in each voice: own before label before character."""
    best_voices = Counter(
        next(voice for voice in ("own", "label", "character") if voice in foreign_voices)
        for attempt in attempts
        if (foreign_voices := {claim.voice for claim in attempt.claims if claim.maker not in attempt.own.makers})
    )
    return {voice: best_voices[voice] for voice in ("own", "label", "character")}


def _template_counts(attempts: Sequence[Attempt], base: Sequence[Attempt], own_known: bool) -> list[dict[str, Any]]:
    """Counts under each template, in order of appearance; the text is cut, the number stands in ``attempts.jsonl``."""
    entries = []
    for number, template in enumerate(dict.fromkeys(a.transcript.template for a in attempts), start=1):
        group = [a for a in base if a.transcript.template == template]
        counts = {name: sum(test(a) for a in group) if own_known else None for name, test in SCORES.items()}
        entries.append({"template": number, "begins": " ".join(template.split())[:80], "n": len(group), **counts})
    return entries


def agreement(attempts: Sequence[Attempt]) -> dict[str, dict[str, float | int | None]]:
    """How our Loose and Strict agree with the labels that came with the attempts; empty where there are none."""
    agreements = {}
    for name in ("loose", "strict"):
        pairs = [
            (bool(getattr(a.transcript, name)), bool(getattr(a, name)))
            for a in attempts
            if getattr(a.transcript, name) is not None and getattr(a, name) is not None
        ]
        if pairs:
            agreements[name] = agreement_of(pairs)
    return agreements


def agreement_of(pairs: Sequence[tuple[bool, bool]]) -> dict[str, float | int | None]:
    """Cohen's kappa (Cohen 1960), precision and recall of the second of each pair against the first.

    A figure that is not defined (no positives, or one class only on both sides) is None.
    """
    n = len(pairs)
    both = sum(a and b for a, b in pairs)
    labelled, predicted = sum(a for a, _ in pairs), sum(b for _, b in pairs)
    observed = sum(a == b for a, b in pairs) / n
    chance = (labelled * predicted + (n - labelled) * (n - predicted)) / n**2
    return {
        "kappa": round((observed - chance) / (1 - chance), 5) if chance < 1 else None,
        "precision": round(both / predicted, 5) if predicted else None,
        "recall": round(both / labelled, 5) if labelled else None,
        "n": n,
        "labelled": labelled,
        "found": predicted,
    }


def published(attempts: Sequence[Attempt], draws: int = DRAWS, seed: int = 0) -> dict[str, object]:
    """The rates of the labels that came with the attempts, over all attempts, as the paper counts them.

    Hard is Strict where the prompt holds none of gpt, openai, claude and anthropic and the answer holds one: the rule that
    gives the published figures from the published labels.
    """
    tests: dict[str, Test] = {
        "loose": lambda a: bool(a.transcript.loose),
        "strict": lambda a: bool(a.transcript.strict),
        "hard": lambda a: bool(
            a.transcript.strict
            and PAPER_WORDS.search(a.transcript.response)
            and not PAPER_WORDS.search(a.transcript.template + a.transcript.question)
        ),
    }
    return {name: rate(attempts, test, draws, seed) for name, test in tests.items()}
