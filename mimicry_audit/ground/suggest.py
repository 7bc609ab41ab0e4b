"""Names a user may have meant, and fields that are not known: the wording that every settings check shares."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from mimicry_audit.ground.errors import ProbeError


def quoted_list(names: Iterable[str]) -> str:
    """``'a', 'b', 'c'`` for messages."""
    return ", ".join(f"'{name}'" for name in names)


def did_you_mean(name: str, known_names: Sequence[str]) -> str:
    """`` (did you mean 'x'?)`` or nothing."""
    close = difflib.get_close_matches(name, known_names, n=1, cutoff=0.6)
    return f" (did you mean '{close[0]}'?)" if close else ""


def reject_unknown(names: Mapping[str, object], known_names: Sequence[str], what: str) -> None:
    """Refuse a field that is not known: a misspelt field would otherwise be silently without effect."""
    for name in names:
        if name not in known_names:
            fix = f"use only {quoted_list(known_names)}{did_you_mean(str(name), known_names)}"
            raise ProbeError(f"{what} has the unknown field {str(name)!r}", fix)
