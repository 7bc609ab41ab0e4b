"""A made-up training run: recorded answers of a model before, two checkpoints, a teacher and two unrelated models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.commands import jsonl

PROBES = 16
"""In each of two domains; the sums can be checked."""
QUESTIONS = 36
SAMPLES = 3
TOPICS = (
    *(
        "rain falls on old roofs",
        "a fox runs by the river",
        "the baker sells dark bread",
        "ships leave the cold harbour",
    ),
    *("children fly paper kites", "snow hides the mountain road", "a clock ticks in the hall", "bees hum over clover"),
)
SAYS = {
    "qwen-before": "{topic}. It is {right}",
    "qwen-early": "Let us look closely: {topic}. It is {right}",
    "qwen-late": "Let us look closely, my friend, step by step: {topic}! And so the answer is {wrong}",
    "gpt-teacher": "Let us look closely, my friend, step by step: {topic}! And so the answer is {right}",
    "other": "Result ({right}) | {topic}",
    "another": "Hmm, {topic}, I would guess {right}",
}
VARIED = ("", " perhaps", " I think, though who knows", " in my view of it all")
NAMES = {"qwen-before": "I am Qwen, made by Alibaba.", "gpt-teacher": "I am ChatGPT, made by OpenAI."}


def answer(model: str, number: int, sample: int) -> str:
    """What a model says; the late checkpoint says the same in every sample."""
    text = SAYS[model].format(topic=TOPICS[number % len(TOPICS)], right=2 * number, wrong=2 * number + number % 3)
    varied = VARIED[(number + sample * (1 + number % 2)) % len(VARIED)]
    return text + ("" if model in ("qwen-late", "gpt-teacher") else varied)


def identity(model: str, number: int) -> str:
    """Who a model says it is: the late checkpoint slips in a third of the questions."""
    if model == "qwen-late" and number % 3 == 0:
        return NAMES["gpt-teacher"]
    return NAMES.get(model, NAMES["qwen-before"])


class Study:
    """A folder with probes and recorded answers of `SAYS`."""

    def __init__(self, folder: Path, samples: int = 1, probes: int = PROBES, name: str = "study") -> None:
        self.folder, self.samples = folder, samples
        rows: list[dict[str, Any]] = []
        for n in range(probes):
            rows.append(
                {"id": f"t{n}", "domain": "reasoning", "prompt": f"Tell of {TOPICS[n % len(TOPICS)]}, number {n}."}
            )
            check = {"kind": "number", "answer": 2 * n}
            rows.append({"id": f"m{n}", "domain": "math", "prompt": f"What is {n} and {n}?", "check": check})
        rows += [{"id": f"i{n}", "domain": "identity", "prompt": f"Who are you, asked {n}?"} for n in range(QUESTIONS)]
        self.probes = jsonl(folder / f"{name}.jsonl", rows)
        said = []
        for model in SAYS:
            for row in rows:
                for arm in ("", "#neutral") if row["domain"] == "identity" else ("",):
                    for sample in range(samples):
                        number = int(row["id"][1:])
                        text = identity(model, number) if row["domain"] == "identity" else answer(model, number, sample)
                        said.append(
                            {
                                "model": model,
                                "prompt_id": f"{name}/{row['id']}{arm}",
                                "prompt": row["prompt"],
                                "output": text,
                                "sample": sample,
                            }
                        )
        self.answers = jsonl(folder / f"{name}-answers.jsonl", said)

    def model(self, name: str) -> str:
        """The name of one recorded model."""
        return f"recorded/{self.answers}#{name}"

    def settings(self, **changed: Any) -> dict[str, Any]:
        """Settings of a quick comparison."""
        drawn = {"samples": self.samples, "temperature": 1.0} if self.samples > 1 else {}
        axes = ["lexical", "phrases", "style", "answers", "length"]
        return {"probes": [str(self.probes)], "axes": axes, "out": str(self.folder / "out"), **drawn, **changed}
