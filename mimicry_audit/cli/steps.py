"""The three steps as the commands run them, with progress and the result printed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mimicry_audit.cli.bars import Bars, steps
from mimicry_audit.cli.console import err_console, print_scores
from mimicry_audit.cli.output import result, verdict_rows
from mimicry_audit.ground.errors import CoverageError, GateTripped
from mimicry_audit.records.scores import Scores

if TYPE_CHECKING:
    from mimicry_audit.asking.judge import Judging
    from mimicry_audit.records.run import RunDirectory
    from mimicry_audit.verdicts.score import ScoringOptions
    from mimicry_audit.workflow.settings import Resolved


def run_all(resolved: Resolved, fail_on: Sequence[str] = (), junit: Path | None = None) -> int:
    """Collect, score, report and print; returns the exit code."""
    directory = collect_step(resolved)
    if resolved.judging is not None:
        judge_step(directory, resolved.judging)
    scores = score_step(directory, resolved.scoring)
    return finish(directory, scores, fail_on, junit)


def _opening(resolved: Resolved) -> str:
    """What will be asked, in a line; empty where answers are there or recorded."""
    from mimicry_audit.workflow.estimate import at_most, costs_of

    costs = [cost for cost in costs_of(resolved) if cost.answer_tokens]  # recorded answers cost nothing
    if not costs:
        return ""
    requests, times = sum(cost.requests for cost in costs), [cost.seconds for cost in costs if cost.seconds is not None]
    time = f", {at_most(sum(times))}" if len(times) == len(costs) else ""  # where nobody knows a speed, nothing is said
    everybody = len(costs) == len(resolved.plan.models)
    models = f"{len(costs)} models" if everybody else f"{len(costs)} of {len(resolved.plan.models)} models"
    return (
        f"Asking {models} {len(resolved.plan.probes):,} probes: {requests:,} answers{time}. Stop at any time; "
        f"the same command resumes. Answers: {resolved.out}"
    )


def collect_step(resolved: Resolved) -> RunDirectory:
    """Collect with progress bars."""
    from mimicry_audit.api import collect_resolved

    with Bars(partial(_opening, resolved)) as bars:
        directory, request_count = collect_resolved(resolved, bars)
    if not request_count:
        err_console().print(f"{directory.path}: nothing missing, no model was asked", soft_wrap=True)
    return directory


def judge_step(directory: RunDirectory, options: Judging) -> None:
    """Judge with progress bars."""
    from mimicry_audit.asking.judge import judge_run

    with Bars() as bars:
        request_count = judge_run(directory, options, progress=bars)
    if not request_count:
        err_console().print(f"{directory.path}: every grade is known, no judge was asked", soft_wrap=True)


def check_complete(directory: RunDirectory, resolved: Resolved) -> None:
    """Raises CoverageError (exit code 1) when some answers could not be obtained."""
    labels = [spec.label for spec in resolved.plan.models if spec.label not in resolved.plan.stored]
    answers = [r for label in labels for r in directory.responses(label)]
    failed = [r for r in answers if r.status == "error"]
    if failed and all(r.absent for r in failed):
        labels = list(dict.fromkeys(r.model for r in failed))
        raise CoverageError(
            f"{len(failed)} of {len(answers)} answers are not in the files of {', '.join(labels)} (such as that to "
            f"{failed[0].probe_id})",
            "add them to the files, or leave these probes out",
        )
    if failed:
        why = f"{failed[0].model}, {failed[0].probe_id}: {failed[0].error or 'no reason given'}"
        raise CoverageError(
            f"{len(failed)} of {len(answers)} answers failed ({why})",
            "run the same command again to ask for them once more",
        )


def score_step(directory: RunDirectory, options: ScoringOptions) -> Scores:
    """Score with a progress bar."""
    from mimicry_audit.verdicts.score import score

    with steps("scoring", len(options.axes) + 2) as begin:
        return score(directory, options, progress=begin)


def finish(directory: RunDirectory, scores: Scores, fail_on: Sequence[str] = (), junit: Path | None = None) -> int:
    """Write the report, print the verdicts, then check coverage and gates.

    Raises:
        CoverageError: some pair has too few answers (exit code 1).
        GateTripped: a ``--fail-on`` condition holds (exit code 3).
    """
    from mimicry_audit.api import write_report
    from mimicry_audit.verdicts.sections.notes import coverage_gaps
    from mimicry_audit.workflow.gates import parse_gates, tripped

    gates = parse_gates(fail_on)
    page = write_report(directory, scores)
    result(run=directory.path, report=page, signature=scores["signature"], warnings=scores["warnings"],
           verdicts=verdict_rows(scores))  # fmt: skip
    print_scores(scores, page)
    gaps = coverage_gaps(scores)
    if junit is not None:
        from mimicry_audit.report.text.junit import write_junit

        gate_outcomes = [(f"--fail-on {gate.text.strip()}", tripped([gate], scores)) for gate in gates]
        gate_outcomes.append(("coverage", gaps))
        write_junit(
            junit,
            "audit",
            [(name, not trip_messages, "; ".join(trip_messages)) for name, trip_messages in gate_outcomes],
        )
    if trip_messages := tripped(gates, scores):
        raise GateTripped(f"--fail-on {'; '.join(trip_messages)}")
    if gaps:
        more = f" (and {len(gaps) - 1} more pairs)" if len(gaps) > 1 else ""
        raise CoverageError(
            f"{gaps[0]}{more}",
            "give files in which both answered more of the same prompts"
            if all(model["engine"] == "recorded" for model in scores["models"])
            else "run the same command again to collect the missing answers",
        )
    return 0
