"""``audit score``: only score what was collected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mimicry_audit.cli.options import given, scoring

HELP = """Only score what was collected, and write the report; no model is asked.

Roles and axes may differ from one scoring to the next.

\b
  audit score reports/mine --reference teacher --base base
"""


@click.command(name="score", help=HELP)
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@scoring
@click.option("--seed", type=int, metavar="N", help="Seed of the statistics. [default: 0]")
def command(run: Path, **values: Any) -> int:
    """See `HELP`."""
    from mimicry_audit.cli.steps import finish, score_step
    from mimicry_audit.gates import parse_gates
    from mimicry_audit.panels import panel_labels
    from mimicry_audit.records import ModelSpec
    from mimicry_audit.runs import RunDirectory
    from mimicry_audit.settings import merged, scoring_options
    from mimicry_audit.similarity import AXES

    directory = RunDirectory(run)
    manifest = directory.manifest()
    settings = merged(None, given(values))
    sources = manifest.get("sources", {})
    specs = [
        ModelSpec(label=label, engine=entry["engine"], name=entry["name"], source=sources.get(label, ""))
        for label, entry in manifest["settings"]["models"].items()
    ]
    options = scoring_options(settings, specs, tuple(AXES), panel=panel_labels(manifest["settings"]))
    parse_gates(settings.fail_on)  # before anything is computed
    return finish(directory, score_step(directory, options), settings.fail_on)
