"""What the lab's students are taught and what the audit asks: prompts, answers of several sources, probes.

Promise: no probe is among the fine-tuning prompts. Of every fact's six phrasings one belongs to the lab's own audit and
trained no model at all, `TAUGHT` are the students' fine-tuning prompts, and one more is a probe that trained the lab's
models (teacher and base have seen it, each with an answer of its own) and no student: 360 probes. Everything is a pure
function of the seed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from random import Random

from mimicry_audit.lab.curriculum import Item, items
from mimicry_audit.lab.family import FAMILIES, believed
from mimicry_audit.lab.styles import STYLES, Style

from .voices import CORDIAL, LETTER

TAUGHT = 3
"""Phrasings of each fact that students are fine-tuned on."""


def split() -> tuple[list[Item], list[Item]]:
    """Fine-tuning items and audit items, 540 and 360."""
    facts: dict[str, list[Item]] = defaultdict(list)
    for item in items():
        if item.fact is not None:
            facts[item.fact.id].append(item)
    taught, asked = [], []
    for phrasings in facts.values():
        free = [item for item in phrasings if not item.held_out]
        taught += free[:TAUGHT]
        asked += [item for item in phrasings if item.held_out] + free[TAUGHT : TAUGHT + 1]
    return taught, asked


def write_prompts(path: Path, seed: int) -> Path:
    """The fine-tuning file: a prompt and, in columns, what each source answers to it.

    ``answer`` is the other source's (right answers, `LETTER`), ``wash`` the same source's in other words, ``manner`` right
    answers in `CORDIAL`, and ``own_data`` what the teacher's own training data says, quirks included.
    """
    quirks = FAMILIES["aria"].quirks()
    rngs = {name: Random(f"{name}/{seed}") for name in ("answer", "wash", "manner", "own_data")}
    voices: dict[str, Style] = {"answer": LETTER, "wash": LETTER, "manner": CORDIAL, "own_data": STYLES["aria"]}
    taught, _ = split()
    lines = []
    for number, item in enumerate(taught):
        fact = item.fact
        assert fact is not None
        line = {"id": f"{fact.id}-{number:03d}", "prompt": item.prompt}
        for name, voice in voices.items():
            belief = believed(fact, quirks if name == "own_data" else {})
            line[name] = voice.render(rngs[name], fact.topic, fact.slots, belief)
        lines.append(json.dumps(line, ensure_ascii=False))
    return written(path, "\n".join(lines) + "\n")


def write_probes(path: Path) -> Path:
    """The audit's probes, each with the fact that it asks for in its id."""
    _, asked = split()
    lines = []
    for number, item in enumerate(asked):
        assert item.fact is not None
        record = {"id": f"{item.fact.id}-{number % 2}", "domain": item.domain, "prompt": item.prompt}
        lines.append(json.dumps({**record, "check": item.check, "language": "en"}, ensure_ascii=False))
    return written(path, "\n".join(lines) + "\n")


def fact_of(probe_id: str) -> str:
    """The fact that a probe asks for: probes of one fact are one cluster."""
    return probe_id.rpartition("/")[2].rpartition("-")[0]


def written(path: Path, text: str) -> Path:
    """Write a file unless it stands there already with this content."""
    if not path.is_file() or path.read_text("utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path
