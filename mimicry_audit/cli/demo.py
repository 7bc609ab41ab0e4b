"""``audit demo``: the whole job on models whose lineage is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mimicry_audit.workflow.settings import Settings

HELP = """Build the lab models, audit them and write a report.

Six tiny models are trained here: a teacher (aria), a student distilled from its answers (aria-student), the student's base, the
same base fine-tuned on no model's answers (base-sft), an unrelated model (boro), and a twin trained on the teacher's data
but never on its answers. The audit has to find out which is which.

\b
  audit demo
  audit demo --out reports/first --limit 20
"""

MODELS = ("aria", "boro", "base", "aria-student", "base-sft", "twin")


@click.command(name="demo", help=HELP)
@click.option(
    "--out", "-o", metavar="DIR", help="Run directory.", show_default="under reports/, named after the settings"
)
@click.option("--limit", type=int, metavar="N", help="At most N probes per domain.")
@click.option(
    "--engine", type=click.Choice(["hf", "vllm"]),
    show_default="vllm on a GPU, else hf",
    help="Engine for all models; on a CPU, starting six servers takes longer than asking the models.",
)  # fmt: skip
def command(out: str | None, limit: int | None, engine: str | None) -> int:
    """See `HELP`."""
    from mimicry_audit.cli.labwork import build_lab
    from mimicry_audit.cli.steps import run_all
    from mimicry_audit.engines.hardware import cuda_visible
    from mimicry_audit.workflow.settings import check_ranges, resolve

    engine = engine or ("vllm" if cuda_visible() else "hf")
    settings = check_ranges(_demo_settings(limit, engine, out))  # before two minutes of training
    build_lab(MODELS)
    return run_all(resolve(settings))


def _demo_settings(limit: int | None, engine: str, out: str | None) -> Settings:
    from mimicry_audit.workflow.settings import Settings

    return Settings(
        models=tuple(f"lab/{name}" for name in MODELS),
        reference=("aria",),
        base=("base",),
        probes=("lab",),
        limit=limit,
        max_tokens=96,
        engine=engine,
        # A second thread costs models this small more in waiting than it saves in work.
        engine_options={"num_threads": 1} if engine == "hf" else {},
        out=out,
    )
