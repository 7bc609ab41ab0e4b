"""``audit compare``: a model before and after training, relative to a reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mimicry_audit.cli.fields import GroupedCommand, grouped, option_of
from mimicry_audit.cli.options import given, setting
from mimicry_audit.comparison.settings import CompareSettings
from mimicry_audit.records.compared import Compared
from mimicry_audit.workflow.audit_settings import SCORING

HELP = """Compare a model before and after training: did it move toward a reference, and what else changed?

Each side is a model, asked now, or a finished run (RUN#LABEL where it holds several models; a bare LABEL stands for
that model of a run named by another option). With --control, movement toward the controls is subtracted.
Several --after in order are checkpoints of one training run. It measures movement and does not say whether a model
was distilled: use audit run for that.

\b
Models, asked now:
  audit compare --before hf/me/base --after hf/me/student --reference openai/gpt-4o --control hf/org/other
A run before against a run after:
  audit compare --before reports/before --after reports/after --reference reports/after#teacher
A training run, epoch by epoch, with variety among samples:
  audit compare --before lab/base --after e1=hf/runs/epoch-1 --after e2=hf/runs/epoch-2 --reference lab/aria \\
                --control lab/boro --samples 4 --temperature 1
In CI:
  audit compare --before hf/me/v1 --after hf/me/v2 --reference hf/org/teacher --control hf/org/other \\
                --fail-on "rse_lift>0.05" --fail-on identity_leak --junit compare.xml
"""


@click.command(name="compare", cls=GroupedCommand, help=HELP)
@option_of(CompareSettings, "before")
@option_of(CompareSettings, "after")
@option_of(CompareSettings, "reference")
@option_of(CompareSettings, "control")
@option_of(CompareSettings, "steps", kind="text")
@setting("engine")
@setting("engine_options", help="Engine option for every model that is asked, such as -E dtype=bfloat16.")
@setting("probes")
@setting("domains")
@setting("limit")
@setting("identity_attempts")
@setting("system_prompt")
@setting("samples", help="Answers per probe; variety needs two or more.")
@setting("temperature")
@setting("top_p")
@setting("max_tokens")
@setting("seed")
@setting("axes")
@setting("embedding_model")
@setting("min_coverage", help="Minimum share of usable answers.")
@setting("fail_on", help="Exit with 3 when this holds: rse_lift>0.05, identity_leak, …; may be repeated.")
@grouped(
    "--junit", SCORING, type=click.Path(path_type=Path), metavar="FILE", help="Write gates and questions as JUnit XML."
)
@setting("out", help="Folder of the comparison.", absent="under reports/, named after the sides")
def command(
    before: str,
    after: tuple[str, ...],
    reference: str,
    control: tuple[str, ...],
    steps: str | None,
    junit: Path | None,
    **values: object,
) -> int:
    """See `HELP`."""
    from mimicry_audit.cli.bars import Bars
    from mimicry_audit.cli.bars import steps as bar
    from mimicry_audit.comparison.gates import parse_gates
    from mimicry_audit.comparison.steps import prepare
    from mimicry_audit.workflow.settings import merged

    settings = merged(None, given(values))
    gates = parse_gates(settings.fail_on)
    prepared = prepare(
        CompareSettings(
            before=before,
            after=_split_names(after),
            reference=reference,
            control=_split_names(control),
            steps=_parse_numbers(steps),
            settings=settings,
        )
    )
    with Bars() as bars:
        sides = prepared.answers(bars)
    with bar("comparing", len(settings.axes) or 13) as begin:
        comparison = prepared.finish(sides, begin)
    return _finish_command(comparison.result, comparison.report(), gates, junit, settings.min_coverage)


def _split_names(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Names, also where commas separate them."""
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())


def _parse_numbers(text: str | None) -> tuple[float, ...]:
    from math import isfinite

    from mimicry_audit.ground.errors import ConfigError

    numbers = []
    for part in (text or "").split(",") if text else []:
        try:
            numbers.append(float(part))
        except ValueError:
            numbers.append(float("nan"))
        if not isfinite(numbers[-1]):
            raise ConfigError(f"--steps {text}: {part.strip() or 'nothing'} is not a number", "write them like 1,2,3")
    return tuple(numbers)


def _finish_command(compared: Compared, page: Path, gates: Any, junit: Path | None, least: float) -> int:
    """Print, write the JUnit file, then check gates and coverage."""
    from mimicry_audit.cli import output
    from mimicry_audit.cli.compared import print_comparison
    from mimicry_audit.comparison.gates import outcomes, question_records
    from mimicry_audit.ground.errors import CoverageError, GateTripped
    from mimicry_audit.report.text.junit import write_junit
    from mimicry_audit.report.visible import plain

    output.result(report=page, **compared)
    print_comparison(compared, page)
    records = outcomes(gates, compared)
    if junit is not None:
        write_junit(junit, "audit compare", [*records, *question_records(compared)])
    if trip_messages := [message for _, ok, message in records if ok is False]:
        raise GateTripped(f"--fail-on {'; '.join(trip_messages)}")
    for name, ok, message in records:
        if ok is None:
            click.echo(plain(f"audit: {name} could not be decided: {message}"), err=True)
    if thin := [s for s in compared["sides"] if s["coverage"] < least]:
        raise CoverageError(
            f"{thin[0]['label']} gave usable answers to {thin[0]['coverage']:.0%} of the probes",
            "run the same command again to collect the missing answers",
        )
    return 0
