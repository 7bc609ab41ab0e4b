"""The probes that a run was asked, as scoring and reports take them: read from the run, with checks that can be applied.

Promise: a run of others whose checks are none is one line that names the probe, before any answer is checked.
"""

from __future__ import annotations

from mimicry_audit.ground.errors import ProbeError, RunDirectoryError
from mimicry_audit.probes.checks.check import validate
from mimicry_audit.records.asked import Probe
from mimicry_audit.records.run import RunDirectory


def checked_probes(run: RunDirectory) -> list[Probe]:
    """The probes of a run.

    Raises:
        RunDirectoryError: they cannot be read, or a check is not one.
    """
    probes = run.probes()
    for probe in probes:
        if probe.check is None:
            continue
        try:
            validate(probe.check)
        except ProbeError as error:
            raise RunDirectoryError(
                f"{run.path / 'probes.jsonl'}, probe {probe.id}: {error.problem}",
                "restore it, or collect again elsewhere",
            ) from error
    return probes
