"""Does this answer satisfy this check? Pure functions on a check and a text.

Promise: nothing here reads a file, keeps state or raises on an answer, however odd the answer; only a check that is
itself wrong raises, and `validate` says which field of it is. A check is a mapping with a ``kind``:

* ``{"kind": "number", "answer": 42, "tolerance": 0}``: the final number of the text.
* ``{"kind": "choice", "answer": "B", "options": ["A", "B", "C"]}``: the option the text settles on; letters or words.
* ``{"kind": "text", "answer": ["Paris"]}``: one of the accepted answers stands in the text as whole words.
* ``{"kind": "constraints", "all": [{"words": {"max": 50}}, {"forbid": ["very"]}]}``: every constraint holds.

`docs/probes.md` describes every field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mimicry_audit.ground.errors import ProbeError
from mimicry_audit.ground.suggest import did_you_mean, quoted_list, reject_unknown
from mimicry_audit.probes.checks import choice, constraints, number, text

Check = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What one kind of check has to offer; each is a module of this package."""

    fields: tuple[str, ...]
    validate: Callable[[Check], None]
    correct: Callable[[Check, str], bool]
    extract: Callable[[Check, str], str | None]


_KINDS: dict[str, _Kind] = {
    "number": _Kind(number.FIELDS, number.validate, number.correct, number.extract),
    "choice": _Kind(choice.FIELDS, choice.validate, choice.correct, choice.extract),
    "text": _Kind(text.FIELDS, text.validate, text.correct, text.extract),
    "constraints": _Kind(constraints.FIELDS, constraints.validate, constraints.correct, lambda _check, _text: None),
}

KINDS: tuple[str, ...] = tuple(_KINDS)


def validate(check: Check) -> None:
    """Say what is wrong with a check, if anything.

    Raises:
        ProbeError: naming the field that is missing, unknown or of the wrong type.
    """
    if not isinstance(check, Mapping):
        raise ProbeError(
            f"a check must be a mapping, not {type(check).__name__}", f"give it a kind: {quoted_list(KINDS)}"
        )
    kind = check.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        fault = "has no 'kind'" if kind is None else f"has the unknown kind {kind!r}"
        raise ProbeError(f"the check {fault}", f"choose from {quoted_list(KINDS)}{did_you_mean(str(kind), KINDS)}")
    reject_unknown(check, ("kind", *_KINDS[kind].fields), f"a {kind} check")
    _KINDS[kind].validate(check)


def correct(check: Check, answer: str) -> bool:
    """Whether the answer satisfies the check."""
    return _KINDS[check["kind"]].correct(check, answer)


def extract(check: Check, answer: str) -> str | None:
    """The answer the text gives, normalised, right or wrong; None where none is recognised.

    Two models agree on a probe when both give the same one, even when both err. Constraints have none: an answer that
    keeps them gives no one answer.
    """
    return _KINDS[check["kind"]].extract(check, answer)


def broken_constraints(check: Check, answer: str) -> tuple[str, ...]:
    """The names of the constraints that the answer does not keep; none for other kinds of check."""
    return tuple(constraints.broken(check, answer)) if check["kind"] == "constraints" else ()
