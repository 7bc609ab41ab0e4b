"""``audit judge``: have a model grade the answers of a run, and score it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mimicry_audit.cli.fields import GroupedCommand
from mimicry_audit.cli.options import given, judging, setting
from mimicry_audit.workflow.audit_settings import JUDGE

if TYPE_CHECKING:
    from mimicry_audit.records.run import RunDirectory
    from mimicry_audit.verdicts.score import ScoringOptions
    from mimicry_audit.workflow.settings import Settings

HELP = """Have a model grade, from 1 to 5, how similar the other models' answers are to the reference's.

The answers must have been collected. The run is then scored and reported again with its previous settings. The same
texts are never put to the same judge twice, in this run or another. Grades are shown beside the axes and never change a
verdict.

\b
  audit judge reports/mine --judge openai/gpt-4o
Two judges, stopping once every interval is within a quarter of a grade:
  audit judge reports/mine --judge openai/gpt-4o,vllm/org/model --judge-budget 0.25
"""


@click.command(name="judge", cls=GroupedCommand, help=HELP)
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@judging
@setting("reference", help="Compare with this model; may be repeated.", absent="as it was scored", group=JUDGE)
@setting("seed", help="Random seed for the order of the probes.", group=JUDGE)
@setting("engine", help="Engine for a judge without one.", group=JUDGE)
@setting("engine_options", help="Engine option for every judge, such as -E dtype=bfloat16.", group=JUDGE)
def command(run: Path, **values: object) -> int:
    """See `HELP`."""
    from mimicry_audit.cli.steps import finish, judge_step, score_step
    from mimicry_audit.ground.errors import ConfigError
    from mimicry_audit.records.run import RunDirectory
    from mimicry_audit.workflow.settings import judging_options, merged

    settings = merged(None, given(values))
    if not settings.judge:
        raise ConfigError("no judge was given", "name a model with --judge")
    directory = RunDirectory(run)
    manifest = directory.manifest()
    scoring = _scoring_options(directory, settings, manifest.labels)
    students = {**(manifest.students or {}), **scoring.roles.students}
    judged = [label for label in manifest.labels if label not in students]
    options = judging_options(settings, scoring.roles.references, judged)
    assert options is not None
    judge_step(directory, options)
    return finish(directory, score_step(directory, scoring))


def _scoring_options(directory: RunDirectory, settings: Settings, labels: list[str]) -> ScoringOptions:
    """How to score afterwards: as the last time, with the references named now if any are."""
    from dataclasses import replace

    from mimicry_audit.verdicts.roles import Roles
    from mimicry_audit.verdicts.score import ScoringOptions, read_scores

    options = ScoringOptions()
    if directory.scores_path.exists():
        last_scoring = read_scores(directory)["settings"]["scoring"]
        roles = last_scoring["roles"]
        options = ScoringOptions(
            roles=Roles(
                references=tuple(roles["references"]),
                bases=roles["bases"],
                controls=tuple(roles["controls"]),
                panel=tuple(roles.get("panel") or ()),
                students=roles.get("students") or {},
            ),
            axes=tuple(last_scoring["axes"]),
            embedding_model=last_scoring["embedding_model"],
            draws=last_scoring["draws"],
            seed=last_scoring["seed"],
            min_coverage=last_scoring["min_coverage"],
        )
    if settings.reference:
        options = replace(options, roles=replace(options.roles, references=settings.reference))
    options.roles.check(labels)
    return options
