"""The Python face of the tool: the same three steps as the command line, with the same settings.

::

    from mimicry_audit import audit

    run = audit(models=["lab/aria", "lab/aria-student"], probes=["lab"])
    run.scores["verdicts"][0]["summary"]
    run.report("x.html")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mimicry_audit.asking.answers import Progress, collect
from mimicry_audit.asking.likelihoods import collect_likelihoods
from mimicry_audit.ground.version import __version__
from mimicry_audit.records.manifest import Notes
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.report.export import export
from mimicry_audit.verdicts.score import score
from mimicry_audit.workflow.settings import Resolved, resolve, settings_from


class Run:
    """A scored audit.

    Attributes:
        directory: where everything is kept.
        scores: the content of ``scores.json``.
        asked: how many answers were collected, and texts scored for their likelihood, now; 0 when the run was already finished.
    """

    def __init__(self, directory: RunDirectory, scores: Mapping[str, Any], asked: int = 0) -> None:
        self.directory = directory
        self.scores = scores
        self.asked = asked

    @property
    def path(self) -> Path:
        """The run directory's path."""
        return self.directory.path

    @property
    def verdicts(self) -> Sequence[Mapping[str, Any]]:
        """The verdicts, strongest first."""
        found: Sequence[Mapping[str, Any]] = self.scores["verdicts"]
        return found

    def report(
        self,
        path: str | Path | None = None,
        *,
        format: str = "html",  # noqa: A002  the word of the command line
        table: str | None = None,
        model: str | None = None,
    ) -> Path:
        """Render the report; nothing is scored again.

        Args:
            path: where to; a name of its own in the run directory by default.
            format: ``html``, ``markdown``, ``json``, ``csv``, ``parquet`` or ``model-card``.
            table: with ``csv`` and ``parquet`` only this table, as one file; otherwise a folder of all.
            model: with ``model-card`` the candidate, where several were judged.

        Returns:
            The file or folder written.

        Raises:
            ConfigError: no such format, table or candidate.
            RunDirectoryError: it cannot be written.
        """
        return export(self.directory, self.scores, format, Path(path) if path is not None else None, table, model)


def audit(
    models: str | Sequence[str | Mapping[str, Any]],
    probes: str | Sequence[str] = (),
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> Run:
    """Collect, score and report in one go; the same call again finishes what is owed.

    Args:
        models: model names (``hf/ORG/NAME``, ``openai/NAME@URL``, ``lab/NAME``, a folder …), at least
            two; one text with commas will do.
        probes: probe sets; ``core`` and ``identity`` by default, ``lab`` for lab models.
        progress: told of every answer.
        **settings: any other field of `mimicry_audit.workflow.settings.Settings` (``reference``, ``base``, ``limit`` …).

    Returns:
        The scored run; its report is written beside it.

    Raises:
        AuditError: whatever is wrong, in one line.
    """
    given = {"models": models, "probes": probes, **settings}
    resolved = resolve(settings_from(given, "audit()"))
    directory, asked = collect_resolved(resolved, progress)
    if resolved.judging is not None:
        from mimicry_audit.asking.judge import judge_run

        judge_run(directory, resolved.judging, progress=progress)
    run = Run(directory, score(directory, resolved.scoring), asked)
    run.report()
    return run


def collect_resolved(resolved: Resolved, progress: Progress | None = None) -> tuple[RunDirectory, int]:
    """The collecting step of resolved settings.

    Returns:
        The run directory and how many answers were asked for, and texts scored, now.
    """
    directory = RunDirectory(resolved.out)
    notes: Notes = {"sources": dict(resolved.sources), "version": __version__}
    asked = collect(directory, resolved.plan, progress=progress, notes=notes)
    if resolved.likelihood is not None:
        asked += collect_likelihoods(directory, resolved.plan, resolved.likelihood, progress=progress)
    return directory, asked


def write_report(directory: RunDirectory, scores: Mapping[str, Any], path: Path | None = None) -> Path:
    """Render a scored run as HTML and write it in one step."""
    return export(directory, scores, "html", path)
