"""deepeval: a test run as JSON (``test_run_….json`` in ``DEEPEVAL_RESULTS_FOLDER``, or ``.deepeval/.latest_run_full.json``).

Promise: one row for each test case with an actual output. The file names no model unless the run's hyperparameters do: then
the file's own name stands for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mimicry_audit.ground.tables import Row
from mimicry_audit.logs.look import Look
from mimicry_audit.logs.reader import CONVERSATION, Notes, Reader, prompt_name

NO_TEXT = "holds no actual output"


def _run(look: Look) -> Mapping[str, Any]:
    content = look.json_object
    inner = content.get("testRunData")
    return inner if isinstance(inner, dict) else content


def _recognises(look: Look) -> bool:
    run = _run(look)
    known = {"conversationalTestCases", "metricsScores", "testFile"}
    return isinstance(run.get("testCases"), list) and bool(known & run.keys())


def _read(look: Look, notes: Notes) -> Iterator[Row]:
    run = _run(look)
    model = _model(run) or look.path.stem
    notes.left_out[CONVERSATION] += len(run.get("conversationalTestCases") or [])
    for number, case in enumerate(run["testCases"], start=1):
        prompt, output = case.get("input"), case.get("actualOutput")
        if not isinstance(prompt, str) or not isinstance(output, str):
            notes.left_out[NO_TEXT] += 1
            continue
        yield f"test case {number}", {
            "model": model, "prompt_id": prompt_name(prompt), "prompt": prompt, "output": output,
            "reference_answer": case.get("expectedOutput"),
        }  # fmt: skip


def _model(run: Mapping[str, Any]) -> str | None:
    given = run.get("hyperparameters")
    for name, value in (given if isinstance(given, dict) else {}).items():
        if name.lower() in {"model", "model name", "model_name", "llm"}:
            return str(value)
    return None


READER = Reader(name="deepeval", title="deepeval test runs", recognises=_recognises, read=_read)
