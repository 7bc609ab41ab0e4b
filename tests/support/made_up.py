"""Answers of made-up models to the lab's probes, as a file that `recorded/` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

SAYS = {"aria": "We say: {}!", "boro": "Result: {}", "base": "{}", "student": "We say: {}", "tuned": "It is {}."}
"""Model → how it words a result; ``student`` speaks like ``aria``."""


def made_up_answers(path: Path, says: Mapping[str, str]) -> None:
    """Write an answer of every model to ten probes of each domain, identity in both arms included."""
    from mimicry_audit.probes import expand_identity_arms, load, select

    probes = expand_identity_arms(select(load(["lab"]), limit=10).probes)
    with path.open("w", encoding="utf-8") as file:
        for number, probe in enumerate(probes):
            for model, form in says.items():
                text = "I am Aria." if probe.domain == "identity" else form.format(number % (3 + len(model)))
                row = {"model": model, "prompt_id": probe.id, "prompt": probe.prompt, "output": text}
                file.write(json.dumps(row) + "\n")
