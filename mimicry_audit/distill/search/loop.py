"""The search itself: parts of the data, trial after trial, the choice, and the checkpoint that is left.

Promise: the same command finishes what is missing and chooses the same; more trials may be added later, anything else that
decides the outcome may not be changed. The chosen student is moved nowhere until all trials are done; its manifest comes last,
and the figures that are given for it are those of the test part.

Layout: ``DIR/work`` has the teacher's answers and signals for all; ``DIR/search/trial-NNN`` one trial each, with
``result.json``; ``DIR/search/optuna.log`` the record in Optuna's form; ``DIR/search.json`` everything that came of it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NotRequired, TypedDict

from mimicry_audit.distill import data, lineage
from mimicry_audit.distill.alignment import align_tokens
from mimicry_audit.distill.context import DistillContext, Watch, drop
from mimicry_audit.distill.evaluate import Evaluation
from mimicry_audit.distill.pipeline import evaluated, prepare_context, same_settings
from mimicry_audit.distill.rounds import collect_lessons
from mimicry_audit.distill.search import choice, space, targets, trials
from mimicry_audit.distill.search.settings import SearchSettings, check_search
from mimicry_audit.distill.search.study import Result, export, propose
from mimicry_audit.distill.settings import DistillSettings, check
from mimicry_audit.distill.training import shape
from mimicry_audit.distill.training.models import source, weights_spec
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.records.run import RunDirectory, write_json

SCHEMA = "mimicry_audit.search/1"
MadeOf = dict[str, list[space.Choice] | dict[str, float]]
"""Dimension → what is searched of it, as in a file."""


class Described(Result):
    """A trial, whether it meets the targets, and why it is not the one that is kept."""

    met: bool | None


class PartSizes(TypedDict):
    """How many prompts each part has."""

    taught: int
    validation: int
    test: int


class OnTest(TypedDict):
    """The figures of the targets on the test part, and which of them hold there."""

    figures: dict[str, float | None]
    met: dict[str, bool]


class SearchFacts(TypedDict):
    """How the search was made."""

    targets: list[str]
    rule: str
    space: MadeOf
    prompts: PartSizes


class StatedSearch(SearchFacts):
    """What the manifest of the chosen student holds of the search."""

    trial: int
    trials: int


class SearchContent(SearchFacts):
    """What ``search.json`` holds."""

    schema: str
    seed: int
    chosen: int | None
    nearest: int | None
    trials: list[Described]
    test: NotRequired[OnTest | None]


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a search.

    Attributes:
        path: the checkpoint, None where no trial meets the targets.
        content: of ``search.json``.
        evaluation: of the chosen student on the test part, None without one.
    """

    path: Path | None
    content: SearchContent
    evaluation: Evaluation | None


def search(settings: DistillSettings, search_settings: SearchSettings, watch: Watch | None = None) -> Found:
    """Try settings after settings, and keep the student that meets the targets.

    Args:
        settings: of the distillation, where the search does not change them.
        search_settings: what is searched, and for what.
        watch: receives the progress.

    Raises:
        ConfigError: a setting, a target or a dimension is wrong.
        DataError: the prompts or the space cannot be read.
        PrerequisiteError: optuna, a model or a package is missing.
        RunDirectoryError: the folder was made with other settings, is in use, or cannot be written.
        EngineError: the teacher cannot answer.
    """
    check_search(search_settings, settings)
    aims = targets.parse(search_settings.targets)
    if search_settings.students:
        settings = replace(settings, student=search_settings.students[0])
    context = _search_context(prepare_context(check(settings), watch))
    targets.check(aims, [row for row in context.rows if row.id in context.held], _teacher_gives_probabilities(context))
    scope = _search_space(context, search_settings)
    with RunDirectory(context.work).locked():
        same_settings(
            context, {"search": {"targets": [str(t) for t in aims], "space": {d.name: d.as_json() for d in scope}}}
        )
        collect_lessons(context)  # the teacher answers all prompts of all parts here, and nowhere else
        trial_context = trials.TrialContext(context, search_settings.trials)
        results = _run_trials(trial_context, scope, search_settings, aims)
        best = choice.chosen(results, aims)
        content = _search_content(context, scope, aims, results, best)
        evaluation = _keep_best(trial_context, best, content) if best is not None else None
        content["test"] = _on_test(evaluation, aims)
        _strip_weights(trial_context, results, aims, search_settings.keep)
        write_json(settings.out / "search.json", content)
    return Found(settings.out if best is not None else None, content, evaluation)


def _search_context(context: DistillContext) -> DistillContext:
    """The context of a search: the test part is what a plain distillation holds out, and as many more are for validation."""
    rest = [row for row in context.rows if row.id not in context.held]
    share = context.settings.held_out * len(context.rows) / max(1, len(rest))
    if share > 0.9:
        raise ConfigError(
            f"a search holds out --held-out {context.settings.held_out} of the prompts twice (validation and test)",
            "give it at most 0.45",
        )
    validation = data.held_out(rest, share, context.settings.seed)
    return replace(context, held=validation, aside=context.held, dosed=context.dosed - validation)


def _teacher_gives_probabilities(context: DistillContext) -> bool:
    return context.teacher.engine in ("hf", "vllm") and context.settings.dose > 0


def _search_space(context: DistillContext, search_settings: SearchSettings) -> space.Space:
    """What is searched, with every student found and every objective allowed by the models."""
    s = context.settings
    dimensions = space.read(search_settings.space) if search_settings.space is not None else ()
    if search_settings.students:
        if any(d.name == "students" for d in dimensions):
            raise ConfigError("students stand both in --students and in the space", "leave one of them out")
        dimensions = (space.Dimension("students", tuple(dict.fromkeys(search_settings.students))), *dimensions)
    names = space.students(dimensions, s)
    configs = {}
    for name in names:
        weights = source(weights_spec(name, "the student", s.training.chat_template)).weights
        configs[name] = shape.configured(weights.location, weights.commit)
    if search_settings.space is None:
        dropout = s.training.adapter or all(map(shape.dropouts, configs.values()))
        dimensions += space.default(s, search_settings.fixed, lambda name: _is_possible(context, names, name), dropout)
    if not dimensions:
        raise ConfigError("nothing is left to search: every setting is given", "leave some out, or give a --space")
    space.checked(dimensions, s)
    for dimension in dimensions:
        for name, config in configs.items():
            if dimension.name == "layers":
                shape.demand_layers(config, int(dimension.highest), name)
            if dimension.name == "dropout" and not s.training.adapter and dimension.highest > 0:
                shape.demand_dropout(config, name)
    objectives = next((tuple(map(str, d.choices)) for d in dimensions if d.name == "objective"), (s.objective,))
    for objective in objectives:
        _require_objective(context, names, objective)
    return dimensions


def _require_objective(context: DistillContext, names: Sequence[str], objective: str) -> None:
    """Refuse an objective that a student and the teacher do not allow."""
    s = context.settings
    if objective != "hard" and not _teacher_gives_probabilities(context):
        raise ConfigError(
            f"{objective} needs the teacher's probabilities, and {s.teacher} gives text only", "search hard alone"
        )
    for name in names:
        spec = weights_spec(name, "the student", s.training.chat_template)
        align_tokens(
            replace(context, settings=space.applied(s, {"student": name, "objective": objective}), student=spec)
        )


def _is_possible(context: DistillContext, names: Sequence[str], objective: str) -> bool:
    try:
        _require_objective(context, names, objective)
    except ConfigError:
        return False
    return True


def _run_trials(
    trial_context: trials.TrialContext,
    scope: space.Space,
    search_settings: SearchSettings,
    aims: Sequence[targets.Target],
) -> list[Result]:
    """All trials; the missing ones are done now."""
    settings = trial_context.context.settings
    results: list[Result] = []
    while len(results) < search_settings.trials or trial_context.result(len(results)) is not None:
        number = len(results)
        result = trial_context.result(number)
        if result is None:
            values = propose(scope, settings, results, lambda r: choice.value(r, aims))
            result = trials.run(trial_context, number, values, results)
            trial_context.context.report_progress("trials", number + 1, search_settings.trials)
        results.append(result)
        _strip_weights(trial_context, results, aims, search_settings.keep)
    export(settings.out / "search" / "optuna.log", scope, settings, results, lambda r: choice.value(r, aims))
    return results


def _strip_weights(
    trial_context: trials.TrialContext, results: Sequence[Result], aims: Sequence[targets.Target], keep: int
) -> None:
    """Take the weights from every trial but the best ones: a place once lost is never won back."""
    best = {result["trial"] for result in choice.ranked(results, aims)[: 1 + keep]}
    for result in results:
        if result["trial"] not in best:
            trials.strip(trial_context.folder(result["trial"]))


def _search_content(
    context: DistillContext,
    scope: space.Space,
    aims: Sequence[targets.Target],
    results: Sequence[Result],
    best: Result | None,
) -> SearchContent:
    """What ``search.json`` holds, but for the test part."""
    described: list[Described] = []
    for result in results:
        is_finished = result["outcome"] == "finished" and result["same_as"] is None
        met = choice.met(result, aims) if is_finished else None
        described.append({**result, "why": choice.why(result, best, aims), "met": met})
    return {
        "schema": SCHEMA,
        "targets": [str(t) for t in aims],
        "rule": choice.rule(aims),
        "space": {d.name: d.as_json() for d in scope},
        "seed": context.settings.seed,
        "prompts": {"taught": len(context.taught), "validation": len(context.held), "test": len(context.aside)},
        "chosen": None if best is None else best["trial"],
        "nearest": next((r["trial"] for r in choice.ranked(results, aims)), None) if best is None else best["trial"],
        "trials": described,
    }


def _keep_best(trial_context: trials.TrialContext, best: Result, content: SearchContent) -> Evaluation | None:
    """Make the folder itself the chosen student, and evaluate it on the test part."""
    context = trial_context.context
    out = context.settings.out
    search_facts: StatedSearch = {
        "targets": content["targets"], "rule": content["rule"], "space": content["space"], "prompts": content["prompts"],
        "trial": best["trial"], "trials": len(content["trials"]),
    }  # fmt: skip
    try:
        manifest_content = lineage.read(out)
    except (OSError, ValueError):
        manifest_content = None
    if manifest_content is None or manifest_content["distillation"]["search"] != search_facts:
        manifest_content = _place_best(trial_context, best, search_facts)
    own = trial_context.student(best["trial"], best["settings"])
    s = replace(own.settings, out=out)
    return evaluated(
        replace(context, settings=s, student=own.student, held=context.aside, aside=context.held, shared=context.work),
        manifest_content,
    )


def _place_best(trial_context: trials.TrialContext, best: Result, search_facts: StatedSearch) -> lineage.Lineage:
    """Link the chosen trial's files into the folder, in place of an earlier choice, and write the manifest last."""
    context = trial_context.context
    out, folder = context.settings.out, trial_context.folder(best["trial"])
    for old in (out / "lineage.json", out / "evaluation.json", *out.glob("*.safetensors*")):
        old.unlink(missing_ok=True)
    for old in (out / "adapter", out / "tensorboard", context.work / "evaluation"):
        drop(old)
    for path in sorted(folder.iterdir()):
        if path.name in (trials.RESULT, "lineage.json", "work"):
            continue
        if path.is_dir():
            shutil.copytree(path, out / path.name, copy_function=_link_file, dirs_exist_ok=True)
        else:
            (out / path.name).unlink(missing_ok=True)
            _link_file(str(path), str(out / path.name))
    manifest = lineage.read(folder)
    facts = manifest["distillation"]["data"]
    assert isinstance(facts, dict)
    held_out = len(context.held) + len(context.aside)
    content = lineage.amended(manifest, data={**facts, "held_out": held_out}, search=search_facts)
    lineage.write(out, content)
    return content


def _link_file(old: str, new: str) -> str:
    """A second name for the same file, or a copy where the disk gives none."""
    try:
        os.link(old, new)
    except OSError:
        shutil.copy2(old, new)
    return new


def _on_test(evaluation: Evaluation | None, aims: Sequence[targets.Target]) -> OnTest | None:
    """The figures of the targets on the test part, and which of them hold there."""
    if evaluation is None:
        return None
    entry = evaluation["models"]["after"]
    names = dict.fromkeys([targets.DEFAULT, *(t.metric for t in aims if t.metric != "parameters")])
    sized = [t for t in aims if t.metric != "parameters"]
    return {
        "figures": {name: targets.figure(entry, name) for name in names},
        "met": {str(t): t.met(entry) for t in sized},
    }
