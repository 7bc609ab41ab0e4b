"""AlpacaEval: ``model_outputs.json``, one list of instructions, outputs and the generator's name.

Promise: the instruction is the prompt, word for word; it is also what names the prompt, for the file gives no ids.
"""

from __future__ import annotations

from collections.abc import Iterator

from mimicry_audit.ground.tables import Row, read_rows
from mimicry_audit.logs.look import Look
from mimicry_audit.logs.reader import Notes, Reader, prompt_name

NO_TEXT = "holds no output in text"


def _recognises(look: Look) -> bool:
    return {"instruction", "output", "generator"} <= look.first_entry.keys()


def _read(look: Look, notes: Notes) -> Iterator[Row]:
    for where, row in read_rows(look.path, "model_outputs file"):
        instruction, output = row.get("instruction"), row.get("output")
        if not isinstance(instruction, str) or not isinstance(output, str):
            notes.left_out[NO_TEXT] += 1
            continue
        yield where, {
            "model": row.get("generator"), "prompt_id": prompt_name(instruction), "prompt": instruction, "output": output,
            "domain": row.get("dataset") or "general",
        }  # fmt: skip


READER = Reader(name="alpaca-eval", title="AlpacaEval model outputs", recognises=_recognises, read=_read)
