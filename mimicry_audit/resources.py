"""Finds the data that ships with the code, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

from mimicry_audit.errors import PrerequisiteError

_PACKAGE = Path(__file__).resolve().parent


def resource_dir(name: str) -> Path:
    """The folder `name` (``probes`` or ``templates``) of this installation.

    Raises:
        PrerequisiteError: neither the checkout nor the wheel has it.
    """
    for folder in (_PACKAGE.parent / name, _PACKAGE / "_data" / name):
        if folder.is_dir():
            return folder
    raise PrerequisiteError(f"the folder {name!r} is missing from this installation", "install mimicry_audit again")
