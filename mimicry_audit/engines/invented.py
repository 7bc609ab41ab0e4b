"""Weights that a checkpoint lacks: transformers fills them with random numbers, and only warns.

Promise: no model is used whose weights were partly made up; what is missing is named. Tied weights, which transformers does not
count as missing, do not count as lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mimicry_audit.ground.errors import PrerequisiteError


def refuse_invented_weights(name: str, report: Mapping[str, Any]) -> None:
    """Refuse a model some of whose weights are not in its checkpoint.

    Args:
        name: the model, for the message.
        report: what ``from_pretrained(…, output_loading_info=True)`` gives beside the model.

    Raises:
        PrerequisiteError: weights are missing, or have another shape than the configuration says.
    """
    absent = _sorted_names(report.get("missing_keys") or ())
    reshaped = _sorted_names(
        entry[0] if isinstance(entry, tuple) else entry for entry in report.get("mismatched_keys") or ()
    )
    if not absent and not reshaped:
        return
    unknown = _sorted_names(report.get("unexpected_keys") or ())
    what = (
        f"lacks {_name_some(absent)}"
        if absent
        else f"has {_name_some(reshaped)} in another shape than its config.json gives"
    )
    hint = ""
    if absent and unknown:
        prefix = unknown[0].removesuffix(absent[0]) if unknown[0].endswith(absent[0]) else ""
        hint = f"; it holds {_name_some(unknown)} instead" + (f" (every name begins with {prefix})" if prefix else "")
    raise PrerequisiteError(
        f"the checkpoint of {name} {what}{hint}: these weights would be random numbers",
        "save the model again under the names that its architecture uses",
    )


def _sorted_names(keys: Iterable[object]) -> list[str]:
    return sorted(str(key) for key in keys)


def _name_some(names: list[str]) -> str:
    """The first names, and how many more."""
    more = f" and {len(names) - 2} more weights" if len(names) > 2 else ""
    return ", ".join(names[:2]) + more
