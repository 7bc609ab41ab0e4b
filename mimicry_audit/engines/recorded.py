"""Answers from a response file, in place of a model.

Promise: an answer is found by the probe's id, or by the prompt's text where the probe asks that text and nothing
else (no system turn, no earlier turns); one that stands under the probe's id, but answers the text of another probe, is not
taken. A request without a recorded answer is an error completion, never another request's answer. Sampling settings have no
effect on what was recorded.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from mimicry_audit.engines.base import EngineBase
from mimicry_audit.engines.options import Option
from mimicry_audit.engines.reading import completion_status, split_reasoning
from mimicry_audit.ground.errors import DataError
from mimicry_audit.logs.answers import RecordedAnswer, answers_by_text, read_responses, split_files
from mimicry_audit.logs.formats import FORMATS, places_of
from mimicry_audit.records.asked import (
    NOT_RECORDED,
    Completion,
    Identity,
    Message,
    ModelSpec,
    Request,
    Sampling,
    canonical_json,
    sha256_text,
)

OPTIONS = (
    Option(
        name="file",
        kind="text",
        help="the response file, or several separated by |; set by the name recorded/FILE#NAME",
    ),
    Option(
        name="match",
        kind="text",
        default="id",
        choices=("id", "text"),
        help="whether an answer is found by the probe's id first, or by the prompt's text alone",
    ),
    Option(name="format", kind="text", default="auto", choices=FORMATS, help="what kind of file it is"),
)


class RecordedEngine(EngineBase):
    """One model's answers in one file."""

    title: ClassVar[str] = "answers from a file"
    seeded: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = OPTIONS

    _answers: list[RecordedAnswer] | None = None

    def identify(self) -> Identity:
        """The model's name and the hash of its answers."""
        rows = sorted(_hashed(answer) for answer in self._read_answers())
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
        by_id: dict[tuple[str, int], list[RecordedAnswer]] = {}
        by_text: dict[tuple[str, int], RecordedAnswer] = {}
        for answer in self._read_answers():
            by_id.setdefault((answer.prompt_id, answer.sample), []).append(answer)
            by_text.setdefault((answer.prompt.strip(), answer.sample), answer)
        if self.spec.options.get("match") == "text":
            by_id, by_text = {}, answers_by_text(self._read_answers())
        texts = {_last_text(request) for request in requests}
        for request in requests:
            if request.missing:
                text = _last_text(request)
                same_id = by_id.get((request.probe_id, request.sample), [])
                own = [a for a in same_id if a.prompt.strip() == text or a.prompt.strip() not in texts]
                recorded_answer = next(iter(sorted(own, key=lambda a: a.prompt.strip() != text)), None)
                if recorded_answer is None and len(request.messages) == 1:
                    recorded_answer = by_text.get((text, request.sample))
                yield request, self._build_completion(recorded_answer)

    def close(self) -> None:
        """Forget the file."""
        self._answers = None

    def _build_completion(self, answer: RecordedAnswer | None) -> Completion:
        if answer is None:
            return Completion(status="error", error=f"{NOT_RECORDED} in the file")
        if answer.failure is not None:
            return Completion(status="error", error=f"the file holds {answer.failure!r} in place of an answer")
        text, reasoning = split_reasoning(answer.output)
        status, error = completion_status(text, answer.finish_reason), None
        if status == "error":
            text, error = "", f"the file says that the request ended with {answer.finish_reason!r}"
        return Completion(
            status=status, text=text, reasoning=answer.reasoning or reasoning, error=error, served_model=answer.model,
            finish_reason=answer.finish_reason,
        )  # fmt: skip

    def _read_answers(self) -> list[RecordedAnswer]:
        if self._answers is None:
            self._answers = read_recorded(self.spec)
        return self._answers


def read_recorded(spec: ModelSpec) -> list[RecordedAnswer]:
    """A model's answers in its file.

    Raises:
        DataError: the file cannot be read, or holds nothing of the model.
    """
    file = str(spec.options.get("file", ""))
    everything = _read_file(file, str(spec.options.get("format", "auto")))
    if not everything.get(spec.name):
        names = sorted(everything)
        close_names = difflib.get_close_matches(spec.name, names, n=1)
        hint = f"did you mean {close_names[0]}? " if close_names else ""
        raise DataError(f"{file} holds no answers of {spec.name}", f"{hint}It holds {', '.join(names[:8])}")
    return everything[spec.name]


def _hashed(answer: RecordedAnswer) -> list[str | int]:
    """What the revision of recorded answers is a hash of."""
    more = [part for part in (answer.reasoning, answer.finish_reason) if part is not None]
    return [answer.prompt_id, answer.prompt, answer.sample, answer.output, *more]


def _last_text(request: Request) -> str:
    return request.messages[-1].content.strip()


def _read_file(file: str, kind: str) -> Mapping[str, list[RecordedAnswer]]:
    """Model → its answers. Files with many models are read once for all of them, and again when one has changed."""
    files = split_files(file)
    try:
        states = tuple(path.stat() for path in places_of(files))
    except OSError:
        return _by_model(tuple(files), kind, ())  # which says in words what is wrong with it
    return _by_model(tuple(files), kind, tuple((state.st_mtime_ns, state.st_size) for state in states))


@functools.lru_cache(maxsize=1)
def _by_model(
    files: tuple[str, ...], kind: str, states: tuple[tuple[int, int], ...]
) -> Mapping[str, list[RecordedAnswer]]:
    answers_by_model: dict[str, list[RecordedAnswer]] = {}
    for answer in read_responses(*files, kind=kind):
        answers_by_model.setdefault(answer.model, []).append(answer)
    return answers_by_model
