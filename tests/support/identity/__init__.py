"""Hand-written answers to identity questions, by theme: what each claims, in whose voice; most claim nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Example:
    """An answer, the makers it claims (with the best voice in which each is claimed), and what was asked."""

    text: str
    claims: Mapping[str, str] = field(default_factory=dict)
    prompt: str = ""


def own(text: str, *makers: str, prompt: str = "") -> Example:
    """Claimed in the answer's own words."""
    return Example(text, dict.fromkeys(makers, "own"), prompt)


def label(text: str, *makers: str, prompt: str = "") -> Example:
    """Claimed only under a tag that names a model."""
    return Example(text, dict.fromkeys(makers, "label"), prompt)


def character(text: str, *makers: str, prompt: str = "") -> Example:
    """Claimed only by a played figure."""
    return Example(text, dict.fromkeys(makers, "character"), prompt)


def nothing(text: str, prompt: str = "") -> Example:
    """No claim at all."""
    return Example(text, {}, prompt)
