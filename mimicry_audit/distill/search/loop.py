"""The search itself: parts of the data, trial after trial, the choice, and the checkpoint that is left.

Promise: the same command finishes what is owed and chooses the same; more trials may be asked for later, anything else that
decides the outcome may not be changed. The chosen student is moved nowhere until all trials are done; its manifest comes last,
and the figures that are told of it are those of the test part.

Layout: ``DIR/work`` has the teacher's answers and signals for all; ``DIR/search/trial-NNN`` one trial each, with
``result.json``; ``DIR/search/optuna.log`` the record in Optuna's form; ``DIR/search.json`` everything that came of it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mimicry_audit.distill import data, lineage
from mimicry_audit.distill.context import Desk, Watch, drop
from mimicry_audit.distill.pipeline import desk_of, evaluated, same_settings
from mimicry_audit.distill.rounds import kit_of, lessons
from mimicry_audit.distill.search import choice, space, targets, trials
from mimicry_audit.distill.search import settings as wish
from mimicry_audit.distill.search.settings import SearchSettings
from mimicry_audit.distill.search.study import Result, export, propose
from mimicry_audit.distill.settings import DistillSettings, check
from mimicry_audit.distill.training import shape
from mimicry_audit.distill.training.models import source, weights_spec
from mimicry_audit.ground.errors import ConfigError
from mimicry_audit.records.run import RunDirectory, write_json

SCHEMA = "mimicry_audit.search/1"


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a search.

    Attributes:
        path: the checkpoint, None where no trial meets the targets.
        content: of ``search.json``.
        evaluation: of the chosen student on the test part, None without one.
    """

    path: Path | None
    content: Mapping[str, Any]
    evaluation: Mapping[str, Any] | None


def search(settings: DistillSettings, asked: SearchSettings, watch: Watch | None = None) -> Found:
    """Try settings after settings, and keep the student that meets the targets.

    Args:
        settings: of the distillation, where the search does not change them.
        asked: what is searched, and for what.
        watch: told how far it is.

    Raises:
        ConfigError: a setting, a target or a dimension is wrong.
        DataError: the prompts or the space cannot be read.
        PrerequisiteError: optuna, a model or a package is missing.
        RunDirectoryError: the folder was made with other settings, is in use, or cannot be written.
        EngineError: the teacher cannot answer.
    """
    wish.check(asked, settings)
    aims = targets.parse(asked.targets)
    if asked.students:
        settings = replace(settings, student=asked.students[0])
    desk = _parted(desk_of(check(settings), watch))
    targets.check(aims, [row for row in desk.rows if row.id in desk.held], _odds(desk))
    scope = _space(desk, asked)
    with RunDirectory(desk.work).locked():
        same_settings(desk, {"search": {"targets": [str(t) for t in aims], "space": {d.name: d.told() for d in scope}}})
        lessons(desk)  # the teacher answers all prompts of all parts here, and nowhere else
        bench = trials.Bench(desk, asked.trials)
        results = _tried(bench, scope, asked, aims)
        best = choice.chosen(results, aims)
        content = _content(desk, scope, aims, results, best)
        evaluation = _kept(bench, best, content) if best is not None else None
        content["test"] = _on_test(evaluation, aims)
        _stripped(bench, results, aims, asked.keep)
        write_json(settings.out / "search.json", content)
    return Found(settings.out if best is not None else None, content, evaluation)


def _parted(desk: Desk) -> Desk:
    """The desk of a search: what a plain distillation holds out is its test part, and as many more are its validation part."""
    rest = [row for row in desk.rows if row.id not in desk.held]
    share = desk.settings.held_out * len(desk.rows) / max(1, len(rest))
    if share > 0.9:
        raise ConfigError(f"--held-out {desk.settings.held_out} is taken twice by a search", "give it at most 0.45")
    validation = data.held_out(rest, share, desk.settings.seed)
    return replace(desk, held=validation, aside=desk.held, dosed=desk.dosed - validation)


def _odds(desk: Desk) -> bool:
    return desk.teacher.engine in ("hf", "vllm") and desk.settings.dose > 0


def _space(desk: Desk, asked: SearchSettings) -> space.Space:
    """What is searched, with every student found and every objective allowed by the models."""
    s = desk.settings
    found = space.read(asked.space) if asked.space is not None else ()
    if asked.students:
        if any(d.name == "students" for d in found):
            raise ConfigError("students stand both in --students and in the space", "leave one of them out")
        found = (space.Dimension("students", tuple(dict.fromkeys(asked.students))), *found)
    names = space.students(found, s)
    configs = {}
    for name in names:
        weights = source(weights_spec(name, "the student", s.training.chat_template)).weights
        configs[name] = shape.configured(weights.location, weights.commit)
    if asked.space is None:
        dropout = s.training.adapter or all(map(shape.dropouts, configs.values()))
        found += space.default(s, asked.fixed, lambda name: _possible(desk, names, name), dropout)
    if not found:
        raise ConfigError("nothing is left to search: every setting is given", "leave some out, or give a --space")
    space.checked(found, s)
    for dimension in found:
        for name, config in configs.items():
            if dimension.name == "layers":
                shape.demand_layers(config, max(dimension.ends), name)
            if dimension.name == "dropout" and not s.training.adapter and max(dimension.ends) > 0:
                shape.demand_dropout(config, name)
    objectives = next((d.choices for d in found if d.name == "objective"), (s.objective,))
    for objective in objectives:
        _demand(desk, names, objective)
    return found


def _demand(desk: Desk, names: Sequence[str], objective: str) -> None:
    """Refuse an objective that a student and the teacher do not allow."""
    s = desk.settings
    if objective != "hard" and not _odds(desk):
        raise ConfigError(
            f"{objective} needs the teacher's probabilities, and {s.teacher} gives text only", "search hard alone"
        )
    for name in names:
        spec = weights_spec(name, "the student", s.training.chat_template)
        kit_of(replace(desk, settings=space.applied(s, {"student": name, "objective": objective}), student=spec))


def _possible(desk: Desk, names: Sequence[str], objective: str) -> bool:
    try:
        _demand(desk, names, objective)
    except ConfigError:
        return False
    return True


def _tried(
    bench: trials.Bench, scope: space.Space, asked: SearchSettings, aims: Sequence[targets.Target]
) -> list[Result]:
    """All trials, those that are owed done now."""
    settings = bench.desk.settings
    results: list[Result] = []
    while len(results) < asked.trials or bench.result(len(results)) is not None:
        number = len(results)
        result = bench.result(number)
        if result is None:
            values = propose(scope, settings, results, lambda r: choice.value(r, aims))
            result = trials.run(bench, number, values, results)
            bench.desk.told("trials", number + 1, asked.trials)
        results.append(result)
        _stripped(bench, results, aims, asked.keep)
    export(settings.out / "search" / "optuna.log", scope, settings, results, lambda r: choice.value(r, aims))
    return results


def _stripped(bench: trials.Bench, results: Sequence[Result], aims: Sequence[targets.Target], keep: int) -> None:
    """Take the weights from every trial but the best ones: a place once lost is never won back."""
    best = {result["trial"] for result in choice.ranked(results, aims)[: 1 + keep]}
    for result in results:
        if result["trial"] not in best:
            trials.strip(bench.folder(result["trial"]))


def _content(
    desk: Desk, scope: space.Space, aims: Sequence[targets.Target], results: Sequence[Result], best: Result | None
) -> dict[str, Any]:
    """What ``search.json`` holds."""
    told = []
    for result in results:
        done = result["outcome"] == "finished" and result["same_as"] is None
        state = {"met": choice.met(result, aims) if done else None, "why": choice.why(result, best, aims)}
        told.append({**result, **state})
    return {
        "schema": SCHEMA,
        "targets": [str(t) for t in aims],
        "rule": choice.rule(aims),
        "space": {d.name: d.told() for d in scope},
        "seed": desk.settings.seed,
        "prompts": {"taught": len(desk.taught), "validation": len(desk.held), "test": len(desk.aside)},
        "chosen": None if best is None else best["trial"],
        "nearest": next((r["trial"] for r in choice.ranked(results, aims)), None) if best is None else best["trial"],
        "trials": told,
    }


def _kept(bench: trials.Bench, best: Result, content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Make the folder itself the chosen student, and evaluate it on the test part."""
    desk = bench.desk
    out = desk.settings.out
    story = {k: content[k] for k in ("targets", "rule", "space", "prompts")}
    story |= {"trial": best["trial"], "trials": len(content["trials"])}
    manifest = out / "lineage.json"
    try:
        found = json.loads(manifest.read_text("utf-8"))
    except (OSError, ValueError):
        found = None
    if found is None or found["distillation"]["search"] != story:
        found = _placed(bench, best, story)
    own = bench.student(best["trial"], best["settings"])
    s = replace(own.settings, out=out)
    return evaluated(
        replace(desk, settings=s, student=own.student, held=desk.aside, aside=desk.held, shared=desk.work), found
    )


def _placed(bench: trials.Bench, best: Result, story: Mapping[str, Any]) -> dict[str, Any]:
    """Link the chosen trial's files into the folder, in place of an earlier choice, and write the manifest last."""
    desk = bench.desk
    out, folder = desk.settings.out, bench.folder(best["trial"])
    for old in (out / "lineage.json", out / "evaluation.json", *out.glob("*.safetensors*")):
        old.unlink(missing_ok=True)
    for old in (out / "adapter", out / "tensorboard", desk.work / "evaluation"):
        drop(old)
    for path in sorted(folder.iterdir()):
        if path.name in (trials.RESULT, "lineage.json", "work"):
            continue
        if path.is_dir():
            shutil.copytree(path, out / path.name, copy_function=_linked, dirs_exist_ok=True)
        else:
            (out / path.name).unlink(missing_ok=True)
            _linked(str(path), str(out / path.name))
    told = json.loads((folder / "lineage.json").read_text("utf-8"))
    facts = {**told["distillation"]["data"], "held_out": len(desk.held) + len(desk.aside)}
    content = lineage.amended(told, {}, data=facts, search=dict(story))
    lineage.write(out, content)
    return content


def _linked(old: str, new: str) -> str:
    """A second name for the same file, or a copy where the disk gives none."""
    try:
        os.link(old, new)
    except OSError:
        shutil.copy2(old, new)
    return new


def _on_test(evaluation: Mapping[str, Any] | None, aims: Sequence[targets.Target]) -> dict[str, Any] | None:
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
