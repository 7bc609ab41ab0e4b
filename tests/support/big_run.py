"""A made-up run of any size: scores of many models, and answers of a given length with the redundancy of prose."""

from __future__ import annotations

import random
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.support.scores_fixture import scores

DOMAINS = ("math", "reasoning", "instruction_following", "writing")


@lru_cache(maxsize=1)
def _chain() -> dict[tuple[str, str], list[str]]:
    """What follows two words in this project's own documentation: text of it compresses about as prose does."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    folder = Path(__file__).resolve().parents[2] / "docs"
    words = " ".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md"))).split()
    for one, two, three in zip(words, words[1:], words[2:], strict=False):
        found[one, two].append(three)
    return dict(found)


def prose(rng: random.Random, characters: int) -> str:
    """Nonsense of about so many characters."""
    chain = _chain()
    starts = list(chain)
    out = list(rng.choice(starts))
    size = 0
    while size < characters:
        word = rng.choice(chain.get((out[-2], out[-1])) or [rng.choice(starts)[0]])
        out.append(word)
        size += len(word) + 1
    return " ".join(out)[:characters]


def big_scores(models: int, probes: int) -> dict[str, Any]:
    """Scores of so many models, ``m00`` the reference, each judged against it."""
    data = scores()
    pair, verdict = data["pairs"][0], data["verdicts"][0]
    labels = [f"m{at:02}" for at in range(models)]
    roles = ["reference"] + ["candidate"] * (models - 1)
    data["models"] = [
        {**data["models"][0], "label": label, "role": role} for label, role in zip(labels, roles, strict=True)
    ]
    data["pairs"] = [{**pair, "a": a, "b": b, "n": probes} for at, a in enumerate(labels) for b in labels[at + 1 :]]
    kinds = ["distilled"] + ["no evidence"] * models
    data["verdicts"] = [
        {**verdict, "candidate": label, "reference": "m00", "verdict": kind, "base": None}
        for label, kind in zip(labels[1:], kinds, strict=False)
    ]
    data["domains"] = list(DOMAINS)
    data["title"] = f"{models} models, {probes} probes"
    return data


def big_answers(models: int, probes: int, characters: int = 800) -> list[dict[str, Any]]:
    """Answers of about so many characters; m01 repeats much of what the reference m00 says."""
    rng = random.Random(5)
    pool = [prose(rng, int(characters * 1.4)) for _ in range(2_000)]
    out = []
    for at in range(probes):
        ours = rng.choice(pool)[:characters]
        given: dict[str, Any] = {}
        for model in range(models):
            copied = model == 0 or (model == 1 and at % 7 == 0)
            text = ours if copied else rng.choice(pool)[: int(characters * rng.uniform(0.6, 1.4))]
            if model == 1 and not copied:
                text = ours[: characters // 2] + " " + text[: characters // 2]
            status = "refused" if rng.random() < 0.01 else "ok"
            correct = None if status != "ok" or at % 2 else rng.random() < 0.7
            given[f"m{model:02}"] = [
                {"sample": 0, "status": status, "text": text, "reasoning": None, "correct": correct}
            ]
        near = {label: None if label == "m00" else round(rng.random(), 3) for label in given}
        out.append(
            {
                "probe_id": f"big/{at:04}",
                "domain": DOMAINS[at * len(DOMAINS) // probes],
                "set": "big" if at % 2 else "more",
                "prompt": f"Question {at}: {prose(rng, 120)}?",
                "expected": str(at) if at % 2 == 0 else None,
                "answers": given,
                "similarity": near,
            }
        )
    return out
