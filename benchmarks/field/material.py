"""The material of the field benchmark: real models' answers, cut to a length that a CPU can teach, and two sets of prompts.

Promise: the same file gives the same split and the same cuts; a prompt that is taught is never audited; every teacher is
cut by one rule, at the end of its last whole sentence within the limit, so that no teacher is known by its length alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mimicry_audit.logs.answers import read_responses
from mimicry_audit.records.asked import sha256_text
from mimicry_audit.records.run import write_text

SENTENCE_END = re.compile(r"[.!?:;。！？](?=[\s\"'”’)*]|$)|\n")
"""Where an answer may be cut."""


class Encoder(Protocol):
    """What gives each token's place in a text."""

    def token_ends(self, text: str) -> list[int]:
        """The place behind every token, in characters."""


@dataclass(frozen=True)
class Material:
    """Files that students are taught and audited with.

    Attributes:
        teachers: response file with the cut answers of all teachers.
        taught: prompts to teach.
        audited: probes to audit with.
        scored: the first of them, on which likelihoods are taken, for these cost more.
        names: the teachers.
    """

    teachers: Path
    taught: Path
    audited: Path
    scored: Path
    names: tuple[str, ...]


def cut(text: str, ends: list[int], limit: int) -> str:
    """A text's first whole sentences within `limit` tokens; its first `limit` tokens where no sentence ends before.

    Args:
        text: an answer.
        ends: the place behind each of its tokens.
        limit: how many tokens to keep at most.
    """
    if len(ends) <= limit:
        return text.strip()
    head = text[: ends[limit - 1]]
    sentence_ends = [found.end() for found in SENTENCE_END.finditer(head)]
    return head[: sentence_ends[-1]].strip() if sentence_ends else head.strip()


def prepare(
    file: Path, root: Path, encoder: Encoder, *, tokens: int, longest_prompt: int, teach: int, audit: int, score: int
) -> Material:
    """Split and cut a file of answers.

    Args:
        file: answers of several models to the same prompts.
        root: where the files go.
        encoder: the student's tokenizer.
        tokens: longest answer.
        longest_prompt: longest prompt, in tokens; longer ones are left out.
        teach: how many prompts to teach.
        audit: how many other prompts to audit with.
        score: on how many of them to take likelihoods.
    """
    answers: dict[str, dict[str, str]] = {}
    for row in read_responses(file):
        if row.sample == 0 and row.output.strip() and row.failure is None:
            answers.setdefault(row.model, {})[row.prompt] = row.output
    common = set.intersection(*(set(texts) for texts in answers.values()))
    prompts = sorted((p for p in common if len(encoder.token_ends(p)) <= longest_prompt), key=sha256_text)
    taught, audited = prompts[:teach], prompts[teach : teach + audit]
    root.mkdir(parents=True, exist_ok=True)
    names = tuple(sorted(answers))
    material = Material(*(root / f"{name}.jsonl" for name in ("teachers", "taught", "audited", "scored")), names)
    _write(material.teachers, [
        {"model": name, "prompt_id": probe_id(prompt), "prompt": prompt, "output": cut(text, encoder.token_ends(text), tokens)}
        for name in material.names for prompt in (*taught, *audited) for text in [answers[name][prompt]]
    ])  # fmt: skip
    _write(material.taught, [{"prompt": prompt} for prompt in taught])
    probes = [{"id": probe_id(prompt), "domain": "instruction_following", "prompt": prompt} for prompt in audited]
    _write(material.audited, probes)
    _write(material.scored, probes[:score])
    return material


def probe_id(prompt: str) -> str:
    """A name for a prompt."""
    return f"field-{sha256_text(prompt)[:10]}"


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
