"""Probes: load, validate and select what is put to every model.

Promise: the same names give the same probes in the same order, with a hash that changes when any of them does; a larger
limit contains the smaller; and whatever is wrong with a user's file is one line with its place and the fix. Importing
this reads no file.

    selection = load(["core", "identity"])
    fewer = select(selection, domains=["math", "identity"], limit=10)
    probes = expand_identity_arms(fewer.probes)
"""

from __future__ import annotations

from mimicry_audit.probes.selection import (
    NEUTRAL_SYSTEM,
    ProbeSelection,
    ProbeSetInfo,
    expand_identity_arms,
    load,
    select,
)
from mimicry_audit.probes.sets import LoadedSet, find_set, read_set, sha_of, shipped_sets
from mimicry_audit.probes.validation import Finding, ValidationReport, validate_sets

__all__ = [
    "NEUTRAL_SYSTEM",
    "Finding",
    "LoadedSet",
    "ProbeSelection",
    "ProbeSetInfo",
    "ValidationReport",
    "expand_identity_arms",
    "find_set",
    "load",
    "read_set",
    "select",
    "sha_of",
    "shipped_sets",
    "validate_sets",
]
