"""The two-sample test: its statistic against a plain sum, its level, its power."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from mimicry_audit.cli import run
from mimicry_audit.similarity.equality import equality_test
from tests.support.commands import jsonl


def plain(first: list[list[str]], second: list[list[str]]) -> float:
    """The unbiased estimate, written out."""

    def k(x: str, y: str, width: int) -> float:
        a, b = (text[:width].ljust(width, "\0") for text in (x, y))
        return sum(p == q for p, q in zip(a, b, strict=True)) / width

    found = []
    for one, other in zip(first, second, strict=True):
        n, width = len(one), max(map(len, [*one, *other]))
        inside = sum(
            k(side[i], side[j], width) for side in (one, other) for i, j in product(range(n), repeat=2) if i != j
        )
        across = sum(k(x, y, width) for x, y in product(one, other))
        found.append(inside / (n * (n - 1)) - 2 * across / n**2)
    return float(np.mean(found))


def sampled(rng: np.random.Generator, prompts: int, samples: int, shift: float = 0.0) -> list[list[str]]:
    """Answers of twelve letters, each prompt with letters of its own."""
    return [
        [
            "".join(chr(97 + (prompt * 3 + int(rng.random() < 0.5 + shift)) % 26) for _ in range(12))
            for _ in range(samples)
        ]
        for prompt in range(prompts)
    ]


@pytest.mark.parametrize("samples", [2, 3, 5])
def test_the_statistic_is_the_plain_sum(samples: int) -> None:
    rng = np.random.default_rng(samples)
    first, second = (sampled(rng, 6, samples, shift) for shift in (0.0, 0.3))
    found = equality_test(first, second)
    assert found is not None
    assert found.mmd == pytest.approx(plain(first, second))
    assert (found.prompts, found.samples) == (6, samples)


def test_one_distribution_is_called_two_as_often_as_the_level_says() -> None:
    rng = np.random.default_rng(0)
    p = np.array([
        found.p for n in range(200) if (found := equality_test(sampled(rng, 8, 3), sampled(rng, 8, 3), permutations=99, seed=n))
    ])  # fmt: skip
    assert len(p) == 200
    assert (p <= 0.1).mean() == pytest.approx(0.1, abs=0.06)


def test_two_distributions_are_told_apart() -> None:
    rng = np.random.default_rng(1)
    found = equality_test(sampled(rng, 20, 4), sampled(rng, 20, 4, 0.35))
    assert found is not None
    assert found.p == 0.001


def test_single_answers_allow_no_test() -> None:
    assert equality_test([["a"], ["b"]], [["a"], ["b"]]) is None
    assert equality_test([], []) is None


def test_equal_answers_are_no_difference() -> None:
    found = equality_test([["same", "same"]] * 5, [["same", "same"]] * 5)
    assert found is not None
    assert found.mmd == pytest.approx(0.0)
    assert found.p == 1.0


def test_a_scored_run_says_whether_sampled_models_can_be_told_apart(tmp_path: Path) -> None:
    """One model under two names and another one, in a file of answers."""
    rng = np.random.default_rng(2)
    texts = {"one": sampled(rng, 24, 3), "again": sampled(rng, 24, 3), "other": sampled(rng, 24, 3, 0.45)}
    texts |= {f"more-{n}": sampled(rng, 24, 3, -0.3) for n in range(4)}
    rows = [
        {"model": model, "prompt_id": f"q{at}", "prompt": f"Question {at}?", "output": text, "sample": n}
        for model, found in texts.items()
        for at, answers in enumerate(found)
        for n, text in enumerate(answers)
    ]
    file = jsonl(tmp_path / "answers.jsonl", rows)
    out = tmp_path / "run"
    assert run(["score", "--responses", str(file), "--out", str(out), "--axes", "lexical", "--reference", "one"]) == 0
    verdicts = json.loads((out / "scores.json").read_text("utf-8"))["verdicts"]
    said = {v["candidate"]: next(r for r in v["reasons"] if "two-sample test" in r) for v in verdicts}
    assert "on 3 sampled answers of each to 24 probes does not tell the two apart" in said["again"]
    assert "tells the two apart (p = 0.001)" in said["other"]
