"""Shards: the probes of a run in several parts, each collected by a process of its own.

Promise: the shards of one whole share no probe and leave none out, and each has its share of every domain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.workflow.settings import Resolved

_SHARD = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several parts of the probes: every `of`-th, beginning with the `number`-th, so that domains are shared out."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def from_text(cls, text: str, environment: Mapping[str, str]) -> Shard:
        """A shard from ``I/N``, or from ``slurm``: the task of a SLURM array, whose numbers may begin anywhere.

        Raises:
            ConfigError: it is neither, or this is no task of an array.
        """
        if text == "slurm":
            try:
                task, first, of = (int(environment[f"SLURM_ARRAY_TASK_{name}"]) for name in ("ID", "MIN", "COUNT"))
            except (KeyError, ValueError):
                raise ConfigError(
                    "--shard slurm was given outside a SLURM array",
                    "submit it with sbatch --array=1-N, or give --shard I/N",
                ) from None
            number = task - first + 1
        else:
            found = _SHARD.fullmatch(text)
            number, of = (int(found[1]), int(found[2])) if found else (0, 0)
        if not 1 <= number <= of:
            raise ConfigError(f"--shard {text} is not a part of a whole", "give I/N with I from 1 to N, such as 2/8")
        return cls(number, of)

    def part_of(self, resolved: Resolved) -> Resolved:
        """The settings of this part: its probes, in a folder of its own.

        Raises:
            ConfigError: there are fewer probes than shards.
        """
        plan = resolved.plan
        probes = tuple(plan.probes[self.number - 1 :: self.of])
        if not probes:
            raise ConfigError(f"--shard {self} has no probes: there are {len(plan.probes)}", "use fewer shards")
        selection = {**dict(plan.selection or {}), "shard": str(self)}
        out = resolved.out / f"shard-{self.number}-of-{self.of}"
        return replace(resolved, plan=replace(plan, probes=probes, selection=selection), out=out)
