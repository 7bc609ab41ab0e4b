"""The tasks: what a label is as text, how one is read, and how answers are scored.

Promise: a label is one canonical text in every task, so that a student that answers in words can learn it and a person can
read it: a class's name; ``person: Anna Berg; place: Oslo``, or ``none``; the answer to a question. What is not a label of the
task is None, never the nearest one. Figures are pure functions of texts.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from mimicry_audit.distill.figures import NO_LABEL, class_figures

NOTHING = "none"
"""The label of a text without entities."""

Span = tuple[int, int, str]
"""First character, one past the last, type."""


class Task(Protocol):
    """One kind of task.

    Attributes:
        name: as on the command line.
        main: the figure that decides.
        labels: classes or types; empty for questions.
    """

    name: str
    main: str
    labels: tuple[str, ...]

    def read(self, value: object, text: str) -> str | None:
        """The canonical label in a cell, a reply or an answer; None where there is none."""

    def kinds(self, gold: str) -> tuple[str, ...]:
        """What the label counts for when shots are drawn."""

    def right(self, text: str, gold: str, answer: str) -> bool:
        """Whether an answer is wholly right."""

    def figures(self, texts: Sequence[str], golds: Sequence[str], answers: Sequence[str]) -> dict[str, float]:
        """Figures in [0, 1] of answers to texts whose labels are known; the main one is among them."""


class Classification:
    """One label for a text; accuracy, and precision, recall and F1 averaged over the classes that occur."""

    name, main = "classification", "f1"

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self._known = {_plain_label(label): label for label in labels}

    def read(self, value: object, text: str) -> str | None:
        """See `Task`."""
        if isinstance(value, Mapping):
            value = value.get("label")
        return self._known.get(_plain_label(value)) if isinstance(value, str) else None

    def kinds(self, gold: str) -> tuple[str, ...]:
        """The label itself."""
        return (gold,)

    def right(self, text: str, gold: str, answer: str) -> bool:
        """See `Task`."""
        return self.read(answer, text) == gold

    def figures(self, texts: Sequence[str], golds: Sequence[str], answers: Sequence[str]) -> dict[str, float]:
        """See `Task`; an answer that is not a label counts as wrong."""
        predictions = [self.read(answer, text) or NO_LABEL for answer, text in zip(answers, texts, strict=True)]
        scores = class_figures(golds, predictions)
        if scores is None:
            return {}
        return {name: scores[name] for name in ("accuracy", "precision", "recall", "f1")}


class Tagging:
    """Entities in a text; precision, recall and F1 over all entities, exact in extent and type.

    The measure is that of the CoNLL-2003 task (E. Tjong Kim Sang, F. De Meulder, 2003, section 4), on characters.
    """

    name, main = "tagging", "f1"

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self._known = {_plain_label(label): label for label in labels}

    def read(self, value: object, text: str) -> str | None:
        """See `Task`; every surface has to stand in the text, whole words only."""
        pairs = self._read_pairs(value)
        if pairs is None:
            return None
        spans = located(text, pairs)
        if len(spans) != len(pairs):
            return None
        return shown(text, spans)

    def kinds(self, gold: str) -> tuple[str, ...]:
        """The types that occur, or `NOTHING`."""
        return tuple(dict.fromkeys(kind for kind, _ in self._read_pairs(gold) or ())) or (NOTHING,)

    def right(self, text: str, gold: str, answer: str) -> bool:
        """See `Task`; the same entities, in whatever order."""
        return self.figures([text], [gold], [answer])["accuracy"] == 1.0

    def figures(self, texts: Sequence[str], golds: Sequence[str], answers: Sequence[str]) -> dict[str, float]:
        """See `Task`; an entity that is not in the text counts as found wrongly."""
        right = guess_count = truth_count = exact = 0
        for text, gold, answer in zip(texts, golds, answers, strict=True):
            truth = set(located(text, self._read_pairs(gold) or []))
            pairs = self._read_pairs(answer, strict=False) or []
            guess = set(located(text, pairs))
            right, guess_count, truth_count = (
                right + len(truth & guess),
                guess_count + len(pairs),
                truth_count + len(truth),
            )
            exact += truth == guess and len(guess) == len(pairs)
        precision, recall = right / guess_count if guess_count else 0.0, right / truth_count if truth_count else 0.0
        f1 = 2 * right / (guess_count + truth_count) if guess_count + truth_count else 0.0
        return {"accuracy": exact / max(1, len(texts)), "precision": precision, "recall": recall, "f1": f1}

    def _read_pairs(self, value: object, *, strict: bool = True) -> list[tuple[str, str]] | None:
        """(type, surface) in order; None where something is not an entity, unless it is to be skipped."""
        if isinstance(value, Mapping):
            value = value.get("entities", value.get("label"))
        if isinstance(value, str):
            body = value.strip().strip(".").strip()
            if _plain_label(body) in (NOTHING, "", "no entities"):
                return [] if body or not strict else None
            parts = [p.partition(":") for p in re.split(r"[;\n]+", value) if p.strip()]
            entries: Sequence[object] = [{"type": head, "text": tail} for head, _, tail in parts]
        elif isinstance(value, list):
            entries = value
        else:
            return None
        pairs = []
        for entry in entries:
            kind, surface = _read_entity(entry)
            if (label := self._known.get(_plain_label(kind))) and surface:
                pairs.append((label, surface))
            elif strict:
                return None
            elif surface or kind:
                pairs.append((NO_LABEL, surface))  # still an entity that was claimed
        return pairs


class Questions:
    """Questions with short answers; exact match and the F1 of words.

    Both after P. Rajpurkar et al. (SQuAD), 2016, section 6.1: lower case, without punctuation and articles.
    """

    name, main = "qa", "f1"

    def __init__(self, labels: Sequence[str] = ()) -> None:
        self.labels: tuple[str, ...] = ()

    def read(self, value: object, text: str) -> str | None:
        """See `Task`; any text that is not empty."""
        if isinstance(value, Mapping):
            value = value.get("answer", value.get("label"))
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        return (" ".join(value.split()) or None) if isinstance(value, str) else None

    def kinds(self, gold: str) -> tuple[str, ...]:
        """All answers are of one kind."""
        return ("answer",)

    def right(self, text: str, gold: str, answer: str) -> bool:
        """See `Task`; the same words."""
        return _split_words(gold) == _split_words(answer)

    def figures(self, texts: Sequence[str], golds: Sequence[str], answers: Sequence[str]) -> dict[str, float]:
        """See `Task`."""
        pairs = [(_split_words(gold), _split_words(answer)) for gold, answer in zip(golds, answers, strict=True)]
        count = max(1, len(pairs))
        return {
            "exact_match": sum(gold == answer for gold, answer in pairs) / count,
            "f1": sum(_token_overlap(gold, answer) for gold, answer in pairs) / count,
        }


def task_of(name: str, labels: Sequence[str]) -> Task:
    """The task of that name with these labels."""
    kinds: Mapping[str, Callable[[Sequence[str]], Task]] = {
        "classification": Classification,
        "tagging": Tagging,
        "qa": Questions,
    }
    return kinds[name](labels)


def located(text: str, pairs: Sequence[tuple[str, str]]) -> list[Span]:
    """Where each surface stands as whole words: the first place not taken; a surface that stands nowhere is left out."""
    spans: list[Span] = []
    for kind, surface in pairs:
        for match in re.finditer(rf"(?<!\w){re.escape(surface)}(?!\w)", text) if surface else ():
            if all(match.end() <= start or match.start() >= end for start, end, _ in spans):
                spans.append((match.start(), match.end(), kind))
                break
    return spans


def shown(text: str, spans: Sequence[Span]) -> str:
    """Entities as a label's text, in the order of the text."""
    return "; ".join(f"{kind}: {text[start:end]}" for start, end, kind in sorted(spans)) or NOTHING


def from_tags(tokens: Sequence[str], tags: Sequence[str]) -> tuple[str, list[dict[str, str]]]:
    """Text and entities of words with BIO tags (``B-person``, ``I-person``, ``O``).

    Raises:
        ValueError: there are more words than tags, or a tag is of another form.
    """
    if len(tokens) != len(tags):
        raise ValueError(f"{len(tokens)} tokens have {len(tags)} tags")
    entities: list[dict[str, str]] = []
    before = "O"
    for word, tag in zip(tokens, tags, strict=True):
        if not re.fullmatch(r"O|[BI]-.+", tag):
            raise ValueError(f"{tag} is not a BIO tag")
        if tag.startswith("I-") and before[2:] == tag[2:] and entities:
            entities[-1]["text"] += f" {word}"
        elif tag != "O":
            entities.append({"type": tag[2:], "text": word})
        before = tag
    return " ".join(tokens), entities


def _read_entity(entry: object) -> tuple[str, str]:
    if isinstance(entry, Mapping):
        kind, surface = entry.get("type", entry.get("label")), entry.get("text", entry.get("entity"))
    elif isinstance(entry, list | tuple) and len(entry) == 2:
        kind, surface = entry
    else:
        return "", ""
    return (str(kind or ""), " ".join(str(surface or "").split()))


def _plain_label(label: object) -> str:
    return str(label).strip().strip("\"'`*.,:;()[]").strip().casefold()


def _split_words(answer: str) -> list[str]:
    plain_text = "".join(c for c in answer.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", plain_text).split()


def _token_overlap(gold: Sequence[str], answer: Sequence[str]) -> float:
    if not gold or not answer:
        return float(list(gold) == list(answer))
    common = sum((Counter(gold) & Counter(answer)).values())
    return 2 * common / (len(gold) + len(answer))
