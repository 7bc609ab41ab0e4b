"""A run's figures in an experiment tracker: TensorBoard, MLflow or Weights & Biases, each through its own library.

Promise: what is logged is read from the scores and nothing is computed; a tracker's library is loaded only where it is named,
and one that is missing or refuses is one line.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from mimicry_audit.ground.errors import ConfigError, EngineError, first_line
from mimicry_audit.ground.extras import missing
from mimicry_audit.records.scores import Scores
from mimicry_audit.report import fmt

_ODD = re.compile(r"[^\w\-. /]")
"""Characters that no tracker takes in a name."""


def figures(scores: Scores) -> dict[str, float]:
    """Name → figure: ``CANDIDATE/REFERENCE/similarity`` and ``…/beyond_controls`` of every verdict."""
    found: dict[str, float] = {}
    pairs = {frozenset((pair["a"], pair["b"])): pair for pair in scores["pairs"]}
    for verdict in scores["verdicts"]:
        name = f"{verdict['candidate']}/{verdict['reference']}"
        raw = (pairs.get(frozenset((verdict["candidate"], verdict["reference"])), {}).get("overall") or {}).get("raw")
        if raw:
            found[f"{name}/similarity"] = raw["value"]
        if moved := fmt.beyond_controls(verdict):
            found[f"{name}/beyond_controls"] = moved.mean
    return {_ODD.sub("_", name): value for name, value in found.items()}


def words(scores: Scores) -> dict[str, str]:
    """Name → words: the verdict of every pair, and the signature."""
    verdicts = {
        f"{v['candidate']}/{v['reference']}/verdict": f"{v['verdict']} ({v['confidence']})" for v in scores["verdicts"]
    }
    return {_ODD.sub("_", name): text for name, text in verdicts.items()} | {"signature": scores["signature"]}


def log_to(target: str, run: Path, scores: Scores) -> str:
    """Log a scored run.

    Args:
        target: ``tensorboard:FOLDER``, ``mlflow:EXPERIMENT`` or ``wandb:PROJECT``; where the latter two send it, their own
            settings say (``MLFLOW_TRACKING_URI``, ``WANDB_MODE`` and so on).
        run: the run directory; its name is the run's name there.
        scores: of it.

    Returns:
        Where it went, in words.

    Raises:
        ConfigError: no such tracker.
        PrerequisiteError: its library is not installed.
        EngineError: it refuses.
    """
    kind, colon, where = target.partition(":")
    if kind not in _TRACKERS:
        close = difflib.get_close_matches(kind, _TRACKERS, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(f"--log-to {target}: {kind!r} is not a tracker", f"{hint}Choose from {', '.join(_TRACKERS)}")
    if not (colon and where):
        raise ConfigError(f"--log-to {target} does not say where", f"write it like --log-to {kind}:NAME")
    try:
        return _TRACKERS[kind](where, run.resolve().name, figures(scores), words(scores))
    except ModuleNotFoundError as error:
        package = "torch" if kind == "tensorboard" and (error.name or "").startswith("torch") else kind
        raise missing(package, f"--log-to {kind}") from None
    except Exception as error:  # whatever a tracker's library raises: servers, keys, disks
        raise EngineError(f"{kind} refuses ({first_line(error)[:200]})", f"check where it logs to: {where}") from error


def _tensorboard(where: str, name: str, numbers: Mapping[str, float], texts: Mapping[str, str]) -> str:
    from torch.utils.tensorboard import SummaryWriter

    folder, board = Path(where) / name, cast("Any", SummaryWriter)  # typed or not, depending on whether it is installed
    with board(str(folder)) as writer:
        for key, value in numbers.items():
            writer.add_scalar(key, value)
        for key, text in texts.items():
            writer.add_text(key, text)
    return f"TensorBoard: {folder}"


def _mlflow(where: str, name: str, numbers: Mapping[str, float], texts: Mapping[str, str]) -> str:
    import mlflow

    mlflow.set_experiment(where)
    with mlflow.start_run(run_name=name):
        mlflow.log_metrics(dict(numbers))
        mlflow.set_tags(dict(texts))
    return f"MLflow: experiment {where}, run {name}"


def _wandb(where: str, name: str, numbers: Mapping[str, float], texts: Mapping[str, str]) -> str:
    os.environ.setdefault("WANDB_SILENT", "true")  # what it says of itself is no result of ours
    import wandb

    tracked = wandb.init(project=where, name=name)
    tracked.log(dict(numbers))
    tracked.summary.update(dict(texts))
    tracked.finish()
    return f"Weights & Biases: project {where}, run {name}"


_TRACKERS: Mapping[str, Callable[[str, str, Mapping[str, float], Mapping[str, str]], str]] = {
    "tensorboard": _tensorboard,
    "mlflow": _mlflow,
    "wandb": _wandb,
}
