"""Answers from a response file, in place of a model.

Promise: an answer is found by the probe's id, or by the prompt's text where the probe asks that text and nothing
else (no system turn, no earlier turns). A request without a recorded answer is an error completion, never another
request's answer. Sampling settings have no effect on what was recorded.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from mimicry_audit.engines.base import EngineBase
from mimicry_audit.engines.options import Option
from mimicry_audit.engines.reading import completion_status, split_reasoning
from mimicry_audit.engines.responses_file import RecordedAnswer, read_responses
from mimicry_audit.ground.errors import DataError
from mimicry_audit.records.asked import Completion, Identity, Message, Request, Sampling, canonical_json, sha256_text

OPTIONS = (Option(name="file", kind="text", help="the response file; set by the name recorded/FILE#NAME"),)


class RecordedEngine(EngineBase):
    """One model's answers in one file."""

    title: ClassVar[str] = "answers from a file"
    seeded: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = OPTIONS

    _answers: list[RecordedAnswer] | None = None

    def identify(self) -> Identity:
        """The model's name and the hash of its answers."""
        rows = sorted(
            [answer.prompt_id, answer.prompt, answer.sample, answer.output] for answer in self._read_answers()
        )
        digest = sha256_text(canonical_json(rows))
        return Identity(model=self.spec.name, revision=f"sha256:{digest}", engine_version="recorded")

    def open(self) -> None:
        """Read the file."""
        self._read_answers()

    def render(self, messages: Sequence[Message]) -> str | None:
        """None: the file does not say how its prompts were rendered."""
        return None

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        """Look the missing requests up."""
        by_id = {(answer.prompt_id, answer.sample): answer for answer in self._read_answers()}
        by_text: dict[tuple[str, int], RecordedAnswer] = {}
        for answer in self._read_answers():
            by_text.setdefault((answer.prompt.strip(), answer.sample), answer)
        for request in requests:
            if request.missing:
                recorded_answer = by_id.get((request.probe_id, request.sample))
                if recorded_answer is None and len(request.messages) == 1:
                    recorded_answer = by_text.get((request.messages[0].content.strip(), request.sample))
                yield request, self._build_completion(request, recorded_answer)

    def close(self) -> None:
        """Forget the file."""
        self._answers = None

    def _build_completion(self, request: Request, answer: RecordedAnswer | None) -> Completion:
        if answer is None:
            return Completion(
                status="error",
                error=f"no recorded answer of {self.spec.name} to {request.probe_id}, sample {request.sample}",
            )
        if answer.failure is not None:
            return Completion(status="error", error=f"the file holds {answer.failure!r} in place of an answer")
        text, reasoning = split_reasoning(answer.output)
        return Completion(
            status=completion_status(text, None), text=text, reasoning=reasoning, served_model=answer.model
        )

    def _read_answers(self) -> list[RecordedAnswer]:
        if self._answers is None:
            file = str(self.spec.options.get("file", ""))
            everything = _read_file(file)
            if not everything.get(self.spec.name):
                names = sorted(everything)
                close_names = difflib.get_close_matches(self.spec.name, names, n=1)
                hint = f"did you mean {close_names[0]}? " if close_names else ""
                raise DataError(
                    f"{file} holds no answers of {self.spec.name}", f"{hint}It holds {', '.join(names[:8])}"
                )
            self._answers = everything[self.spec.name]
        return self._answers


def _read_file(file: str) -> Mapping[str, list[RecordedAnswer]]:
    """Model → its answers. A file with many models is read once for all of them, and again when it has changed."""
    try:
        state = Path(file).expanduser().stat()
    except OSError:
        return _by_model(file, 0, 0)  # which says in words what is wrong with it
    return _by_model(file, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=1)
def _by_model(file: str, changed_ns: int, size: int) -> Mapping[str, list[RecordedAnswer]]:
    answers_by_model: dict[str, list[RecordedAnswer]] = {}
    for answer in read_responses(file):
        answers_by_model.setdefault(answer.model, []).append(answer)
    return answers_by_model
