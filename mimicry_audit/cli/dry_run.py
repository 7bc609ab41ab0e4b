"""``--dry-run``: what each model would be asked, and about how many tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from mimicry_audit.cli.console import out_console

if TYPE_CHECKING:
    from mimicry_audit.workflow.settings import Resolved

_CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English; only ever used for this estimate."""


def print_plan(resolved: Resolved) -> None:
    """Print resolved models, engines, the number of requests and an estimate of tokens."""
    console, plan = out_console(), resolved.plan
    per_model = len(plan.probes) * plan.sampling.samples
    prompt = (
        sum(len(m.content) for p in plan.probes for m in p.messages) // _CHARACTERS_PER_TOKEN * plan.sampling.samples
    )
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("label", "engine", "model", "role", "requests"):
        table.add_column(heading)
    for spec in plan.models:
        name = (
            spec.name + (f"@{spec.revision}" if spec.revision else "") + (f" + {spec.adapter}" if spec.adapter else "")
        )
        role = resolved.scoring.roles.role_of(spec.label)
        table.add_row(escape(spec.label), spec.engine, escape(name), role, str(per_model))
    console.print(table)
    sets = ", ".join(f"{s['name']} {s['version']} ({s['n']})" for s in plan.probe_sets)
    sampling = plan.sampling
    each = "answer to each" if sampling.samples == 1 else "answers to each"
    console.print(f"\nProbe sets: {escape(sets)}; {len(plan.probes)} probes with every arm, {sampling.samples} {each}")
    console.print(
        f"Sampling: temperature {sampling.temperature:g}, top-p {sampling.top_p:g}, at most {sampling.max_tokens} tokens, "
        f"seed {sampling.seed}"
    )
    models = len(plan.models)
    console.print(
        f"Requests: {per_model * models:,} · about {prompt * models:,} prompt tokens · at most "
        f"{per_model * models * sampling.max_tokens:,} answer tokens"
    )
    if resolved.judging is not None:
        compared = len(resolved.judging.pairs([spec.label for spec in plan.models]))
        grading_count = 2 * compared * sum(probe.domain != "identity" for probe in plan.probes)
        names = ", ".join(f"{judge.label} ({judge.engine})" for judge in resolved.judging.judges)
        console.print(
            f"Judges: {escape(names)}; at most {grading_count:,} gradings each, and up to two repairs of a reply"
        )
    if (likelihood_options := resolved.likelihood) is not None:
        authors = ", ".join((*likelihood_options.references, *likelihood_options.controls))
        console.print(
            f"Likelihood: each model that can also scores the answers of {escape(authors)}, "
            f"keeping the {likelihood_options.top_k} most probable tokens"
        )
    console.print(f"Run directory: {escape(str(resolved.out))}", soft_wrap=True)
