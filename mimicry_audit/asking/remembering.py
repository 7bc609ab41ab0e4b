"""What a run remembers of how it was asked: the sections of its manifest.

Promise: `begin` and `remember` alone write a manifest; what was set once is never changed: other settings are
refused with the fields that differ, and then nothing is written; no secret is remembered.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast

from mimicry_audit.ground.errors import AuditError, RunDirectoryError
from mimicry_audit.ground.redaction import redacted_deep
from mimicry_audit.records.asked import ModelSpec, Probe, timestamp
from mimicry_audit.records.manifest import Manifest
from mimicry_audit.records.run import RunDirectory, differences

Refusal = Callable[[Sequence[str]], AuditError]
"""The error that refuses other settings or another model, from the differences as `records.run.differences` words them."""

PER_MODEL = ("resolved", "judges")
"""Sections of a manifest that hold one entry per label; the other sections stand for the whole run."""


def other_settings(run: RunDirectory) -> Refusal:
    """The refusal of settings that are not those of a run."""
    return lambda changed: RunDirectoryError(
        f"{run.path} was made with other settings ({'; '.join(changed)})",
        "use the same settings to finish it, or another --out",
    )


def changed_model(run: RunDirectory, spec: ModelSpec) -> Refusal:
    """The refusal of a model that is not the one that a run began with."""
    return lambda changed: RunDirectoryError(
        f"model {spec.label} has changed since this run began ({'; '.join(changed)})",
        f"restore it, or use another --out than {run.path}",
    )


def demand_same(stored: Mapping[str, object], now: Mapping[str, object], refuse: Refusal) -> None:
    """Refuse what is not as it is on record.

    Args:
        stored: what is on record.
        now: what is asked for, or found.
        refuse: the error, from the fields that differ.

    Raises:
        AuditError: a field differs; as `refuse` words it.
    """
    if changed := differences(stored, now):
        raise refuse(changed)


def section_of(run: RunDirectory, section: str) -> Mapping[str, Any]:
    """A section of a run's manifest, empty where nothing has been remembered there."""
    return cast("Mapping[str, Any]", run.manifest().as_json().get(section) or {})


def begin(
    run: RunDirectory, probes: Sequence[Probe], settings: Mapping[str, object], notes: Mapping[str, object]
) -> None:
    """Write the manifest and the probes of a run that begins; hold the run's lock.

    Args:
        run: a directory without a manifest.
        probes: as asked.
        settings: what `remember` will refuse to change.
        notes: further fields, never compared.
    """
    run.write_probes(probes)
    begun = {"created": timestamp("seconds"), "python": sys.version.split()[0], "settings": settings, "resolved": {}}
    run.write_manifest(Manifest.from_json(begun | dict(notes)))


def remember(
    run: RunDirectory,
    section: str,
    entry: Mapping[str, object],
    *,
    may_grow: Collection[str] = (),
    refuse: Refusal | None = None,
) -> None:
    """Keep settings in a section of the manifest on first use, and refuse other ones later; hold the run's lock.

    Args:
        run: a run with a manifest.
        section: its name.
        entry: the settings; in a section of `PER_MODEL` label → settings, and labels left out stay as they are.
        may_grow: fields that may change: a list or a mapping keeps what it held and gains what is new, anything else is
            replaced.
        refuse: the error where another field differs; by default that the run was made with other settings.

    Raises:
        AuditError: another field differs; nothing is written then.
        RunDirectoryError: the manifest cannot be read or written.
    """
    manifest, refuse = run.manifest().as_json(), refuse or other_settings(run)
    stored = redacted_deep(json.loads(json.dumps(entry)))  # as it will be read again
    stored_section = cast("dict[str, Mapping[str, object]] | None", manifest.get(section))
    if section in PER_MODEL:
        stored_section = stored_section or {}
        grown: Mapping[str, object] = stored_section | {
            label: _grow_entry(stored_section.get(label), one, may_grow, refuse) for label, one in stored.items()
        }
    else:
        grown = _grow_entry(stored_section, stored, may_grow, refuse)
    if grown != stored_section:
        run.write_manifest(Manifest.from_json(manifest | {section: grown}))


def _grow_entry(
    stored_entry: Mapping[str, object] | None, entry: Mapping[str, object], may_grow: Collection[str], refuse: Refusal
) -> Mapping[str, object]:
    if not stored_entry:
        return entry
    before, now = ({k: v for k, v in fields_.items() if k not in may_grow} for fields_ in (stored_entry, entry))
    demand_same(before, now, refuse)
    return {
        **stored_entry,
        **{k: _join_values(stored_entry.get(k), v) if k in may_grow else v for k, v in entry.items()},
    }


def _join_values(stored_value: object, new: object) -> object:
    if isinstance(stored_value, dict) and isinstance(new, dict):
        return stored_value | new
    if isinstance(stored_value, list) and isinstance(new, list):
        return [*stored_value, *(value for value in new if value not in stored_value)]
    return new
