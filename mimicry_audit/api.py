"""The Python interface of the tool: the same three steps as the command line, with the same settings.

::

    from mimicry_audit import audit

    run = audit(models=["lab/aria", "lab/aria-student"], probes=["lab"])
    run.verdicts[0].summary
    run.report("x.html")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mimicry_audit.asking.answers import collect
from mimicry_audit.asking.likelihoods import collect_likelihoods
from mimicry_audit.asking.progress import Progress
from mimicry_audit.ground.version import __version__
from mimicry_audit.records.manifest import Notes
from mimicry_audit.records.run import RunDirectory
from mimicry_audit.records.scores import PairVerdict, Scores
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

    def __init__(self, directory: RunDirectory, scores: Scores, asked: int = 0) -> None:
        self.directory = directory
        self.scores = scores
        self.asked = asked

    @property
    def path(self) -> Path:
        """The run directory's path."""
        return self.directory.path

    @property
    def verdicts(self) -> Sequence[PairVerdict]:
        """The verdicts, strongest first."""
        return [PairVerdict.from_record(record) for record in self.scores["verdicts"]]

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
            format: ``html``, ``markdown``, ``json``, ``csv``, ``parquet``, ``sarif``, ``junit``, ``model-card``,
                ``model-index`` or ``every-eval-ever``.
            table: with ``csv`` and ``parquet`` only this table, as one file; otherwise a folder of all.
            model: with ``model-card`` and ``model-index`` the candidate, where several were judged.

        Returns:
            The file or folder written.

        Raises:
            ConfigError: no such format, table or candidate.
            RunDirectoryError: it cannot be written.
        """
        return export(self.directory, self.scores, format, Path(path) if path is not None else None, table, model)


def audit(
    models: str | Sequence[str | Mapping[str, object]],
    probes: str | Sequence[str] = (),
    *,
    progress: Progress | None = None,
    reference: str | Sequence[str] = (),
    base: str | Sequence[str] = (),
    control: str | Sequence[str] = (),
    panel: str | Sequence[str] = (),
    student: str | Sequence[str] = (),
    calibration: str | Path | None = None,
    domains: str | Sequence[str] = (),
    limit: int | None = None,
    samples: int = 1,
    temperature: float = 0.0,
    top_p: float = 1.0,
    max_tokens: int = 512,
    seed: int = 0,
    logprobs: int = 0,
    likelihood: bool = False,
    likelihood_top_k: int = 20,
    system_prompt: str | None = None,
    identity_attempts: int | None = None,
    engine: str | None = None,
    engine_options: Mapping[str, object] | None = None,
    axes: str | Sequence[str] = (),
    embedding_model: str | None = None,
    min_coverage: float = 0.95,
    judge: str | Sequence[str | Mapping[str, object]] = (),
    judge_budget: float | None = None,
    fail_on: str | Sequence[str] = (),
    price: str | Sequence[str] = (),
    out: str | Path | None = None,
) -> Run:
    """Collect, score and report in one go; the same call again completes what is missing.

    The keywords are the fields of `mimicry_audit.workflow.settings.Settings`, explained in ``docs/formats.md``; a field
    that takes several values also takes one text with commas.

    Args:
        models: model names (``hf/ORG/NAME``, ``openai/NAME@URL``, ``lab/NAME``, a folder …), at least two.
        probes: probe sets; ``core`` and ``identity`` by default, ``lab`` for lab models.
        progress: notified of every answer.
        reference: models that the others may have been trained on.
        base: ``BASE`` for every candidate or ``CANDIDATE=BASE`` for one.
        control: models unrelated to the reference.
        panel: stored panels, by name or directory.
        student: ``STUDENT=TEACHER`` for a model known to be a student of another.
        calibration: folder of known students made by ``audit calibrate``.
        domains: only probes of these.
        limit: maximum number of probes per domain.
        samples: number of answers per probe.
        temperature: sampling temperature; 0 is greedy.
        top_p: share of the probability mass to sample from.
        max_tokens: maximum tokens per answer.
        seed: random seed for sampling and statistics.
        logprobs: number of top log-probabilities to keep per generated token.
        likelihood: whether the models also score each other's answers.
        likelihood_top_k: number of top tokens to keep per position for that.
        system_prompt: system prompt for every probe that has none of its own.
        identity_attempts: number of identity questions in templates, per model.
        engine: engine for names without one.
        engine_options: options for every model.
        axes: the axes to measure; all by default.
        embedding_model: embedding model for the semantic axis.
        min_coverage: minimum share of probes that both models of a pair must have answered.
        judge: language models that grade the answers.
        judge_budget: half-width of an interval at which a judge may stop.
        fail_on: conditions as on the command line.
        price: of tokens, as on the command line, where only the dry run uses it.
        out: the run directory.

    Returns:
        The scored run; its report is written beside it.

    Raises:
        AuditError: whatever is wrong, in one line.
    """
    values = {name: value for name, value in locals().items() if name != "progress"}
    values |= {"engine_options": engine_options or {}, "out": None if out is None else str(out)}
    values["calibration"] = None if calibration is None else str(calibration)
    resolved = resolve(settings_from(values, "audit()"))
    directory, request_count = collect_resolved(resolved, progress)
    if resolved.judging is not None:
        from mimicry_audit.asking.judge import judge_run

        judge_run(directory, resolved.judging, progress=progress)
    run = Run(directory, score(directory, resolved.scoring), request_count)
    run.report()
    return run


def collect_resolved(resolved: Resolved, progress: Progress | None = None) -> tuple[RunDirectory, int]:
    """The collecting step of resolved settings.

    Returns:
        The run directory and how many answers were asked for, and texts scored, now.
    """
    directory = RunDirectory(resolved.out)
    notes: Notes = {"sources": dict(resolved.sources), "version": __version__}
    if students := resolved.scoring.roles.students:
        notes["students"] = dict(students)
    judges = resolved.judging.judges if resolved.judging else ()
    request_count = collect(directory, resolved.plan, progress=progress, notes=notes, helpers=judges)
    if resolved.likelihood is not None:
        request_count += collect_likelihoods(directory, resolved.plan, resolved.likelihood, progress=progress)
    return directory, request_count


def write_report(directory: RunDirectory, scores: Scores, path: Path | None = None) -> Path:
    """Render a scored run as HTML and write it in one step."""
    return export(directory, scores, "html", path)
