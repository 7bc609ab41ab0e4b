"""May these two models be compared token by token? Their tokenizers' maps decide, never the sizes of their vocabularies.

Promise: a soft objective runs only where every token id that both models know means the same token to both. Two vocabularies of
one size may number other tokens (then a divergence compares nonsense and still falls); two of different sizes may differ in
padding, or in a few added tokens, and be the same where it counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mimicry_audit.engines.likelihood import tokenizer_map_sha
from mimicry_audit.ground.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


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
    if objective in ("hard", "uld") or match.comparable:
        return
    raise ConfigError(
        f"{objective} compares token by token, and the tokenizers differ: {match.why_not}",
        "use --objective hard for the teacher's text, or uld",
    )


def _by_id(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    return {number: token for token, number in tokenizer.get_vocab().items()}
