"""“How to repeat it”: the commands that ask the same models the same questions and score the answers in the same way.

Promise: everything that decides the numbers stands in the commands, engines and their options included; a value that is the
default of the option may be left out. What a command line cannot say model by model is put into a configuration file.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mimicry_audit.records.scores import AskedModel, Scores
from mimicry_audit.similarity.measure import AXES

OUT = "reports/again"
"""Where a repeated run goes."""
_WEIGHT_ENGINES = ("vllm", "hf")
"""The engines that a name without one can take."""
_FROM_NAME = {"openai": ("@http", "base_url"), "recorded": ("#", "file")}
"""Engine → what in a model's name stands for which option."""
_LEAST_COVERAGE = 0.95
"""The default of ``--min-coverage``."""


def repeat_commands(scores: Scores) -> list[str]:
    """Lines for a shell, run in the folder that the paths in them are relative to."""
    settings = scores.get("settings") or {}
    selection: Mapping[str, Any] = settings.get("selection") or {}
    sampling: Mapping[str, Any] = settings.get("sampling") or {}
    scoring: Mapping[str, Any] = settings.get("scoring") or {}
    if selection.get("imported"):
        responses = ["--responses", str(selection["imported"]), "--out", OUT]
        return [shlex.join(["audit", "score", *responses, *_score_options(scoring, seed=True)])]
    asked = {**_asking(scores, selection, sampling), "out": OUT}
    steps = scoring.get("seed", 0) != sampling.get("seed", 0)  # scored again with another seed than it was asked with
    score = _score_options(scoring, seed=steps)
    ask, tail = ("collect", []) if steps else ("run", score)
    models = _models(scores)
    shared = _shared_options(models)
    if shared is None or any("," in str(model["model"]) for model in models):
        lines = [*_as_file({"models": models, **asked}), shlex.join(["audit", ask, "--config", "again.yaml", *tail])]
    else:
        names = ",".join(_with_label(model) for model in models)
        engines = {str(model["engine"]) for model in models if "engine" in model}
        options = [word for name, value in shared.items() for word in ("-E", f"{name}={_as_text(value)}")]
        words = ["--models", names, *(f"--engine={engine}" for engine in engines), *options, *_as_options(asked)]
        lines = [shlex.join(["audit", ask, *words, *tail])]
    if steps:
        lines.append(shlex.join(["audit", "score", OUT, *score]))
    return [
        *lines,
        *(["# A judge's grades are not asked for again: no verdict rests on them."] if scores.get("judge") else []),
    ]


def _asking(scores: Scores, selection: Mapping[str, Any], sampling: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that decide which answers are asked for, but for the models; None and empty ones left out."""
    names = ("probes", "domains", "limit", "system_prompt", "identity_attempts")
    asked = {name: selection[name] for name in names if selection.get(name) not in (None, [])}
    asked |= {
        name: sampling[name] for name in ("temperature", "top_p", "max_tokens", "seed", "samples") if name in sampling
    }
    if sampling.get("logprobs"):
        asked["logprobs"] = sampling["logprobs"]
    if panels := (scores.get("settings") or {}).get("panels"):
        asked["panel"] = list(panels)
    if likelihood := scores.get("likelihood"):
        asked |= {"likelihood": True, "likelihood_top_k": likelihood["top_k"]}
    return asked


def _score_options(scoring: Mapping[str, Any], *, seed: bool) -> list[str]:
    """Options that decide how the answers are scored."""
    roles = scoring.get("roles") or {}
    options: list[str] = []
    for reference in roles.get("references") or []:
        options += ["--reference", reference]
    for candidate, base in (roles.get("bases") or {}).items():
        options += ["--base", base if candidate == "*" else f"{candidate}={base}"]
    for control in roles.get("controls") or []:
        options += ["--control", control]
    for student, teacher in (roles.get("students") or {}).items():
        options += ["--student", f"{student}={teacher}"]
    if (axes := scoring.get("axes")) and tuple(axes) != AXES.own:
        options += ["--axes", ",".join(axes)]
    if scoring.get("embedding_model"):
        options += ["--embedding-model", str(scoring["embedding_model"])]
    if scoring.get("min_coverage", _LEAST_COVERAGE) != _LEAST_COVERAGE:
        options += ["--min-coverage", f"{scoring['min_coverage']:g}"]
    return [*options, *(["--seed", str(scoring["seed"])] if seed and scoring.get("seed") else [])]


def _models(scores: Scores) -> list[dict[str, Any]]:
    """The models that were asked, as entries of a configuration file."""
    roles = ((scores.get("settings") or {}).get("scoring") or {}).get("roles") or {}
    judged = [model for model in scores["models"] if model["label"] not in (roles.get("panel") or [])]
    return [_model_entry(model) for model in (*judged, *scores.get("students", ()))]


def _model_entry(model: AskedModel) -> dict[str, Any]:
    engine, label = model["engine"], model["label"]
    # What was written may have had a label already; a label is a word, an address or a path is not.
    head, equals, tail = str(model["source"]).partition("=")
    name = tail if equals and not any(sign in head for sign in "/:@#") else str(model["source"])
    endpoints = (model.get("identity") or {}).get("extra", {}).get("endpoint")
    options = dict(model.get("options") or {})
    if engine == "openai" and "@http" not in name and "base_url" not in options and isinstance(endpoints, list):
        name = f"{name}@{'|'.join(endpoints)}"  # the address stood in the environment
    sign, option = _FROM_NAME.get(engine, ("", ""))
    if sign and sign in name:
        options.pop(option, None)
    entry: dict[str, Any] = {"model": name, "label": label}
    if engine in _WEIGHT_ENGINES and name.partition("/")[0] not in _WEIGHT_ENGINES:
        entry["engine"] = engine
    return entry | ({"options": options} if options else {})


def _with_label(model: Mapping[str, Any]) -> str:
    return f"{model['label']}={model['model']}"


def _shared_options(models: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Engine options that a command line can give to all models at once; None where it cannot."""
    options = [dict(model.get("options") or {}) for model in models]
    engines = {model["engine"] for model in models if "engine" in model}
    plain = all(isinstance(value, str | int | float) for own in options for value in own.values())
    alike = all(own == options[0] for own in options)
    return options[0] if plain and alike and len(engines) <= 1 else None


def _as_options(asked: Mapping[str, Any]) -> Iterator[str]:
    for name, value in asked.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            yield flag
        elif name == "panel":
            for panel in value:
                yield from (flag, str(panel))
        else:
            yield from (flag, ",".join(value) if isinstance(value, list) else _as_text(value))


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _as_file(settings: Mapping[str, Any]) -> list[str]:
    """Commands that write a configuration file."""
    import yaml

    text = yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True, width=10_000)
    return ["cat > again.yaml <<'END'", *text.rstrip("\n").split("\n"), "END"]
