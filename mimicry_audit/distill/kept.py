"""The settings that a folder was begun with: kept as ``settings.json`` in the folder ``work``, side by side.

Promise: other settings in the same folder are refused with what differs, unless the training there diverged; a folder that
holds anything else is refused too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from mimicry_audit.ground.errors import RunDirectoryError
from mimicry_audit.records.run import differences, write_json

DIVERGED = "diverged"
"""Stands in ``DIR/work`` after a training whose loss was not a number."""


def keep_settings(
    out: Path, settings: Mapping[str, Any], defaults: Mapping[str, Any], allowed: Collection[str], skip: str = ""
) -> bool:
    """Store the settings, or compare them with those that are stored.

    Args:
        out: the folder of the checkpoint.
        settings: everything that decides the outcome, as JSON.
        defaults: for settings that were unknown when the folder was begun.
        allowed: names that may be in the folder before its settings are stored.
        skip: a stored entry that is not compared this time.

    Returns:
        Whether the stored settings differ from these and the training diverged: forget it, then call `restart_settings`.

    Raises:
        RunDirectoryError: the settings differ, cannot be read, or the folder holds other things.
    """
    path = out / "work" / "settings.json"
    now = json.loads(json.dumps(settings))
    if not path.is_file():
        strange = sorted(entry.name for entry in out.iterdir() if entry.name not in ("work", *allowed))
        if strange:
            raise RunDirectoryError(f"{out} holds other things already ({strange[0]})", "choose an --out that is empty")
        write_json(path, now)
        return False
    try:
        before = {**json.loads(json.dumps(defaults)), **json.loads(path.read_text("utf-8"))}
    except (OSError, ValueError, TypeError) as error:
        raise RunDirectoryError(f"{path} cannot be read ({error})", "start again with another --out") from None
    before.pop(skip, None)
    changed = differences(before, now)
    if not changed:
        return False
    diverged = out / "work" / DIVERGED
    if not diverged.is_file():
        raise RunDirectoryError(
            f"{out} was begun with other settings ({'; '.join(changed)})",
            "use the same settings to finish it, or another --out",
        )
    return True


def restart_settings(out: Path, settings: Mapping[str, Any]) -> None:
    """Store other settings after a training that diverged and has been removed."""
    write_json(out / "work" / "settings.json", json.loads(json.dumps(settings)))
    (out / "work" / DIVERGED).unlink()
