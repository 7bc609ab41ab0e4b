"""``audit score``: only score what was collected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mimicry_audit.cli.fields import GroupedCommand
from mimicry_audit.cli.options import ci_file, given, scoring, setting
from mimicry_audit.workflow.audit_settings import SCORING

if TYPE_CHECKING:
    from mimicry_audit.records.run import RunDirectory

HELP = """Only score what was collected, and write the report; no model is asked.

Roles and axes may differ from one scoring to the next. With --responses, answers that were collected elsewhere are
made into a run first, as by audit import: JSON, CSV or Parquet files with the columns model, prompt_id, prompt, output and,
if known, domain, sample and reference_answer.

\b
  audit score reports/mine --reference teacher --base base
  audit score --responses answers.parquet --out reports/theirs --reference their-teacher
"""


@click.command(name="score", cls=GroupedCommand, help=HELP)
@click.argument("run", type=click.Path(path_type=Path), metavar="[RUN]", required=False)
@click.option(
    "--responses",
    type=click.Path(path_type=Path),
    metavar="FILE",
    multiple=True,
    help="Score this response file; may be repeated, needs --out.",
)
@click.option("--out", "-o", metavar="DIR", help="Run directory for the answers of --responses.")
@scoring
@ci_file
@setting("seed", help="Random seed for the statistics.", group=SCORING)
def command(
    run: Path | None, responses: tuple[Path, ...], out: str | None, junit: Path | None, **values: object
) -> int:
    """See `HELP`."""
    from mimicry_audit.asking.panels import panel_labels
    from mimicry_audit.cli.steps import finish, score_step
    from mimicry_audit.records.asked import ModelSpec
    from mimicry_audit.similarity.measure import AXES
    from mimicry_audit.workflow.gates import parse_gates
    from mimicry_audit.workflow.settings import merged, scoring_options

    settings = merged(None, given(values))
    parse_gates(settings.fail_on)  # before anything is read or computed
    directory = _find_run(run, responses, out)
    manifest = directory.manifest()
    specs = [ModelSpec(label=m.label, engine=m.engine, name=m.name, source=m.source) for m in manifest.models.values()]
    options = scoring_options(settings, specs, AXES.own, panel=panel_labels(manifest.settings))
    return finish(directory, score_step(directory, options), settings.fail_on, junit)


def _find_run(run: Path | None, responses: tuple[Path, ...], out: str | None) -> RunDirectory:
    """The run directory to score: the one that was named, or the answers of files made into one."""
    from mimicry_audit.cli.steps import collect_step
    from mimicry_audit.ground.errors import ConfigError
    from mimicry_audit.records.run import RunDirectory
    from mimicry_audit.workflow.imports import resolved_from

    if responses:
        if run is not None:
            raise ConfigError(f"both RUN {run} and --responses {responses[0]} are given", "score one of them")
        if out is None:
            raise ConfigError("--responses needs a run directory for its answers", "name one: --out DIR")
        return collect_step(resolved_from(*responses, out=out))
    if run is None:
        raise ConfigError(
            "nothing to score was given", "name a RUN, or a response file with --responses FILE --out DIR"
        )
    if out is not None:
        raise ConfigError("--out works only with --responses", f"leave it out: {run} is scored in place")
    return RunDirectory(run)
