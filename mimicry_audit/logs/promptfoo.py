"""promptfoo: the results file of ``promptfoo eval -o FILE.json``, results version 3.

Promise: an answer belongs to its provider's label and to the prompt as it was sent, for positions in the file mean neither;
an answer that failed stays one that failed. ``--repeat`` leaves no mark, so that the same prompt again is another sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from mimicry_audit.ground.tables import Row
from mimicry_audit.logs.chat_marks import turns_of
from mimicry_audit.logs.look import Look
from mimicry_audit.logs.reader import FAILED, Notes, Reader, prompt_name

NO_TEXT = "holds an output of another kind than text"


def _results(look: Look) -> Mapping[str, Any]:
    found = look.json_object.get("results")
    return found if isinstance(found, dict) else {}


def _recognises(look: Look) -> bool:
    results = _results(look)
    return isinstance(results.get("results"), list) and "version" in results


def _read(look: Look, notes: Notes) -> Iterator[Row]:
    asked: Counter[tuple[object, str]] = Counter()
    for number, result in enumerate(_results(look)["results"], start=1):
        provider, response = result.get("provider") or {}, result.get("response") or {}
        prompt = turns_of(str((result.get("prompt") or {}).get("raw") or ""))
        output = response.get("output")
        if output is None or response.get("error"):
            output = FAILED
        if not isinstance(output, str):
            notes.left_out[NO_TEXT] += 1
            continue
        model, name = provider.get("label") or provider.get("id"), prompt_name(prompt)
        yield f"result {number}", {
            "model": model, "prompt_id": name, "prompt": prompt, "output": output, "sample": asked[model, name],
            "finish_reason": response.get("finishReason"), "reasoning": response.get("reasoning"),
        }  # fmt: skip
        asked[model, name] += 1


READER = Reader(name="promptfoo", title="promptfoo results", recognises=_recognises, read=_read)
