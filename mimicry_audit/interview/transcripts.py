"""Transcripts to ``identity.json``: who models say they are, from answers that were collected elsewhere.

Promise: every attempt in a file is judged by rule, counted by model, and written with its claims and their places, in the
order read; no model is asked, and the same file gives the same numbers. Nothing is written before everything is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.ground.version import __version__
from mimicry_audit.identity.attempts import Attempt, IdentityRules
from mimicry_audit.identity.claims import ClaimFinder
from mimicry_audit.identity.facts import Facts, load_facts
from mimicry_audit.identity.own import Own, own_of, read_identities
from mimicry_audit.identity.tally import SCORES, agreement, rate, tally
from mimicry_audit.identity.transcripts import Transcript, read_transcripts
from mimicry_audit.records.run import write_json, write_text

SCHEMA = "mimicry_audit.identity/1"
NOTES = (
    "A model that names another maker may have learned it from another model's answers, from the web, or from a role it "
    "was given: supporting evidence, never proof.",
    "Templates matter more than models: compare targets only under the same templates.",
)

MOST_QUOTED, MOST_CHARACTERS = 3, 600
"""Slips of a model that its page quotes, and how much of each text."""


def score_transcripts(
    path: str | Path,
    *,
    facts: Path | None = None,
    identities: Sequence[str] = (),
    paper: bool = False,
    seed: int = 0,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Judge and count every attempt in a file.

    Args:
        path: JSONL, CSV or Parquet (`mimicry_audit.identity.transcripts`).
        facts: the user's own makers and models, on top of those shipped.
        identities: ``[MODEL=]TEXT``, who the targets rightly are; their names decide otherwise.
        paper: the published definitions (Lee et al. 2025, arXiv 2501.12619) in place of ours.
        seed: of the resampled intervals.

    Returns:
        The document of ``identity.json``, and the lines of ``attempts.jsonl``.

    Raises:
        DataError: the file cannot be read.
        ConfigError: the facts or an identity given are amiss.
    """
    transcripts = read_transcripts(path)
    maker_facts = load_facts(facts)
    models = list(dict.fromkeys(t.model for t in transcripts))
    own_identities, maker_facts = read_identities(identities, models, maker_facts)
    attempts = judged(transcripts, maker_facts, own_identities, paper=paper)
    by_model = {model: [a for a in attempts if a.transcript.model == model] for model in models}
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "definitions": "published" if paper else "own",
        "seed": seed,
        "models": {model: tally(group, paper=paper, seed=seed) for model, group in by_model.items()},
        "notes": [*NOTES, *_unknown_models(by_model, paper)],
    }
    for model, entry in document["models"].items():
        entry["slips"] = quoted_slips(by_model[model])
        entry["control"] = _control_rates([a for a in attempts if a.transcript.model != model], paper, seed)
    if labelled := agreement(attempts):
        document["agreement"] = labelled
    return document, [_attempt_line(attempt) for attempt in numbered(attempts)]


def judged(
    transcripts: Iterable[Transcript], facts: Facts, own_identities: dict[str, Own], *, paper: bool = False
) -> list[Attempt]:
    """Every attempt judged, in order; each target's own identity is worked out once."""
    judge = IdentityRules(ClaimFinder(facts), paper=paper)
    own: dict[tuple[str, str | None], Own] = {}
    attempts = []
    for transcript in transcripts:
        key = (transcript.model, transcript.vendor)
        if key not in own:
            own[key] = own_of(*key, facts, own_identities)
        attempts.append(judge.attempt(transcript, own[key]))
    return attempts


def numbered(attempts: Sequence[Attempt]) -> list[tuple[int, Attempt]]:
    """Each attempt with the number of its template among its model's, from 1, in order of appearance."""
    numbers_by_model: dict[str, dict[str, int]] = {}
    numbered_attempts = []
    for attempt in attempts:
        template_numbers = numbers_by_model.setdefault(attempt.transcript.model, {})
        numbered_attempts.append(
            (template_numbers.setdefault(attempt.transcript.template, len(template_numbers) + 1), attempt)
        )
    return numbered_attempts


def write_identity(out: Path, document: dict[str, object], lines: Sequence[dict[str, object]]) -> Path:
    """Write ``identity.json``, ``attempts.jsonl`` and the page ``identity.html`` into a folder, which is made where missing.

    Returns:
        The path of ``identity.json``.

    Raises:
        ConfigError: the folder cannot be made.
        RunDirectoryError: a file cannot be written.
    """
    from mimicry_audit.report.page.asked import render

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {out} cannot be created ({error.strerror})", "name another folder") from None
    write_text(out / "attempts.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    write_json(out / "identity.json", document)
    write_text(out / "identity.html", render(document))
    return out / "identity.json"


def quoted_slips(attempts: Iterable[Attempt], times: Mapping[int, str | None] | None = None) -> list[dict[str, object]]:
    """The first `MOST_QUOTED` slips of a model in its own words, for its page: question, answer, whom it claims and when.

    Args:
        attempts: of one model, judged.
        times: place of an attempt → when it was answered, where that is known.
    """
    slips = [(place, attempt) for place, attempt in enumerate(attempts) if attempt.strict]
    return [
        {
            "question": attempt.transcript.prompt[:MOST_CHARACTERS],
            "answer": attempt.transcript.response[:MOST_CHARACTERS],
            "claims": sorted({c.maker for c in attempt.claims if c.maker and c.maker not in attempt.own.makers}),
            "time": (times or {}).get(place),
        }
        for place, attempt in slips[:MOST_QUOTED]
    ]


def _attempt_line(numbered_attempt: tuple[int, Attempt]) -> dict[str, object]:
    number, attempt = numbered_attempt
    return line_of(attempt, number)


def line_of(attempt: Attempt, template: int | str | None) -> dict[str, object]:
    """One line of ``attempts.jsonl``.

    Args:
        attempt: judged.
        template: number of the template in the file, or its id; None for a question without one.
    """
    thought = _reasoning_ends(attempt.transcript.response)
    return {
        "model": attempt.transcript.model,
        "template": template,
        "language": attempt.transcript.language,
        "status": attempt.status,
        "loose": attempt.loose,
        "strict": attempt.strict,
        "hard": attempt.hard,
        "refusal": attempt.status == "refusal",
        "claims": [
            {
                "maker": claim.maker,
                "model": claim.model,
                "voice": claim.voice,
                "start": claim.start,
                "end": claim.end,
                "own": claim.maker in attempt.own.makers if attempt.own.known else None,
                "reasoning": claim.end <= thought,
            }
            for claim in attempt.claims
        ],
    }


def _reasoning_ends(text: str) -> int:
    """Where visible reasoning ends in an answer; 0 without any."""
    end = text.find("</think>")
    return end if end >= 0 else (len(text) if text.lstrip().startswith("<think>") else 0)


def _control_rates(others: Sequence[Attempt], paper: bool, seed: int) -> dict[str, object] | None:
    """The same rates over all other models of the file: what slips are usual under such templates."""
    scored_attempts = [a for a in others if (paper or a.status == "ok") and a.strict is not None]
    return {name: rate(scored_attempts, test, seed=seed) for name, test in SCORES.items()} if scored_attempts else None


def _unknown_models(by_model: dict[str, list[Attempt]], paper: bool) -> list[str]:
    if paper:
        return []
    return [
        f"Cannot tell from its name who made {model}, so its slips are not counted: name its maker with "
        f'--identity "{model}=a model named X made by Y".'
        for model, group in by_model.items()
        if not group[0].own.known
    ]
