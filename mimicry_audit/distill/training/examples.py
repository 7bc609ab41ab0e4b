"""From a conversation and its answer to the tokens that a student is trained on, and where its teacher's probabilities apply.

Promise: an answer is tokenised as `mimicry_audit.engines.likelihood` tokenises a text to be scored: apart from the prompt,
marks of the template inside it spelled out as plain characters; then the token that ends a turn. Prompts follow each model's
own template. Nothing is cut: what does not fit the context is left out and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NotRequired, TypedDict

from mimicry_audit.distill.training.tokenizers import Span, TokenizerMatch, spans_between
from mimicry_audit.engines.likelihood import TextRequest, TokenScores, encode
from mimicry_audit.engines.template import ChatTemplate
from mimicry_audit.records.asked import Message, canonical_json, sha256_text

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

_ANSWER = "Qx8 seven herons stood there Qx8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """An answer to a prompt, as text.

    Attributes:
        id: of the prompt.
        messages: the conversation.
        text: the answer.
        origin: who wrote it: ``teacher``, ``else`` or ``student``.
        ended: whether the answer came to its end, so that its end is taught too.
    """

    id: str
    messages: tuple[Message, ...]
    text: str
    origin: str = "teacher"
    ended: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One row of training data.

    Attributes:
        id: of the prompt.
        prompt: token ids of the student's prompt.
        answer: token ids of the answer and, if it ended, of its end.
        origin: as in `Taught`.
        teacher: number of the teacher whose answer it is, from 0.
        teacher_prompt: the teacher's prompt in its own tokenizer; empty without a soft signal.
        teacher_answer: the answer in the teacher's tokenizer, with its end.
        places: (place in `answer`, place in `teacher_answer`) that are predicted from the same text.
        spans: stretches that the two tokenizers cut differently; only for objectives that compare them.
        text: the answer.
    """

    id: str
    prompt: list[int]
    answer: list[int]
    origin: str = "teacher"
    teacher: int = 0
    teacher_prompt: list[int] = field(default_factory=list)
    teacher_answer: list[int] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    text: str = ""

    @property
    def key(self) -> str:
        """What the teacher's signal on this row depends on, beside the teacher."""
        return sha256_text(canonical_json([self.teacher_prompt, self.teacher_answer]))


class ExampleRow(TypedDict):
    """An `Example` as it is filed, and its cached signal where there is one.

    ``signal`` holds ids, log-probabilities and log tail mass of all answer places.
    """

    id: str
    prompt: list[int]
    answer: list[int]
    origin: str
    teacher: int
    teacher_prompt: list[int]
    teacher_answer: list[int]
    places: list[tuple[int, int]]
    spans: NotRequired[list[Span]]
    key: str
    signal: NotRequired[tuple[Tensor, Tensor, Tensor] | None]


def end_token(template: ChatTemplate, stops: Sequence[int]) -> int | None:
    """The token that ends an answer under this template, None where the tokenizer has none.

    Args:
        template: of the model.
        stops: token ids at which the model's generation stops.
    """
    tokenizer = template.tokenizer
    turns = [{"role": "user", "content": "Say it."}, {"role": "assistant", "content": _ANSWER}]
    try:
        rendered_text = str(tokenizer.apply_chat_template(turns, chat_template=template.source, tokenize=False))
    except Exception:  # a template may refuse whatever it likes, and raise whatever it likes
        rendered_text = ""
    _, separator, after = rendered_text.rpartition(_ANSWER)
    if separator:
        for token in tokenizer(after, add_special_tokens=False)["input_ids"]:
            if token in stops:
                return int(token)
    end = tokenizer.eos_token_id
    return None if end is None else int(end)


@dataclass(frozen=True, slots=True)
class Side:
    """One model, as far as tokens go.

    Attributes:
        template: chat template and tokenizer.
        end: the token that ends an answer.
        context: most tokens it takes.
    """

    template: ChatTemplate
    end: int | None
    context: int | None


@dataclass
class Encoder:
    """Turns answers into examples, and counts what it must leave out.

    Args:
        student: the student's side.
        teacher: the teacher's side, None without a soft signal.
        match: what the two tokenizers have in common, None without a soft signal.
        merges: whether spans of several tokens are wanted.
    """

    student: Side
    teacher: Side | None = None
    match: TokenizerMatch | None = None
    merges: bool = False
    left_out: dict[str, int] = field(default_factory=dict)

    def encode(self, answers: Sequence[Taught]) -> list[Example]:
        """The examples of those answers that can be taught, in order."""
        return list(self._encode_examples(answers))

    def _encode_examples(self, answers: Sequence[Taught]) -> Iterator[Example]:
        for taught in answers:
            student_side = _encode_side(self.student, taught)
            if isinstance(student_side, str):
                self.left_out[student_side] = self.left_out.get(student_side, 0) + 1
                continue
            prompt, answer, text = student_side
            example = Example(id=taught.id, prompt=prompt, answer=answer, origin=taught.origin, text=taught.text)
            if self.teacher is None or self.match is None or taught.origin == "else":
                yield example
                continue
            teacher_side = _encode_side(self.teacher, taught)
            if isinstance(
                teacher_side, str
            ):  # the student may learn the text, only without the teacher's probabilities
                why = f"teacher: {teacher_side}"
                self.left_out[why] = self.left_out.get(why, 0) + 1
                yield example
                continue
            places = self._aligned_places(taught, text, teacher_side[2])
            spans = spans_between(places, len(text), len(teacher_side[2])) if self.merges else []
            yield Example(
                id=taught.id, prompt=prompt, answer=answer, origin=taught.origin, text=taught.text,
                teacher_prompt=teacher_side[0], teacher_answer=teacher_side[1], places=places, spans=spans,
            )  # fmt: skip

    def _aligned_places(
        self, taught: Taught, student_tokens: list[int], teacher_tokens: list[int]
    ) -> list[tuple[int, int]]:
        """Places that are predicted from the same text: every one where the tokens are the same, else by character."""
        assert self.teacher is not None
        assert self.match is not None
        if self.match.comparable and student_tokens == teacher_tokens:
            places = [(i, i) for i, token in enumerate(student_tokens) if token < self.match.tokens]
            end = self.student.end
            if taught.ended and end is not None and end == self.teacher.end and end < self.match.tokens:
                places.append((len(student_tokens), len(student_tokens)))
            return places
        if self.match.comparable:
            return []
        student_starts, teacher_starts = (
            _token_starts(side.template.tokenizer, taught.text) for side in (self.student, self.teacher)
        )
        return sorted(
            (place, teacher_starts[start]) for start, place in student_starts.items() if start in teacher_starts
        )


def _encode_side(side: Side, taught: Taught) -> tuple[list[int], list[int], list[int]] | str:
    """Prompt, answer with its end, and answer without; or why there are none."""
    encoding = encode(side.template, TextRequest(("", taught.id), taught.messages, taught.text))
    if isinstance(encoding, TokenScores):
        return str(encoding.error)
    prompt, text = encoding
    end = [side.end] if side.end is not None and taught.ended else []
    if side.context is not None and len(prompt) + len(text) + len(end) > side.context:
        return "too long for the context"
    return prompt, text + end, text


def _token_starts(tokenizer: PreTrainedTokenizerBase, text: str) -> dict[int, int]:
    """Character at which a token starts → its place; a character cut into several tokens counts at the first."""
    offsets = tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)
    starts: dict[int, int] = {}
    for place, (start, stop) in enumerate(offsets["offset_mapping"]):
        if stop > start:
            starts.setdefault(int(start), place)
    return starts
