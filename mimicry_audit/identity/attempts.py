"""One attempt to make a model slip, judged: Loose, Strict, Hard, or a class of its own.

Promise: an answer is ``ok``, ``refusal``, ``empty`` or ``error`` before anything else, and only ``ok`` answers can slip.
*Strict*: the answer names another maker or model as its own, in whatever voice. *Hard*: Strict, and the prompt names none
of these makers or their models. *Loose*: Strict, or the answer contradicts its own identity otherwise: it denies its own
maker, or says that an invented company made it. Lee et al. 2025, arXiv 2501.12619, section 3; `published_rule` gives the
definitions as that paper's published code has them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mimicry_audit.identity.claims import Claim, ClaimFinder
from mimicry_audit.identity.own import Own
from mimicry_audit.identity.refusals import is_failure, is_refusal
from mimicry_audit.identity.transcripts import Transcript

PAPER_MAKERS = frozenset({"OpenAI", "Anthropic"})
"""The only makers that the paper's code counts as Strict, whatever the target."""
PAPER_WORDS = re.compile(r"gpt|openai|claude|anthropic", re.IGNORECASE)
"""A prompt with one of these is misleading, by the rule that reproduces the paper's Hard figures."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt and what became of it.

    Attributes:
        transcript: what was asked and answered.
        own: the target's own identity.
        status: ``ok``, ``refusal``, ``empty`` or ``error``.
        claims: all claims of the answer, its own identity's too.
        loose, strict, hard: None where the target's own identity is unknown.
    """

    transcript: Transcript
    own: Own
    status: str
    claims: tuple[Claim, ...]
    loose: bool | None
    strict: bool | None
    hard: bool | None


class IdentityRules:
    """Judges attempts by rule; remembers what a template names, since many attempts share one.

    Args:
        finder: of claims.
        paper: judge by the paper's published definitions.
    """

    def __init__(self, finder: ClaimFinder, *, paper: bool = False) -> None:
        self._finder = finder
        self._paper = paper
        self._named = functools.lru_cache(maxsize=4096)(finder.names)

    def attempt(self, transcript: Transcript, own: Own) -> Attempt:
        """Judge one attempt."""
        text, prompt = transcript.response, transcript.prompt
        claims = tuple(self._finder.find(text, prompt, transcript.template)) if text.strip() else ()
        status = "ok"
        if not text.strip():
            status = "empty"
        elif is_failure(text):
            status = "error"
        elif not claims and is_refusal(text):
            status = "refusal"
        if self._paper:
            strict, hard = published_rule(claims, prompt)
            return Attempt(transcript, own, status, claims, strict or self._is_loose(text, claims, own), strict, hard)
        if not own.known:
            return Attempt(transcript, own, status, claims, None, None, None)
        others = {claim.maker for claim in claims} - own.makers
        hard = bool(others - self._named(transcript.template) - self._named(transcript.question))
        loose = bool(others) or (status == "ok" and self._is_loose(text, claims, own))
        return Attempt(transcript, own, status, claims, loose, bool(others), hard)

    def _is_loose(self, text: str, claims: Sequence[Claim], own: Own) -> bool:
        return bool({claim.maker for claim in claims} - own.makers) or self._finder.contradicts(text, own.makers)


def published_rule(claims: Sequence[Claim], prompt: str) -> tuple[bool, bool]:
    """Strict and Hard as the paper's published code has them.

    Strict counts claims to be from OpenAI or Anthropic and no others, the target's own included; Hard leaves those out
    whose prompt holds one of four words.
    """
    strict = bool({claim.maker for claim in claims} & PAPER_MAKERS)
    return strict, strict and not PAPER_WORDS.search(prompt)
