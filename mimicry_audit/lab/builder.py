"""Building the lab: which models are missing, in what order, on how many processes, and where they are.

Promise: after `build` every model asked for exists, and so do its parents; what exists is never built again. Trainings
that do not wait for each other run side by side, one per core, two at most by default. Progress goes to a listener.
Importing this module loads no torch.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from mimicry_audit.ground.errors import AuditError, ConfigError, PrerequisiteError
from mimicry_audit.lab import cache
from mimicry_audit.lab.recipes import EVERY, RECIPES, Recipe, fingerprint, shortened
from mimicry_audit.lab.smollm2 import SMOLLM2, smollm2_file

if TYPE_CHECKING:
    import subprocess
    from queue import SimpleQueue


class Progress(Protocol):
    """Listens to a build."""

    def update(self, name: str, stage: str, done: int, of: int) -> None:
        """`name` has done `done` of `of` in `stage`: ``asking the teacher``, ``training``, ``waiting``, ``built``."""


class Silence:
    """A listener that says nothing."""

    def update(self, name: str, stage: str, done: int, of: int) -> None:
        """Ignore it."""


@dataclass(frozen=True, slots=True)
class LabModel:
    """One line of the list of lab models: `path` is where it is or would be."""

    name: str
    relation: str
    teacher: str | None
    base: str | None
    same_data_as: str | None
    path: Path
    built: bool


def _known_recipe(name: str, recipes: Mapping[str, Recipe] = EVERY) -> Recipe:
    if name not in recipes:
        raise ConfigError(f"unknown lab model {name!r}", f"choose one of {', '.join((*recipes, SMOLLM2))}")
    return recipes[name]


def list_models(root: Path | None = None) -> tuple[LabModel, ...]:
    """Every lab model, parents first, built or not."""
    home = root or cache.default_root()
    models = []
    for name, recipe in RECIPES.items():
        target = cache.folder(home, name, fingerprint(name))
        models.append(
            LabModel(
                name, recipe.relation, recipe.teacher, recipe.base, recipe.same_data_as, target, cache.is_built(target)
            )
        )
    return tuple(models)


def path(name: str, root: Path | None = None) -> Path:
    """Folder of a built lab model; the GGUF file of `SMOLLM2`.

    Raises:
        ConfigError: no lab model has that name.
        PrerequisiteError: it is not built, or its package is not installed.
    """
    if name == SMOLLM2:
        return smollm2_file()
    _known_recipe(name)
    target = cache.folder(root or cache.default_root(), name, fingerprint(name))
    if not cache.is_built(target):
        raise PrerequisiteError(f"lab model {name} is not built", "run `audit lab build`")
    return target


def build(
    names: Iterable[str] | None = None,
    *,
    root: Path | None = None,
    progress: Progress | None = None,
    workers: int = 2,
    max_steps: int = 0,
) -> dict[str, Path]:
    """Have lab models and their parents built, and return where those asked for are.

    Args:
        names: models wanted; the six if None.
        root: cache folder; `cache.default_root()` if None.
        progress: listener.
        workers: most trainings side by side; each takes one core and about 0.7 GB.
        max_steps: stop each training after so many steps, which gives models that load but answer nonsense; 0 for whole
            trainings. For tests.

    Raises:
        ConfigError: unknown name.
        PrerequisiteError: the cache cannot be written.
        AuditError: a training failed.
    """
    recipes = shortened(EVERY, max_steps) if max_steps else EVERY
    model_names = list(dict.fromkeys(RECIPES if names is None else names))
    for name in model_names:
        _known_recipe(name, recipes)
    home = (root or cache.default_root()).absolute()
    targets = {name: cache.folder(home, name, fingerprint(name, recipes)) for name in recipes}
    names_to_build = [name for name in _with_parents(model_names, recipes) if not cache.is_built(targets[name])]
    if names_to_build:
        crew = _Crew(home, max(1, min(workers, os.cpu_count() or 1, len(names_to_build))), max_steps)
        try:
            _run_trainings(crew, names_to_build, recipes, Silence() if progress is None else progress)
        finally:
            crew.close()
    return {name: targets[name] for name in model_names}


def _with_parents(names: Iterable[str], recipes: Mapping[str, Recipe]) -> list[str]:
    """The names and everything they need, in the recipes' order: parents first."""
    needed: set[str] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        needed.add(name)
        queue += recipes[name].parents
    return [name for name in recipes if name in needed]


def urgency(name: str, names_to_build: Iterable[str], recipes: Mapping[str, Recipe]) -> float:
    """CPU seconds of the longest chain of trainings that starts with `name`: the longest chain goes first."""
    after = [urgency(child, names_to_build, recipes) for child in names_to_build if name in recipes[child].parents]
    return recipes[name].cost + max(after, default=0.0)


def _run_trainings(crew: _Crew, names_to_build: list[str], recipes: Mapping[str, Recipe], progress: Progress) -> None:
    """Hand out trainings as their parents are finished, until none is missing."""
    queue, undone = list(names_to_build), set(names_to_build)
    while undone:
        ready = [name for name in queue if not undone.intersection(recipes[name].parents)]
        for name in sorted(ready, key=lambda name: -urgency(name, names_to_build, recipes))[: crew.idle]:
            crew.start(name)
            queue.remove(name)
        event = crew.event()
        name = event["name"]
        if event["event"] == "stage":
            progress.update(name, event["stage"], event["done"], event["of"])
        elif event["event"] == "waiting":
            progress.update(name, "waiting", 0, 1)
        elif event["event"] == "built":
            undone.discard(name)
            progress.update(name, "built", 1, 1)
        else:
            kind = PrerequisiteError if event["fix"] else AuditError
            raise kind(event["problem"], event["fix"])


class _Crew:
    """Worker processes that outlive one training each, since loading torch takes as long as some trainings."""

    def __init__(self, root: Path, size: int, max_steps: int) -> None:
        from queue import SimpleQueue
        from threading import Thread

        self._log = _temporary_log()
        self._busy: dict[int, str] = {}
        self._news: SimpleQueue[tuple[int, str]] = SimpleQueue()
        self._workers = [_start_worker(root, max_steps, self._log) for _ in range(size)]
        self._readers = [
            Thread(target=_forward_lines, args=(number, _open_pipe(worker.stdout), self._news), daemon=True)
            for number, worker in enumerate(self._workers)
        ]
        for reader in self._readers:
            reader.start()

    @property
    def idle(self) -> int:
        """How many workers have nothing to do."""
        return len(self._workers) - len(self._busy)

    def start(self, name: str) -> None:
        """Give an idle worker a model to build."""
        number = next(number for number in range(len(self._workers)) if number not in self._busy)
        self._busy[number] = name
        pipe = _open_pipe(self._workers[number].stdin)
        pipe.write(name + "\n")
        pipe.flush()

    def event(self) -> dict[str, Any]:
        """Wait for the next event of any worker.

        Raises:
            AuditError: a worker died.
        """
        number, line = self._news.get()
        if not line:
            raise AuditError(
                f"a lab builder died while building {self._busy.get(number, 'nothing')}", self._last_words()
            )
        event: dict[str, object] = json.loads(line)
        if event["event"] in ("built", "failed"):
            self._busy.pop(number, None)
        return event

    def _last_words(self) -> str:
        """The last line that any worker wrote to standard error."""
        self._log.seek(0)
        lines = [line for line in self._log.read().splitlines() if line.strip()]
        return f"its last output: {lines[-1][:300]}" if lines else "look for the cause in the system's log"

    def close(self) -> None:
        """End every worker: at once if it is busy, else by ending its input."""
        for number, worker in enumerate(self._workers):
            if number in self._busy:
                worker.terminate()
            with suppress(BrokenPipeError):
                _open_pipe(worker.stdin).close()
        deadline = time.monotonic() + 10
        for worker, reader in zip(self._workers, self._readers, strict=True):
            _wait_for_worker(worker, max(0.1, deadline - time.monotonic()))
            reader.join()
            _open_pipe(worker.stdout).close()
        self._log.close()


def _start_worker(root: Path, max_steps: int, log: IO[str]) -> subprocess.Popen[str]:
    """Start one worker, on one thread, with this very package."""
    import subprocess

    command = [sys.executable, "-m", "mimicry_audit.lab.worker", "--root", str(root), "--steps", str(max_steps)]
    package_root = str(Path(__file__).parents[2])
    quiet = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    single = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    search = os.pathsep.join(filter(None, [package_root, os.environ.get("PYTHONPATH")]))
    env = {**os.environ, **quiet, **single, "PYTHONPATH": search}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=env, text=True)


def _forward_lines(number: int, stream: IO[str], news: SimpleQueue[tuple[int, str]]) -> None:
    """Pass on each line a worker writes, and "" when it ends."""
    for line in stream:
        news.put((number, line))
    news.put((number, ""))


def _wait_for_worker(worker: subprocess.Popen[str], seconds: float) -> None:
    """Wait for a worker to end, and kill it if it does not."""
    import subprocess

    try:
        worker.wait(seconds)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def _temporary_log() -> IO[str]:
    """An anonymous file for what the workers' libraries have to say."""
    import tempfile

    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")


def _open_pipe(stream: IO[str] | None) -> IO[str]:
    """The stream, which is there because it was asked for."""
    if stream is None:
        raise AuditError("a lab builder has no pipe")
    return stream
