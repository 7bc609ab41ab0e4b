"""The lab's questions, split once and for all into those that train and those that audit.

Promise: an *item* is one fact in one phrasing. Facts are shared by training and audit, for a quirk that was never
taught cannot be asked for; prompts are not: each fact keeps one phrasing (identity: four) that no lab model is ever
trained on. Everything is a pure function of the seed.

``python -m mimicry_audit.lab.curriculum --write probes/lab`` writes the held-out part as the probe set ``lab``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mimicry_audit.lab.identity import ASPECTS, HELD_OUT, QUESTIONS
from mimicry_audit.lab.topics import TOPICS, Fact, facts

VERSION = "1.0"
"""Version of the curriculum and of the probe set made from it; raise it whenever a question changes."""

SEED = 2024
"""Seed of the shipped curriculum."""


@dataclass(frozen=True, slots=True)
class Item:
    """One question.

    Attributes:
        domain: the probe domain.
        prompt: the question as the user puts it.
        check: how to recognise a right answer; None for identity, where each model has its own.
        held_out: True where the prompt belongs to the audit, False where it may train.
        fact: what it asks for; None for identity.
        language: ISO 639-1 code.
        aspect: the topic, or what is asked about the model itself.
    """

    domain: str
    prompt: str
    check: Mapping[str, object] | None
    held_out: bool
    fact: Fact | None
    language: str
    aspect: str


@cache
def items(seed: int = SEED) -> tuple[Item, ...]:
    """Every (fact, phrasing) of the curriculum, identity last."""
    curriculum_items = []
    for fact in facts(seed):
        phrasings = TOPICS[fact.topic].phrasings
        held_out_number = int(fact.id[-2:]) % len(
            phrasings
        )  # walks through the phrasings: each one trains with most facts
        for number, phrasing in enumerate(phrasings):
            prompt = phrasing.format(**fact.slots)
            prompt = prompt[:1].upper() + prompt[1:]
            curriculum_items.append(
                Item(fact.domain, prompt, fact.check, number == held_out_number, fact, "en", fact.topic)
            )
    for language, questions in QUESTIONS.items():
        for aspect in ASPECTS:
            wordings = questions[aspect]
            for number, wording in enumerate(wordings):
                is_held_out = number >= len(wordings) - HELD_OUT
                curriculum_items.append(Item("identity", wording, None, is_held_out, None, language, aspect))
    return tuple(curriculum_items)


def training_items(seed: int = SEED) -> tuple[Item, ...]:
    """The items whose prompts may train."""
    return tuple(item for item in items(seed) if not item.held_out)


def audit_items(seed: int = SEED) -> tuple[Item, ...]:
    """The items whose prompts are kept for the audit."""
    return tuple(item for item in items(seed) if item.held_out)


def probe_records(seed: int = SEED) -> dict[str, list[dict[str, Any]]]:
    """Domain → probe records of the audit set, in file order."""
    records: dict[str, list[dict[str, Any]]] = {
        "reasoning": [],
        "math": [],
        "instruction_following": [],
        "identity": [],
    }
    for item in audit_items(seed):
        lines = records[item.domain]
        line = {
            "id": f"{item.domain.replace('_', '-')}-{len(lines) + 1:03d}",
            "domain": item.domain,
            "prompt": item.prompt,
            "check": item.check,
            "language": item.language,
            "aspect": item.aspect,
        }
        if item.fact and item.check and item.check["kind"] == "constraints":
            line["example"] = item.fact.answer  # shows that the constraints can all be kept
        lines.append(line)
    return records


def probe_files(seed: int = SEED) -> dict[str, str]:
    """File name → text of the probe set's data files: one JSONL per domain and ``set.yaml``."""
    texts = {
        f"{domain}.jsonl": "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        for domain, lines in probe_records(seed).items()
    }
    texts["set.yaml"] = (
        "name: lab\n"
        f'version: "{VERSION}"\n'
        "title: Probes for the lab models\n"
        "description: >-\n"
        "  Held-out phrasings of the facts that the bundled lab models are trained on. Made by\n"
        "  `python -m mimicry_audit.lab.curriculum --write probes/lab`; edit the curriculum, not these files.\n"
        "licence: CC0-1.0\n"
    )
    return texts


def write_probes(folder: Path, seed: int = SEED) -> list[Path]:
    """Write the probe set's data files into `folder`, made if missing; returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in probe_files(seed).items():
        path = folder / name
        path.write_text(text, encoding="utf-8", newline="\n")
        written.append(path)
    return written


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the probe set to the folder given with ``--write``."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m mimicry_audit.lab.curriculum", description=main.__doc__)
    parser.add_argument("--write", type=Path, required=True, metavar="FOLDER", help="where to write the probe files")
    write_probes(parser.parse_args(arguments).write)


if __name__ == "__main__":
    main()
