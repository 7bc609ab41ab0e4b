"""``audit compare``: a model before and after a training, seen from a reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mimicry_audit.cli.options import given
from mimicry_audit.records.compared import Compared

HELP = """Compare a model before and after a training: did it move toward a reference, and what else changed?

Each side is a model, asked now, or a finished run (RUN#LABEL where it holds several models; a bare LABEL stands for
that model of a run named by another option). With --control every movement is told beyond that toward the controls.
Several --after in order are checkpoints of one training run. It measures movement and concludes no distillation: for that
there is audit run.

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


@click.command(name="compare", help=HELP)
@click.option("--before", required=True, metavar="A", help="The model before the training, or RUN[#LABEL].")
@click.option(
    "--after", multiple=True, required=True, metavar="A[,…]", help="The model after it; may be repeated, in order."
)
@click.option("--reference", "-r", required=True, metavar="A", help="The model it may have moved toward.")
@click.option("--control", multiple=True, metavar="A[,…]", help="A model unrelated to the reference; may be repeated.")
@click.option("--steps", metavar="N,…", help="A number for each --after, such as its epoch.")
@click.option(
    "--probes", "-p", multiple=True, metavar="SET,…", help="Probe sets. [default: core,identity; lab for lab models]"
)
@click.option("--domains", multiple=True, metavar="DOMAIN,…", help="Only these domains of the sets.")
@click.option("--limit", type=int, metavar="N", help="At most N probes per domain.")
@click.option("--samples", type=int, metavar="N", help="Answers per probe; variety takes two or more. [default: 1]")
@click.option("--temperature", type=float, metavar="T", help="Sampling temperature; 0 is greedy. [default: 0]")
@click.option("--top-p", type=float, metavar="P", help="Nucleus mass. [default: 1]")
@click.option("--max-tokens", type=int, metavar="N", help="Most tokens per answer. [default: 512]")
@click.option("--seed", type=int, metavar="N", help="Seed of sampling and of the statistics. [default: 0]")
@click.option("--system-prompt", metavar="TEXT", help="System prompt for every probe that has none of its own.")
@click.option(
    "--identity-attempts", type=int, metavar="N", help="Identity questions to put into templates; 0 for none."
)
@click.option("--engine", type=click.Choice(["vllm", "hf"]), help="Engine for names without one.")
@click.option(
    "--engine-option", "-E", multiple=True, metavar="K=V", help="Engine option for every model that is asked."
)
@click.option("--axes", multiple=True, metavar="AXIS,…", help="Only these axes.")
@click.option("--embedding-model", metavar="NAME", help="Model of the meaning axis. [default: all-MiniLM-L6-v2]")
@click.option("--min-coverage", type=float, metavar="SHARE", help="Least share of usable answers. [default: 0.95]")
@click.option(
    "--fail-on", multiple=True, metavar="GATE", help="Exit with 3 when this holds: rse_lift>0.05, identity_leak, …"
)
@click.option(
    "--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write gates and questions as JUnit XML."
)
@click.option("--out", "-o", metavar="DIR", help="Folder of the comparison. [default: under reports/]")
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
    from mimicry_audit.cli.console import Bars
    from mimicry_audit.cli.console import steps as bar
    from mimicry_audit.comparison.gates import parse_gates
    from mimicry_audit.comparison.steps import CompareSettings, prepare
    from mimicry_audit.workflow.settings import merged

    settings = merged(None, given(values))
    gates = parse_gates(settings.fail_on)
    prepared = prepare(
        CompareSettings(
            before=before,
            after=_listed(after),
            reference=reference,
            control=_listed(control),
            steps=_numbers(steps),
            settings=settings,
        )
    )
    with Bars() as bars:
        sides = prepared.answers(bars)
    with bar("comparing", len(settings.axes) or 13) as begin:
        found = prepared.finish(sides, begin)
    return _end(found.result, found.report(), gates, junit, settings.min_coverage)


def _listed(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Names, also where commas separate them."""
    return tuple(part.strip() for text in texts for part in text.split(",") if part.strip())


def _numbers(text: str | None) -> tuple[float, ...]:
    from math import isfinite

    from mimicry_audit.ground.errors import ConfigError

    found = []
    for part in (text or "").split(",") if text else []:
        try:
            found.append(float(part))
        except ValueError:
            found.append(float("nan"))
        if not isfinite(found[-1]):
            raise ConfigError(f"--steps {text}: {part.strip() or 'nothing'} is no number", "write them like 1,2,3")
    return tuple(found)


def _end(result: Compared, page: Path, gates: Any, junit: Path | None, least: float) -> int:
    """Print, write the JUnit file, then check gates and coverage."""
    from mimicry_audit.cli.compared import print_comparison
    from mimicry_audit.comparison.gates import outcomes, question_records
    from mimicry_audit.ground.errors import CoverageError, GateTripped
    from mimicry_audit.report.text.junit import write_junit

    print_comparison(result, page)
    records = outcomes(gates, result)
    if junit is not None:
        write_junit(junit, "audit compare", [*records, *question_records(result)])
    if held := [message for _, ok, message in records if ok is False]:
        raise GateTripped(f"--fail-on {'; '.join(held)}")
    for name, ok, message in records:
        if ok is None:
            click.echo(f"audit: {name} could not be told: {message}", err=True)
    if thin := [s for s in result["sides"] if s["coverage"] < least]:
        raise CoverageError(
            f"{thin[0]['label']} gave usable answers to {thin[0]['coverage']:.0%} of the probes",
            "run the same command again to collect the missing answers",
        )
    return 0
