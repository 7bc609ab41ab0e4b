"""HELM: ``scenario_state.json`` of one run.

Promise: one row for each completion of each instance as it stands in the test set; instances that were perturbed, and
requests that only score a reference, are left out with that reason; repeated train trials are samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mimicry_audit.ground.tables import Row
from mimicry_audit.logs.chat_marks import turns_of
from mimicry_audit.logs.look import Look
from mimicry_audit.logs.reader import FAILED, Notes, Reader, turns_in

PERTURBED = "is a perturbed instance"
SCORED = "scores a reference and holds no answer"
_CORRECT = "correct"


def _recognises(look: Look) -> bool:
    return {"adapter_spec", "request_states"} <= look.json_object.keys()


def _read(look: Look, notes: Notes) -> Iterator[Row]:
    spec = look.json_object["adapter_spec"]
    task = _task(look)
    for number, state in enumerate(look.json_object["request_states"], start=1):
        instance, request, result = state.get("instance") or {}, state.get("request") or {}, state.get("result") or {}
        if instance.get("perturbation"):
            notes.left_out[PERTURBED] += 1
            continue
        if state.get("request_mode") not in (None, "original") or state.get("reference_index") is not None:
            notes.left_out[SCORED] += 1
            continue
        messages = request.get("messages")
        prompt = turns_in(messages) if messages else turns_of(str(request.get("prompt") or ""))
        completions = result.get("completions") or []
        failed = not result.get("success", True) or not completions
        keys = _keys(instance, state.get("output_mapping"))
        for at, completion in enumerate([{}] if failed else completions):
            yield f"request {number}", {
                "model": spec.get("model") or request.get("model"),
                "prompt_id": f"{task}/{instance.get('id')}", "prompt": prompt, "domain": task,
                "output": FAILED if failed else completion.get("text"),
                "sample": int(state.get("train_trial_index") or 0) * max(len(completions), 1) + at,
                "finish_reason": _finish(completion),
                "reasoning": (completion.get("thinking") or {}).get("text"),
                **({"reference_answer": keys} if keys else {}),
            }  # fmt: skip


def _task(look: Look) -> str:
    """The scenario: the name of the run's folder up to its arguments."""
    return look.path.resolve().parent.name.split(":", 1)[0].split(",", 1)[0] or "general"


def _keys(instance: Any, letters: Any) -> list[str]:
    """The accepted answers: the letters of the right references where the prompt offered letters, else their texts."""
    right = [_text(one) for one in instance.get("references") or [] if _CORRECT in (one.get("tags") or [])]
    return [letter for letter, text in letters.items() if text in right] if isinstance(letters, dict) else right


def _text(reference: Any) -> str:
    output = reference.get("output") or {}
    return str(output.get("text") if isinstance(output, dict) else output)


def _finish(completion: Any) -> str | None:
    reason = (completion.get("finish_reason") or {}).get("reason")
    return None if reason in (None, "unknown", "endoftext") else str(reason)


READER = Reader(name="helm", title="HELM scenario state", recognises=_recognises, read=_read)
