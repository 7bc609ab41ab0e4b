"""The settings that a folder was begun with: kept as ``settings.json`` in the folder ``work``, side by side.

Promise: other settings in the same folder are refused with what differs, unless the training there diverged; a folder that
holds anything else is refused too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from mimicry_audit.asking.remembering import demand_same
from mimicry_audit.distill.evolve.settings import EvolveSettings
from mimicry_audit.distill.settings import DistillSettings
from mimicry_audit.distill.training.settings import deciding_defaults
from mimicry_audit.ground.errors import RunDirectoryError
from mimicry_audit.ground.shapes import parse_json
from mimicry_audit.records.run import differences, write_json

DIVERGED = "diverged"
"""Stands in ``DIR/work`` after a training whose loss became NaN or infinite."""


def keep_settings(
    settings: DistillSettings | EvolveSettings, facts: Mapping[str, object], allowed: Collection[str], skip: str = ""
) -> bool:
    """Store the settings that decide the outcome, or compare them with those that are stored.

    Args:
        settings: of the distillation; its folder is that of the checkpoint.
        facts: what decides the outcome beside them, as JSON.
        allowed: names that may be in the folder before its settings are stored.
        skip: a stored entry that is not compared this time.

    Returns:
        Whether the stored settings differ from these and the training diverged: discard it, then call `restart_settings`.

    Raises:
        RunDirectoryError: the settings differ, cannot be read, or the folder holds other things.
    """
    out, now = settings.out, _as_json({**settings.deciding(), **facts})
    path = out / "work" / "settings.json"
    if not path.is_file():
        strange = sorted(entry.name for entry in out.iterdir() if entry.name not in ("work", *allowed))
        if strange:
            raise RunDirectoryError(f"{out} holds other things already ({strange[0]})", "choose an --out that is empty")
        write_json(path, now)
        return False
    try:
        # A setting that was unknown when the folder was begun has had its default all along.
        before = {**_as_json(deciding_defaults(type(settings))), **parse_json(path.read_text("utf-8"))}
    except (OSError, ValueError, TypeError) as error:
        raise RunDirectoryError(f"{path} cannot be read ({error})", "start again with another --out") from None
    before.pop(skip, None)
    if (out / "work" / DIVERGED).is_file():
        return bool(differences(before, now))
    demand_same(
        before,
        now,
        lambda changed: RunDirectoryError(
            f"{out} was begun with other settings ({'; '.join(changed)})",
            "use the same settings to finish it, or another --out",
        ),
    )
    return False


def restart_settings(settings: DistillSettings | EvolveSettings, facts: Mapping[str, object]) -> None:
    """Store other settings after a training that diverged and has been removed."""
    write_json(settings.out / "work" / "settings.json", _as_json({**settings.deciding(), **facts}))
    (settings.out / "work" / DIVERGED).unlink()


def _as_json(values: Mapping[str, object]) -> dict[str, object]:
    """The values as they will be read again."""
    as_read: dict[str, object] = json.loads(json.dumps(values))
    return as_read
