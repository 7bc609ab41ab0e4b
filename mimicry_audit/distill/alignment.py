"""The models of a distillation, as far as tokens go: where they are, how they spell, and what their tokenizers share.

Promise: models are found and compared before anything is asked or written, and no weights are loaded for it. With several
teachers every answer is encoded for the teacher that gave it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mimicry_audit.distill.context import DistillContext
from mimicry_audit.distill.training import shape
from mimicry_audit.distill.training.examples import Encoder, Example, Taught
from mimicry_audit.distill.training.models import Source, source
from mimicry_audit.distill.training.tokenizers import TokenizerMatch, compare_tokenizers, demand_match
from mimicry_audit.engines.fingerprint import find_model


@dataclass(frozen=True, slots=True)
class TokenAlignment:
    """The student, the teachers whose probabilities are used, and what each of them has in common with the student.

    Attributes:
        student: the student.
        teachers: in the order of the settings; none without a soft signal.
        matches: of each teacher.
        encoders: of each teacher, or one without a soft signal.
    """

    student: Source
    teachers: tuple[Source, ...]
    matches: tuple[TokenizerMatch, ...]
    encoders: tuple[Encoder, ...]

    @property
    def tokens(self) -> int:
        """Token ids below this are the same token for all; 0 without a soft signal."""
        return min((match.tokens for match in self.matches), default=0)

    @property
    def left_out(self) -> dict[str, int]:
        """Why answers could not be encoded, and how many."""
        return dict(sum((Counter(encoder.left_out) for encoder in self.encoders), Counter()))

    def encode(self, answers: Sequence[Taught], teacher_of: Mapping[str, int]) -> list[Example]:
        """The examples of those answers that can be taught, in order, each with the number of its teacher."""
        examples = []
        for answer in answers:
            number = teacher_of.get(answer.id, 0) if len(self.encoders) > 1 else 0
            examples += [replace(example, teacher=number) for example in self.encoders[number].encode([answer])]
        return examples


def align_tokens(context: DistillContext) -> TokenAlignment:
    """Find the models and compare their tokenizers; no weights are loaded.

    Raises:
        ConfigError: the objective needs comparable tokenizers, and they are not; or the student has no such layers or dropout.
        PrerequisiteError: a model, its tokenizer or its chat template is missing.
    """
    student = source(context.student)
    s = context.settings
    if s.layers or (s.dropout and not s.training.adapter):
        config = shape.configured(student.weights.location, student.weights.commit)
        if s.layers:
            shape.demand_layers(config, s.layers, s.student)
        if s.dropout and not s.training.adapter:
            shape.demand_dropout(config, s.student)
    for spec in context.teachers if s.dose else ():
        if spec.engine in ("hf", "vllm"):
            find_model(spec)
    if s.kind == "text" or not s.dose:
        return TokenAlignment(student, (), (), (Encoder(student.side),))
    teachers = tuple(source(spec) for spec in context.teachers)
    matches = []
    for teacher in teachers:
        matches.append(compare_tokenizers(teacher.side.template.tokenizer, student.side.template.tokenizer))
        demand_match(matches[-1], s.objective)
    merges = s.objective == "span-kl"
    encoders = (Encoder(student.side, t.side, match, merges) for t, match in zip(teachers, matches, strict=True))
    return TokenAlignment(student, teachers, tuple(matches), tuple(encoders))


def padding(model: Source) -> int:
    """The token that a model's batches are filled up with."""
    tokenizer = model.side.template.tokenizer
    candidates = [tokenizer.pad_token_id, tokenizer.eos_token_id, 0]
    return int(next(token for token in candidates if token is not None))
