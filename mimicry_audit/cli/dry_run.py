"""``--dry-run``: what is still missing, of which models, what it costs, and what the run can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from mimicry_audit.cli.console import out_console
from mimicry_audit.cli.output import result

if TYPE_CHECKING:
    from rich.console import Console

    from mimicry_audit.workflow.estimate import Cost
    from mimicry_audit.workflow.settings import Resolved


def print_plan(resolved: Resolved) -> None:
    """Print the models, the requests that are missing, an estimate of tokens, time and money, and what a verdict needs."""
    from mimicry_audit.workflow.estimate import costs_of

    console, plan = out_console(), resolved.plan
    costs = costs_of(resolved)
    result(
        run=resolved.out, probes=len(plan.probes), models=[
            {**asdict(cost), "engine": spec.engine, "model": spec.name, "role": resolved.scoring.roles.role_of(spec.label)}
            for spec, cost in zip(plan.models, costs, strict=True)
        ],
    )  # fmt: skip
    table = Table(box=None, header_style="bold", pad_edge=False)
    headings = ("label", "engine", "model", "role", "requests", *(("cost at most",) if resolved.prices else ()))
    for heading in headings:
        table.add_column(heading)
    for spec, cost in zip(plan.models, costs, strict=True):
        name = (
            spec.name + (f"@{spec.revision}" if spec.revision else "") + (f" + {spec.adapter}" if spec.adapter else "")
        )
        role = resolved.scoring.roles.role_of(spec.label)
        cells = [escape(spec.label), spec.engine, escape(name), role, _requests(spec.label, cost, resolved)]
        if resolved.prices:
            cells.append("—" if cost.money is None else f"{cost.money:,.2f}")
        table.add_row(*cells)
    console.print(table)
    sets = ", ".join(f"{s['name']} {s['version']} ({s['n']})" for s in plan.probe_sets)
    sampling = plan.sampling
    each = "answer to each" if sampling.samples == 1 else "answers to each"
    console.print(f"\nProbe sets: {escape(sets)}; {len(plan.probes)} probes with every arm, {sampling.samples} {each}")
    console.print(
        f"Sampling: temperature {sampling.temperature:g}, top-p {sampling.top_p:g}, at most {sampling.max_tokens} tokens, "
        f"seed {sampling.seed}"
    )
    print_costs(console, costs)
    if resolved.judging is not None:
        compared = len(resolved.judging.pairs([spec.label for spec in plan.models]))
        grading_count = 2 * compared * sum(probe.domain != "identity" for probe in plan.probes)
        names = ", ".join(f"{judge.label} ({judge.engine})" for judge in resolved.judging.judges)
        console.print(
            f"Judges: {escape(names)}; at most {grading_count:,} gradings each, and up to two repairs of a reply "
            "(not in these estimates)"
        )
    if (likelihood_options := resolved.likelihood) is not None:
        authors = ", ".join((*likelihood_options.references, *likelihood_options.controls))
        console.print(
            f"Likelihood: each model that can also scores the answers of {escape(authors)}, "
            f"keeping the {likelihood_options.top_k} most probable tokens (about as long again, not in these estimates)"
        )
    _print_prospects(console, resolved)
    console.print(f"Run directory: {escape(str(resolved.out))}", soft_wrap=True)


def _requests(label: str, cost: Cost, resolved: Resolved) -> str:
    if label in resolved.plan.stored:
        return "0 (stored panel)"
    all_of_them = len(resolved.plan.probes) * resolved.plan.sampling.samples
    return str(cost.requests) if cost.requests == all_of_them else f"{cost.requests} of {all_of_them}"


def print_costs(console: Console, costs: Sequence[Cost]) -> None:
    """Requests, tokens, time and money over all models."""
    from mimicry_audit.workflow.estimate import at_most

    requests = sum(cost.requests for cost in costs)
    if not requests:
        console.print("Requests: 0: nothing is missing, no model would be asked")
        return
    console.print(
        f"Requests: {requests:,} · about {sum(c.prompt_tokens for c in costs):,} prompt tokens · at most "
        f"{sum(c.answer_tokens for c in costs):,} answer tokens"
    )
    owing = [cost for cost in costs if cost.requests]
    unknown = [cost.label for cost in owing if cost.seconds is None]
    source = (
        "from the answers that are there"
        if all(c.measured for c in owing)
        else "by rules of thumb, an order of magnitude"
    )
    but = f"; without {', '.join(unknown)} (speed unknown)" if unknown else ""
    seconds = sum(cost.seconds or 0.0 for cost in owing)
    console.print(f"Time: {at_most(seconds)} ({source}{but})", soft_wrap=True, markup=False)
    if any(cost.money is not None for cost in costs):
        console.print(f"Cost: at most about {sum(c.money or 0.0 for c in costs):,.2f}, tries that fail apart")


def _print_prospects(console: Console, resolved: Resolved) -> None:
    """How many models and probes a verdict needs, and what this run would lack."""
    from mimicry_audit.statistics.power import DEFAULT_SPREAD
    from mimicry_audit.verdicts.needs import NEEDS, judged, shortfalls, visible_words

    labels, roles = [spec.label for spec in resolved.plan.models], resolved.scoring.roles
    compared = sum(probe.domain != "identity" for probe in resolved.plan.probes)
    console.print(NEEDS, soft_wrap=True, markup=False)
    for sentence in shortfalls(labels, roles, compared):
        console.print(f"! {sentence}", soft_wrap=True, markup=False)
    tests = max(1, judged(labels, roles)) * len(DEFAULT_SPREAD)
    console.print(f"With a base, {visible_words(compared, tests)} See audit plan.", soft_wrap=True, markup=False)
