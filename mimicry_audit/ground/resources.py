"""Finds the project's data folders both in a checkout and in an installed wheel.

Promise: `resource_dir("probes")` is the folder a contributor edits when the package runs from a checkout, and the copy
the wheel carries (``mimicry_audit/_data``) when it is installed. A checkout wins, so that an edit is seen at once.
"""

from __future__ import annotations

from pathlib import Path

from mimicry_audit.ground.errors import PrerequisiteError

_PACKAGE = Path(__file__).resolve().parents[1]


def resource_dir(name: str) -> Path:
    """The folder ``name`` (``probes`` or ``templates``).

    The checkout's folder counts only beside a ``pyproject.toml``: in site-packages the package's neighbours are other
    people's packages, and one of them may well be called ``probes``.

    Raises:
        PrerequisiteError: neither the checkout nor the wheel has it.
    """
    root = _PACKAGE.parent
    candidates = [_PACKAGE / "_data" / name]
    if (root / "pyproject.toml").is_file():
        candidates.insert(0, root / name)
    for folder in candidates:
        if folder.is_dir():
            return folder
    looked = " nor ".join(str(folder) for folder in candidates)
    raise PrerequisiteError(
        f"The folder '{name}' is in neither {looked}"
        if len(candidates) > 1
        else f"The folder '{name}' is not at {looked}",
        "reinstall mimicry-audit, or run it from a complete checkout",
    )
