"""Models as a run knows them, from what a test says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mimicry_audit.records.manifest import ModelInRun


def models_in_run(known: Mapping[str, Any], labels: Iterable[str] = ()) -> dict[str, ModelInRun]:
    """Label → model; `known` is what a manifest holds under ``resolved``, `labels` names models of which it holds nothing."""
    return {
        label: ModelInRun(label, {"engine": "scripted", "name": label}, known=known.get(label, {}))
        for label in dict.fromkeys((*labels, *known))
    }
