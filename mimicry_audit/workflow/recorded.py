"""Whether recorded answers can meet the probes of an audit at all.

Promise: a model whose file answers none of the probes that are asked by default is refused before anything is written, with
what the file holds and the commands that compare it.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from mimicry_audit.engines.recorded import read_recorded
from mimicry_audit.ground.disk import find_place, is_there
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.logs.answers import split_files
from mimicry_audit.records.asked import ModelSpec, Probe

_SHOWN = 60
"""Most characters of a prompt that a message quotes."""


def refuse_other_prompts(specs: Sequence[ModelSpec], probes: Sequence[Probe], names: Sequence[str]) -> None:
    """Refuse recorded models that answered none of the probes.

    Args:
        specs: the models of the run.
        probes: what is asked.
        names: of the probe sets.

    Raises:
        ConfigError: a model's file answers other prompts only.
        DataError: a file cannot be read, or holds nothing of the model.
    """
    ids, texts = {probe.id for probe in probes}, {probe.prompt.strip() for probe in probes}
    for spec in specs:
        files = split_files(str(spec.options.get("file", "")))
        if spec.engine != "recorded" or not all(is_there(find_place(file)) for file in files):
            continue  # a missing file is refused when the model is looked for, as any missing model
        prompts = {answer.prompt.strip(): answer.prompt_id for answer in read_recorded(spec)}
        if prompts.keys() & texts or ids.intersection(prompts.values()):
            continue
        first = " ".join(next(iter(prompts)).split())
        example = first if len(first) <= _SHOWN else f"{first[:_SHOWN]}…"
        responses = " ".join(f"--responses {shlex.quote(file)}" for file in files)
        raise ConfigError(
            f"the recorded answers of {spec.name} are to {len(prompts)} other prompts (such as “{example}”) than those of "
            f"{','.join(names)}, which are asked where no --probes are given",
            f"compare them as they are with audit score {responses} --out DIR, or name their prompts with --probes FILE",
        )
