"""May these two models be compared token by token? Their tokenizers' maps decide, never the sizes of their vocabularies.

Promise: a soft objective runs only where every token id that both models know means the same token to both. Two vocabularies of
one size may number other tokens (then a divergence compares nonsense and still falls); two of different sizes may differ in
padding, or in a few added tokens, and be the same where it counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from mimicry_audit.engines.likelihood import tokenizer_map_sha
from mimicry_audit.ground.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


Span = tuple[int, int, int, int]
"""First place and place after the last of a span's tokens in the student's answer, and the same in the teacher's."""


@dataclass(frozen=True, slots=True)
class TokenizerMatch:
    """What two tokenizers have in common.

    Attributes:
        teacher: hash of the teacher's map.
        student: hash of the student's.
        tokens: ids below this mean the same to both; the whole vocabulary where the maps are equal, 0 where they are not
            comparable.
        why_not: why they are not comparable, one clause; None where they are.
    """

    teacher: str
    student: str
    tokens: int
    why_not: str | None

    @property
    def comparable(self) -> bool:
        """Whether divergences may be taken token by token."""
        return self.why_not is None


def compare_tokenizers(teacher: PreTrainedTokenizerBase, student: PreTrainedTokenizerBase) -> TokenizerMatch:
    """Compare the (token, id) maps of two transformers tokenizers."""
    shas = tokenizer_map_sha(teacher), tokenizer_map_sha(student)
    teacher_tokens, student_tokens = _by_id(teacher), _by_id(student)
    if shas[0] == shas[1]:
        return TokenizerMatch(*shas, 1 + max(teacher_tokens), None)
    common = teacher_tokens.keys() & student_tokens.keys()
    other = sorted(i for i in common if teacher_tokens[i] != student_tokens[i])
    if other:
        first = other[0]
        difference = (
            f"{len(other)} of {len(common)} ids differ, "
            f"id {first} is {teacher_tokens[first]!r} to one and {student_tokens[first]!r}"
        )
        return TokenizerMatch(*shas, 0, f"{difference} to the other")
    # Both number what they share alike; one may know more. Ids from the first that only one knows onwards are left out.
    lone = teacher_tokens.keys() ^ student_tokens.keys()
    tokens = min(lone, default=1 + max(common, default=-1))
    if not common or tokens < 0.9 * max(len(teacher_tokens), len(student_tokens)):
        return TokenizerMatch(*shas, 0, f"they share only the first {tokens} ids")
    return TokenizerMatch(*shas, tokens, None)


def demand_match(match: TokenizerMatch, objective: str) -> None:
    """Refuse an objective that needs comparable tokenizers where they are not.

    Raises:
        ConfigError: with what differs.
    """
    if objective in ("hard", "uld", "span-kl") or match.comparable:
        return
    raise ConfigError(
        f"{objective} compares token by token, and the tokenizers differ: {match.why_not}",
        "use --objective span-kl, which compares text, or hard for the teacher's text alone",
    )


def spans_between(places: Sequence[tuple[int, int]], student_end: int, teacher_end: int) -> list[Span]:
    """The spans between places at which both predict from the same text, those of one token on either side left out.

    Args:
        places: (place in the student's answer, place in the teacher's), ascending.
        student_end: place after the last token of the text in the student's answer.
        teacher_end: the same in the teacher's.
    """
    bounds = [*places, (student_end, teacher_end)]
    spans = [(a, c, b, d) for (a, b), (c, d) in pairwise(bounds) if c > a and d > b]
    return [span for span in spans if span[1] - span[0] > 1 or span[3] - span[2] > 1]


def matched_tokens(teacher: PreTrainedTokenizerBase, student: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Ids of the tokens that stand for the same text in both, ``(student's, teacher's)``; marks of templates are left out."""
    sides = [_by_text(tokenizer) for tokenizer in (student, teacher)]
    common = sorted(sides[0].keys() & sides[1].keys())
    return [sides[0][text] for text in common], [sides[1][text] for text in common]


def _by_text(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """Text that a token stands for → its id. Byte-level tokens are spelled in bytes, others with ▁ for a space."""
    vocabulary = tokenizer.get_vocab()
    added = set(tokenizer.get_added_vocab()) | set(map(str, tokenizer.all_special_tokens))
    by_bytes = any("Ġ" in token for token in vocabulary)
    return {
        (token if by_bytes else _byte_level(token.replace("▁", " "))): number
        for token, number in vocabulary.items()
        if token not in added
    }


def _byte_level(text: str) -> str:
    """A text in the letters that byte-level tokenizers spell bytes with."""
    return "".join(_LETTERS[byte] for byte in text.encode("utf-8", "replace"))


def _byte_letters() -> list[str]:
    """The letter of each byte: itself where it is printable in Latin-1, else the next free one from U+0100 (GPT-2)."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    free = iter(range(0x100, 0x200))
    return [chr(byte) if byte in printable else chr(next(free)) for byte in range(0x100)]


_LETTERS = _byte_letters()


def _by_id(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    return {number: token for token, number in tokenizer.get_vocab().items()}
